//! Unix signals.
//!
//! ```
//! use glassloop::signal::unix::{SignalKind, signal};
//!
//! glassloop::run(async {
//!     let mut hangup = signal(SignalKind::hangup()).unwrap();
//!     // Somebody sends it; here we ourselves.
//!     signal_hook::low_level::raise(SignalKind::hangup().as_raw_value()).unwrap();
//!     hangup.recv().await;
//!     println!("reading the configuration again");
//! });
//! ```
//!
//! # While somebody listens
//! The signal's usual action does not happen. Every listener, on every runtime, hears it. Signals of one kind that
//! come before a listener looks are heard as one: the kernel merges them, and so does a listener. The signal handler
//! writes a byte into each listener's socket, and nothing more; the rest happens in the loop.
//!
//! # When the last listener is dropped
//! What the signal did before comes back: as a rule it ends the process. So a second Ctrl-C ends a program that
//! hangs while it tidies up after the first, and asyncio's `remove_signal_handler` does the same. (With tokio a signal
//! that was once listened to is lost from then on.) Whoever wants to miss none keeps one
//! [`Signal`](unix::Signal), rather than make one at each turn of a loop.
//!
//! What a signal did before is read from `/proc`. Where that is missing, and for real-time signals, a signal that was
//! listened to does nothing afterwards. A handler that was installed before, by other code, is called all the time.

mod caught;
#[cfg(feature = "glass")]
mod dump;
pub mod unix;

use std::future::Future;
use std::io;
use std::panic::Location;

/// Waits for Ctrl-C (`SIGINT`).
///
/// It listens from its first poll until it has completed or is dropped, and not before or after: then Ctrl-C ends the
/// process, as the [module](self) says.
///
/// # Errors
/// What the system says when the listener is made; and outside of a running loop.
///
/// # Cancel safety
/// Dropped, it has heard nothing; nobody else hears what comes then.
///
/// # Examples
/// ```no_run
/// glassloop::run(async {
///     glassloop::signal::ctrl_c().await.unwrap();
///     println!("tidying up");
/// });
/// ```
#[track_caller]
pub fn ctrl_c() -> impl Future<Output = io::Result<()>> {
    let site = Location::caller();
    async move {
        let mut interrupt = unix::signal(unix::SignalKind::interrupt())?;
        interrupt.recv_at(site).await;
        Ok(())
    }
}
