//! What happened, as values: one [`Event`] enum, one [`Observer`] method, and the tracer through which leaf verbs emit.
//!
//! The text of an event is its `Display` (see `line`); [`Recorder`] keeps events and their text.

#[cfg(not(feature = "glass"))]
mod absent;
mod accounts;
#[cfg(feature = "console")]
mod console;
mod event;
#[cfg(feature = "glass")]
pub(crate) mod export;
#[cfg(feature = "glass")]
mod flight;
mod hooks;
#[cfg(feature = "glass")]
mod intern;
mod leaf;
mod line;
mod meter;
mod noted;
#[cfg(feature = "glass")]
mod page;
mod recorder;
mod sinks;
#[cfg(feature = "glass")]
mod slow;
#[cfg(feature = "glass")]
pub mod story;
mod tracer;
#[cfg(feature = "glass")]
mod turns;
mod unhandled;
#[cfg(feature = "glass")]
mod watch;

pub use event::{Cause, Direction, Event, Kind, Outcome, Phase, RuntimeId, SourceId, TaskId, TimerId, Wait};
#[cfg(feature = "glass")]
pub use flight::FlightRecorder;
pub use leaf::{Class, Leaf, Via};
pub use meter::{Counted, Wakes};
pub use recorder::Recorder;
#[cfg(feature = "glass")]
pub use slow::SlowPoll;
pub use tracer::Observer;
pub use unhandled::{Failed, OnUnhandled, Unhandled};
#[cfg(feature = "glass")]
pub use watch::WatchedTask;

#[cfg(not(feature = "glass"))]
pub(crate) use absent::Turns;
#[cfg(feature = "console")]
pub(crate) use console::Console;
pub(crate) use leaf::{About, Found, Way, What, Why};
pub(crate) use meter::Meter;
use noted::Noted;
pub(crate) use sinks::Sinks;
#[cfg(feature = "glass")]
pub(crate) use slow::{SlowPolls, TellSlow};
pub(crate) use tracer::Tracer;
#[cfg(feature = "glass")]
pub(crate) use turns::Turns;
#[cfg(feature = "glass")]
pub(crate) use watch::{At, Watched};
