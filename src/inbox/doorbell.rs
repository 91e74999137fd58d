//! The doorbell: one word that says whether the loop must look at its inbox, and whether it sleeps.
//!
//! | bit | set by | cleared by | means |
//! |---|---|---|---|
//! | RUNG | a sender, after its push | the owner, before it reads the queue | there may be messages |
//! | PARKED | the owner, before it sleeps | the owner, when it is awake | a ring must wake it |
//! | CLOSED | the owner, at shutdown | nobody | nobody reads the queue any more |
//!
//! All changes are read-modify-writes, so they have one order, and every sender's push is seen by the owner that
//! clears its RUNG. A sleeping owner is woken once a park: only the ring that sets RUNG finds it unset.

use crate::atomic::{AtomicU32, Ordering};

const RUNG: u32 = 1;
const PARKED: u32 = 2;
const CLOSED: u32 = 4;

pub(super) struct Doorbell(AtomicU32);

/// What a ring found.
#[must_use]
pub(super) enum Ring {
    /// The owner is awake, or somebody else is waking it.
    Awake,
    /// The owner sleeps, and the caller must wake it.
    Asleep,
    /// The owner is gone: the caller must empty the queue.
    Closed,
}

/// Whether the owner may sleep.
#[derive(Debug, PartialEq, Eq)]
#[must_use]
pub(crate) enum Park {
    /// Nobody rang: sleep. Whoever rings from now on wakes.
    Sleep,
    /// Somebody rang: collect first.
    Rung,
}

impl Doorbell {
    pub(super) fn new() -> Doorbell {
        Doorbell(AtomicU32::new(0))
    }

    pub(super) fn ring(&self) -> Ring {
        // Release: the push before it. Acquire: what the owner did before it closed.
        let before = self.0.fetch_or(RUNG, Ordering::AcqRel);
        if before & CLOSED != 0 {
            Ring::Closed
        } else if before & (RUNG | PARKED) == PARKED {
            Ring::Asleep
        } else {
            Ring::Awake
        }
    }

    #[inline]
    pub(super) fn is_rung(&self) -> bool {
        self.0.load(Ordering::Relaxed) & RUNG != 0
    }

    pub(super) fn is_parked(&self) -> bool {
        self.0.load(Ordering::Relaxed) & PARKED != 0
    }

    pub(super) fn is_closed(&self) -> bool {
        self.0.load(Ordering::Acquire) & CLOSED != 0
    }

    /// Clears RUNG. Before the queue is read: cleared after, it could hide a push made in between.
    pub(super) fn answer(&self) {
        self.0.fetch_and(!RUNG, Ordering::AcqRel);
    }

    pub(super) fn park(&self) -> Park {
        if self.0.fetch_or(PARKED, Ordering::AcqRel) & RUNG != 0 { Park::Rung } else { Park::Sleep }
    }

    pub(super) fn unpark(&self) {
        self.0.fetch_and(!PARKED, Ordering::AcqRel);
    }

    pub(super) fn close(&self) {
        self.0.fetch_or(CLOSED, Ordering::AcqRel);
    }
}
