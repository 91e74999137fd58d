//! The kernel's readiness: a mio poll, and a slab of sources with who waits for each.
//!
//! Edge-triggered: a source is registered once for both directions and never changed until it is deregistered. So
//! the kernel speaks once an edge, and what it said is kept here as bits until an operation finds it used up.

mod alarm;
mod source;
mod waiters;

use std::cell::{Cell, RefCell};
use std::io;
use std::panic::Location;
use std::time::Duration;

use mio::event::Source;
use mio::{Events, Interest, Poll, Token};
use slab::Slab;

use crate::cell::{TaskRef, Waiter};
use crate::clock::{Clock, Instant};
use crate::trace::{Direction, Event, SourceId, Tracer};
use alarm::Alarm;
use source::{READABLE, Slot, URGENT, WRITABLE, bits, news};
use waiters::{Number, Taken, Waiters};

pub(crate) use source::{SourceKey, Thing};
pub(crate) use waiters::Place;

const DOORBELL: Token = Token(usize::MAX);
const ALARM: Token = Token(usize::MAX - 1);

/// The kernel's waits may end late by their slack, 50 µs as a rule; the last stretch of a wait is longer than that
/// and belongs to the alarm.
const SLACK: Duration = Duration::from_micros(200);

pub(crate) struct Reactor {
    poll: RefCell<Poll>,
    /// Taken while a park fills it and while dispatch reads it.
    events: Cell<Option<Events>>,
    /// They hold something for dispatch.
    has_news: Cell<bool>,
    sources: RefCell<Slab<Slot>>,
    created: Cell<u64>,
    /// How many of them there were when the kernel was asked last. Younger ones may be where it speaks of one that is gone.
    asked: Cell<u64>,
    places: Cell<u64>,
    /// How many waiters all sources hold together.
    waiting: Cell<usize>,
    alarm: Alarm,
}

impl Reactor {
    /// A reactor, and the waker that ends its sleep.
    pub(crate) fn new(capacity: usize) -> io::Result<(Reactor, mio::Waker)> {
        let poll = Poll::new()?;
        let waker = mio::Waker::new(poll.registry(), DOORBELL)?;
        let reactor = Reactor {
            poll: RefCell::new(poll),
            events: Cell::new(Some(Events::with_capacity(capacity))),
            has_news: Cell::new(false),
            sources: RefCell::default(),
            created: Cell::new(0),
            asked: Cell::new(0),
            places: Cell::new(0),
            waiting: Cell::new(0),
            alarm: Alarm::new(),
        };
        Ok((reactor, waker))
    }

    /// Whether the kernel could report nothing but a wake.
    pub(crate) fn is_empty(&self) -> bool {
        self.sources.borrow().is_empty()
    }

    /// How many sources the kernel was asked to report.
    pub(crate) fn registered(&self) -> usize {
        self.sources.borrow().len()
    }

    /// How many waits for a source there are.
    pub(crate) fn waiting(&self) -> usize {
        self.waiting.get()
    }

    pub(crate) fn register(&self, io: &mut dyn Source, interest: Interest, thing: Thing) -> io::Result<SourceKey> {
        let mut sources = self.sources.borrow_mut();
        let vacant = sources.vacant_entry();
        let slot = u32::try_from(vacant.key()).map_err(|_| io::Error::other("more than 2^32 sockets"))?;
        self.poll.borrow().registry().register(io, Token(vacant.key()), interest)?;
        let id = Number::new(self.created.get() + 1);
        self.created.set(id.get());
        // Optimistic: the operation is tried first, and the kernel's "would block" is what clears a bit.
        vacant.insert(Slot { id, thing, ready: READABLE | WRITABLE, waiters: Waiters::Nobody });
        Ok(SourceKey(slot))
    }

    /// Forgets a source; its waiters are the caller's to drop.
    pub(crate) fn deregister(&self, key: SourceKey, io: &mut dyn Source) -> (io::Result<()>, Vec<Waiter>) {
        let result = self.poll.borrow().registry().deregister(io);
        let mut left = Vec::new();
        if let Some(mut slot) = self.sources.borrow_mut().try_remove(key.0 as usize) {
            slot.waiters.take_all(Direction::Read, &mut left);
            slot.waiters.take_all(Direction::Write, &mut left);
            self.waiting.set(self.waiting.get() - left.len());
        }
        (result, left)
    }

