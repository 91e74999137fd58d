//! What a datagram socket does, over UDP or a Unix socket: the face that both have.
//!
//! One datagram an operation, and no short cut: a datagram that is shorter than its buffer says nothing about whether
//! another waits.

/// The public face of a datagram socket, but for `send_to`, whose addresses are of two kinds.
macro_rules! datagram {
    ($Socket:ident, $io:ty, $std:ty, $Addr:ty) => {
        $crate::net::face::registered!($Socket, $io, $std);
        $crate::net::face::readiness!($Socket, try_recv);

        impl $Socket {
            /// Sends one datagram to the peer that [`connect`](Self::connect) named. Unlike a stream's write, all or
            /// nothing is sent.
            ///
            /// # Errors
            /// `NotConnected` or `EDESTADDRREQ` without a peer; `EMSGSIZE` for too long a datagram;
            /// `ConnectionRefused` if an earlier one was answered so; what else the system says; and on another loop
            /// than its own. So for all operations below.
            ///
            /// # Cancel safety
            /// Dropped, it has sent nothing.
            #[track_caller]
            #[inline]
            pub fn send<'a>(&'a self, bytes: &'a [u8]) -> impl Future<Output = io::Result<usize>> + 'a {
                self.socket.operation(Writing, move |socket| socket.io().send(bytes))
            }

            /// Receives one datagram; how long it is. 0 is an empty one, not an end.
            ///
            /// Of a datagram that is longer than `buffer` the rest is lost (on Windows that is an error besides).
            ///
            /// # Errors
            /// `ConnectionRefused`, if one that was sent before was answered so; else as [`send`](Self::send).
            ///
            /// # Cancel safety
            /// Dropped, it has received nothing.
            #[track_caller]
            #[inline]
            pub fn recv<'a>(&'a self, buffer: &'a mut [u8]) -> impl Future<Output = io::Result<usize>> + 'a {
                self.socket.operation(Reading, move |socket| socket.io().recv(buffer))
            }

            /// As [`recv`](Self::recv), and who sent it.
            ///
            /// # Errors
            /// As there.
            ///
            /// # Cancel safety
            /// Dropped, it has received nothing.
            #[track_caller]
            #[inline]
            pub fn recv_from<'a>(
                &'a self,
                buffer: &'a mut [u8],
            ) -> impl Future<Output = io::Result<(usize, $Addr)>> + 'a {
                self.socket.operation(Reading, move |socket| socket.io().recv_from(buffer))
            }

            /// As [`recv`](Self::recv), and leaves the datagram where it is.
            ///
            /// # Errors
            /// As there.
            ///
            /// # Cancel safety
            /// Dropped, it has changed nothing.
            #[track_caller]
            #[inline]
            pub fn peek<'a>(&'a self, buffer: &'a mut [u8]) -> impl Future<Output = io::Result<usize>> + 'a {
                self.socket.operation(Reading, move |socket| Peek::peek(socket.io(), buffer))
            }

            /// Sends one datagram if there is room now.
            ///
            /// # Errors
            /// `WouldBlock`, if there is none; else as [`send`](Self::send).
            #[inline]
            pub fn try_send(&self, bytes: &[u8]) -> io::Result<usize> {
                self.socket.try_io(Writing, |socket| socket.io().send(bytes))
            }

            /// Receives one datagram if there is one now.
            ///
            /// # Errors
            /// `WouldBlock`, if there is none; else as [`recv`](Self::recv).
            #[inline]
            pub fn try_recv(&self, buffer: &mut [u8]) -> io::Result<usize> {
                self.socket.try_io(Reading, |socket| socket.io().recv(buffer))
            }

            /// As [`try_recv`](Self::try_recv), and who sent it.
            ///
            /// # Errors
            /// As there.
            #[inline]
            pub fn try_recv_from(&self, buffer: &mut [u8]) -> io::Result<(usize, $Addr)> {
                self.socket.try_io(Reading, |socket| socket.io().recv_from(buffer))
            }

            /// The poll of [`send`](Self::send). Of all callers of a socket's writing polls, the last one is woken.
            #[track_caller]
            #[inline]
            pub fn poll_send(&self, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
                self.socket.poll(cx, Writing, |socket| socket.io().send(bytes))
            }

            /// The poll of [`recv`](Self::recv). Of all callers of a socket's reading polls, the last one is woken.
            #[track_caller]
            #[inline]
            pub fn poll_recv(&self, cx: &mut Context<'_>, buffer: &mut [u8]) -> Poll<io::Result<usize>> {
                self.socket.poll(cx, Reading, |socket| socket.io().recv(buffer))
            }

            /// The poll of [`recv_from`](Self::recv_from).
            #[track_caller]
            #[inline]
            pub fn poll_recv_from(
                &self,
                cx: &mut Context<'_>,
                buffer: &mut [u8],
            ) -> Poll<io::Result<(usize, $Addr)>> {
                self.socket.poll(cx, Reading, |socket| socket.io().recv_from(buffer))
            }

            /// The poll of [`peek`](Self::peek).
            #[track_caller]
            #[inline]
            pub fn poll_peek(&self, cx: &mut Context<'_>, buffer: &mut [u8]) -> Poll<io::Result<usize>> {
                self.socket.poll(cx, Reading, |socket| Peek::peek(socket.io(), buffer))
            }

            /// This side's address.
            ///
            /// # Errors
            /// What the system says.
            #[inline]
            pub fn local_addr(&self) -> io::Result<$Addr> {
                self.socket.io().local_addr()
            }

            /// The address that [`connect`](Self::connect) named.
            ///
            /// # Errors
            /// `NotConnected`, if it named none.
            #[inline]
            pub fn peer_addr(&self) -> io::Result<$Addr> {
                self.socket.io().peer_addr()
            }
        }
    };
}

pub(super) use datagram;
