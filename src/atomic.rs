//! The atomics that cross threads: std's, or loom's when a model is checked.
//!
//! Only `inbox`, `cell::far` and `trace::watch` import them; nothing else in the crate is atomic on the local path.

#[cfg(not(loom))]
use std::sync::atomic;

#[cfg(loom)]
use loom::sync::atomic;

#[cfg(feature = "glass")]
pub(crate) use atomic::AtomicU64;
pub(crate) use atomic::{AtomicU32, Ordering, fence};
