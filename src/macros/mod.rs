//! `select!`, `join!`, `try_join!`: tokio's macros, in the order in which they are written; and what the attributes
//! `main` and `test` expand to.

#[doc(hidden)]
pub mod attributes;
mod limit;

/// What the macros expand to.
#[doc(hidden)]
pub use tokio;

/// Waits for several futures at once, in one task, and goes on with the first that is ready; the others are dropped.
/// It is tokio's macro of this name: `pattern = future, if condition => handler`, and `else => handler`.
///
/// # Scheduling
/// Branches are polled in the order in which they are written, each time: of two that are ready in the same poll, the
/// upper one wins. (tokio chooses by chance, unless `biased;` stands in front; that may stand here too, and changes
/// nothing.) So put what must never wait, a shutdown signal, above what is always ready.
///
/// # Cancel safety
/// What is dropped when another branch wins must be safe to drop: each future's documentation says so.
///
/// # Examples
/// ```
/// use glassloop::{JoinSet, select, time::{pause, sleep}};
/// use std::time::Duration;
///
/// glassloop::run(async {
///     pause();
///     let mut set: JoinSet<u32> = [1, 2].map(std::future::ready).into_iter().collect();
///     let mut sum = 0;
///     let mut limit = std::pin::pin!(sleep(Duration::from_secs(1)));
///     loop {
///         select! {
///             Some(result) = set.join_next() => sum += result.unwrap(),
///             () = &mut limit => panic!("too late"),
///             else => break,
///         }
///         if set.is_empty() {
///             break;
///         }
///     }
///     assert_eq!(sum, 3);
/// });
/// ```
///
/// What is wrong is pointed at where it stands:
/// ```compile_fail,E0308
/// glassloop::run(async {
///     glassloop::select! {
///         word = async { "a" } => { let _number: u32 = word; } // error: expected `u32`, found `&str`
///     }
/// });
/// ```
#[macro_export]
macro_rules! select {
    (biased; $($branches:tt)*) => { $crate::macros::tokio::select! { biased; $($branches)* } };
    ($($branches:tt)*) => { $crate::macros::tokio::select! { biased; $($branches)* } };
}

/// Waits for all of several futures, in one task, and gives their outputs as a tuple; tokio's macro of this name.
/// They may be of different types; for many of one type there is [`join_all`](crate::join_all()).
///
/// # Scheduling
/// Futures that are not ready are polled in the order in which they are written, each time. (tokio begins with
/// another one each time, unless `biased;` stands in front.)
///
/// # Examples
/// ```
/// let both = glassloop::run(async { glassloop::join!(async { 1 }, async { "a" }) });
/// assert_eq!(both, (1, "a"));
/// ```
#[macro_export]
macro_rules! join {
    (biased; $($futures:tt)*) => { $crate::macros::tokio::join!(biased; $($futures)*) };
    ($($futures:tt)*) => { $crate::macros::tokio::join!(biased; $($futures)*) };
}

/// As [`join!`](crate::join!), but the first `Err` ends it: it is returned at once, and the other futures are dropped.
///
/// # Scheduling
/// As [`join!`](crate::join!): of two that fail in the same poll, the first that is written counts.
///
/// # Examples
/// ```
/// let result = glassloop::run(async {
///     glassloop::try_join!(async { Ok::<u32, &str>(1) }, async { Err::<u32, &str>("no") })
/// });
/// assert_eq!(result, Err("no"));
/// ```
#[macro_export]
macro_rules! try_join {
    (biased; $($futures:tt)*) => { $crate::macros::tokio::try_join!(biased; $($futures)*) };
    ($($futures:tt)*) => { $crate::macros::tokio::try_join!(biased; $($futures)*) };
}
