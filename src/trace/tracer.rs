//! The seam: where leaf verbs leave their events, and who is shown them.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, Location, catch_unwind};
use std::rc::Rc;
use std::sync::Arc;

use super::accounts::{Account, Accounts};
use super::{Cause, Counted, Event, Kind, Leaf, Meter, Noted, Outcome, Phase, Sinks, TaskId, Turns, Way, Why};
use crate::clock::{Clock, Instant};
use crate::panics::{dispose, guarded, say};

/// Sees every [`Event`] of a runtime, as it happens, on the loop's thread.
///
/// No borrow of the loop's state is held during the call, so an observer may wake, spawn, abort or ask for a dump.
/// Events that its own acts cause are given to it after it returned, in their order.
///
/// # Panics
/// An observer that panics is removed, and the panic is reported on standard error; the loop lives.
///
/// # Examples
/// ```
/// use glassloop::trace::{Event, Observer};
/// use glassloop::{Builder, time::Instant};
/// use std::{cell::Cell, rc::Rc};
///
/// #[derive(Default)]
/// struct CountPolls(Cell<u32>);
/// impl Observer for CountPolls {
///     fn event(&self, _at: Instant, event: &Event) {
///         if let Event::Poll(_) = event {
///             self.0.set(self.0.get() + 1);
///         }
///     }
/// }
///
/// let polls = Rc::new(CountPolls::default());
/// let runtime = Builder::new().observer(polls.clone()).build().unwrap();
/// runtime.block_on(glassloop::yield_now());
/// assert_eq!(polls.0.get(), 2);
/// ```
pub trait Observer {
    /// Called once an event; `at` is the runtime's clock.
    fn event(&self, at: Instant, event: &Event);

    /// Called in place of [`event`](Observer::event) for what an observer, this one or another, caused while it was
    /// told of something. An observer that acts on all that it sees, and so on its own acts, ignores them here.
    fn echo(&self, at: Instant, event: &Event) {
        self.event(at, event);
    }
}

/// An event that waits for its turn to be told, and whether an observer caused it.
type Told = (Instant, Event, bool);

/// Where leaf verbs leave their events. Off, a seam costs a load, a test and a branch.
pub(crate) struct Tracer {
    /// Somebody is given events.
    on: Cell<bool>,
    /// Somebody is told, but sinks alone, who are given the events of each poll by ways of their own.
    is_lean: Cell<bool>,
    /// The same, and nobody hears of turns: what is told goes into the sinks, and nowhere else.
    pub(super) is_alone: Cell<bool>,
    /// Somebody is given events, or hears of turns.
    pub(super) is_on: Cell<bool>,
    pub(super) turns: Option<Turns>,
    /// What the poll that runs found it has to wait for first, which is in `leaf` if this says so.
    pub(super) noted: Cell<Noted>,
    pub(super) leaf: RefCell<Option<Leaf>>,
    clock: Rc<Clock>,
    pub(super) sinks: Sinks,
    /// When the last event happened that the clock is read for; see `is_dated`.
    stamp: Cell<Instant>,
    /// Closures from other threads ran, and may have taken their time, since then.
    collected: Cell<bool>,
    /// Somebody wants events with their own times, or accounts: observers, dumps.
    is_observed: Cell<bool>,
    observers: RefCell<Vec<Rc<dyn Observer>>>,
    /// An observer is being called: what it causes waits in `pending`.
    delivering: Cell<bool>,
    pending: RefCell<VecDeque<Told>>,
    /// Kept while anything is observed, for dumps.
    accounts: Accounts,
    /// Dumps want the accounts even if nobody observes.
    track_waits: bool,
    meter: Option<Meter>,
}

impl Tracer {
    pub(crate) fn new(
        clock: Rc<Clock>,
        observers: Vec<Rc<dyn Observer>>,
        track_waits: bool,
        sinks: Sinks,
    ) -> Tracer {
        let is_observed = track_waits || !observers.is_empty();
        Tracer {
            on: Cell::new(is_observed || sinks.are_any()),
            is_lean: Cell::new(!is_observed && sinks.are_any()),
            is_alone: Cell::new(!is_observed && sinks.are_any()),
            is_on: Cell::new(is_observed || sinks.are_any()),
            turns: None,
            accounts: Accounts::new(is_observed),
            leaf: RefCell::new(None),
            noted: Cell::new(Noted::NOTHING),
            stamp: Cell::new(clock.now()),
            collected: Cell::new(false),
            is_observed: Cell::new(is_observed),
            sinks,
            clock,
            observers: RefCell::new(observers),
            delivering: Cell::new(false),
            pending: RefCell::new(VecDeque::new()),
            track_waits,
            meter: None,
        }
    }

