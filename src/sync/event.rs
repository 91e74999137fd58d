//! Something that has happened, or not yet.

use std::fmt;
use std::future::Future;
use std::ops::Deref;
use std::panic::Location;
use std::pin::Pin;
use std::task::{Context, Poll};

use crate::cell::Cell;
use crate::trace::Class;
use crate::waits::{Grant, Op, Place, WaitList};

static WAIT: Op = Op::new(Class::Signal, "Event::wait", "set the Event").losing("");

/// A flag that tasks wait for; asyncio's `Event`.
///
/// # Scheduling
/// [`set`](Event::set) makes all who wait ready, in the order in which they came. They go on even if the flag is
/// cleared before they run.
///
/// # Examples
/// ```
/// use glassloop::{spawn, sync::Event};
/// use std::rc::Rc;
///
/// glassloop::run(async {
///     let started = Rc::new(Event::new());
///     let waiting = spawn({
///         let started = started.clone();
///         async move { started.wait().await }
///     });
///     started.set();
///     waiting.await.unwrap();
///     started.wait().await; // it is still set
/// });
/// ```
pub struct Event {
    set: Cell<bool>,
    line: WaitList,
}

impl Event {
    /// Not set.
    #[must_use]
    #[track_caller]
    pub const fn new() -> Event {
        Event { set: Cell::new(false), line: WaitList::new() }
    }

    /// It has happened: all who wait go on, and nobody who comes later waits.
    pub fn set(&self) {
        self.mark();
        self.wake();
    }

    /// It is yet to happen again: whoever comes now waits.
    pub fn clear(&self) {
        self.set.set(false);
    }

    /// Whether it is set.
    #[must_use]
    pub fn is_set(&self) -> bool {
        self.set.get()
    }

    /// Waits until it is set. If it is, this is ready at once.
    ///
    /// # Cancel safety
    /// Dropping it loses nothing.
    #[track_caller]
    pub fn wait(&self) -> impl Future<Output = ()> {
        Happening::new(self, &WAIT, Location::caller())
    }

    /// The first half of `set`: nobody who comes from now on waits.
    pub(super) fn mark(&self) {
        self.set.set(true);
    }

    /// The second half: those who came before go on.
    pub(super) fn wake(&self) {
        self.line.grant_all(Grant::All);
    }
}

impl Default for Event {
    #[track_caller]
    fn default() -> Event {
        Event::new()
    }
}

impl fmt::Debug for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Event").field("is_set", &self.is_set()).finish_non_exhaustive()
    }
}

/// The future of an event, which is reached by way of `E`.
#[must_use = "futures do nothing unless you `.await` them"]
pub(super) struct Happening<E: Deref<Target = Event>> {
    event: E,
    place: Place,
    op: &'static Op,
    site: &'static Location<'static>,
}

impl<E: Deref<Target = Event>> Happening<E> {
    pub(super) fn new(event: E, op: &'static Op, site: &'static Location<'static>) -> Happening<E> {
        Happening { event, place: Place::NONE, op, site }
    }
}

// Nothing in it is pinned.
impl<E: Deref<Target = Event>> Unpin for Happening<E> {}

impl<E: Deref<Target = Event>> Future for Happening<E> {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let this = &mut *self;
        if this.place.is_none() && this.event.is_set() {
            return Poll::Ready(());
        }
        this.event.line.poll(&mut this.place, cx, this.op, this.site, 1).map(|_| ())
    }
}

impl<E: Deref<Target = Event>> Drop for Happening<E> {
    fn drop(&mut self) {
        // What it was granted is nobody else's.
        let _ = self.event.line.leave(&mut self.place);
    }
}