    #[inline]
    fn with_slot<R>(&self, key: SourceKey, act: impl FnOnce(&mut Slot) -> R) -> Option<R> {
        self.sources.borrow_mut().get_mut(key.0 as usize).map(act)
    }

    /// Names a source in traces.
    pub(crate) fn id(&self, key: SourceKey) -> SourceId {
        self.with_slot(key, |slot| slot.id()).unwrap_or(SourceId(0))
    }

    /// Whether an operation in this direction is worth trying; if it is not, the task that `task` gives waits at once,
    /// where nobody else does. `task` is no foreign code: it may be called while the sources are borrowed.
    #[inline(always)] // with the direction known
    pub(crate) fn try_or_wait(
        &self,
        key: SourceKey,
        direction: Direction,
        place: &mut Place,
        site: &'static Location<'static>,
        task: impl FnOnce() -> Option<TaskRef>,
    ) -> Turn {
        let mut sources = self.sources.borrow_mut();
        let Some(slot) = sources.get_mut(key.0 as usize) else { return Turn::Try };
        if slot.ready & bits(direction) != 0 {
            return Turn::Try;
        }
        let waits = slot.waiters.put_alone(direction, site, || {
            let task = task()?;
            self.give_place(place);
            Some((task, *place))
        });
        if waits {
            self.waiting.set(self.waiting.get() + 1);
            return Turn::Waits;
        }
        Turn::Wait
    }

    /// A place for whom has none; whether it is new.
    #[inline]
    fn give_place(&self, place: &mut Place) -> bool {
        let is_new = *place == Place::NONE;
        if is_new {
            self.places.set(self.places.get() + 1);
            *place = Place::new(self.places.get());
        }
        is_new
    }

    /// Lets `waiter` wait at `place` for a direction that is not ready; hands back who is not woken then.
    ///
    /// Nobody waits for a direction that is ready: whatever makes it so takes out all who waited. So whoever finds it
    /// ready has no wait to take back.
    #[inline(always)] // into its one caller
    pub(crate) fn wait(
        &self,
        key: SourceKey,
        direction: Direction,
        place: &mut Place,
        waiter: Waiter,
        site: &'static Location<'static>,
    ) -> Option<Waiter> {
        let is_new = self.give_place(place);
        let mut sources = self.sources.borrow_mut();
        let Some(slot) = sources.get_mut(key.0 as usize) else { return Some(waiter) };
        debug_assert!(slot.ready & bits(direction) == 0, "a wait for what is ready is never ended");
        let put = slot.waiters.put(*place, is_new, direction, waiter, site);
        self.waiting.set(self.waiting.get() + usize::from(put.is_ok()));
        put.err()
    }

    /// The kernel said "would block": whatever was reported before, it is used up.
    pub(crate) fn would_block(&self, key: SourceKey, direction: Direction) {
        let used_up = match direction {
            Direction::Read => bits(direction) | URGENT,
            Direction::Write => bits(direction),
        };
        self.with_slot(key, |slot| slot.ready &= !used_up);
    }

    /// A stream took or gave less than was asked for: the next try would block, unless its end, an error or urgent
    /// data are next.
    #[inline]
    pub(crate) fn drained(&self, key: SourceKey, direction: Direction) {
        self.with_slot(key, |slot| match direction {
            Direction::Read if slot.ready & URGENT != 0 => {}
            Direction::Read => slot.ready &= !READABLE,
            Direction::Write => slot.ready &= !WRITABLE,
        });
    }

    /// Takes back a wait; the waiter is the caller's to drop.
    pub(crate) fn cancel(&self, key: SourceKey, direction: Direction, place: Place) -> Option<Waiter> {
        let gone = self.with_slot(key, |slot| slot.waiters.remove(place, direction)).flatten();
        self.waiting.set(self.waiting.get() - usize::from(gone.is_some()));
        gone
    }

