//! What the reactor keeps of a source, and what an event says of it.

use super::waiters::{Number, Waiters};
use crate::trace::{Direction, SourceId};

/// Names a registered source: its place in the slab. That is the socket's own until the socket, at its end, gives it
/// back, and the socket lends its key to nobody; so a key needs no number to tell whether it is stale, and a socket is 16
/// bytes instead of 24, which a future that was given one often holds twice. What comes late is
/// the end of a wait, from another thread: it finds nothing, for no `Place` is given twice.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SourceKey(pub(super) u32);

/// A source. Nothing else of it is touched for an event or a poll.
pub(super) struct Slot {
    pub(super) waiters: Waiters,
    pub(super) id: Number,
    pub(super) thing: Thing,
    /// What the kernel reported and nothing has used up.
    pub(super) ready: u8,
}

/// Every idle socket holds one: half a cache line. (The `Option` stands for the slab's
/// entry, which must tell free slots from used ones.)
#[cfg(target_pointer_width = "64")]
const _: () = assert!(size_of::<Option<Slot>>() == 32);

/// What a source is, for dumps. A byte, where a name is two words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(dead_code)] // some features make none of theirs
pub(crate) enum Thing {
    Socket,
    AsyncFd,
    SignalListener,
    PipeToChild,
    PipeFromChild,
    Child,
}

impl Thing {
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Thing::Socket => "socket",
            Thing::AsyncFd => "AsyncFd",
            Thing::SignalListener => "signal listener",
            Thing::PipeToChild => "pipe to a child",
            Thing::PipeFromChild => "pipe from a child",
            Thing::Child => "child process",
        }
    }
}

pub(super) const READABLE: u8 = 1;
pub(super) const WRITABLE: u8 = 2;
/// The peer is done, or the source failed: reading never waits again. Sticks, for the kernel says it once.
const READ_CLOSED: u8 = 4;
const WRITE_CLOSED: u8 = 8;
/// Urgent data are in the stream: a read ends before them, whatever comes after. Until the next "would block".
pub(super) const URGENT: u8 = 16;

impl Slot {
    #[inline]
    pub(super) fn id(&self) -> SourceId {
        SourceId(self.id.get())
    }
}

#[inline]
pub(super) fn bits(direction: Direction) -> u8 {
    (READABLE | READ_CLOSED) << direction as u8 // a writer's bits stand one place higher
}

/// What an event says, as bits. Nearly all say nothing but "readable" or "writable": asked for the rest at once,
/// that is 16 instructions instead of 38.
#[inline]
pub(super) fn news(event: &mio::event::Event) -> u8 {
    let plain = u8::from(event.is_readable()) | u8::from(event.is_writable()) << 1;
    let closed = event.is_read_closed() || event.is_write_closed();
    if closed || event.is_error() || event.is_priority() { plain | rare_news(event) } else { plain }
}

#[cold]
#[inline(never)]
fn rare_news(event: &mio::event::Event) -> u8 {
    let mut news = 0;
    let mut note = |is_so: bool, bit: u8| news |= if is_so { bit } else { 0 };
    note(event.is_read_closed() || event.is_error(), READ_CLOSED);
    note(event.is_write_closed() || event.is_error(), WRITE_CLOSED);
    note(event.is_priority(), URGENT);
    news
}
