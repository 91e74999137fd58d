//! Models of inbox and doorbell, for loom: each test holds in every order in which the threads can run, and with every
//! value that the orderings allow a load to see. `.ci/loom` runs them, and breaks the code in many ways to see them
//! fail.
//!
//! The queue's mutex orders more than a queue has to, and could hide a doorbell that orders too little. So the doorbell
//! is also checked alone, beside a relaxed counter that stands for the queue's tail.
//!
//! What sleeps is a bell made of loom's own parts. It sleeps until it is rung, and nothing else ends that: loom reports
//! a ring that is missing as a deadlock.

use std::sync::atomic::AtomicUsize as Tally;

use loom::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use loom::sync::{Arc, Condvar, Mutex};
use loom::thread;

use super::doorbell::{Doorbell, Ring};
use super::{Bell, Inbox, Message, Origin, Park};
use crate::trace::RuntimeId;

/// mio's waker and the poll that it wakes: a ring is kept until a sleep or a look takes it.
struct ModelBell {
    rung: Mutex<bool>,
    changed: Condvar,
    /// How often it was rung. The tallies are std's: they watch the model and are no part of it.
    rings: Tally,
}

impl Bell for ModelBell {
    fn wake(&self) {
        self.rings.fetch_add(1, Relaxed);
        *self.rung.lock().unwrap() = true;
        self.changed.notify_one();
    }
}

impl ModelBell {
    fn sleep(&self) {
        let mut rung = self.rung.lock().unwrap();
        while !*rung {
            rung = self.changed.wait(rung).unwrap();
        }
        *rung = false;
    }

    /// A look at the kernel that does not wait.
    fn look(&self) {
        *self.rung.lock().unwrap() = false;
    }
}

/// What is sent: a number, and a tally of how many were dropped.
struct Parcel {
    number: usize,
    dropped: std::sync::Arc<Tally>,
}

impl Drop for Parcel {
    fn drop(&mut self) {
        self.dropped.fetch_add(1, Relaxed);
    }
}

type Modelled = Arc<Inbox<Parcel, ModelBell>>;

/// A model with more orders than there is time for: those with at most this many switches that no thread asked for.
fn bounded(preemptions: usize, model: impl Fn() + Send + Sync + 'static) {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = Some(preemptions);
    builder.check(model);
}

fn inbox() -> Modelled {
    let bell = ModelBell { rung: Mutex::new(false), changed: Condvar::new(), rings: Tally::new(0) };
    Arc::new(Inbox::new(bell, RuntimeId(1), false))
}

/// Starts a thread that sends these numbers, and returns how many were accepted.
fn sender(
    inbox: &Modelled,
    numbers: &'static [usize],
    dropped: &std::sync::Arc<Tally>,
) -> thread::JoinHandle<usize> {
    let (inbox, dropped) = (inbox.clone(), dropped.clone());
    thread::spawn(move || {
        let parcel = |&number: &usize| Message::Wake(Parcel { number, dropped: dropped.clone() }, Origin(None));
        numbers.iter().filter(|number| inbox.send(parcel(number)).is_ok()).count()
    })
}

/// The collect phase, as `runtime::turn` has it; adds what came to `got`.
fn collect(inbox: &Modelled, got: &mut Vec<usize>) {
    if !inbox.is_rung() {
        return;
    }
    inbox.collect(|message| match message {
        Message::Wake(parcel, _) => got.push(parcel.number),
        _ => unreachable!("no model sends one"),
    });
}

/// Turns a loop of its own, as `runtime::turn` does, until `count` messages came: them, and how often it slept.
fn turn_until(inbox: &Modelled, count: usize) -> (Vec<usize>, usize) {
    let (mut got, mut sleeps) = (Vec::new(), 0);
    loop {
        collect(inbox, &mut got);
        if got.len() >= count {
            return (got, sleeps);
        }
        if inbox.is_rung() {
            continue; // park only looks at the kernel
        }
        if inbox.park() == Park::Sleep {
            sleeps += 1;
            while !inbox.is_rung() {
                inbox.bell.sleep(); // a ring of an earlier sleep may end it, as in `reactor::park`
            }
        }
        inbox.unpark();
    }
}

