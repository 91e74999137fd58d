//! The values of a broadcast channel, and who shares them.

use std::collections::VecDeque;
use std::fmt;
use std::rc::Rc;

use crate::cell::{Cell, RefCell};
use crate::waits::{Grant, WaitList};

pub(super) struct Chan<T> {
    ring: RefCell<Ring<T>>,
    capacity: usize,
    pub(super) senders: Cell<usize>,
    pub(super) weak: Cell<usize>,
    pub(super) receivers: Cell<usize>,
    /// Receivers that have taken all.
    pub(super) waiting: WaitList,
    /// Senders that wait for the last receiver to go.
    pub(super) closed: WaitList,
}

struct Ring<T> {
    /// The number of its first slot's value.
    start: u64,
    slots: VecDeque<Slot<T>>,
}

struct Slot<T> {
    /// How many receivers have yet to take it.
    wanted: usize,
    /// Counted, so that it can be cloned by foreign code while nothing is borrowed, and its memory used again.
    value: Rc<Option<T>>,
}

impl<T> Slot<T> {
    /// One receiver less wants the value. The last is given it.
    fn let_go(&mut self) -> Option<T> {
        self.wanted -= 1;
        if self.wanted > 0 {
            return None;
        }
        // Somebody who is cloning it holds it too: then it goes when that ends, or when the slot is used again.
        Rc::get_mut(&mut self.value).and_then(Option::take)
    }
}

impl<T> Chan<T> {
    #[track_caller]
    pub(super) fn new(capacity: usize) -> Rc<Chan<T>> {
        Rc::new(Chan {
            ring: RefCell::new(Ring { start: 0, slots: VecDeque::new() }),
            capacity,
            senders: Cell::new(0),
            weak: Cell::new(0),
            receivers: Cell::new(0),
            waiting: WaitList::new(),
            closed: WaitList::new(),
        })
    }

    /// The number of the oldest value that is there.
    pub(super) fn start(&self) -> u64 {
        self.ring.borrow().start
    }

    /// The number of the next value to be sent.
    pub(super) fn end(&self) -> u64 {
        let ring = self.ring.borrow();
        ring.start + ring.slots.len() as u64
    }

    /// How many values are there that somebody wants. Receivers take in order, so these are the newest.
    pub(super) fn wanted(&self) -> usize {
        let ring = self.ring.borrow();
        ring.slots.len() - ring.slots.partition_point(|slot| slot.wanted == 0)
    }

    /// Puts in a value that so many want; the oldest goes if there is no room.
    pub(super) fn push(&self, value: T, wanted: usize) {
        let mut ring = self.ring.borrow_mut();
        let mut oldest = None;
        let slot = if ring.slots.len() == self.capacity {
            ring.start += 1;
            let mut slot = ring.slots.pop_front().expect("the capacity is not 0");
            match Rc::get_mut(&mut slot.value) {
                Some(place) => oldest = place.replace(value),
                None => slot.value = Rc::new(Some(value)), // it is being cloned
            }
            slot.wanted = wanted;
            slot
        } else {
            Slot { wanted, value: Rc::new(Some(value)) }
        };
        ring.slots.push_back(slot);
        drop(ring);
        self.tell_receivers(Grant::All);
        drop(oldest); // foreign
    }

    /// A receiver takes the value of this number, which is there.
    pub(super) fn take(&self, number: u64) -> T
    where
        T: Clone,
    {
        struct Forgo<'a, T>(&'a Chan<T>, u64);
        impl<T> Drop for Forgo<'_, T> {
            fn drop(&mut self) {
                drop(self.0.forgo(self.1));
            }
        }
        let shared = {
            let ring = self.ring.borrow();
            let at = usize::try_from(number - ring.start).expect("it is in the ring");
            let slot = &ring.slots[at];
            (slot.wanted > 1).then(|| slot.value.clone())
        };
        let Some(shared) = shared else {
            return self.forgo(number).expect("a value that is wanted is there");
        };
        let _forgo = Forgo(self, number); // also if the clone panics
        let shared = shared; // dropped before
        Option::clone(&shared).expect("a value that is wanted is there") // foreign
    }

    /// A receiver takes or skips the value of this number, if it is still there; the last is given it.
    pub(super) fn forgo(&self, number: u64) -> Option<T> {
        let mut ring = self.ring.borrow_mut();
        let at = usize::try_from(number.checked_sub(ring.start)?).ok()?;
        ring.slots.get_mut(at)?.let_go()
    }

    pub(super) fn tell_receivers(&self, news: Grant) {
        self.waiting.grant_all(news);
    }

    pub(super) fn tell_closed(&self) {
        self.closed.grant_all(Grant::All);
    }
}

impl<T> fmt::Debug for Chan<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Chan")
            .field("len", &self.wanted())
            .field("capacity", &self.capacity)
            .field("senders", &self.senders.get())
            .field("receivers", &self.receivers.get())
            .finish_non_exhaustive()
    }
}
