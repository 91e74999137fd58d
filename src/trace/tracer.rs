//! The seam: where leaf verbs leave their events, and who is shown them.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;

use super::accounts::{Account, Accounts};
use super::{Event, Leaf, TaskId};
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
}

/// Where leaf verbs leave their events. Off, a seam costs a load, a test and a branch.
pub(crate) struct Tracer {
    on: Cell<bool>,
    /// What the poll that runs found it has to wait for first.
    leaf: Cell<Option<Leaf>>,
    clock: Rc<Clock>,
    observers: RefCell<Vec<Rc<dyn Observer>>>,
    /// An observer is being called: what it causes waits in `pending`.
    delivering: Cell<bool>,
    pending: RefCell<VecDeque<(Instant, Event)>>,
    /// Kept while anything is observed, for dumps.
    accounts: Accounts,
    /// Dumps want the accounts even if nobody observes.
    track_waits: bool,
}

impl Tracer {
    pub(crate) fn new(clock: Rc<Clock>, observers: Vec<Rc<dyn Observer>>, track_waits: bool) -> Tracer {
        Tracer {
            on: Cell::new(track_waits || !observers.is_empty()),
            accounts: Accounts::new(track_waits || !observers.is_empty()),
            leaf: Cell::new(None),
            clock,
            observers: RefCell::new(observers),
            delivering: Cell::new(false),
            pending: RefCell::new(VecDeque::new()),
            track_waits,
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

    #[inline]
    pub(crate) fn is_on(&self) -> bool {
        self.on.get()
    }

    /// The seam. The closure builds the event, and runs only when somebody observes.
    #[inline]
    pub(crate) fn emit(&self, event: impl FnOnce() -> Event) {
        if self.on.get() {
            self.deliver(event());
        }
    }

    /// A leaf was polled to no avail: the poll that runs waits for it, and perhaps for others after it.
    pub(crate) fn note_leaf(&self, leaf: impl FnOnce() -> Leaf) {
        if self.on.get() && self.leaf.get().is_none() {
            self.leaf.set(Some(leaf()));
        }
    }

    /// Takes what the poll that ends waits for.
    pub(crate) fn take_leaf(&self) -> Option<Leaf> {
        self.leaf.take()
    }

    #[cold]
    #[inline(never)]
    fn deliver(&self, event: Event) {
        let now = self.clock.now();
        self.accounts.note(now, &event);
        self.pending.borrow_mut().push_back((now, event));
        if self.delivering.replace(true) {
            return; // the outer call below delivers it when the observer has returned
        }
        loop {
            let next = self.pending.borrow_mut().pop_front();
            let Some((at, event)) = next else { break };
            self.call_all(at, &event);
        }
        self.delivering.set(false);
    }

    fn call_all(&self, at: Instant, event: &Event) {
        let observers = self.observers.borrow().clone();
        for observer in observers {
            if let Err(payload) = catch_unwind(AssertUnwindSafe(|| observer.event(at, event))) {
                say(format_args!("an observer panicked at «{event}» and was removed"));
                dispose(payload);
                let left = {
                    let mut all = self.observers.borrow_mut();
                    all.retain(|other| !Rc::ptr_eq(other, &observer));
                    all.len()
                };
                if left == 0 && !self.track_waits {
                    self.on.set(false);
                    self.accounts.end();
                }
                guarded("the destructor of an observer", || drop(observer)); // perhaps the last to hold it
            }
        }
    }
}