/// Turns a guest, as `runtime::guest` and its host do, until `count` messages came.
fn guest_until(inbox: &Modelled, count: usize) -> Vec<usize> {
    let mut got = Vec::new();
    loop {
        inbox.unpark();
        collect(inbox, &mut got);
        inbox.bell.look();
        if inbox.park() == Park::Rung {
            inbox.unpark(); // the guest asks for a turn at once
            continue;
        }
        if got.len() >= count {
            return got;
        }
        inbox.bell.sleep(); // the host waits for the descriptor
    }
}

#[test]
fn a_message_sent_while_the_owner_goes_to_sleep_wakes_it() {
    loom::model(|| {
        let inbox = inbox();
        let thread = sender(&inbox, &[1], &Default::default());
        assert_eq!(turn_until(&inbox, 1).0, [1]);
        thread.join().unwrap();
    });
}

#[test]
fn a_message_that_comes_while_another_is_collected_wakes_too() {
    loom::model(|| {
        let inbox = inbox();
        let thread = sender(&inbox, &[1, 2], &Default::default());
        assert_eq!(turn_until(&inbox, 2).0, [1, 2]);
        thread.join().unwrap();
    });
}

#[test]
fn two_senders_ring_the_bell_at_most_once_a_sleep() {
    bounded(4, || {
        let inbox = inbox();
        let one = sender(&inbox, &[1], &Default::default());
        let two = sender(&inbox, &[2], &Default::default());
        let (mut got, sleeps) = turn_until(&inbox, 2);
        one.join().unwrap();
        two.join().unwrap();
        got.sort_unstable();
        assert_eq!(got, [1, 2]);
        let rings = inbox.bell.rings.load(Relaxed);
        assert!(rings <= sleeps, "{rings} rings for {sleeps} sleeps");
    });
}

#[test]
fn messages_of_one_sender_come_in_the_order_in_which_it_sent_them() {
    bounded(3, || {
        let inbox = inbox();
        let one = sender(&inbox, &[1, 2], &Default::default());
        let two = sender(&inbox, &[9], &Default::default());
        let (mut got, _) = turn_until(&inbox, 3);
        one.join().unwrap();
        two.join().unwrap();
        got.retain(|number| *number != 9);
        assert_eq!(got, [1, 2]);
    });
}

#[test]
fn a_message_between_two_turns_of_a_guest_wakes_its_host() {
    loom::model(|| {
        let inbox = inbox();
        let thread = sender(&inbox, &[1, 2], &Default::default());
        assert_eq!(guest_until(&inbox, 2), [1, 2]);
        thread.join().unwrap();
    });
}

#[test]
fn a_message_around_the_arming_of_a_guest_wakes_its_host() {
    loom::model(|| {
        let inbox = inbox();
        let thread = sender(&inbox, &[1], &Default::default());
        inbox.arm(false);
        inbox.bell.sleep();
        let mut got = Vec::new();
        inbox.unpark();
        collect(&inbox, &mut got);
        assert_eq!(got, [1]);
        thread.join().unwrap();
    });
}

// The count of handles is std's even here: what loom tries is its order relative to the doorbell.
#[test]
fn the_last_handle_that_goes_wakes_a_loop_that_slept_for_it() {
    loom::model(|| {
        let inbox = inbox();
        inbox.handle_made();
        let other = inbox.clone();
        let thread = thread::spawn(move || other.handle_gone());
        while inbox.handles() > 0 {
            if inbox.park() == Park::Sleep {
                inbox.bell.sleep();
            }
            inbox.unpark();
            collect(&inbox, &mut Vec::new());
        }
        thread.join().unwrap();
    });
}

