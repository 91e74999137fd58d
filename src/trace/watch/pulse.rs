//! What a watcher on another thread sees of a loop: whether it sleeps, and if it does not, at which turn of a task it
//! is. Two protocols.
//!
//! **The beat.** A count that the loop raises at each begin and end of a task's turn, and at the end of each sleep: odd
//! while a turn lasts. Whoever sees the same count twice knows that the loop has been in one turn all the time between.
//! Beside it stands whose turn it is; the loop writes that only between turns, and the fences let nobody pair a task
//! with another's turn.
//!
//! **The gate.** A watcher must not wake up forty times a second beside a loop that sleeps. One word, three values:
//!
//! ```text
//!            1 loop: rest                  2 watcher: doze, only from ASLEEP
//!   AWAKE ───────────────────▶ ASLEEP ───────────────────▶ DOZING: both sleep
//!     ▲                          │                           │
//!     └──────────────────────────┴───────────────────────────┘
//!            3 loop: resume, by a swap: what was there says whether the watcher must be woken
//! ```
//!
//! Edge 2 is a compare-and-exchange and edge 3 a swap, so one of them comes first: a watcher that dozes off is woken by
//! the very next resume, or does not doze off.

use std::num::NonZeroU64;

use crate::atomic::{AtomicU32, AtomicU64, Ordering, fence};
use crate::trace::TaskId;

const AWAKE: u32 = 0;
const ASLEEP: u32 = 1;
const DOZING: u32 = 2;

pub(crate) struct Pulse {
    /// Odd during a task's turn. Only the loop writes it.
    beat: AtomicU64,
    /// Whose turn it is, or was last. Only the loop writes it, and only while `beat` is even.
    task: AtomicU64,
    gate: AtomicU32,
}

/// What a loop was at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct At {
    beat: u64,
    /// Whose turn it was, if it was one's.
    pub(crate) task: Option<TaskId>,
}

#[cfg(all(test, loom))]
impl At {
    pub(super) fn beat(self) -> u64 {
        self.beat
    }
}

impl Pulse {
    pub(super) fn new() -> Pulse {
        Pulse { beat: AtomicU64::new(0), task: AtomicU64::new(0), gate: AtomicU32::new(ASLEEP) }
    }

    /// A task's turn begins. Plain stores on x86, as all of the beat.
    #[inline]
    pub(super) fn begin(&self, task: TaskId) {
        let beat = self.beat.load(Ordering::Relaxed);
        // Whoever sees this task sees that the turn before was over.
        fence(Ordering::Release);
        self.task.store(task.0.get(), Ordering::Relaxed);
        // Odd in any case: a turn that a panic ended without `end` must not make the rest look like one long turn.
        self.beat.store((beat + 1) | 1, Ordering::Release);
    }

    /// The turn is over. Release: what the task's table says was written before.
    #[inline]
    pub(super) fn end(&self) {
        self.beat.store((self.beat.load(Ordering::Relaxed) | 1) + 1, Ordering::Release);
    }

    /// Whose turn it is; for the loop alone.
    pub(super) fn turn(&self) -> Option<TaskId> {
        let is_turn = self.beat.load(Ordering::Relaxed) & 1 == 1;
        is_turn.then(|| id(self.task.load(Ordering::Relaxed))).flatten()
    }

    /// The loop is about to sleep, or to be left.
    pub(super) fn rest(&self) {
        self.gate.store(ASLEEP, Ordering::Release);
    }

    /// The loop is awake again; whether the watcher dozes, and the caller must wake it.
    #[must_use]
    pub(super) fn resume(&self) -> bool {
        // What comes now is not what was before the sleep, even if no turn came between.
        let beat = self.beat.load(Ordering::Relaxed);
        self.beat.store(beat + 2, Ordering::Release);
        self.gate.swap(AWAKE, Ordering::AcqRel) == DOZING
    }

    /// What the loop is at; `None` if it went on during the look. The same answer twice: it has been at that, and at
    /// nothing else, all the time between.
    pub(crate) fn look(&self) -> Option<At> {
        let beat = self.beat.load(Ordering::Acquire);
        let task = self.task.load(Ordering::Relaxed);
        fence(Ordering::Acquire);
        let is_same = self.beat.load(Ordering::Relaxed) == beat;
        is_same.then(|| At { beat, task: if beat & 1 == 1 { id(task) } else { None } })
    }

    /// Whether the loop sleeps, or is not driven.
    pub(crate) fn is_resting(&self) -> bool {
        self.gate.load(Ordering::Acquire) != AWAKE
    }

    /// The watcher would sleep until the loop resumes; whether it may.
    #[must_use]
    pub(crate) fn doze(&self) -> bool {
        self.gate.compare_exchange(ASLEEP, DOZING, Ordering::AcqRel, Ordering::Acquire).is_ok()
    }

    /// Whether no resume came since `doze`.
    pub(crate) fn is_dozing(&self) -> bool {
        self.gate.load(Ordering::Acquire) == DOZING
    }
}

fn id(number: u64) -> Option<TaskId> {
    NonZeroU64::new(number).map(TaskId)
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn two_turns_of_one_task_and_what_comes_before_and_after_a_sleep_are_told_apart() {
        let (pulse, task) = (Pulse::new(), TaskId(NonZeroU64::MIN));
        let mut seen = Vec::new();
        let mut look = || {
            let at = pulse.look().unwrap();
            assert_eq!(pulse.look(), Some(at));
            assert!(!seen.contains(&at), "{at:?}");
            seen.push(at);
            at.task
        };
        assert_eq!(look(), None);
        for _ in 0..2 {
            assert!(!pulse.resume());
            assert_eq!(look(), None);
            pulse.begin(task);
            assert_eq!(look(), Some(task));
            pulse.begin(task); // after one that a panic ended
            assert_eq!(look(), Some(task));
            pulse.end();
            assert_eq!(look(), None);
            pulse.rest();
        }
    }
}
