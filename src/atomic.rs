//! What crosses threads: std's atomics and mutex, or loom's when a model is checked.
//!
//! Only `inbox`, `cell::far` and `trace::watch` import them; nothing else in the crate is atomic on the local path.

#[cfg(loom)]
use loom::sync;
#[cfg(not(loom))]
use std::sync;

#[cfg(feature = "glass")]
pub(crate) use sync::atomic::AtomicU64;
pub(crate) use sync::atomic::{AtomicU32, Ordering, fence};
pub(crate) use sync::{Mutex, MutexGuard};