    /// Counts what happens, too.
    pub(crate) fn metered(self, meter: Option<Meter>) -> Tracer {
        self.turn_on(self.on.get() || meter.is_some());
        self.set_lean(self.is_lean.get() && meter.is_none());
        Tracer { meter, ..self }
    }

    /// What was counted, if anything is.
    pub(crate) fn counted(&self) -> Option<Counted> {
        self.meter.as_ref().map(Meter::counted)
    }

    /// So many tasks are ready now.
    pub(crate) fn queued(&self, ready: usize) {
        if let Some(meter) = &self.meter {
            meter.queued(ready);
        }
    }

    /// The loop stops turning, until it is driven again.
    pub(crate) fn stop(&self) {
        if let Some(meter) = &self.meter {
            meter.stop(|| self.clock.now());
        }
    }

    /// Whether an observer is being told of an event.
    pub(crate) fn is_delivering(&self) -> bool {
        self.delivering.get()
    }

    /// What is kept of a live task, if anything is.
    pub(crate) fn account(&self, task: TaskId) -> Option<Account> {
        self.accounts.of(task)
    }

    /// Whether events or turns are told to anybody.
    #[inline]
    pub(crate) fn is_on(&self) -> bool {
        self.is_on.get()
    }

    /// Whether events are told to anybody.
    #[inline]
    pub(crate) fn tells_events(&self) -> bool {
        self.on.get()
    }

    /// Whether foreign code is called with events.
    #[inline]
    pub(crate) fn calls_observers(&self) -> bool {
        self.on.get() && !self.is_lean()
    }

    /// Whether events are told, but to sinks alone. Where no sink can be, no binary has their ways.
    #[inline]
    pub(crate) fn is_lean(&self) -> bool {
        cfg!(feature = "glass") && self.is_lean.get()
    }

    /// Whether events are told to sinks alone, and turns to nobody.
    #[inline]
    pub(crate) fn is_alone(&self) -> bool {
        cfg!(feature = "glass") && self.is_alone.get()
    }

    fn set_lean(&self, is_lean: bool) {
        self.is_lean.set(is_lean);
        self.is_alone.set(is_lean && self.turns.is_none());
    }

    fn turn_on(&self, events: bool) {
        self.on.set(events);
        self.is_on.set(events || self.turns.is_some());
    }

    /// Lets these hear of turns.
    #[cfg(feature = "glass")]
    pub(crate) fn with_turns(mut self, turns: Option<Turns>) -> Tracer {
        self.turns = turns;
        self.turn_on(self.on.get());
        self.set_lean(self.is_lean.get());
        self
    }

    /// The seam. The closure builds the event, and runs only when somebody observes.
    #[inline]
    pub(crate) fn emit(&self, event: impl FnOnce() -> Event) {
        if self.on.get() {
            self.deliver(event());
        }
    }

    // The events of each poll have ways of their own to the sinks, where nobody wants them as events: to build them, to
    // ask of what kind they are and to drop them took 200 instructions a poll.

    /// Tells `Event::Poll`. What was polled to no avail outside of every poll is not this one's.
    #[inline]
    pub(crate) fn poll(&self, task: TaskId) {
        if self.is_lean() {
            return self.poll_lean(task);
        }
        self.noted.set(Noted::NOTHING);
        if self.on.get() {
            self.deliver(Event::Poll(task));
        }
    }

    /// As `poll`, if it `is_lean`.
    #[inline]
    pub(crate) fn poll_lean(&self, task: TaskId) {
        self.noted.set(Noted::NOTHING);
        self.sinks.poll(task);
    }

    /// Tells `Event::Pending`. The leaf stays noted, for `turn_pends`.
    #[inline]
    pub(crate) fn pending(&self, task: TaskId) {
        if self.is_lean() {
            self.pending_lean(task);
        } else if self.on.get() {
            self.deliver_pending(task);
        }
    }

    /// As `pending`, if it `is_lean`.
    #[inline(always)] // into the end of a poll: 16 instructions
    pub(crate) fn pending_lean(&self, task: TaskId) {
        let now = self.clock.now();
        self.stamp.set(now);
        self.sinks.pending(now, task, self.noted.get(), || *self.leaf.borrow());
    }

    #[cold]
    #[inline(never)]
    fn deliver_pending(&self, task: TaskId) {
        let on = self.take_leaf();
        self.deliver(Event::Pending { task, on });
        // An observer may have polled something.
        self.noted.set(if on.is_some() { Noted::WHOLE } else { Noted::NOTHING });
        self.leaf.replace(on);
    }

    /// Tells `Event::Wake`.
    pub(crate) fn wake(&self, task: TaskId, Why { cause, via }: Why) {
        self.deliver(Event::Wake { task, cause, via });
    }