    /// Looks at the kernel without waiting; whether it had news of a source.
    pub(crate) fn look(&self, trace: &Tracer) -> io::Result<bool> {
        let seen = self.poll_once(Some(Duration::ZERO))?;
        if seen.news {
            trace.emit(|| Event::Unpark(self.count()));
        }
        Ok(seen.news)
    }

    /// Sleeps until the kernel reports something, the doorbell was rung, or the clock, if it ticks, would say `until`;
    /// whether there is news of a source.
    ///
    /// mio waits in whole milliseconds, and the kernel may be late by its slack. So a long wait ends early, and the
    /// alarm ends the last stretch to the microsecond.
    pub(crate) fn park(
        &self,
        until: Option<Instant>,
        is_rung: impl Fn() -> bool,
        clock: &Clock,
        trace: &Tracer,
    ) -> io::Result<bool> {
        let seen = loop {
            let left = until.map(|deadline| deadline.duration_since(clock.ticking()));
            let timeout = left.map_or(Ok(None), |left| self.stretch(left, until))?;
            let seen = self.poll_once(timeout)?;
            let over = until.is_some_and(|deadline| deadline <= clock.ticking());
            // The bell's own event may be an old one, whose message was collected before it was seen.
            if seen.news || seen.interrupted || over || is_rung() {
                break seen;
            }
        };
        trace.emit(|| Event::Unpark(self.count()));
        Ok(seen.news)
    }

    /// How long mio is to wait of what is `left`; `None` if the alarm ends it.
    fn stretch(&self, left: Duration, until: Option<Instant>) -> io::Result<Option<Duration>> {
        let whole = left.saturating_sub(SLACK).as_millis() as u64;
        if whole > 0 || left.is_zero() {
            return Ok(Some(Duration::from_millis(whole)));
        }
        let armed = self.alarm.arm(self.poll.borrow().registry(), ALARM, until, left);
        Ok(if armed { None } else { Some(left) })
    }

    #[inline(always)] // into the two that call it: 17 instructions fewer a park
    fn poll_once(&self, timeout: Option<Duration>) -> io::Result<Seen> {
        let mut events = self.events.take().expect("parks and dispatches do not nest");
        self.asked.set(self.created.get());
        let result = self.poll.borrow_mut().poll(&mut events, timeout);
        // Found at the third event at the latest: two descriptors are our own.
        let news = events.iter().any(is_of_source);
        self.events.set(Some(events));
        self.has_news.set(news);
        let mut seen = Seen { news, interrupted: false };
        match result {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => seen.interrupted = true,
            other => other?,
        }
        Ok(seen)
    }

    /// How many events of sources the last look or park found: for traces, because it walks through all of them.
    #[cold]
    fn count(&self) -> usize {
        let events = self.events.take();
        let count = events.iter().flatten().filter(|event| is_of_source(event)).count();
        self.events.set(events);
        count
    }

    /// Whether a look or park found events that were not dispatched yet.
    #[inline]
    pub(crate) fn has_news(&self) -> bool {
        self.has_news.get()
    }

    /// Makes the poll's descriptor readable at `deadline`, for whoever waits on it; whether that can be.
    #[cfg(unix)]
    pub(crate) fn set_alarm(&self, deadline: Instant, now: Instant) -> bool {
        self.alarm.arm(self.poll.borrow().registry(), ALARM, Some(deadline), deadline - now)
    }

    /// The clock was moved against the real one, and the alarm with it.
    pub(crate) fn forget_alarm(&self) {
        self.alarm.forget();
    }

    /// The poll's descriptor, as one of the caller's own.
    #[cfg(all(unix, not(mio_unsupported_force_poll_poll)))]
    pub(crate) fn descriptor(&self) -> io::Result<std::os::fd::OwnedFd> {
        use std::os::fd::AsFd;
        self.poll.borrow().registry().as_fd().try_clone_to_owned()
    }

    /// poll(2) has none.
    #[cfg(all(unix, mio_unsupported_force_poll_poll))]
    pub(crate) fn descriptor(&self) -> io::Result<std::os::fd::OwnedFd> {
        Err(io::ErrorKind::Unsupported.into())
    }

