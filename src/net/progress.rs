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
        let goes_on =
            |error: &io::Error| matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted);
        if !result.as_ref().is_err_and(goes_on) {
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

#[cfg(test)]
mod tests {
    use std::io::ErrorKind::Interrupted;

    use super::*;
    use crate::net::socket::Writing;

    #[test]
    fn what_was_interrupted_goes_on_from_where_it_was() {
        many!(Test, "a test", "moved");
        crate::run(async {
            let socket = Socket::new(mio::net::UdpSocket::bind("127.0.0.1:0".parse().unwrap()).unwrap()).unwrap();
            let mut begun_at = Vec::new();
            let two_tries = |_: &Socket<_>, done: &mut usize| {
                begun_at.push(*done);
                *done += 1;
                if begun_at.len() < 2 { Err(Interrupted.into()) } else { Ok(()) }
            };
            socket.transfer_all::<Test, _, _>(Writing, 2, two_tries).await.unwrap();
            assert_eq!(begun_at, [0, 1]);
        });
    }
}
