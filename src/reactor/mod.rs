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
    news: Cell<bool>,
    sources: RefCell<Slab<Slot>>,
    created: Cell<u64>,
    places: Cell<u64>,
    /// How many waiters all sources hold together.
    waiting: Cell<usize>,
    alarm: Alarm,
}

/// While a direction is ready, nobody waits for it: whoever asks is told so, and news wakes all who wait.
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

#[inline]
fn bits(direction: Direction) -> u8 {
    (READABLE | READ_CLOSED) << direction as u8 // each of Write stands one above its like of Read
}

impl Slot {
    fn waiters(&mut self, direction: Direction) -> &mut Waiters {
        match direction {
            Direction::Read => &mut self.read,
            Direction::Write => &mut self.write,
        }
    }

    fn take_all(&mut self, left: &mut Vec<Waiter>) {
        self.read.take().each(|waiter| left.push(waiter));
        self.write.take().each(|waiter| left.push(waiter));
    }
}

/// Whom an event concerns.
enum Report {
    Nobody,
    /// One who reads, and nobody else.
    Reader(Waiter, SourceId),
    Others,
    /// No source.
    Unknown,
}

/// What came of a look before an operation.
#[derive(Clone, Copy)]
pub(crate) enum Attended {
    /// It is worth trying, or the source was forgotten, as the operation will tell.
    Ready,
    /// The task waits.
    Waits,
    /// Not ready, and a wait of another kind than the rule: [`Reactor::wait`] is for it.
    Otherwise,
}

fn is_of_source(event: &mio::event::Event) -> bool {
    !matches!(event.token(), DOORBELL | ALARM)
}

/// What an event makes ready.
#[inline]
fn news_of(event: &mio::event::Event) -> u8 {
    let failed = event.is_error();
    let bit = |is: bool, bit: u8| if is { bit } else { 0 };
    bit(event.is_readable(), READABLE)
        | bit(event.is_writable(), WRITABLE)
        | bit(failed || event.is_read_closed(), READ_CLOSED)
        | bit(failed || event.is_write_closed(), WRITE_CLOSED)
}

impl Reactor {
    /// A reactor, and the waker that ends its sleep.
    pub(crate) fn new(capacity: usize) -> io::Result<(Reactor, mio::Waker)> {
        let poll = Poll::new()?;
        let waker = mio::Waker::new(poll.registry(), DOORBELL)?;
        let reactor = Reactor {
            poll: RefCell::new(poll),
            events: Cell::new(Some(Events::with_capacity(capacity))),
            news: Cell::new(false),
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
            slot.take_all(&mut left);
            self.waiting.set(self.waiting.get() - left.len());
        }
        (result, left)
    }

    #[inline]
    fn with_slot<R>(&self, key: SourceKey, act: impl FnOnce(&mut Slot) -> R) -> Option<R> {
        let mut sources = self.sources.borrow_mut();
        sources.get_mut(key.slot as usize).filter(|slot| slot.id == key.id).map(act)
    }

    /// Whether an operation in this direction is worth trying; if not, `own` waits at `place`. The two in one look: it
    /// is the rule, and each look costs some 20 instructions.
    #[inline]
    pub(crate) fn attend(
        &self,
        key: SourceKey,
        direction: Direction,
        place: &mut Place,
        own: impl FnOnce() -> Option<Waiter>,
        site: Option<&'static Location<'static>>,
    ) -> Attended {
        let is_ready = |slot: &Slot| slot.ready & bits(direction) != 0;
        let attended = self.with_slot(key, |slot| {
            if is_ready(slot) {
                return Attended::Ready;
            }
            let waiters = slot.waiters(direction);
            match if waiters.is_empty() { own() } else { None } {
                None => Attended::Otherwise,
                Some(waiter) => {
                    self.settle(place);
                    waiters.put_first(*place, waiter, site);
                    Attended::Waits
                }
            }
        });
        match attended {
            Some(Attended::Ready) => place.leave(),
            Some(Attended::Waits) => self.waiting.set(self.waiting.get() + 1),
            _ => {}
        }
        attended.unwrap_or(Attended::Ready)
    }

