//! Panics that come out of foreign code: what they carry, and how the loop lives on.

use std::any::Any;
use std::fmt;
use std::io::{self, Write};
use std::panic::{AssertUnwindSafe, catch_unwind};

/// What a panic carries.
pub(crate) type Payload = Box<dyn Any + Send + 'static>;

/// What stands in a panic's place where a task returned an error that nobody reads, and should: its words.
pub(crate) struct UnreadError(pub(crate) String);

/// The words of a panic, if it carried any.
pub(crate) fn message_of(payload: &(dyn Any + Send)) -> &str {
    if let Some(text) = payload.downcast_ref::<&'static str>() {
        text
    } else if let Some(text) = payload.downcast_ref::<String>() {
        text
    } else if let Some(UnreadError(text)) = payload.downcast_ref() {
        text
    } else {
        "(its payload is not text)"
    }
}

/// Runs foreign code whose panic must not unwind through the loop: it is reported on standard error instead. `what`
/// names the code.
pub(crate) fn guarded(what: &str, act: impl FnOnce()) {
    if let Err(payload) = catch_unwind(AssertUnwindSafe(act)) {
        swallow(what, payload);
    }
}

#[cold]
#[inline(never)]
fn swallow(what: &str, payload: Payload) {
    say(format_args!("{what} panicked: {}", message_of(payload.as_ref())));
    dispose(payload);
}

/// Says something on standard error. Whoever read it may be gone: then nobody hears it, where `eprintln!` would panic.
pub(crate) fn say(words: fmt::Arguments<'_>) {
    let line = format!("glassloop: {words}\n"); // one write, so that lines of two threads do not mix
    let _ = io::stderr().write_all(line.as_bytes());
}

/// Drops a payload, whose own destructor may panic.
pub(crate) fn dispose(payload: Payload) {
    if let Err(second) = catch_unwind(AssertUnwindSafe(|| drop(payload))) {
        std::mem::forget(second); // a third panic would help nobody
    }
}
