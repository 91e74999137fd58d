//! Models of a cell's far half, for loom: see `inbox::models` for what that means and what runs them.
//!
//! Most of them take `Far` alone. A `Memory` then stands for the rest of the cell: loom reports whoever touches it
//! while somebody else frees it. The last one takes real cells in a real inbox. loom does not see into those, so what
//! is freed is filled with nonsense, and whoever uses it afterwards crashes.

use std::alloc::{GlobalAlloc, Layout, System};
use std::hint::black_box;
use std::num::NonZeroU64;
use std::panic::Location;
use std::sync::atomic::AtomicUsize as Tally;
use std::task::Waker;

use loom::cell::UnsafeCell;
use loom::sync::Arc;
use loom::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use loom::thread;

use super::far::{Far, Notify, Release};
use super::{Inbox, RemoteRef, TaskRef};
use crate::inbox::Message;
use crate::trace::{Kind, RuntimeId, TaskId};

/// A cell's memory: `near` is the loop's, `far` is read by whoever holds a unit. Freeing writes both.
struct Memory {
    near: UnsafeCell<u32>,
    far: UnsafeCell<u32>,
}

struct Modelled {
    far: Far,
    memory: Memory,
    /// How many releases were the last. std's: it watches the model and is no part of it.
    freed: Tally,
    order: AtomicUsize,
}

impl Modelled {
    /// A cell with this many units.
    fn new(units: usize) -> Arc<Modelled> {
        let memory = Memory { near: UnsafeCell::new(0), far: UnsafeCell::new(0) };
        let cell = Modelled { far: Far::new(), memory, freed: Tally::new(0), order: AtomicUsize::new(0) };
        (1..units).for_each(|_| cell.far.acquire());
        Arc::new(cell)
    }

    fn read(&self) {
        // SAFETY: loom checks each access against all others; the pointer is valid inside the closure.
        self.memory.far.with(|far| unsafe { far.read() });
    }

    /// What only the loop's thread does.
    fn write(&self) {
        // SAFETY: as in `read`.
        self.memory.near.with_mut(|near| unsafe { near.write(1) });
    }

    fn release(&self) {
        if self.far.release() == Release::Last {
            self.freed.fetch_add(1, Relaxed);
            // SAFETY: as in `read`.
            self.memory.near.with_mut(|near| unsafe { near.write(u32::MAX) });
            // SAFETY: as in `read`.
            self.memory.far.with_mut(|far| unsafe { far.write(u32::MAX) });
        }
    }

    /// Makes loom try both orders of what two threads do around this; it orders nothing by itself.
    ///
    /// loom finds the orders to try from the last access to each atomic alone. So a load here and a change there go
    /// untried in the other order when the other thread loads before it changes, as `Far::release` does.
    fn either_order(&self) {
        self.order.fetch_add(1, Relaxed);
    }

    fn assert_freed_once(&self) {
        assert_eq!(self.freed.load(Relaxed), 1);
    }
}

#[test]
fn one_release_is_the_last_and_comes_after_all_use() {
    loom::model(|| {
        let cell = Modelled::new(3);
        let threads = [cell.clone(), cell.clone()].map(|cell| {
            thread::spawn(move || {
                cell.read();
                cell.release();
            })
        });
        cell.write();
        cell.release();
        threads.into_iter().for_each(|thread| thread.join().unwrap());
        cell.assert_freed_once();
    });
}

#[test]
fn a_unit_made_from_another_keeps_the_cell_too() {
    loom::model(|| {
        let cell = Modelled::new(2);
        let other = cell.clone();
        let thread = thread::spawn(move || {
            other.far.acquire();
            other.release();
            other.read();
            other.release();
        });
        cell.write();
        cell.release();
        thread.join().unwrap();
        cell.assert_freed_once();
    });
}

#[test]
fn a_cell_that_is_not_shared_shows_what_was_done_with_its_units() {
    loom::model(|| {
        let cell = Modelled::new(2);
        let other = cell.clone();
        let thread = thread::spawn(move || {
            other.read();
            other.release();
            other.either_order();
        });
        cell.either_order();
        if !cell.far.is_shared() {
            // SAFETY: as in `Modelled::read`.
            cell.memory.far.with_mut(|far| unsafe { far.write(1) });
        }
        thread.join().unwrap();
        assert!(!cell.far.is_shared());
    });
}

/// A cell with its inbox, which is a relaxed counter: it orders nothing, so only `Far` can.
struct Mailed {
    cell: Arc<Modelled>,
    entries: AtomicUsize,
    /// What the threads did before they woke the task.
    done: [AtomicUsize; 2],
}

impl Mailed {
    fn new(units: usize) -> Arc<Mailed> {
        let done = [AtomicUsize::new(0), AtomicUsize::new(0)];
        Arc::new(Mailed { cell: Modelled::new(units), entries: AtomicUsize::new(0), done })
    }

    fn notify(&self) {
        if self.cell.far.notify() == Notify::Send {
            let before = self.entries.fetch_add(1, Relaxed);
            assert_eq!(before, 0, "one entry until it is collected (FLAG)");
        }
    }

    /// Collects the entry if there is one, with the unit that it owns, and polls: what the poll sees of `done`.
    fn collect(&self, seen: &mut [bool; 2]) {
        if self.entries.swap(0, Relaxed) == 0 {
            return;
        }
        self.cell.far.collected();
        for (seen, done) in seen.iter_mut().zip(&self.done) {
            *seen |= done.load(Relaxed) == 1;
        }
        self.cell.release();
    }
}

