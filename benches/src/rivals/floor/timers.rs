//! The floor's timers: a binary heap, and slots that know their place in it, so that a timer is taken back at once.
//!
//! A loop that nothing else can wake need not ask a kernel for events: it sleeps, and longer than the first timer wants,
//! as long as the aim lets it be late.

use std::cell::RefCell;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};
use std::thread;
use std::time::{Duration, Instant};

use slab::Slab;

/// How much longer: with the kernel's own lateness the aim's millisecond.
const LATE: Duration = Duration::from_micros(800);

thread_local! {
    static TIMERS: RefCell<Timers> = const { RefCell::new(Timers { heap: Vec::new(), slots: Slab::new(), created: 0 }) };
}

/// Its deadline, its number, its slot.
type Entry = (Instant, u64, usize);

struct Timers {
    heap: Vec<Entry>,
    slots: Slab<Slot>,
    created: u64,
}

struct Slot {
    id: u64,
    place: usize,
    waker: Waker,
}

impl Timers {
    fn arm(&mut self, deadline: Instant, waker: Waker) -> (usize, u64) {
        self.created += 1;
        let (id, place) = (self.created, self.heap.len());
        let slot = self.slots.insert(Slot { id, place, waker });
        self.heap.push((deadline, id, slot));
        self.rise(place);
        (slot, id)
    }

    fn is_armed(&self, slot: usize, id: u64) -> bool {
        self.slots.get(slot).is_some_and(|timer| timer.id == id)
    }

    fn take(&mut self, slot: usize) -> Waker {
        let Slot { place, waker, .. } = self.slots.remove(slot);
        self.heap.swap_remove(place);
        if let Some(&(_, _, moved)) = self.heap.get(place) {
            self.slots[moved].place = place;
            self.rise(place);
            self.sink(place);
        }
        waker
    }

    fn rise(&mut self, mut place: usize) {
        while place > 0 && self.heap[place] < self.heap[(place - 1) / 2] {
            self.swap(place, (place - 1) / 2);
            place = (place - 1) / 2;
        }
    }

    fn sink(&mut self, mut place: usize) {
        while let Some(left) = self.heap.get(2 * place + 1) {
            let right = self.heap.get(2 * place + 2);
            let child = 2 * place + 1 + usize::from(right.is_some_and(|right| right < left));
            if self.heap[place] < self.heap[child] {
                break;
            }
            self.swap(place, child);
            place = child;
        }
    }

    fn swap(&mut self, a: usize, b: usize) {
        self.heap.swap(a, b);
        self.slots[self.heap[a].2].place = a;
        self.slots[self.heap[b].2].place = b;
    }
}

/// Sleeps until timers are due, and wakes who waits for them; `false` if there are none.
pub(super) fn fire() -> bool {
    let first = || TIMERS.with_borrow(|timers| timers.heap.first().copied());
    let Some((deadline, ..)) = first() else { return false };
    let mut now = Instant::now();
    if deadline > now {
        thread::sleep(deadline + LATE - now);
        now = Instant::now();
    }
    while let Some((_, _, slot)) = first().filter(|(deadline, ..)| *deadline <= now) {
        TIMERS.with_borrow_mut(|timers| timers.take(slot)).wake();
    }
    true
}

pub(super) struct Sleep {
    deadline: Instant,
    armed: Option<(usize, u64)>,
}

impl Sleep {
    pub(super) fn new(time: Duration) -> Sleep {
        Sleep { deadline: Instant::now() + time, armed: None }
    }
}

impl Future for Sleep {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        TIMERS.with_borrow_mut(|timers| match self.armed {
            None => {
                self.armed = Some(timers.arm(self.deadline, cx.waker().clone()));
                Poll::Pending
            }
            Some((slot, id)) if timers.is_armed(slot, id) => Poll::Pending,
            Some(_) => Poll::Ready(()),
        })
    }
}

impl Drop for Sleep {
    fn drop(&mut self) {
        let Some((slot, id)) = self.armed else { return };
        TIMERS.with_borrow_mut(|timers| timers.is_armed(slot, id).then(|| timers.take(slot)));
    }
}
