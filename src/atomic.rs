//! What crosses threads: std's atomics and mutex, or loom's when a model is checked.
//!
//! Only `inbox` and `cell::far` import them; nothing else in the crate is atomic on the local path.

#[cfg(not(loom))]
pub(crate) use std::sync::{
    Mutex, MutexGuard,
    atomic::{AtomicU32, Ordering, fence},
};

#[cfg(loom)]
pub(crate) use loom::sync::{
    Mutex, MutexGuard,
    atomic::{AtomicU32, Ordering, fence},
};