    /// Gives a wait its place, if it has none.
    #[inline]
    fn settle(&self, place: &mut Place) {
        if *place == Place::NONE {
            self.places.set(self.places.get() + 1);
            *place = Place::new(self.places.get());
        }
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
        self.settle(place);
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

    /// Looks at the kernel without waiting; whether it had news.
    pub(crate) fn look(&self, trace: &Tracer) -> io::Result<bool> {
        self.poll_once(Some(Duration::ZERO))?;
        if self.has_news() {
            trace.emit(|| Event::Unpark(self.count()));
        }
        Ok(self.has_news())
    }

    /// Sleeps until the kernel reports something, the doorbell was rung, or the clock, if it ticks, would say `until`.
    ///
    /// mio waits in whole milliseconds, and the kernel may be late by its slack. So a long wait ends early, and the
    /// alarm ends the last stretch to the microsecond.
    pub(crate) fn park(
        &self,
        until: Option<Instant>,
        is_rung: impl Fn() -> bool,
        clock: &Clock,
        trace: &Tracer,
    ) -> io::Result<()> {
        loop {
            let left = until.map(|deadline| deadline.duration_since(clock.ticking()));
            let timeout = left.map_or(Ok(None), |left| self.stretch(left, until))?;
            let interrupted = self.poll_once(timeout)?;
            let is_over = || until.is_some_and(|deadline| deadline <= clock.ticking());
            // The bell's own event may be an old one, whose message was collected before it was seen.
            if self.has_news() || interrupted || is_over() || is_rung() {
                break;
            }
        }
        trace.emit(|| Event::Unpark(self.count()));
        Ok(())
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

    /// Asks the kernel; whether a signal came in between.
    fn poll_once(&self, timeout: Option<Duration>) -> io::Result<bool> {
        let mut events = self.events.take().expect("parks and dispatches do not nest");
        let result = self.poll.borrow_mut().poll(&mut events, timeout);
        self.news.set(events.iter().any(is_of_source)); // the first is, as a rule
        self.events.set(Some(events));
        match result {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => Ok(true),
            other => other.map(|()| false),
        }
    }

    /// Whether a look or park found something that was not dispatched yet.
    pub(crate) fn has_news(&self) -> bool {
        self.news.get()
    }

    /// How many events they found.
    fn count(&self) -> usize {
        let events = self.events.take().expect("parks and dispatches do not nest");
        let count = events.iter().filter(|event| is_of_source(event)).count();
        self.events.set(Some(events));
        count
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

    /// Turns what the last look or park found into waiters, and gives each to `wake` with no borrow held: for each
    /// event those who read, then those who write. How many events there were.
    pub(crate) fn dispatch(&self, mut wake: impl FnMut(Waiter, SourceId, Direction)) -> usize {
        self.news.set(false);
        let events = self.events.take().expect("parks and dispatches do not nest");
        let mut count = 0;
        for event in &events {
            let (slot, news) = (event.token().0, news_of(event));
            match self.report(slot, news) {
                Report::Nobody => {}
                Report::Reader(waiter, id) => wake(waiter, id, Direction::Read),
                Report::Others => self.wake_all(slot, news, &mut wake),
                Report::Unknown => continue, // the doorbell's and the alarm's tokens name no slot
            }
            count += 1;
        }
        self.events.set(Some(events));
        count
    }

    /// Notes one event's news. Takes whoever waits, if that is one reader, as it mostly is: 50 instructions an event.
    #[inline]
    fn report(&self, slot: usize, news: u8) -> Report {
        let mut sources = self.sources.borrow_mut();
        let Some(slot) = sources.get_mut(slot) else { return Report::Unknown };
        slot.ready |= news;
        if slot.read.is_empty() && slot.write.is_empty() {
            return Report::Nobody;
        }
        if news & bits(Direction::Read) == 0 || !slot.write.is_empty() {
            return Report::Others;
        }
        let Some(waiter) = slot.read.take_only() else { return Report::Others };
        self.waiting.set(self.waiting.get() - 1);
        Report::Reader(waiter, slot.id)
    }

    /// Wakes everybody whom news concern.
    #[cold]
    #[inline(never)]
    fn wake_all(&self, slot: usize, news: u8, wake: &mut impl FnMut(Waiter, SourceId, Direction)) {
        for direction in [Direction::Read, Direction::Write] {
            let taken = {
                let mut sources = self.sources.borrow_mut();
                // A foreign waker may have forgotten the source meanwhile.
                let Some(slot) = sources.get_mut(slot).filter(|_| news & bits(direction) != 0) else { continue };
                (slot.id, slot.waiters(direction).take())
            };
            let (id, woken) = taken;
            self.waiting.set(self.waiting.get() - woken.len());
            woken.each(|waiter| wake(waiter, id, direction));
        }
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
            slot.take_all(&mut left);
        }
        self.waiting.set(0);
        left
    }
}
