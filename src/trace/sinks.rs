//! Our own records of what happens, beside the observers: each is a field, told of each event in one line.
//!
//! What is told here calls nothing foreign, so it needs neither the observers' queue nor their guard.

use std::io;

#[cfg(feature = "glass")]
use super::FlightRecorder;
use super::{Event, RuntimeId};
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
    #[inline]
    pub(super) fn note(&self, now: Instant, event: &Event) {
        #[cfg(feature = "glass")]
        if let Some(flight) = &self.flight {
            flight.note(now, event);
        }
        #[cfg(not(feature = "glass"))]
        let _ = (now, event);
    }
}
