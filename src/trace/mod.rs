//! What happened, as values: one [`Event`] enum, one [`Observer`] method, and the tracer through which leaf verbs emit.
//!
//! The text of an event is its `Display` (see `line`); [`Recorder`] keeps events and their text.

mod accounts;
mod event;
#[cfg(feature = "glass")]
pub(crate) mod export;
#[cfg(feature = "glass")]
mod flight;
mod leaf;
mod line;
mod meter;
#[cfg(feature = "glass")]
mod page;
mod recorder;
mod sinks;
#[cfg(feature = "glass")]
pub mod story;
mod tracer;
mod unhandled;

pub use event::{Cause, Direction, Event, Kind, Outcome, Phase, RuntimeId, SourceId, TaskId, TimerId, Wait};
#[cfg(feature = "glass")]
pub use flight::FlightRecorder;
pub use leaf::{Class, Leaf, Via};
pub use meter::{Counted, Wakes};
pub use recorder::Recorder;
pub use tracer::Observer;
pub use unhandled::{Failed, OnUnhandled, Unhandled};

pub(crate) use leaf::Why;
pub(crate) use meter::Meter;
pub(crate) use sinks::Sinks;
pub(crate) use tracer::Tracer;
