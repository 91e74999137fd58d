//! How far an operation on many bytes has come, and in debug mode a word about them when it is given up.

use std::io;
use std::panic::Location;

use crate::waits::note_lost;

/// Kept in the operation, and dropped with it.
pub(crate) struct Progress {
    done: usize,
    /// `None` when it ended, by success or an error: nothing is lost without the caller's knowledge.
    of: Option<&'static Many>,
    site: &'static Location<'static>,
}

/// An operation on many bytes: one `static` each, which costs the future one word.
pub(crate) struct Many {
    pub(crate) what: &'static str,
    /// What became of the bytes: read, or written.
    pub(crate) verb: &'static str,
}

impl Progress {
    #[track_caller]
    pub(crate) fn new(of: &'static Many) -> Progress {
        Progress::at(Location::caller(), of)
    }

    /// As `new`, for whoever took its caller's place before.
    pub(crate) fn at(site: &'static Location<'static>, of: &'static Many) -> Progress {
        Progress { done: 0, of: Some(of), site }
    }

    /// Goes on as far as the kernel lets it.
    #[inline]
    pub(crate) fn step(&mut self, op: impl FnOnce(&mut usize) -> io::Result<()>) -> io::Result<()> {
        let result = op(&mut self.done);
        if !matches!(&result, Err(error) if error.kind() == io::ErrorKind::WouldBlock) {
            self.of = None;
        }
        result
    }
}

impl Drop for Progress {
    #[inline]
    fn drop(&mut self) {
        if let Some(of) = self.of
            && self.done > 0
        {
            self.tell(of);
        }
    }
}

impl Progress {
    #[cold]
    #[inline(never)]
    fn tell(&self, of: &Many) {
        let Many { what, verb } = of;
        note_lost(what, self.site, || format!("{} bytes {verb} so far", self.done));
    }
}
