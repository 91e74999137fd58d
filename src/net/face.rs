//! The parts of a public face that several sockets have word for word.

/// Registration, `std` and back, and the descriptor.
macro_rules! registered {
    ($Socket:ident, $io:ty, $std:ty) => {
        impl $Socket {
            pub(in crate::net) fn register(io: $io) -> io::Result<$Socket> {
                Ok($Socket { socket: Socket::new(io)? })
            }

            /// Takes over a socket of `std`, and sets it non-blocking.
            ///
            /// # Errors
            /// What the system says; and outside of a running loop.
            #[inline]
            pub fn from_std(socket: $std) -> io::Result<$Socket> {
                socket.set_nonblocking(true)?;
                $Socket::register(<$io>::from_std(socket))
            }

            /// Gives the socket to `std`; it stays non-blocking.
            ///
            /// # Errors
            /// On another loop than its own; then it is closed.
            #[inline]
            pub fn into_std(self) -> io::Result<$std> {
                self.socket.into_inner().map(<$std>::from)
            }

            /// Takes the socket's pending error (`SO_ERROR`), if there is one.
            ///
            /// # Errors
            /// What the system says.
            #[inline]
            pub fn take_error(&self) -> io::Result<Option<io::Error>> {
                self.socket.io().take_error()
            }
        }

        /// To set options that have no method here. What is read or written by this way goes past the loop.
        #[cfg(unix)]
        impl std::os::fd::AsFd for $Socket {
            fn as_fd(&self) -> std::os::fd::BorrowedFd<'_> {
                self.socket.io().as_fd()
            }
        }

        #[cfg(unix)]
        impl std::os::fd::AsRawFd for $Socket {
            fn as_raw_fd(&self) -> std::os::fd::RawFd {
                self.socket.io().as_raw_fd()
            }
        }
    };
}

/// Waiting for a direction without doing anything.
macro_rules! readiness {
    ($Socket:ident, $try_read:ident) => {
        impl $Socket {
            /// Waits until there is something to read, or the end.
            ///
            /// It may be wrong:
            #[doc = concat!("[`", stringify!($try_read), "`](Self::", stringify!($try_read), ")")]
            /// can still say `WouldBlock`, and then this waits again.
            ///
            /// # Errors
            /// On another loop than its own.
            ///
            /// # Cancel safety
            /// Nothing is lost.
            #[track_caller]
            #[inline]
            pub fn readable(&self) -> impl Future<Output = io::Result<()>> + '_ {
                self.socket.operation(Reading, |_| Ok(()))
            }

            /// Waits until there is room to write. It may be wrong, as [`readable`](Self::readable) may.
            ///
            /// # Errors
            /// On another loop than its own.
            ///
            /// # Cancel safety
            /// Nothing is lost.
            #[track_caller]
            #[inline]
            pub fn writable(&self) -> impl Future<Output = io::Result<()>> + '_ {
                self.socket.operation(Writing, |_| Ok(()))
            }

            /// The poll of [`readable`](Self::readable). Of all callers of a socket's reading polls, the last one
            /// is woken.
            #[track_caller]
            #[inline]
            pub fn poll_read_ready(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
                self.socket.poll(cx, Reading, |_| Ok(()))
            }

            /// The poll of [`writable`](Self::writable). Of all callers of a socket's writing polls, the last one
            /// is woken.
            #[track_caller]
            #[inline]
            pub fn poll_write_ready(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
                self.socket.poll(cx, Writing, |_| Ok(()))
            }
        }
    };
}

/// A socket that accepts connections.
macro_rules! listener {
    ($Listener:ident, $Stream:ident, $io:ty, $Addr:ty) => {
        impl $Listener {
            /// Waits for a connection.
            ///
            /// # Errors
            /// What the system says. When the process has no descriptor left (`EMFILE`), the connection stays in
            /// the backlog and the listener stays ready: the next call tries again at once, so wait a little
            /// before.
            ///
            /// # Cancel safety
            /// Dropped, it has taken no connection.
            #[track_caller]
            #[inline]
            pub fn accept(&self) -> impl Future<Output = io::Result<($Stream, $Addr)>> + '_ {
                self.socket.operation(Reading, accept)
            }

            /// The poll of [`accept`](Self::accept). Of all its callers, the last one is woken.
            #[track_caller]
            #[inline]
            pub fn poll_accept(&self, cx: &mut Context<'_>) -> Poll<io::Result<($Stream, $Addr)>> {
                self.socket.poll(cx, Reading, accept)
            }

            /// The address it is bound to.
            ///
            /// # Errors
            /// What the system says.
            #[inline]
            pub fn local_addr(&self) -> io::Result<$Addr> {
                self.socket.io().local_addr()
            }
        }

        fn accept(socket: &Socket<$io>) -> io::Result<($Stream, $Addr)> {
            let (stream, addr) = socket.io().accept()?;
            Ok(($Stream::register(stream)?, addr))
        }
    };
}

pub(super) use {listener, readiness, registered};
