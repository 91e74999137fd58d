//! What comes one after the other: asyncio's async iterators and async generators.
//!
//! [`Stream`] is futures-core's trait, which the whole ecosystem shares; [`StreamExt`] and the small constructors
//! ([`iter`], [`once`], [`unfold`], …) are futures-lite's. They run on the task that polls them: no thread, no lock, no
//! allocation that is not named. What is this crate's own:
//!
//! | a stream of | |
//! |---|---|
//! | ticks | [`Interval`](crate::time::Interval) itself |
//! | connections | [`TcpListener::incoming`], [`UnixListener::incoming`](crate::net::UnixListener::incoming) |
//! | lines | [`lines`](crate::io::AsyncBufReadExt::lines), with the feature `io-util` |
//! | messages, with the feature `sync` | the receivers of [`mpsc`](crate::sync::mpsc) themselves, and `into_stream` of those of [`broadcast`](crate::sync::broadcast) and [`watch`](crate::sync::watch) |
//! | whatever an `async` closure makes | [`generate`], [`try_generate`] |
//!
//! | asyncio | here |
//! |---|---|
//! | `async for x in pages():` | `while let Some(x) = pages.next().await` |
//! | `[x async for x in pages()]` | `pages.collect::<Vec<_>>().await` |
//! | `async def` with `yield` | [`generate`] |
//! | `agen.aclose()`, `contextlib.aclosing` | drop the stream; see [`generate`] |
//!
//! Each stream says of its `next` what is lost when that future is dropped. [`StreamExt`]'s own futures keep what they
//! have gathered: a dropped `collect` or `fold` loses it, a dropped `next` loses nothing.
//!
//! [`TcpListener::incoming`]: crate::net::TcpListener::incoming

#[cfg(feature = "sync")]
mod channels;
mod generate;
mod sources;

pub use futures_lite::stream::{
    Empty, Iter, Once, Pending, PollFn, Stream, StreamExt, Unfold, empty, iter, once, once_future, or, pending,
    poll_fn, try_unfold, unfold,
};
pub use generate::{Generate, TryGenerate, YieldItem, Yielder, generate, try_generate};
