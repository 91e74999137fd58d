//! The far half of a task cell: the one word that other threads may change.
//!
//! Bit 0 is NOTIFIED; the rest counts units. All `TaskRef`s together hold one unit, each `Waker` and each
//! `RemoteRef` one. Each method is one transition and returns what the caller must do.

use crate::atomic::{AtomicU32, Ordering, fence};

const NOTIFIED: u32 = 1;
const UNIT: u32 = 2;
/// Past this many units something leaks wakers in a loop; stop before the count overflows, as `Arc` does.
const LIMIT: u32 = u32::MAX / 2;

pub(super) struct Far(AtomicU32);

/// What releasing a unit left behind.
#[must_use]
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Release {
    /// Nothing: the caller frees the cell.
    Last,
    /// Somebody else holds a unit.
    Shared,
}

/// What a wake from afar must do.
#[must_use]
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Notify {
    /// Send an inbox entry; a unit was taken for it.
    Send,
    /// An entry is on its way already.
    Merged,
}

impl Far {
    /// One unit: the caller's, who makes the first reference.
    pub(super) fn new() -> Far {
        Far(AtomicU32::new(UNIT))
    }

    pub(super) fn acquire(&self) {
        // Relaxed: whoever acquires holds a unit already, as with `Arc`.
        if self.0.fetch_add(UNIT, Ordering::Relaxed) > LIMIT {
            std::process::abort();
        }
    }

    #[inline]
    pub(super) fn release(&self) -> Release {
        // The only unit is the caller's: nobody else can change the word, so no read-modify-write is needed.
        // Acquire pairs with the releases of those who were here before.
        if self.0.load(Ordering::Acquire) & !NOTIFIED == UNIT {
            return Release::Last;
        }
        if self.0.fetch_sub(UNIT, Ordering::Release) & !NOTIFIED == UNIT {
            fence(Ordering::Acquire);
            return Release::Last;
        }
        Release::Shared
    }

    /// A wake from afar. Always a read-modify-write with release, even when merged: the loop's acquire in `collected`
    /// must see what this thread did before its wake.
    pub(super) fn notify(&self) -> Notify {
        if self.0.fetch_or(NOTIFIED, Ordering::AcqRel) & NOTIFIED != 0 {
            return Notify::Merged;
        }
        self.acquire();
        Notify::Send
    }

    /// The owner took the inbox entry: the next wake sends another.
    pub(super) fn collected(&self) {
        self.0.fetch_and(!NOTIFIED, Ordering::AcqRel);
    }

    /// Whether a unit exists beside the `TaskRef`s' one. Acquire: if the answer is no, what those who held units
    /// did before they let go is visible to the caller.
    #[inline]
    pub(super) fn is_shared(&self) -> bool {
        self.0.load(Ordering::Acquire) & !NOTIFIED != UNIT
    }
}
