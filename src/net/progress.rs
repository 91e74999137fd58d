//! How far an operation on many bytes has come, and in debug mode a word about them when it is given up.

use std::io;
use std::marker::PhantomData;
use std::panic::Location;

use crate::waits::note_lost;

/// Kept in the operation, and dropped with it.
pub(crate) struct Progress<M: Many> {
    done: usize,
    /// Where it was begun. `None` when it ended, by success or an error: nothing is lost without the caller's knowledge.
    site: Option<&'static Location<'static>>,
    _of: PhantomData<M>,
}

/// An operation on many bytes: a type each, which costs the future no byte.
pub(crate) trait Many {
    const WHAT: &'static str;
    /// What became of the bytes: read, or written.
    const VERB: &'static str;
}

impl<M: Many> Progress<M> {
    #[track_caller]
    pub(crate) fn new() -> Progress<M> {
        Progress::at(Location::caller())
    }

    /// As `new`, for whoever took its caller's place before.
    pub(crate) fn at(site: &'static Location<'static>) -> Progress<M> {
        Progress { done: 0, site: Some(site), _of: PhantomData }
    }

    /// Goes on as far as the kernel lets it.
    #[inline]
    pub(crate) fn step(&mut self, op: impl FnOnce(&mut usize) -> io::Result<()>) -> io::Result<()> {
        let result = op(&mut self.done);
        if !matches!(&result, Err(error) if error.kind() == io::ErrorKind::WouldBlock) {
            self.site = None;
        }
        result
    }
}

impl<M: Many> Drop for Progress<M> {
    #[inline]
    fn drop(&mut self) {
        if let Some(site) = self.site
            && self.done > 0
        {
            tell(M::WHAT, M::VERB, self.done, site);
        }
    }
}

#[cold]
#[inline(never)]
fn tell(what: &'static str, verb: &str, done: usize, site: &'static Location<'static>) {
    note_lost(what, site, || format!("{done} bytes {verb} so far"));
}

/// Names an operation on many bytes: its type, what it is called, and what became of the bytes.
macro_rules! many {
    ($Of:ident, $what:expr, $verb:literal) => {
        enum $Of {}
        impl $crate::net::progress::Many for $Of {
            const WHAT: &'static str = $what;
            const VERB: &'static str = $verb;
        }
    };
}
pub(crate) use many;
