//! The kernel's readiness: a mio poll, and a slab of sources with who waits for each.
//!
//! Edge-triggered: a source is registered once for both directions and never changed until it is deregistered. So
//! the kernel speaks once an edge, and what it said is kept here as bits until an operation finds it used up.

mod alarm;
mod waiters;

use std::cell::{Cell, RefCell};
use std::io;
use std::panic::Location;
use std::time::Duration;

use mio::event::Source;
use mio::{Events, Interest, Poll, Token};
use slab::Slab;

use crate::cell::Waiter;
use crate::clock::{Clock, Instant};
use crate::trace::{Direction, Event, SourceId, Tracer};
use alarm::Alarm;
use waiters::Waiters;

pub(crate) use waiters::Place;

const DOORBELL: Token = Token(usize::MAX);
const ALARM: Token = Token(usize::MAX - 1);

/// The kernel's waits may end late by their slack, 50 µs as a rule; the last stretch of a wait is longer than that
/// and belongs to the alarm.
const SLACK: Duration = Duration::from_micros(200);

/// Names a registered source: its place in the slab, and its number, which is never used again.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SourceKey {
    slot: u32,
    id: SourceId,
}

pub(crate) struct Reactor {
    poll: RefCell<Poll>,
    /// Taken while a park fills it and while dispatch reads it.
    events: Cell<Option<Events>>,
    /// They hold something for dispatch.
    news: Cell<usize>,
    /// Room for dispatch, kept so that it allocates once.
    woken: Cell<Vec<Waiter>>,
    sources: RefCell<Slab<Slot>>,
    created: Cell<u64>,
    places: Cell<u64>,
    /// How many waiters all sources hold together.
    waiting: Cell<usize>,
    alarm: Alarm,
}

struct Slot {
    id: SourceId,
    /// What it is, for dumps.
    thing: &'static str,
    /// What the kernel reported and nothing has used up.
    ready: u8,
    read: Waiters,
    write: Waiters,
}

const READABLE: u8 = 1;
const WRITABLE: u8 = 2;
/// The peer is done, or the source failed: reading never waits again. Sticks, for the kernel says it once.
const READ_CLOSED: u8 = 4;
const WRITE_CLOSED: u8 = 8;

fn bits(direction: Direction) -> u8 {
    match direction {
        Direction::Read => READABLE | READ_CLOSED,
        Direction::Write => WRITABLE | WRITE_CLOSED,
    }
}

impl Slot {
    fn waiters(&mut self, direction: Direction) -> &mut Waiters {
        match direction {
            Direction::Read => &mut self.read,
            Direction::Write => &mut self.write,
        }
    }
}

