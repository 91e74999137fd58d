//! Our own records of what happens, beside the observers: each is a field, told of each event in one line.
//!
//! What is told here calls nothing foreign, so it needs neither the observers' queue nor their guard.

use std::io;
use std::panic::Location;
use std::sync::Arc;

#[cfg(feature = "glass")]
use super::FlightRecorder;
use super::{Event, Kind, Leaf, Noted, Outcome, RuntimeId, TaskId, Way, What};
use crate::clock::Instant;

/// What the runtime was asked to record.
#[derive(Default)]
pub(crate) struct Sinks {
    #[cfg(feature = "glass")]
    pub(crate) flight: Option<FlightRecorder>,
}

impl Sinks {
    /// They belong to this runtime from now on.
    ///
    /// # Errors
    /// If one belongs to another.
    pub(crate) fn attach(&self, runtime: RuntimeId, now: Instant) -> io::Result<()> {
        #[cfg(feature = "glass")]
        if let Some(flight) = &self.flight {
            flight.attach(runtime, now)?;
        }
        let _ = (runtime, now);
        Ok(())
    }

    pub(crate) fn are_any(&self) -> bool {
        #[cfg(feature = "glass")]
        return self.flight.is_some();
        #[cfg(not(feature = "glass"))]
        return false;
    }

    /// An event; of those after a poll, a sleep and outside of the loop `now` is exact, of the others it is the
    /// moment of the last that was.
    pub(super) fn note(&self, now: Instant, event: &Event) {
        #[cfg(feature = "glass")]
        if let Some(flight) = &self.flight {
            flight.note(now, event);
        }
        let _ = (now, event);
    }

    // The same for the events of each poll, which pass `note` by where nobody observes.

    #[inline]
    pub(super) fn poll(&self, task: TaskId) {
        #[cfg(feature = "glass")]
        if let Some(flight) = &self.flight {
            flight.poll(task);
        }
        let _ = task;
    }

    /// The number of a leaf of the kind `Sync`, for `pending`, if it was asked for of late.
    #[inline(always)]
    pub(super) fn number_of(
        &self,
        what: &'static What,
        site: &'static Location<'static>,
        made: &'static Location<'static>,
    ) -> Option<Noted> {
        #[cfg(feature = "glass")]
        if let Some(flight) = &self.flight {
            return flight.number_of(what, site, made);
        }
        let _ = (what, site, made);
        None
    }

    /// The same of any, if there is room for it.
    pub(super) fn new_number_of(
        &self,
        what: &'static What,
        site: &'static Location<'static>,
        made: &'static Location<'static>,
    ) -> Option<Noted> {
        #[cfg(feature = "glass")]
        if let Some(flight) = &self.flight {
            return flight.new_number_of(what, site, made);
        }
        let _ = (what, site, made);
        None
    }

    #[inline(always)] // into the end of a poll
    pub(super) fn pending(&self, now: Instant, task: TaskId, on: Noted, whole: impl FnOnce() -> Option<Leaf>) {
        #[cfg(feature = "glass")]
        if let Some(flight) = &self.flight {
            return flight.pending(now, task, on, whole);
        }
        let _ = (now, task, on, whole);
    }

    #[inline(always)] // into its one caller
    pub(super) fn done(&self, now: Instant, task: TaskId, outcome: Outcome) {
        #[cfg(feature = "glass")]
        if let Some(flight) = &self.flight {
            flight.done(now, task, outcome);
        }
        let _ = (now, task, outcome);
    }

    #[inline(always)] // into each kind of wake: out of line its frame took 20 instructions
    pub(super) fn wake_by(&self, now: Instant, task: TaskId, by: TaskId, via: Option<Way>) {
        #[cfg(feature = "glass")]
        if let Some(flight) = &self.flight {
            return flight.wake_by(now, task, by, via);
        }
        let _ = (now, task, by, via);
    }

    /// A spawn, and that the task is ready.
    #[inline(always)] // into its one caller
    pub(super) fn spawn_ready(
        &self,
        now: Instant,
        task: TaskId,
        kind: Kind,
        name: Option<Arc<str>>,
        by: Option<TaskId>,
        site: &'static Location<'static>,
    ) {
        #[cfg(feature = "glass")]
        if let Some(flight) = &self.flight {
            return flight.spawn_ready(now, task, kind, name, by, site);
        }
        let _ = (now, task, kind, name, by, site);
    }
}
