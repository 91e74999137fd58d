//! The log: the canonical lines, with times, which people want and a comparison of two runs does not.

use std::io::{self, Write};

use crate::clock::Instant;
use crate::trace::Event;

/// A line an event: seconds since the first one, to the nanosecond, and the canonical line. Without its first 17
/// columns it is [`Recorder::text`](crate::trace::Recorder::text), which two runs give alike.
pub(super) fn write(events: &[(Instant, Event)], dropped: u64, out: &mut dyn Write) -> io::Result<()> {
    if dropped > 0 {
        writeln!(out, "{:16} ({dropped} older events dropped)", "")?;
    }
    let Some((begin, _)) = events.first() else { return Ok(()) };
    for (at, event) in events {
        let time = *at - *begin;
        writeln!(out, "{:6}.{:09} {event}", time.as_secs(), time.subsec_nanos())?;
    }
    Ok(())
}