#[test]
fn nothing_stays_in_an_inbox_that_closes_while_two_threads_send() {
    loom::model(|| {
        let inbox = inbox();
        let dropped = std::sync::Arc::default();
        let one = sender(&inbox, &[1], &dropped);
        let two = sender(&inbox, &[2], &dropped);
        inbox.close();
        one.join().unwrap();
        two.join().unwrap();
        assert!(inbox.queue.is_empty());
        assert_eq!(dropped.load(Relaxed), 2);
    });
}

// A message may be collected and still be refused: taken because an earlier one had rung, with the inbox closed before
// its own sender rang. So "refused" promises no more than that nobody will collect it later.
#[test]
fn every_message_is_dropped_once_whether_collected_discarded_or_refused() {
    loom::model(|| {
        let inbox = inbox();
        let dropped = std::sync::Arc::default();
        let thread = sender(&inbox, &[1, 2], &dropped);
        collect(&inbox, &mut Vec::new());
        inbox.close();
        thread.join().unwrap();
        assert!(inbox.queue.is_empty());
        assert_eq!(dropped.load(Relaxed), 2);
    });
}

#[test]
fn a_send_after_close_is_refused_and_drops_its_message() {
    loom::model(|| {
        let inbox = inbox();
        let dropped = std::sync::Arc::default();
        inbox.close();
        let accepted = sender(&inbox, &[1], &dropped).join().unwrap();
        assert_eq!(accepted, 0);
        assert!(inbox.queue.is_empty());
        assert_eq!(dropped.load(Relaxed), 1);
    });
}

/// A doorbell, and a relaxed word that stands for the tail of a queue which orders nothing.
#[derive(Clone)]
struct Bare(Arc<(Doorbell, AtomicUsize)>);

impl Bare {
    fn new() -> Bare {
        Bare(Arc::new((Doorbell::new(), AtomicUsize::new(0))))
    }
    fn push_and_ring(&self) -> Ring {
        self.0.1.fetch_add(1, Relaxed);
        self.0.0.ring()
    }
    /// The tail, as the owner sees it after it answered; `seen` if nobody rang.
    fn collect(&self, seen: usize) -> usize {
        if !self.0.0.is_rung() {
            return seen;
        }
        self.0.0.answer();
        self.0.1.load(Relaxed)
    }
}

#[test]
fn whoever_answers_a_ring_sees_every_push_before_it() {
    loom::model(|| {
        let bare = Bare::new();
        let threads = [bare.clone(), bare.clone()].map(|bare| {
            thread::spawn(move || {
                let _ = bare.push_and_ring();
            })
        });
        let mut seen = bare.collect(0);
        seen = bare.collect(seen);
        for thread in threads {
            thread.join().unwrap();
        }
        // Joining shows every push. But without a ring nobody looks, so all but the rung ones must have been seen.
        assert_eq!(bare.collect(seen), 2);
    });
}

#[test]
fn a_push_is_seen_by_whoever_closes_or_its_sender_sees_the_close() {
    loom::model(|| {
        let bare = Bare::new();
        let sender = bare.clone();
        let thread = thread::spawn(move || matches!(sender.push_and_ring(), Ring::Closed));
        bare.0.0.close();
        let seen = bare.0.1.load(Relaxed) == 1;
        let refused = thread.join().unwrap();
        assert!(seen || refused, "somebody must empty the queue");
    });
}

#[test]
fn a_sender_that_sees_the_close_sees_what_the_owner_did_before_it() {
    loom::model(|| {
        let bare = Bare::new();
        let sender = bare.clone();
        let thread = thread::spawn(move || {
            if let Ring::Closed = sender.0.0.ring() {
                assert_eq!(sender.0.1.load(Relaxed), 7);
            }
        });
        bare.0.1.store(7, Relaxed);
        bare.0.0.close();
        thread.join().unwrap();
    });
}
