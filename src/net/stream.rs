//! What a byte stream does, over TCP or a Unix socket: the rules once, and the face that both have.

use std::io::{self, IoSlice, IoSliceMut, Read, Write};
use std::task::{Context, Poll};

use super::socket::{EDGES, Io, Operation, Peek, Socket, Way};
use crate::trace::Direction;

impl<S: Io> Socket<S> {
    /// The future of an operation on `asked` bytes. On none it is done at once, whatever the kernel would say: TCP on
    /// Linux says "would block" to an empty read.
    #[track_caller]
    #[inline]
    pub(crate) fn transfer<W, R, F>(&self, way: W, asked: usize, op: F) -> Operation<'_, S, W, F>
    where
        W: Way,
        F: FnMut(&Socket<S>) -> io::Result<R>,
    {
        self.operation(way, op).trivial_if(asked == 0)
    }

    /// The poll of such an operation.
    #[track_caller]
    #[inline]
    pub(crate) fn poll_transfer<R>(
        &self,
        cx: &mut Context<'_>,
        way: impl Way,
        asked: usize,
        op: impl FnMut(&Socket<S>) -> io::Result<R>,
    ) -> Poll<io::Result<R>> {
        if asked == 0 { Poll::Ready(self.try_io(way, op)) } else { self.poll(cx, way, op) }
    }

    /// A stream that gave less than there was room for, or took less than was offered, is drained, and the next try
    /// would only hear "would block" (epoll(7), "Do I need to continuously read/write"); that saves one of four system
    /// calls an echo. What comes afterwards, be it the end or an error, is told by a new event. Two things end a read
    /// early with more behind them: TCP's urgent data, of which the reactor knows (`URGENT`), and what is sent with
    /// bytes through a Unix socket (`SHORT_READ_DRAINS`). Zero is the end, which does not pass.
    #[inline]
    fn moved(
        &self,
        direction: Direction,
        asked: usize,
        op: impl FnOnce() -> io::Result<usize>,
    ) -> io::Result<usize> {
        if asked == 0 {
            return Ok(0);
        }
        let moved = op()?;
        let drains = match direction {
            Direction::Read => S::SHORT_READ_DRAINS,
            Direction::Write => EDGES,
        };
        if drains && moved > 0 && moved < asked {
            self.drained(direction);
        }
        Ok(moved)
    }
}

