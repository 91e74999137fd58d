//! How far an operation on many bytes has come, and in debug mode a word about them when it is given up.

use std::io;
use std::panic::Location;

use crate::waits::note_lost;

/// Kept in the operation, and dropped with it.
pub(crate) struct Progress {
    done: usize,
    /// It ended, by success or an error: nothing is lost without the caller's knowledge.
    ended: bool,
    what: &'static str,
    verb: &'static str,
    site: &'static Location<'static>,
}

impl Progress {
    /// Of the operation `what`, whose bytes were `verb`: read, or written.
    #[track_caller]
    pub(crate) fn new(what: &'static str, verb: &'static str) -> Progress {
        Progress::at(Location::caller(), what, verb)
    }

    /// As `new`, for whoever took its caller's place before.
    pub(crate) fn at(site: &'static Location<'static>, what: &'static str, verb: &'static str) -> Progress {
        Progress { done: 0, ended: false, what, verb, site }
    }

    /// Goes on as far as the kernel lets it.
    pub(crate) fn step(&mut self, op: impl FnOnce(&mut usize) -> io::Result<()>) -> io::Result<()> {
        let result = op(&mut self.done);
        self.ended = !matches!(&result, Err(error) if error.kind() == io::ErrorKind::WouldBlock);
        result
    }
}

impl Drop for Progress {
    #[inline]
    fn drop(&mut self) {
        if self.done > 0 && !self.ended {
            note_lost(self.what, self.site, || format!("{} bytes {} so far", self.done, self.verb));
        }
    }
}
