//! A dump on a signal, as Go's SIGQUIT gives one of goroutines.

use std::any::Any;
use std::io::{self, Read};
use std::net::Shutdown;
use std::os::unix::net::UnixStream;
use std::thread::{self, JoinHandle};

use signal_hook::SigId;

use super::caught;
use super::unix::SignalKind;
use crate::panics::say;
use crate::runtime::{Asker, Builder};

impl Builder {
    /// Writes a [dump](crate::dump) to standard error at each signal of this kind, instead of what the signal does
    /// otherwise. Go does so at `SIGQUIT`, which is Ctrl-\ at a terminal.
    ///
    /// The loop answers at its next collect. With a [`watchdog`](Builder::watchdog) the dump comes also while a poll is
    /// stuck, from the watchdog's table: see [`Handle::dump_now`](crate::Handle::dump_now). A thread,
    /// `glassloop-signal`, waits for the signal; it ends with the runtime, and then the signal does again what it did
    /// before. [`build`](Builder::build) fails with `InvalidInput` for a signal that cannot be listened to.
    ///
    /// # Examples
    /// ```
    /// use glassloop::{Builder, signal::unix::SignalKind};
    /// use std::time::Duration;
    ///
    /// let builder = Builder::new().watchdog(Duration::from_millis(100)).dump_on_signal(SignalKind::quit());
    /// builder.build().unwrap().block_on(async { /* kill -QUIT shows where it is */ });
    /// ```
    pub fn dump_on_signal(self, kind: SignalKind) -> Builder {
        self.attach(move |asker| Ok(Box::new(Listening::begin(kind, asker)?) as Box<dyn Any>))
    }
}

/// A thread that waits for a signal; it ends when this is dropped.
struct Listening {
    kind: SignalKind,
    id: SigId,
    /// The end that the handler writes to has a twin in the handler; closing this one for both ends the thread.
    reader: UnixStream,
    thread: Option<JoinHandle<()>>,
}

impl Listening {
    fn begin(kind: SignalKind, asker: Asker) -> io::Result<Listening> {
        caught::check(kind.as_raw_value())?;
        let (reader, writer) = UnixStream::pair()?;
        let mut news = reader.try_clone()?;
        let thread = thread::Builder::new().name("glassloop-signal".into()).spawn(move || {
            // Signals that came meanwhile are one.
            while matches!(news.read(&mut [0; 64]), Ok(1..)) {
                match asker.dump_now() {
                    Ok(dump) => say(format_args!("runtime {} at {kind}:\n{dump}", asker.runtime())),
                    Err(_) => return,
                }
            }
        })?;
        let id = match caught::listen(kind.as_raw_value(), writer) {
            Ok(id) => id,
            Err(error) => {
                let _ = reader.shutdown(Shutdown::Both);
                return Err(error);
            }
        };
        Ok(Listening { kind, id, reader, thread: Some(thread) })
    }
}

impl Drop for Listening {
    fn drop(&mut self) {
        caught::leave(self.kind.as_raw_value(), self.id);
        let _ = self.reader.shutdown(Shutdown::Both);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}
