//! A connection in two halves: one text for all kinds of streams.

/// The four halves of a stream, and the error of putting two together that do not belong together.
macro_rules! halves {
    ($Stream:ident) => {
        #[doc = concat!("The reading half of a borrowed [`", stringify!($Stream), "`]; made by its `split`.")]
        #[derive(Debug)]
        pub struct ReadHalf<'a>(&'a $Stream);

        #[doc = concat!("The writing half of a borrowed [`", stringify!($Stream), "`]; made by its `split`.")]
        #[derive(Debug)]
        pub struct WriteHalf<'a>(&'a $Stream);

        #[doc = concat!("The reading half of a [`", stringify!($Stream), "`]; made by its `into_split`.")]
        #[derive(Debug)]
        pub struct OwnedReadHalf(Arc<$Stream>);

        #[doc = concat!("The writing half of a [`", stringify!($Stream), "`]; made by its `into_split`.")]
        ///
        /// Dropped, it ends its direction, so that the peer reads the end of the stream;
        /// [`forget`](OwnedWriteHalf::forget) leaves it open.
        #[derive(Debug)]
        pub struct OwnedWriteHalf {
            stream: Option<Arc<$Stream>>,
        }

        pub(super) fn borrowed(stream: &mut $Stream) -> (ReadHalf<'_>, WriteHalf<'_>) {
            (ReadHalf(stream), WriteHalf(stream))
        }

        pub(super) fn owned(stream: $Stream) -> (OwnedReadHalf, OwnedWriteHalf) {
            let stream = Arc::new(stream);
            (OwnedReadHalf(stream.clone()), OwnedWriteHalf { stream: Some(stream) })
        }

        impl OwnedWriteHalf {
            /// Drops the half without ending its direction.
            #[inline]
            pub fn forget(mut self) {
                self.stream = None;
            }
        }

        impl Drop for OwnedWriteHalf {
            fn drop(&mut self) {
                if let Some(stream) = &self.stream {
                    let _ = stream.shutdown(Shutdown::Write); // the connection may be gone already
                }
            }
        }

        impl OwnedReadHalf {
            /// Puts the halves of one connection together again.
            ///
            /// # Errors
            /// Both halves, if they are of two connections.
            #[inline]
            pub fn reunite(self, mut write: OwnedWriteHalf) -> Result<$Stream, ReuniteError> {
                match write.stream.take() {
                    Some(stream) if Arc::ptr_eq(&self.0, &stream) => {
                        drop(stream);
                        Ok(Arc::into_inner(self.0).expect("a connection has two halves, and both are here"))
                    }
                    stream => Err(ReuniteError(self, OwnedWriteHalf { stream })),
                }
            }
        }

        /// Halves of two connections were to be put together; they are in here.
        #[derive(Debug)]
        pub struct ReuniteError(pub OwnedReadHalf, pub OwnedWriteHalf);

        impl fmt::Display for ReuniteError {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("the halves are of two connections; reunite those that one into_split gave")
            }
        }

        impl std::error::Error for ReuniteError {}

        impl ReadHalf<'_> {
            fn stream(&self) -> &$Stream {
                self.0
            }
        }

        impl WriteHalf<'_> {
            fn stream(&self) -> &$Stream {
                self.0
            }
        }

        impl OwnedReadHalf {
            fn stream(&self) -> &$Stream {
                &self.0
            }
        }

        impl OwnedWriteHalf {
            fn stream(&self) -> &$Stream {
                self.stream.as_deref().expect("it owns the stream until it is dropped")
            }
        }

        $crate::net::split::half_faces!($Stream, ReadHalf<'_>, WriteHalf<'_>);
        $crate::net::split::half_faces!($Stream, OwnedReadHalf, OwnedWriteHalf);
    };
}

/// What halves do; anything else is done by way of `as_ref`.
macro_rules! half_faces {
    ($Stream:ident, $read:ty, $write:ty) => {
        impl AsRef<$Stream> for $read {
            fn as_ref(&self) -> &$Stream {
                self.stream()
            }
        }

        impl AsRef<$Stream> for $write {
            fn as_ref(&self) -> &$Stream {
                self.stream()
            }
        }

        impl $read {
            #[doc = concat!("As [`", stringify!($Stream), "::read`].")]
            ///
            /// # Errors
            /// As there.
            #[track_caller]
            #[inline]
            pub fn read<'b>(&'b self, buffer: &'b mut [u8]) -> impl Future<Output = io::Result<usize>> + 'b {
                self.stream().read(buffer)
            }

            #[doc = concat!("As [`", stringify!($Stream), "::read_exact`].")]
            ///
            /// # Errors
            /// As there.
            #[track_caller]
            #[inline]
            pub fn read_exact<'b>(&'b self, buffer: &'b mut [u8]) -> impl Future<Output = io::Result<()>> + 'b {
                self.stream().read_exact(buffer)
            }

            #[doc = concat!("As [`", stringify!($Stream), "::peek`].")]
            ///
            /// # Errors
            /// As there.
            #[track_caller]
            #[inline]
            pub fn peek<'b>(&'b self, buffer: &'b mut [u8]) -> impl Future<Output = io::Result<usize>> + 'b {
                self.stream().peek(buffer)
            }
        }

        impl $write {
            #[doc = concat!("As [`", stringify!($Stream), "::write`].")]
            ///
            /// # Errors
            /// As there.
            #[track_caller]
            #[inline]
            pub fn write<'b>(&'b self, bytes: &'b [u8]) -> impl Future<Output = io::Result<usize>> + 'b {
                self.stream().write(bytes)
            }

            #[doc = concat!("As [`", stringify!($Stream), "::write_all`].")]
            ///
            /// # Errors
            /// As there.
            #[track_caller]
            #[inline]
            pub fn write_all<'b>(&'b self, bytes: &'b [u8]) -> impl Future<Output = io::Result<()>> + 'b {
                self.stream().write_all(bytes)
            }

            /// Ends the writing direction: the peer reads the end of the stream.
            ///
            /// # Errors
            #[doc = concat!("As [`", stringify!($Stream), "::shutdown`].")]
            #[inline]
            pub fn shutdown(&self) -> io::Result<()> {
                self.stream().shutdown(Shutdown::Write)
            }
        }
    };
}

pub(super) use {half_faces, halves};