    /// Tells `Event::Wake` of a wake by a task, to sinks alone: if it `is_lean`.
    #[inline]
    pub(crate) fn wake_by(&self, task: TaskId, by: TaskId, via: Option<Way>) {
        self.sinks.wake_by(self.within(), task, by, via);
    }

    /// Tells `Event::Spawn`, and that the task is ready, to sinks alone: if it `is_lean`.
    #[inline(always)] // into its one caller
    pub(crate) fn spawn_ready(
        &self,
        task: TaskId,
        kind: Kind,
        name: Option<Arc<str>>,
        by: Option<TaskId>,
        site: &'static Location<'static>,
    ) {
        if by.is_none() {
            self.stamp.set(self.clock.now());
        }
        self.sinks.spawn_ready(self.within(), task, kind, name, by, site);
    }

    /// The time that is told of what happens within a poll: see `is_dated`.
    #[inline]
    fn within(&self) -> Instant {
        if self.clock.is_paused() {
            self.stamp.set(self.clock.now());
        }
        self.stamp.get()
    }

    /// Tells `Event::Done` to sinks alone, if it `is_lean`.
    #[inline(always)] // into the end of a task
    pub(crate) fn done_lean(&self, task: TaskId, outcome: Outcome) {
        if self.is_lean() {
            let now = self.clock.now();
            self.stamp.set(now);
            self.sinks.done(now, task, outcome);
        }
    }

    #[cold]
    #[inline(never)]
    fn deliver(&self, event: Event) {
        if let Some(meter) = &self.meter {
            meter.count(&event, || self.clock.now());
        }
        if self.is_observed.get() {
            return self.deliver_to_all(event);
        }
        if !self.sinks.are_any() {
            return;
        }
        if self.is_dated(&event) {
            self.stamp.set(self.clock.now());
        }
        self.sinks.note(self.stamp.get(), &event);
    }

    /// Whether the clock is read for an event, for the sinks. It is where time has passed: at the end of a poll, which
    /// is the begin of the next, and of a sleep; at what is done outside of every task, and after what other threads
    /// sent was run. What happens within a poll has the time at which that began: so a wake is never told to be later
    /// than it was, and a wait in the queue never to be shorter.
    #[inline]
    fn is_dated(&self, event: &Event) -> bool {
        match event {
            Event::Pending { .. } | Event::Done { .. } | Event::Unpark(_) => true,
            Event::Poll(_) => false,
            Event::Wake { cause, .. } | Event::Merge { cause, .. } => {
                matches!(cause, Cause::Outside) || self.clock.is_paused()
            }
            Event::Spawn { by: None, .. } | Event::Abort { by: None, .. } => true,
            Event::Phase(Phase::Collect) => {
                self.collected.set(true);
                false
            }
            Event::Phase(_) => self.collected.take(),
            _ => self.clock.is_paused(),
        }
    }

    /// The loop was away, in the hands of its host: that time is nobody's.
    pub(crate) fn returned(&self) {
        if self.on.get() {
            self.stamp.set(self.clock.now());
        }
    }

    fn deliver_to_all(&self, event: Event) {
        let now = self.clock.now();
        if self.is_dated(&event) {
            self.stamp.set(now);
        }
        self.sinks.note(self.stamp.get(), &event);
        self.accounts.note(now, &event);
        if self.observers.borrow().is_empty() {
            return; // dumps alone want the accounts
        }
        let is_echo = self.delivering.replace(true);
        self.pending.borrow_mut().push_back((now, event, is_echo));
        if is_echo {
            return; // the outer call below delivers it when the observer has returned
        }
        loop {
            let next = self.pending.borrow_mut().pop_front();
            let Some((at, event, is_echo)) = next else { break };
            self.call_all(at, &event, is_echo);
        }
        self.delivering.set(false);
    }

    fn call_all(&self, at: Instant, event: &Event, is_echo: bool) {
        let observers = self.observers.borrow().clone();
        for observer in observers {
            let call = || if is_echo { observer.echo(at, event) } else { observer.event(at, event) };
            if let Err(payload) = catch_unwind(AssertUnwindSafe(call)) {
                say(format_args!("an observer panicked at «{event}» and was removed"));
                dispose(payload);
                let left = {
                    let mut all = self.observers.borrow_mut();
                    all.retain(|other| !Rc::ptr_eq(other, &observer));
                    all.len()
                };
                if left == 0 && !self.track_waits {
                    self.is_observed.set(false);
                    self.set_lean(self.meter.is_none() && self.sinks.are_any());
                    self.accounts.end();
                }
                self.turn_on(self.is_observed.get() || self.sinks.are_any() || self.meter.is_some());
                guarded("the destructor of an observer", || drop(observer)); // perhaps the last to hold it
            }
        }
    }
}