impl Reactor {
    /// A reactor, and the waker that ends its sleep.
    pub(crate) fn new(capacity: usize) -> io::Result<(Reactor, mio::Waker)> {
        let poll = Poll::new()?;
        let waker = mio::Waker::new(poll.registry(), DOORBELL)?;
        let reactor = Reactor {
            poll: RefCell::new(poll),
            events: Cell::new(Some(Events::with_capacity(capacity))),
            news: Cell::new(0),
            woken: Cell::default(),
            sources: RefCell::default(),
            created: Cell::new(0),
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

    /// How many waits for a source there are.
    pub(crate) fn waiting(&self) -> usize {
        self.waiting.get()
    }

    pub(crate) fn register(
        &self,
        io: &mut impl Source,
        interest: Interest,
        thing: &'static str,
    ) -> io::Result<SourceKey> {
        let mut sources = self.sources.borrow_mut();
        let vacant = sources.vacant_entry();
        let key = SourceKey {
            slot: u32::try_from(vacant.key()).map_err(|_| io::Error::other("more than 2^32 sockets"))?,
            id: SourceId(self.created.get() + 1),
        };
        self.poll.borrow().registry().register(io, Token(vacant.key()), interest)?;
        self.created.set(key.id.0);
        // Optimistic: the operation is tried first, and the kernel's "would block" is what clears a bit.
        vacant.insert(Slot {
            id: key.id,
            thing,
            ready: READABLE | WRITABLE,
            read: Waiters::default(),
            write: Waiters::default(),
        });
        Ok(key)
    }

    /// Forgets a source; its waiters are the caller's to drop.
    pub(crate) fn deregister(&self, key: SourceKey, io: &mut impl Source) -> (io::Result<()>, Vec<Waiter>) {
        let result = self.poll.borrow().registry().deregister(io);
        let mut left = Vec::new();
        let mut sources = self.sources.borrow_mut();
        if sources.get(key.slot as usize).is_some_and(|slot| slot.id == key.id) {
            let mut slot = sources.remove(key.slot as usize);
            slot.read.take(&mut left);
            slot.write.take(&mut left);
            self.waiting.set(self.waiting.get() - left.len());
        }
        (result, left)
    }

    fn with_slot<R>(&self, key: SourceKey, act: impl FnOnce(&mut Slot) -> R) -> Option<R> {
        let mut sources = self.sources.borrow_mut();
        sources.get_mut(key.slot as usize).filter(|slot| slot.id == key.id).map(act)
    }

    /// Whether an operation in this direction is worth trying.
    #[inline]
    pub(crate) fn is_ready(&self, key: SourceKey, direction: Direction) -> bool {
        self.with_slot(key, |slot| slot.ready & bits(direction) != 0).unwrap_or(true)
    }

    /// The kernel said "would block": whatever was reported before, it is used up.
    pub(crate) fn would_block(&self, key: SourceKey, direction: Direction) {
        self.with_slot(key, |slot| slot.ready &= !bits(direction));
    }

    /// A stream gave less than was asked for: it is drained, unless its end or an error is next.
    pub(crate) fn drained(&self, key: SourceKey, direction: Direction) {
        let sticky = READ_CLOSED | WRITE_CLOSED;
        self.with_slot(key, |slot| slot.ready &= !bits(direction) | sticky);
    }

    /// Lets `waiter` wait for a direction at `place`; hands back who is not woken then.
    pub(crate) fn wait(
        &self,
        key: SourceKey,
        direction: Direction,
        place: &mut Place,
        waiter: Waiter,
        site: Option<&'static Location<'static>>,
    ) -> Option<Waiter> {
        if *place == Place::NONE {
            self.places.set(self.places.get() + 1);
            *place = Place::new(self.places.get());
        }
        let mut waiter = Some(waiter);
        let added = self.with_slot(key, |slot| slot.waiters(direction).put(*place, &mut waiter, site));
        self.waiting.set(self.waiting.get() + usize::from(added == Some(true)));
        waiter
    }

    /// Takes back a wait; the waiter is the caller's to drop.
    pub(crate) fn cancel(&self, key: SourceKey, direction: Direction, place: Place) -> Option<Waiter> {
        let gone = self.with_slot(key, |slot| slot.waiters(direction).remove(place)).flatten();
        self.waiting.set(self.waiting.get() - usize::from(gone.is_some()));
        gone
    }

    /// Looks at the kernel without waiting; how many events it had.
    pub(crate) fn look(&self, trace: &Tracer) -> io::Result<usize> {
        let seen = self.poll_once(Some(Duration::ZERO))?;
        if seen.sources > 0 {
            trace.emit(|| Event::Unpark(seen.sources));
        }
        Ok(seen.sources)
    }

    /// Sleeps until the kernel reports something, the doorbell was rung, or the clock, if it ticks, would say `until`;
    /// how many events there were.
    ///
    /// mio waits in whole milliseconds, and the kernel may be late by its slack. So a long wait ends early, and the
    /// alarm ends the last stretch to the microsecond.
    pub(crate) fn park(
        &self,
        until: Option<Instant>,
        is_rung: impl Fn() -> bool,
        clock: &Clock,
        trace: &Tracer,
    ) -> io::Result<usize> {
        let seen = loop {
            let left = until.map(|deadline| deadline.duration_since(clock.ticking()));
            let timeout = left.map_or(Ok(None), |left| self.stretch(left, until))?;
            let seen = self.poll_once(timeout)?;
            let over = until.is_some_and(|deadline| deadline <= clock.ticking());
            // The bell's own event may be an old one, whose message was collected before it was seen.
            if seen.sources > 0 || seen.interrupted || over || is_rung() {
                break seen;
            }
        };
        trace.emit(|| Event::Unpark(seen.sources));
        Ok(seen.sources)
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

    fn poll_once(&self, timeout: Option<Duration>) -> io::Result<Seen> {
        let mut events = self.events.take().expect("parks and dispatches do not nest");
        let result = self.poll.borrow_mut().poll(&mut events, timeout);
        let mut seen = Seen::default();
        for event in &events {
            match event.token() {
                DOORBELL | ALARM => {}
                _ => seen.sources += 1,
            }
        }
        self.events.set(Some(events));
        self.news.set(seen.sources);
        match result {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => seen.interrupted = true,
            other => other?,
        }
        Ok(seen)
    }

    /// How many events a look or park found that were not dispatched yet.
    pub(crate) fn news(&self) -> usize {
        self.news.get()
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
    #[cfg(unix)]
    pub(crate) fn descriptor(&self) -> io::Result<std::os::fd::OwnedFd> {
        use std::os::fd::AsFd;
        self.poll.borrow().registry().as_fd().try_clone_to_owned()
    }

    /// Turns what the last look or park found into waiters, and gives each to `wake` with no borrow held.
    pub(crate) fn dispatch(&self, mut wake: impl FnMut(Waiter, SourceId, Direction)) {
        self.news.set(0);
        let events = self.events.take().expect("parks and dispatches do not nest");
        let mut woken = self.woken.take();
        for event in &events {
            for direction in [Direction::Read, Direction::Write] {
                let id = self.report(event, direction, &mut woken);
                for waiter in woken.drain(..) {
                    wake(waiter, id, direction);
                }
            }
        }
        self.woken.set(woken);
        self.events.set(Some(events));
    }

    /// Notes one event's news for one direction, and moves the waiters that it concerns to `woken`.
    fn report(&self, event: &mio::event::Event, direction: Direction, woken: &mut Vec<Waiter>) -> SourceId {
        let (open, closed) = match direction {
            Direction::Read => (event.is_readable(), event.is_read_closed() || event.is_error()),
            Direction::Write => (event.is_writable(), event.is_write_closed() || event.is_error()),
        };
        let mut news = if open { bits(direction) & (READABLE | WRITABLE) } else { 0 };
        if closed {
            news |= bits(direction) & (READ_CLOSED | WRITE_CLOSED);
        }
        let mut sources = self.sources.borrow_mut();
        // The doorbell's and the alarm's tokens name no slot.
        let Some(slot) = sources.get_mut(event.token().0) else { return SourceId(0) };
        if news != 0 {
            slot.ready |= news;
            slot.waiters(direction).take(woken);
            self.waiting.set(self.waiting.get() - woken.len());
        }
        slot.id
    }

    /// Asks for everybody who waits.
    pub(crate) fn each(
        &self,
        mut look: impl FnMut(&Waiter, SourceId, &'static str, Direction, Option<&'static Location<'static>>),
    ) {
        for (_, slot) in self.sources.borrow().iter() {
            slot.read.each(|waiter, site| look(waiter, slot.id, slot.thing, Direction::Read, site));
            slot.write.each(|waiter, site| look(waiter, slot.id, slot.thing, Direction::Write, site));
        }
    }

    /// Takes all waiters away, for shutdown.
    pub(crate) fn take_waiters(&self) -> Vec<Waiter> {
        let mut left = Vec::new();
        for (_, slot) in self.sources.borrow_mut().iter_mut() {
            slot.read.take(&mut left);
            slot.write.take(&mut left);
        }
        self.waiting.set(0);
        left
    }
}

#[derive(Default)]
struct Seen {
    sources: usize,
    interrupted: bool,
}