impl<S: Io> Socket<S>
where
    for<'a> &'a S: Read,
{
    #[inline]
    pub(crate) fn read(&self, buffer: &mut [u8]) -> io::Result<usize> {
        self.moved(Direction::Read, buffer.len(), || self.io().read(buffer))
    }

    pub(super) fn read_vectored(&self, buffers: &mut [IoSliceMut<'_>]) -> io::Result<usize> {
        self.moved(Direction::Read, room(buffers), || self.io().read_vectored(buffers))
    }

    /// Reads until `buffer` is full; `filled` is how far it came, for the next try.
    #[inline]
    pub(crate) fn fill(&self, buffer: &mut [u8], filled: &mut usize) -> io::Result<()> {
        while *filled < buffer.len() {
            match self.read(&mut buffer[*filled..])? {
                0 => return Err(io::ErrorKind::UnexpectedEof.into()),
                n => *filled += n,
            }
        }
        Ok(())
    }
}

/// What one `read_by` takes at most: twice hyper's first buffer. What is longer comes with the next.
#[cfg(feature = "hyper")]
const SCRATCH: usize = 16 * 1024;

#[cfg(feature = "hyper")]
impl<S: Io> Socket<S>
where
    for<'a> &'a S: Read,
{
    /// Reads at most `most` bytes and gives them to `take`: for a buffer that may not be initialised, for to read into
    /// such a thing takes `unsafe`, which has two rooms here. The bytes pass a piece of the stack that nobody clears,
    /// taken only where there is something to read: 54 instructions a request less than by way of a thread's own buffer.
    #[cfg(unix)]
    #[inline(never)]
    pub(crate) fn read_by(&self, most: usize, take: impl FnOnce(&[u8])) -> io::Result<()>
    where
        S: super::socket::Seen + std::os::fd::AsFd,
    {
        let mut scratch = [const { std::mem::MaybeUninit::uninit() }; SCRATCH];
        let room = &mut scratch[..most.min(SCRATCH)];
        let mut read: &[u8] = &[];
        self.moved(Direction::Read, room.len(), || {
            (read, _) = self.io().seen(|| Ok(rustix::io::read(self.io(), room)?))?;
            Ok(read.len())
        })?;
        take(read);
        Ok(())
    }

    /// The same, through a piece that is cleared first.
    #[cfg(not(unix))]
    #[inline(never)]
    pub(crate) fn read_by(&self, most: usize, take: impl FnOnce(&[u8])) -> io::Result<()> {
        let mut scratch = [0; SCRATCH];
        let read = self.read(&mut scratch[..most.min(SCRATCH)])?;
        take(&scratch[..read]);
        Ok(())
    }
}

impl<S: Peek> Socket<S> {
    pub(super) fn peek(&self, buffer: &mut [u8]) -> io::Result<usize> {
        if buffer.is_empty() { Ok(0) } else { self.io().peek(buffer) }
    }
}

impl<S: Io> Socket<S>
where
    for<'a> &'a S: Write,
{
    #[inline]
    pub(crate) fn write(&self, bytes: &[u8]) -> io::Result<usize> {
        self.moved(Direction::Write, bytes.len(), || self.io().write(bytes))
    }

    pub(super) fn write_vectored(&self, buffers: &[IoSlice<'_>]) -> io::Result<usize> {
        self.moved(Direction::Write, length(buffers), || self.io().write_vectored(buffers))
    }

    /// Writes until all is out; `written` is how far it came, for the next try.
    #[inline]
    pub(crate) fn pour(&self, bytes: &[u8], written: &mut usize) -> io::Result<()> {
        while *written < bytes.len() {
            match self.write(&bytes[*written..])? {
                0 => return Err(io::ErrorKind::WriteZero.into()),
                n => *written += n,
            }
        }
        Ok(())
    }
}

pub(super) fn room(buffers: &[IoSliceMut<'_>]) -> usize {
    buffers.iter().map(|buffer| buffer.len()).sum()
}

pub(super) fn length(buffers: &[IoSlice<'_>]) -> usize {
    buffers.iter().map(|buffer| buffer.len()).sum()
}

/// The public face of a stream. Beside it the type has its own ways to connect, and its options.
macro_rules! stream {
    ($Stream:ident, $io:ty, $std:ty, $Addr:ty) => {
        $crate::net::face::registered!($Stream, $io, $std);
        $crate::net::face::readiness!($Stream, try_read);

        #[cfg(all(unix, feature = "hyper"))]
        impl $crate::net::socket::Seen for $io {
            #[inline]
            fn seen<R>(&self, op: impl FnOnce() -> io::Result<R>) -> io::Result<R> {
                self.try_io(op)
            }
        }

        impl $Stream {
            /// Reads some bytes; 0 is the end of the stream (or an empty `buffer`).
            ///
            /// # Errors
            /// What the system says; and on another loop than its own. So for all operations below.
            ///
            /// # Cancel safety
            /// Dropped, it has read nothing.
            #[track_caller]
            #[inline]
            pub fn read<'a>(&'a self, buffer: &'a mut [u8]) -> impl Future<Output = io::Result<usize>> + 'a {
                self.socket.transfer(Reading, buffer.len(), move |socket| socket.read(buffer))
            }

            /// As [`read`](Self::read), into several buffers in turn.
            ///
            /// # Errors
            /// As there.
            ///
            /// # Cancel safety
            /// Dropped, it has read nothing.
            #[track_caller]
            #[inline]
            pub fn read_vectored<'a>(
                &'a self,
                buffers: &'a mut [IoSliceMut<'a>],
            ) -> impl Future<Output = io::Result<usize>> + 'a {
                self.socket.transfer(Reading, room(buffers), move |socket| socket.read_vectored(buffers))
            }

            /// Reads until `buffer` is full.
            ///
            /// # Errors
            /// `UnexpectedEof`, if the stream ends before; else as [`read`](Self::read).
            ///
            /// # Cancel safety
            /// **Not** cancel safe: dropped, the bytes that it has read are lost.
            #[track_caller]
            #[inline]
            pub fn read_exact<'a>(&'a self, buffer: &'a mut [u8]) -> impl Future<Output = io::Result<()>> + 'a {
                many!(ReadExact, concat!(stringify!($Stream), "::read_exact"), "read");
                self.socket.transfer_all::<ReadExact, _, _>(Reading, buffer.len(), move |socket, filled| {
                    socket.fill(buffer, filled)
                })
            }

            /// Reads some bytes and leaves them where they are.
            ///
            /// # Errors
            /// As [`read`](Self::read).
            ///
            /// # Cancel safety
            /// Dropped, it has changed nothing.
            #[track_caller]
            #[inline]
            pub fn peek<'a>(&'a self, buffer: &'a mut [u8]) -> impl Future<Output = io::Result<usize>> + 'a {
                self.socket.transfer(Reading, buffer.len(), move |socket| socket.peek(buffer))
            }

            /// Writes some bytes; how many is returned.
            ///
            /// # Errors
            /// `BrokenPipe` or `ConnectionReset`, if the peer is gone; else as [`read`](Self::read).
            ///
            /// # Cancel safety
            /// Dropped, it has written nothing.
            #[track_caller]
            #[inline]
            pub fn write<'a>(&'a self, bytes: &'a [u8]) -> impl Future<Output = io::Result<usize>> + 'a {
                self.socket.transfer(Writing, bytes.len(), move |socket| socket.write(bytes))
            }

            /// As [`write`](Self::write), from several buffers in turn.
            ///
            /// # Errors
            /// As there.
            ///
            /// # Cancel safety
            /// Dropped, it has written nothing.
            #[track_caller]
            #[inline]
            pub fn write_vectored<'a>(
                &'a self,
                buffers: &'a [IoSlice<'a>],
            ) -> impl Future<Output = io::Result<usize>> + 'a {
                self.socket.transfer(Writing, length(buffers), move |socket| socket.write_vectored(buffers))
            }

            /// Writes all of `bytes`.
            ///
            /// # Errors
            /// `WriteZero`, if the system takes no more; else as [`write`](Self::write).
            ///
            /// # Cancel safety
            /// **Not** cancel safe: dropped, nobody knows how much was written.
            #[track_caller]
            #[inline]
            pub fn write_all<'a>(&'a self, bytes: &'a [u8]) -> impl Future<Output = io::Result<()>> + 'a {
                many!(WriteAll, concat!(stringify!($Stream), "::write_all"), "written");
                self.socket.transfer_all::<WriteAll, _, _>(Writing, bytes.len(), move |socket, written| {
                    socket.pour(bytes, written)
                })
            }

            /// Reads some bytes if there are any now.
            ///
            /// # Errors
            /// `WouldBlock`, if there are none; else as [`read`](Self::read).
            #[inline]
            pub fn try_read(&self, buffer: &mut [u8]) -> io::Result<usize> {
                self.socket.try_io(Reading, |socket| socket.read(buffer))
            }

            /// As [`try_read`](Self::try_read), into several buffers in turn.
            ///
            /// # Errors
            /// As there.
            #[inline]
            pub fn try_read_vectored(&self, buffers: &mut [IoSliceMut<'_>]) -> io::Result<usize> {
                self.socket.try_io(Reading, |socket| socket.read_vectored(buffers))
            }

            /// Writes some bytes if there is room now.
            ///
            /// # Errors
            /// `WouldBlock`, if there is none; else as [`write`](Self::write).
            #[inline]
            pub fn try_write(&self, bytes: &[u8]) -> io::Result<usize> {
                self.socket.try_io(Writing, |socket| socket.write(bytes))
            }

            /// As [`try_write`](Self::try_write), from several buffers in turn.
            ///
            /// # Errors
            /// As there.
            #[inline]
            pub fn try_write_vectored(&self, buffers: &[IoSlice<'_>]) -> io::Result<usize> {
                self.socket.try_io(Writing, |socket| socket.write_vectored(buffers))
            }

            /// The poll of [`read`](Self::read). Of all callers of a stream's reading polls, the last one is
            /// woken.
            #[track_caller]
            #[inline]
            pub fn poll_read(&self, cx: &mut Context<'_>, buffer: &mut [u8]) -> Poll<io::Result<usize>> {
                self.socket.poll_transfer(cx, Reading, buffer.len(), |socket| socket.read(buffer))
            }

            /// As `poll_read`, but gives what it has read, `most` bytes at most, to `take`.
            #[cfg(feature = "hyper")]
            #[track_caller]
            #[inline]
            pub(crate) fn poll_read_by(
                &self,
                cx: &mut Context<'_>,
                most: usize,
                mut take: impl FnMut(&[u8]),
            ) -> Poll<io::Result<()>> {
                self.socket.poll_transfer(cx, Reading, most, |socket| socket.read_by(most, &mut take))
            }

            /// The poll of [`read_vectored`](Self::read_vectored).
            #[track_caller]
            #[inline]
            pub fn poll_read_vectored(
                &self,
                cx: &mut Context<'_>,
                buffers: &mut [IoSliceMut<'_>],
            ) -> Poll<io::Result<usize>> {
                self.socket.poll_transfer(cx, Reading, room(buffers), |socket| socket.read_vectored(buffers))
            }

            /// The poll of [`peek`](Self::peek).
            #[track_caller]
            #[inline]
            pub fn poll_peek(&self, cx: &mut Context<'_>, buffer: &mut [u8]) -> Poll<io::Result<usize>> {
                self.socket.poll_transfer(cx, Reading, buffer.len(), |socket| socket.peek(buffer))
            }

            /// The poll of [`write`](Self::write). Of all callers of a stream's writing polls, the last one is
            /// woken.
            #[track_caller]
            #[inline]
            pub fn poll_write(&self, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
                self.socket.poll_transfer(cx, Writing, bytes.len(), |socket| socket.write(bytes))
            }

            /// The poll of [`write_vectored`](Self::write_vectored).
            #[track_caller]
            #[inline]
            pub fn poll_write_vectored(
                &self,
                cx: &mut Context<'_>,
                buffers: &[IoSlice<'_>],
            ) -> Poll<io::Result<usize>> {
                self.socket.poll_transfer(cx, Writing, length(buffers), |socket| socket.write_vectored(buffers))
            }

            /// Ends one direction, or both. After `Shutdown::Write` the peer reads the end of the stream.
            ///
            /// # Errors
            /// `NotConnected`, if the connection is gone already.
            #[inline]
            pub fn shutdown(&self, how: Shutdown) -> io::Result<()> {
                self.socket.io().shutdown(how)
            }

            /// Two halves, to read in one future and write in another.
            #[inline]
            pub fn split(&mut self) -> (ReadHalf<'_>, WriteHalf<'_>) {
                split::borrowed(self)
            }

            /// Two halves that own the connection together, for two tasks. The write half, dropped, ends its
            /// direction.
            #[must_use]
            #[inline]
            pub fn into_split(self) -> (OwnedReadHalf, OwnedWriteHalf) {
                split::owned(self)
            }

            /// This side's address.
            ///
            /// # Errors
            /// What the system says.
            #[inline]
            pub fn local_addr(&self) -> io::Result<$Addr> {
                self.socket.io().local_addr()
            }

            /// The other side's address.
            ///
            /// # Errors
            /// What the system says.
            #[inline]
            pub fn peer_addr(&self) -> io::Result<$Addr> {
                self.socket.io().peer_addr()
            }
        }
    };
}

pub(super) use stream;