    /// Turns what the last look or park found into waiters, and gives each to `wake` with no borrow held; how many
    /// events there were.
    pub(crate) fn dispatch(&self, mut wake: impl FnMut(Waiter, SourceId, Direction)) -> usize {
        self.has_news.set(false);
        let events = self.events.take().expect("parks and dispatches do not nest");
        let mut count = 0;
        for event in events.iter().filter(|event| is_of_source(event)) {
            count += 1;
            let (Token(slot), news) = (event.token(), news(event));
            match self.report(slot, news) {
                (_, Taken::Nobody) => {}
                (id, Taken::One(task, direction)) => wake(Waiter::Task(task), id, direction),
                (id, Taken::More) => match self.report_listed(slot, news) {
                    Taken::Nobody => {}
                    Taken::One(waiter, direction) => wake(waiter, id, direction),
                    Taken::More => {
                        for (waiter, direction) in self.take_crowd(slot, news) {
                            wake(waiter, id, direction);
                        }
                    }
                },
            }
        }
        self.events.set(Some(events));
        count
    }

    /// Notes the news of a source, and takes out whom they concern.
    #[inline]
    fn report(&self, slot: usize, news: u8) -> (SourceId, Taken<TaskRef>) {
        let mut sources = self.sources.borrow_mut();
        let slot = sources.get_mut(slot).filter(|slot| slot.id.get() <= self.asked.get());
        let Some(slot) = slot else { return (SourceId(0), Taken::Nobody) };
        slot.ready |= news;
        let taken = slot.waiters.take(news);
        self.waiting.set(self.waiting.get() - usize::from(matches!(taken, Taken::One(..))));
        (slot.id(), taken)
    }

    #[cold]
    #[inline(never)]
    fn report_listed(&self, slot: usize, news: u8) -> Taken<Waiter> {
        let mut sources = self.sources.borrow_mut();
        let taken = sources.get_mut(slot).map_or(Taken::Nobody, |slot| slot.waiters.take_listed(news));
        self.waiting.set(self.waiting.get() - usize::from(matches!(taken, Taken::One(..))));
        taken
    }

    /// Those who wait for what `news` tell: readers before writers, each in order of arrival.
    #[cold]
    fn take_crowd(&self, slot: usize, news: u8) -> Vec<(Waiter, Direction)> {
        let mut crowd = Vec::new();
        let mut sources = self.sources.borrow_mut();
        let Some(slot) = sources.get_mut(slot) else { return crowd };
        for direction in [Direction::Read, Direction::Write] {
            if news & bits(direction) != 0 {
                let mut taken = Vec::new();
                slot.waiters.take_all(direction, &mut taken);
                crowd.extend(taken.into_iter().map(|waiter| (waiter, direction)));
            }
        }
        self.waiting.set(self.waiting.get() - crowd.len());
        crowd
    }

    /// Asks for each task that waits.
    pub(crate) fn each(
        &self,
        mut look: impl FnMut(&TaskRef, SourceId, &'static str, Direction, &'static Location<'static>),
    ) {
        for (_, slot) in self.sources.borrow().iter() {
            slot.waiters.each(|task, direction, site| look(task, slot.id(), slot.thing.name(), direction, site));
        }
    }

    /// Takes all waiters away, for shutdown.
    pub(crate) fn take_waiters(&self) -> Vec<Waiter> {
        let mut left = Vec::new();
        for (_, slot) in self.sources.borrow_mut().iter_mut() {
            slot.waiters.take_all(Direction::Read, &mut left);
            slot.waiters.take_all(Direction::Write, &mut left);
        }
        self.waiting.set(0);
        left
    }
}

/// What whoever wants to do an operation is to do.
pub(crate) enum Turn {
    /// It is worth trying.
    Try,
    /// It is not; by now it waits.
    Waits,
    /// It is not; to wait, by `wait`.
    Wait,
}

/// Neither the doorbell's nor the alarm's.
#[inline]
fn is_of_source(event: &mio::event::Event) -> bool {
    event.token() < ALARM
}

struct Seen {
    /// Of a source.
    news: bool,
    interrupted: bool,
}
