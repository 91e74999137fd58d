//! How far an operation on many bytes has come, and in debug mode a word about them when it is given up.

use std::io;
use std::marker::PhantomData;
use std::panic::Location;

use super::socket::{Act, Io, Operation, Socket, Way};
use crate::waits::note_lost;

/// An operation on many bytes, which may take several tries.
pub(crate) struct Progress<M: Many, F> {
    /// 0 when it ended, by success or an error: nothing is lost without the caller's knowledge.
    done: usize,
    op: F,
    _of: PhantomData<M>,
}

/// What such an operation is called: a type each, which costs the future no byte.
pub(crate) trait Many {
    const WHAT: &'static str;
    /// What became of the bytes: read, or written.
    const VERB: &'static str;
}

impl<S: Io> Socket<S> {
    /// The future of such an operation, on `asked` bytes: `op` goes on from where it is told, as far as the kernel lets
    /// it.
    #[track_caller]
    #[inline]
    pub(crate) fn transfer_all<M, W, F>(&self, way: W, asked: usize, op: F) -> Operation<'_, S, W, Progress<M, F>>
    where
        M: Many,
        W: Way,
        F: FnMut(&Socket<S>, &mut usize) -> io::Result<()>,
    {
        self.transfer_all_at(Location::caller(), way, asked, op)
    }

    /// The same, for whoever took its caller's place before.
    #[inline]
    pub(crate) fn transfer_all_at<M, W, F>(
        &self,
        site: &'static Location<'static>,
        way: W,
        asked: usize,
        op: F,
    ) -> Operation<'_, S, W, Progress<M, F>>
    where
        M: Many,
        W: Way,
        F: FnMut(&Socket<S>, &mut usize) -> io::Result<()>,
    {
        let op = Progress { done: 0, op, _of: PhantomData };
        Operation::new(self, site, way, op).trivial_if(asked == 0)
    }
}

impl<S, M, F> Act<S> for Progress<M, F>
where
    S: Io,
    M: Many,
    F: FnMut(&Socket<S>, &mut usize) -> io::Result<()>,
{
    type Output = ();

    #[inline]
    fn act(&mut self, socket: &Socket<S>) -> io::Result<()> {
        let result = (self.op)(socket, &mut self.done);
        if !matches!(&result, Err(error) if error.kind() == io::ErrorKind::WouldBlock) {
            self.done = 0;
        }
        result
    }

    #[inline]
    fn dropped(&self, site: &'static Location<'static>) {
        if self.done > 0 {
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
