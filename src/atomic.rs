//! The atomics that cross threads: std's, or loom's when a model is checked.
//!
//! Only `inbox` and `cell::far` import them; nothing else in the crate is atomic on the local path.

#[cfg(not(loom))]
pub(crate) use std::sync::atomic::{AtomicU32, Ordering, fence};

#[cfg(loom)]
pub(crate) use loom::sync::atomic::{AtomicU32, Ordering, fence};