#[test]
fn two_wakes_before_a_collect_make_one_entry() {
    loom::model(|| {
        let mailed = Mailed::new(3);
        let threads = [mailed.clone(), mailed.clone()].map(|mailed| thread::spawn(move || mailed.notify()));
        threads.into_iter().for_each(|thread| thread.join().unwrap());
        assert_eq!(mailed.entries.load(Relaxed), 1);
    });
}

#[test]
fn a_wake_is_followed_by_a_poll_that_sees_what_was_done_before_it() {
    loom::model(|| {
        let mailed = Mailed::new(3);
        let threads = [0, 1].map(|index| {
            let mailed = mailed.clone();
            thread::spawn(move || {
                mailed.done[index].store(1, Relaxed);
                mailed.notify();
            })
        });
        let mut seen = [false; 2];
        mailed.collect(&mut seen);
        mailed.collect(&mut seen);
        threads.into_iter().for_each(|thread| thread.join().unwrap());
        // Joining shows everything, but only an entry that is left makes the loop poll once more.
        mailed.collect(&mut seen);
        assert_eq!(seen, [true; 2]);
    });
}

#[test]
fn a_wake_after_the_collect_makes_another_entry() {
    loom::model(|| {
        let mailed = Mailed::new(2);
        let other = mailed.clone();
        let thread = thread::spawn(move || {
            other.notify();
            other.done[0].store(1, Relaxed);
            other.notify();
        });
        let mut seen = [false; 2];
        mailed.collect(&mut seen);
        thread.join().unwrap();
        mailed.collect(&mut seen);
        assert!(seen[0]);
    });
}

#[test]
fn an_entry_owns_a_unit_until_it_is_collected() {
    loom::model(|| {
        let mailed = Mailed::new(2);
        let other = mailed.clone();
        let thread = thread::spawn(move || {
            other.notify();
            other.cell.read();
            other.cell.release();
        });
        mailed.collect(&mut [false; 2]);
        mailed.cell.write();
        mailed.cell.release();
        thread.join().unwrap();
        mailed.collect(&mut [false; 2]);
        mailed.cell.assert_freed_once();
    });
}

#[test]
fn an_entry_that_is_dropped_uncollected_lets_go_of_its_cell() {
    loom::model(|| {
        let mailed = Mailed::new(2);
        let other = mailed.clone();
        let thread = thread::spawn(move || {
            other.notify();
            other.cell.release();
        });
        mailed.cell.release();
        thread.join().unwrap();
        assert_eq!(mailed.entries.load(Relaxed), 1);
        mailed.cell.release(); // the closed inbox drops it: NOTIFIED stays set
        mailed.cell.assert_freed_once();
    });
}

/// Fills what is freed, so that a use after it cannot pass for a good one.
struct Filling;

#[global_allocator]
static FILLING: Filling = Filling;

/// More than a cell and an inbox take; larger blocks are none of ours.
const FILLED: usize = 1024;

// SAFETY: all is the system's allocator; a block is written to only while it is still the caller's to give back.
unsafe impl GlobalAlloc for Filling {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller's contract.
        unsafe { System.alloc(layout) }
    }
    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        // SAFETY: the caller's contract: the block has this size, and nobody uses it any more.
        unsafe {
            block.write_bytes(0xdd, layout.size().min(FILLED));
            System.dealloc(black_box(block), layout); // seen through, the filling would be optimized away
        }
    }
}

/// As `wake::wake_waker` does on a thread that is not the owner's.
fn wake_by_value(remote: RemoteRef) {
    remote.notify(Inbox::sign);
    drop(remote);
}

/// A loop with one task that a thread wakes by value, while the task finishes and the loop closes.
fn wake_while_all_ends(watch: bool) {
    let poll = mio::Poll::new().unwrap();
    let bell = mio::Waker::new(poll.registry(), mio::Token(0)).unwrap();
    let inbox = std::sync::Arc::new(Inbox::new(bell, RuntimeId(1), false));
    // A weak reference keeps the block, so whoever watches for leaks cannot watch for use after the free.
    let watched = watch.then(|| std::sync::Arc::downgrade(&inbox));
    let (task, joined) = TaskRef::new(async {}, Kind::Task, &inbox, TaskId(NonZeroU64::MIN), Location::caller());
    let remote = task.to_remote().expect("the task has not finished");
    let thread = thread::spawn(move || wake_by_value(remote));

    if inbox.is_rung() {
        inbox.collect(|message| {
            if let Message::Wake(entry, _) = message {
                entry.collected();
                // SAFETY: OWNER: this is the thread that made the task.
                drop(unsafe { entry.into_task() });
            }
        });
    }
    // SAFETY: noop's functions never look at their data.
    let _ = unsafe { task.poll(Waker::noop().vtable()) };
    task.retire();
    assert!(task.take_joiner().is_none());
    drop((joined, task));
    inbox.close();
    drop(inbox);

    thread.join().unwrap();
    if let Some(watched) = watched {
        assert_eq!(watched.strong_count(), 0, "the last unit took the inbox with it");
    }
}

#[test]
fn a_wake_by_value_keeps_cell_and_inbox_until_it_has_rung() {
    loom::model(|| wake_while_all_ends(false));
}

#[test]
fn a_wake_by_value_leaves_no_inbox_behind() {
    loom::model(|| wake_while_all_ends(true));
}
