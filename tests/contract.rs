//! The scheduling contract, clause by clause: each test is one behaviour and its whole trace.
//!
//! Task 1 is the future given to `block_on`, where nothing else is said.

mod support;

use std::cell::Cell;
use std::future::{pending, poll_fn};
use std::io::{ErrorKind, Write};
use std::rc::Rc;
use std::task::{Poll, Waker};
use std::thread::ThreadId;
use std::time::Duration;

use glassloop::net::{TcpListener, TcpStream};
use glassloop::time::{Instant, advance, sleep};
use glassloop::trace::{Cause, Event, Observer};
use glassloop::{Builder, join_all, spawn, spawn_blocking, yield_now};
use support::{Slot, assert_trace, observed, on_thread, poll_once, record};

const SECOND: Duration = Duration::from_secs(1);

fn paused() -> Builder {
    Builder::new().start_paused(true)
}

/// Moves a virtual clock inside the running poll, as a long computation moves a real one.
fn time_passes(by: Duration) {
    let _ = poll_once(advance(by));
}

/// A listener of the loop and its address.
fn listen() -> (TcpListener, std::net::SocketAddr) {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let addr = listener.local_addr().unwrap();
    (TcpListener::from_std(listener).unwrap(), addr)
}

/// Calls back when it is dropped.
struct OnDrop<F: FnMut()>(F);

impl<F: FnMut()> Drop for OnDrop<F> {
    fn drop(&mut self) {
        (self.0)();
    }
}

// Clause 1. Tasks are polled in exactly the order in which they became ready. One FIFO. A wake on the loop's thread
// counts at once, a thread's from collect, a timer's from fire, a socket's from dispatch. The future given to
// `block_on` is a task like any other.

#[test]
fn woken_last_first_and_second_are_polled_last_first_and_second() {
    let trace = record(Builder::new(), async {
        let slots = [Slot::default(), Slot::default(), Slot::default()];
        for slot in &slots {
            spawn(slot.wait()).detach();
        }
        yield_now().await;
        for n in [2, 0, 1] {
            slots[n].wake();
        }
        yield_now().await;
    });
    assert_trace(
        &trace,
        "
        wake 1: spawned
        turn 1
        run
        poll 1
        wake 2: spawned
        wake 3: spawned
        wake 4: spawned
        wake 1: task 1
        pending 1
        poll 2
        pending 2
        poll 3
        pending 3
        poll 4
        pending 4
        poll 1
        wake 4: task 1
        wake 2: task 1
        wake 3: task 1
        wake 1: task 1
        pending 1
        poll 4
        done 4 ready
        poll 2
        done 2 ready
        poll 3
        done 3 ready
        poll 1
        done 1 ready
        ",
    );
}

#[test]
fn a_local_wake_counts_at_once_before_what_the_same_poll_makes_ready_after_it() {
    let trace = record(Builder::new(), async {
        let slot = Slot::default();
        spawn(slot.wait()).detach();
        yield_now().await;
        slot.wake();
        spawn(async {}).detach();
        yield_now().await;
    });
    assert_trace(
        &trace,
        "
        wake 1: spawned
        turn 1
        run
        poll 1
        wake 2: spawned
        wake 1: task 1
        pending 1
        poll 2
        pending 2
        poll 1
        wake 2: task 1 // at once, inside the poll
        wake 3: spawned
        wake 1: task 1
        pending 1
        poll 2
        done 2 ready
        poll 3
        done 3 ready
        poll 1
        done 1 ready
        ",
    );
}

#[test]
fn a_threads_wake_counts_from_collect_behind_a_local_wake_that_came_after_it() {
    let trace = record(Builder::new(), async {
        let slots = [Slot::default(), Slot::default()];
        let [first, second] = [0, 1].map(|n: usize| spawn(slots[n].wait()));
        yield_now().await;
        let waker = slots[0].take();
        on_thread("helper", move || waker.wake());
        slots[1].wake();
        first.await.unwrap();
        second.await.unwrap();
    });
    assert_trace(
        &trace,
        "
        wake 1: spawned
        turn 1
        run
        poll 1
        wake 2: spawned
        wake 3: spawned
        wake 1: task 1
        pending 1
        poll 2
        pending 2
        poll 3
        pending 3
        poll 1 // here the thread wakes task 2
        wake 3: task 1
        pending 1
        poll 3
        done 3 ready
        turn 2
        collect
        wake 2: thread \"helper\"
        run
        poll 2
        done 2 ready
        wake 1: task 2
        poll 1
        done 1 ready
        ",
    );
}

#[test]
fn a_timers_wake_counts_from_fire_behind_a_task_that_was_spawned_after_the_deadline() {
    let trace = record(paused().budget(3), async {
        let sleeper = spawn(sleep(SECOND));
        yield_now().await;
        time_passes(SECOND);
        spawn(async {}).detach();
        sleeper.await.unwrap();
    });
    assert_trace(
        &trace,
        "
        wake 1: spawned
        turn 1
        run
        poll 1
        wake 2: spawned
        wake 1: task 1
        pending 1
        poll 2
        pending 2
        poll 1
        jump 1s // here the deadline passes
        wake 3: spawned
        pending 1
        turn 2 // after three polls, the budget
        fire
        wake 2: timer 1
        run
        poll 3
        done 3 ready
        poll 2
        done 2 ready
        wake 1: task 2
        poll 1
        done 1 ready
        ",
    );
}

#[test]
fn timers_fire_by_deadline_and_ties_by_creation_whoever_armed_them_first() {
    let trace = record(paused().budget(6), async {
        let late = sleep(SECOND * 2); // timer 1
        let [tie, other_tie] = [sleep(SECOND), sleep(SECOND)]; // timers 2 and 3
        let early = sleep(SECOND / 2); // timer 4
        for timer in [other_tie, early, late, tie] {
            spawn(timer).detach(); // tasks 2 to 5, whose first polls arm them in this order
        }
        yield_now().await;
        time_passes(SECOND * 2);
        yield_now().await;
        yield_now().await;
    });
    assert_trace(
        &trace,
        "
        wake 1: spawned
        turn 1
        run
        poll 1
        wake 2: spawned
        wake 3: spawned
        wake 4: spawned
        wake 5: spawned
        wake 1: task 1
        pending 1
        poll 2
        pending 2
        poll 3
        pending 3
        poll 4
        pending 4
        poll 5
        pending 5
        poll 1
        jump 2s
        wake 1: task 1
        pending 1
        turn 2
        fire
        wake 3: timer 4
        wake 5: timer 2
        wake 2: timer 3
        wake 4: timer 1
        run
        poll 1
        wake 1: task 1
        pending 1
        poll 3
        done 3 ready
        poll 5
        done 5 ready
        poll 2
        done 2 ready
        poll 4
        done 4 ready
        poll 1
        done 1 ready
        ",
    );
}

#[test]
fn a_sockets_wake_counts_from_dispatch_behind_a_task_that_was_spawned_after_its_news() {
    let trace = record(Builder::new().budget(3), async {
        let (client, server) = connected();
        let probe = server.try_clone().unwrap();
        let server = TcpStream::from_std(server).unwrap();
        let reader = spawn(async move { server.read(&mut [0]).await.unwrap() });
        yield_now().await;
        tell(&client, &probe);
        spawn(async {}).detach();
        assert_eq!(reader.await.unwrap(), 1);
    });
    assert_trace(
        &trace,
        "
        wake 1: spawned
        turn 1
        run
        poll 1
        wake 2: spawned
        wake 1: task 1
        pending 1
        poll 2
        pending 2
        poll 1 // here the kernel has news for task 2
        wake 3: spawned
        pending 1
        park not at all
        unpark with 1 event
        dispatch
        wake 2: socket 1 readable
        turn 2
        run
        poll 3
        done 3 ready
        poll 2
        done 2 ready
        wake 1: task 2
        poll 1
        done 1 ready
        ",
    );
}

#[test]
fn the_root_is_polled_behind_a_task_that_was_spawned_before_it() {
    let (runtime, recorder) = observed(Builder::new());
    runtime.spawn(async {}).detach();
    runtime.block_on(async {});
    assert_trace(
        &recorder.order(),
        "
        wake 1: spawned
        wake 2: spawned // the root
        turn 1
        run
        poll 1
        done 1 ready
        poll 2
        done 2 ready
        ",
    );
}

// Clause 2. `spawn` makes the task ready at once, at the back; it never polls inline. A task woken while it is being
// polled goes to the back once. Many wakes on the loop's thread before a poll are one poll; a thread's wakes coalesce
// until they are collected.

#[test]
fn spawn_puts_a_task_at_the_back_and_does_not_poll_it() {
    let trace = record(Builder::new(), async {
        spawn(async { spawn(async {}).detach() }).detach();
        spawn(async {}).detach();
        yield_now().await;
    });
    assert_trace(
        &trace,
        "
        wake 1: spawned
        turn 1
        run
        poll 1
        wake 2: spawned
        wake 3: spawned
        wake 1: task 1
        pending 1
        poll 2
        wake 4: spawned // behind 3 and 1
        done 2 ready
        poll 3
        done 3 ready
        poll 1
        done 1 ready // so 4 was never polled
        ",
    );
}

#[test]
fn wake_during_poll_goes_to_the_back_once() {
    let trace = record(Builder::new(), async {
        let mut polled = false;
        let restless = spawn(poll_fn(move |cx| {
            if std::mem::replace(&mut polled, true) {
                return Poll::Ready(());
            }
            cx.waker().wake_by_ref();
            let counted = cx.waker().clone();
            counted.wake();
            cx.waker().wake_by_ref();
            Poll::Pending
        }));
        spawn(async {}).detach();
        restless.await.unwrap();
    });
    assert_trace(
        &trace,
        "
        wake 1: spawned
        turn 1
        run
        poll 1
        wake 2: spawned
        wake 3: spawned
        pending 1
        poll 2
        wake 2: task 2
        wake 2 again: task 2
        wake 2 again: task 2
        pending 2
        poll 3
        done 3 ready
        poll 2
        done 2 ready
        wake 1: task 2
        poll 1
        done 1 ready
        ",
    );
}

#[test]
fn wake_after_a_wake_during_poll_is_the_same_one() {
    let trace = record(Builder::new(), async {
        let (mut polled, slot) = (false, Slot::default());
        let waits = slot.wait();
        let restless = spawn(async move {
            let mut waits = std::pin::pin!(waits);
            poll_fn(|cx| {
                cx.waker().wake_by_ref();
                let done = waits.as_mut().poll(cx);
                assert_eq!(done.is_ready(), std::mem::replace(&mut polled, true));
                done
            })
            .await;
        });
        spawn(async move { slot.wake() }).detach();
        restless.await.unwrap();
    });
    assert_trace(
        &trace,
        "
        wake 1: spawned
        turn 1
        run
        poll 1
        wake 2: spawned
        wake 3: spawned
        pending 1
        poll 2
        wake 2: task 2
        pending 2
        poll 3
        wake 2 again: task 3
        done 3 ready
        poll 2
        wake 2: task 2
        done 2 ready
        wake 1: task 2
        poll 1 // 2 stood before 1, and was gone
        done 1 ready
        ",
    );
}

#[test]
fn many_local_wakes_before_a_poll_are_one_poll_at_the_place_of_the_first() {
    let trace = record(Builder::new(), async {
        let slot = Slot::default();
        spawn(slot.wait()).detach();
        yield_now().await;
        let waker = slot.take();
        waker.wake_by_ref();
        spawn(async {}).detach();
        waker.wake_by_ref();
        waker.wake();
        yield_now().await;
    });
    assert_trace(
        &trace,
        "
        wake 1: spawned
        turn 1
        run
        poll 1
        wake 2: spawned
        wake 1: task 1
        pending 1
        poll 2
        pending 2
        poll 1
        wake 2: task 1
        wake 3: spawned
        wake 2 again: task 1
        wake 2 again: task 1
        wake 1: task 1
        pending 1
        poll 2
        done 2 ready
        poll 3
        done 3 ready
        poll 1
        done 1 ready
        ",
    );
}

#[test]
fn a_threads_wakes_coalesce_until_collect_and_the_next_one_counts_again() {
    let trace = record(Builder::new(), async {
        let mut polls = 0;
        let woken = spawn(poll_fn(move |cx| {
            polls += 1;
            let waker = cx.waker().clone();
            match polls {
                1 => on_thread("many", move || (0..3).for_each(|_| waker.wake_by_ref())),
                2 => on_thread("once more", move || waker.wake()),
                _ => return Poll::Ready(()),
            }
            Poll::Pending
        }));
        woken.await.unwrap();
    });
    assert_trace(
        &trace,
        "
        wake 1: spawned
        turn 1
        run
        poll 1
        wake 2: spawned
        pending 1
        poll 2
        pending 2
        turn 2
        collect
        wake 2: thread \"many\" // three wakes, one message
        run
        poll 2
        pending 2
        turn 3
        collect
        wake 2: thread \"once more\"
        run
        poll 2
        done 2 ready
        wake 1: task 2
        poll 1
        done 1 ready
        ",
    );
}

#[test]
fn wakes_of_two_threads_before_collect_are_the_first_ones() {
    let trace = record(Builder::new(), async {
        let slot = Slot::default();
        let woken = spawn(slot.wait());
        yield_now().await;
        let waker = slot.take();
        for name in ["first", "second"] {
            let waker = waker.clone();
            on_thread(name, move || waker.wake());
        }
        woken.await.unwrap();
    });
    assert_trace(
        &trace,
        "
        wake 1: spawned
        turn 1
        run
        poll 1
        wake 2: spawned
        wake 1: task 1
        pending 1
        poll 2
        pending 2
        poll 1
        pending 1
        turn 2
        collect
        wake 2: thread \"first\"
        run
        poll 2
        done 2 ready
        wake 1: task 2
        poll 1
        done 1 ready
        ",
    );
}

#[test]
fn a_threads_wake_of_a_task_that_is_ready_when_collected_is_no_second_poll() {
    let trace = record(Builder::new().budget(3), async {
        let slot = Slot::default();
        let woken = spawn(slot.wait());
        yield_now().await;
        let waker = slot.take();
        let far = waker.clone();
        on_thread("helper", move || far.wake());
        waker.wake();
        woken.await.unwrap();
    });
    assert_trace(
        &trace,
        "
        wake 1: spawned
        turn 1
        run
        poll 1
        wake 2: spawned
        wake 1: task 1
        pending 1
        poll 2
        pending 2
        poll 1 // here the thread wakes task 2
        wake 2: task 1
        pending 1
        turn 2
        collect
        wake 2 again: thread \"helper\"
        run
        poll 2
        done 2 ready
        wake 1: task 2
        poll 1
        done 1 ready
        ",
    );
}

// Clause 3. One turn of the loop is collect, fire, run, park, dispatch. The loop reads the clock once a turn; making a
// relative timer reads it again, so that no timer is early.

#[test]
fn one_turn_is_collect_fire_run_park_dispatch() {
    let trace = record(Builder::new(), async {
        let (listener, addr) = listen();
        let acceptor = spawn(async move { drop(listener.accept().await.unwrap()) });
        let slot = Slot::default();
        spawn(slot.wait()).detach();
        let client = spawn(async move {
            sleep(Duration::ZERO).await;
            std::net::TcpStream::connect(addr).unwrap()
        });
        yield_now().await;
        let waker = slot.take();
        on_thread("helper", move || waker.wake());
        acceptor.await.unwrap();
        drop(client);
    });
    assert_trace(
        &trace,
        "
        wake 1: spawned
        turn 1
        run
        poll 1
        wake 2: spawned
        wake 3: spawned
        wake 4: spawned
        wake 1: task 1
        pending 1
        poll 2
        pending 2
        poll 3
        pending 3
        poll 4
        pending 4
        poll 1
        pending 1
        park not at all // the doorbell was rung
        turn 2
        collect
        wake 3: thread \"helper\"
        fire
        wake 4: timer 1
        run
        poll 3
        done 3 ready
        poll 4
        done 4 ready
        park until woken
        unpark with 1 event
        dispatch
        wake 2: socket 1 readable
        turn 3
        run
        poll 2
        done 2 ready
        wake 1: task 2
        poll 1
        done 1 ready
        ",
    );
}

#[test]
fn messages_are_collected_in_arrival_order() {
    let trace = record(Builder::new(), async {
        let slots = [Slot::default(), Slot::default()];
        let tasks = slots.each_ref().map(|slot| spawn(slot.wait()));
        yield_now().await;
        for (name, slot) in [("first", &slots[1]), ("second", &slots[0])] {
            let waker = slot.take();
            on_thread(name, move || waker.wake());
        }
        for task in tasks {
            task.await.unwrap();
        }
    });
    assert_trace(
        &trace,
        "
        wake 1: spawned
        turn 1
        run
        poll 1
        wake 2: spawned
        wake 3: spawned
        wake 1: task 1
        pending 1
        poll 2
        pending 2
        poll 3
        pending 3
        poll 1
        pending 1
        turn 2
        collect
        wake 3: thread \"first\"
        wake 2: thread \"second\"
        run
        poll 3
        done 3 ready
        poll 2
        done 2 ready
        wake 1: task 2
        poll 1
        done 1 ready
        ",
    );
}

#[test]
fn park_does_not_sleep_while_a_task_is_ready() {
    let trace = record(Builder::new().budget(1), async {
        let (_listener, _) = listen(); // or there would be nothing to look at
        yield_now().await;
    });
    assert_trace(
        &trace,
        "
        wake 1: spawned
        turn 1
        run
        poll 1
        wake 1: task 1
        pending 1
        park not at all
        turn 2
        run
        poll 1
        done 1 ready
        ",
    );
}

#[test]
fn park_sleeps_until_the_next_deadline() {
    let trace = record(Builder::new(), async {
        spawn(sleep(Duration::from_secs(3600))).detach();
        sleep(Duration::from_millis(1)).await;
    });
    assert_trace(
        &trace,
        "
        wake 1: spawned
        turn 1
        run
        poll 1
        wake 2: spawned
        pending 1
        poll 2
        pending 2
        park until timer 2
        unpark with 0 events
        turn 2
        fire
        wake 1: timer 2
        run
        poll 1
        done 1 ready
        ",
    );
}

#[test]
fn park_sleeps_until_the_doorbell_rings() {
    /// Lets a thread go on when the loop is about to sleep.
    struct AtPark(std::sync::mpsc::Sender<()>);
    impl Observer for AtPark {
        fn event(&self, _at: Instant, event: &Event) {
            if let Event::Park(_) = event {
                let _ = self.0.send(());
            }
        }
    }
    let (parks, parked) = std::sync::mpsc::channel();
    let mut trace = record(Builder::new().observer(Rc::new(AtPark(parks))), async {
        let mut parked = Some(parked);
        poll_fn(move |cx| {
            let Some(parked) = parked.take() else { return Poll::Ready(()) };
            let waker = cx.waker().clone();
            let thread = std::thread::Builder::new().name("helper".into());
            thread.spawn(move || parked.recv().map(|()| waker.wake())).unwrap();
            Poll::Pending
        })
        .await;
    });
    // Where the thread is faster than the loop's last steps to its bed, the loop does not lie down.
    trace.retain(|line| line != "unpark with 0 events");
    assert_trace(
        &trace,
        "
        wake 1: spawned
        turn 1
        run
        poll 1
        pending 1
        park until woken
        turn 2
        collect
        wake 1: thread \"helper\"
        run
        poll 1
        done 1 ready
        ",
    );
}

#[test]
fn the_clock_is_read_once_a_turn_so_what_falls_due_while_timers_fire_waits_for_the_next_turn() {
    /// The first timer's fire takes a second.
    struct SlowFire;
    impl Observer for SlowFire {
        fn event(&self, _at: Instant, event: &Event) {
            if let Event::Wake { task, cause: Cause::Timer(_), .. } = event
                && task.to_string() == "2"
            {
                time_passes(SECOND);
            }
        }
    }
    let trace = record(paused().observer(Rc::new(SlowFire)), async {
        let first = spawn(sleep(SECOND));
        let second = spawn(sleep(SECOND * 2));
        first.await.unwrap();
        yield_now().await;
        assert!(!second.is_finished(), "the second deadline has passed, and its timer has not fired");
    });
    assert_trace(
        &trace,
        "
        wake 1: spawned
        turn 1
        run
        poll 1
        wake 2: spawned
        wake 3: spawned
        pending 1
        poll 2
        pending 2
        poll 3
        pending 3
        park until timer 1
        jump 1s
        turn 2
        fire
        wake 2: timer 1
        jump 1s // here the deadline of timer 2 passes
        run
        poll 2
        done 2 ready
        wake 1: task 2
        poll 1
        wake 1: task 1
        pending 1
        poll 1
        done 1 ready
        ",
    );
}

#[test]
fn a_timer_made_late_in_a_long_turn_counts_from_then() {
    let trace = record(paused(), async {
        time_passes(SECOND * 10);
        sleep(SECOND).await; // from the turn's beginning, it would be due already
    });
    assert_trace(
        &trace,
        "
        wake 1: spawned
        turn 1
        run
        poll 1
        jump 10s
        pending 1
        park until timer 2
        jump 1s
        turn 2
        fire
        wake 1: timer 2
        run
        poll 1
        done 1 ready
        ",
    );
}

#[test]
fn no_timer_is_early_after_a_long_turn_of_the_real_clock() {
    let nap = Duration::from_millis(5);
    glassloop::run(async {
        sleep(Duration::ZERO).await; // so that this turn began with a clock reading
        let begun = std::time::Instant::now();
        while begun.elapsed() < nap {
            std::hint::spin_loop();
        }
        let made = std::time::Instant::now();
        sleep(nap).await;
        assert!(made.elapsed() >= nap);
    });
}

// Clause 4. No task can starve timers or I/O: they are looked at after at most `budget` polls.

/// Steps back in the queue, far longer than any of these tests should last.
async fn restless() {
    for _ in 0..1000 {
        yield_now().await;
    }
}

#[test]
fn a_timer_fires_after_budget_polls_however_many_tasks_are_ready() {
    let trace = record(paused().budget(2), async {
        spawn(restless()).detach();
        spawn(restless()).detach();
        sleep(Duration::ZERO).await;
    });
    assert_trace(
        &trace,
        "
        wake 1: spawned
        turn 1
        run
        poll 1
        wake 2: spawned
        wake 3: spawned
        pending 1
        poll 2
        wake 2: task 2
        pending 2
        turn 2
        fire
        wake 1: timer 1
        run
        poll 3
        wake 3: task 3
        pending 3
        poll 2
        wake 2: task 2
        pending 2
        turn 3
        run
        poll 1
        done 1 ready
        ",
    );
}

#[test]
fn a_socket_is_looked_at_after_budget_polls_however_many_tasks_are_ready() {
    let trace = record(Builder::new().budget(2), async {
        let (client, server) = connected();
        let probe = server.try_clone().unwrap();
        let server = TcpStream::from_std(server).unwrap();
        spawn(async move {
            yield_now().await;
            tell(&client, &probe);
            restless().await;
        })
        .detach();
        server.read(&mut [0]).await.unwrap();
    });
    assert_trace(
        &trace,
        "
        wake 1: spawned
        turn 1
        run
        poll 1
        wake 2: spawned
        pending 1
        poll 2
        wake 2: task 2
        pending 2
        park not at all
        unpark with 1 event // a new connection is writable, and nobody waits for that
        dispatch
        turn 2
        run
        poll 2 // here the kernel has news for task 1
        wake 2: task 2
        pending 2
        poll 2
        wake 2: task 2
        pending 2
        park not at all
        unpark with 1 event
        dispatch
        wake 1: socket 1 readable
        turn 3
        run
        poll 2
        wake 2: task 2
        pending 2
        poll 1
        done 1 ready
        ",
    );
}

/// A connection over loopback: its client, and its server, which does not block.
fn connected() -> (std::net::TcpStream, std::net::TcpStream) {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let client = std::net::TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    let (server, _) = listener.accept().unwrap();
    server.set_nonblocking(true).unwrap();
    (client, server)
}

/// Sends a byte, and returns when it has arrived at `probe`'s socket, so that the kernel's next report names it.
fn tell(mut client: &std::net::TcpStream, probe: &std::net::TcpStream) {
    client.write_all(b"!").unwrap();
    loop {
        match probe.peek(&mut [0]) {
            Ok(1) => return,
            Err(error) if error.kind() == ErrorKind::WouldBlock => std::hint::spin_loop(),
            other => panic!("a byte was sent: {other:?}"),
        }
    }
}

// Clause 5. `abort` never runs a destructor inside the caller: it wakes the task with its cancel mark set, and at its
// turn in the FIFO the future is dropped instead of polled, on the loop's thread. Aborting twice, aborting a finished
// task, aborting oneself and aborting from another thread are all defined.

#[test]
fn an_aborted_task_is_dropped_at_its_turn_and_not_inside_the_caller() {
    let trace = record(Builder::new(), async {
        let slot = Slot::default();
        spawn(slot.wait()).detach();
        let last_words = OnDrop(move || slot.wake());
        let victim = spawn(async move {
            let _last_words = last_words;
            pending::<()>().await;
        });
        yield_now().await;
        spawn(async {}).detach();
        victim.abort();
        assert!(!victim.is_finished());
        assert!(victim.await.unwrap_err().is_cancelled());
    });
    assert_trace(
        &trace,
        "
        wake 1: spawned
        turn 1
        run
        poll 1
        wake 2: spawned
        wake 3: spawned
        wake 1: task 1
        pending 1
        poll 2
        pending 2
        poll 3
        pending 3
        poll 1
        wake 4: spawned
        abort 3 by 1
        wake 3: aborted
        pending 1
        poll 4
        done 4 ready
        wake 2: task 3 // its destructor, at its turn behind 4
        done 3 cancelled
        wake 1: task 3
        poll 2
        done 2 ready
        poll 1
        done 1 ready
        ",
    );
}

#[test]
fn aborting_a_ready_task_leaves_it_at_its_place() {
    let trace = record(Builder::new(), async {
        let victim = spawn(async {});
        spawn(async {}).detach();
        victim.abort();
        assert!(victim.await.unwrap_err().is_cancelled());
    });
    assert_trace(
        &trace,
        "
        wake 1: spawned
        turn 1
        run
        poll 1
        wake 2: spawned
        wake 3: spawned
        abort 2 by 1
        wake 2 again: aborted
        pending 1
        done 2 cancelled // never polled
        wake 1: task 2
        poll 3
        done 3 ready
        poll 1
        done 1 ready
        ",
    );
}

#[test]
fn aborting_twice_is_aborting_once() {
    let trace = record(Builder::new(), async {
        let victim = spawn(pending::<()>());
        yield_now().await;
        victim.abort();
        victim.abort();
        victim.abort_handle().abort();
        assert!(victim.await.unwrap_err().is_cancelled());
    });
    assert_trace(
        &trace,
        "
        wake 1: spawned
        turn 1
        run
        poll 1
        wake 2: spawned
        wake 1: task 1
        pending 1
        poll 2
        pending 2
        poll 1
        abort 2 by 1
        wake 2: aborted
        pending 1
        done 2 cancelled
        wake 1: task 2
        poll 1
        done 1 ready
        ",
    );
}

#[test]
fn aborting_a_finished_task_does_nothing() {
    let trace = record(Builder::new(), async {
        let task = spawn(async { 7 });
        let abort = task.abort_handle();
        yield_now().await;
        task.abort();
        abort.abort();
        assert_eq!(task.await.unwrap(), 7);
    });
    assert_trace(
        &trace,
        "
        wake 1: spawned
        turn 1
        run
        poll 1
        wake 2: spawned
        wake 1: task 1
        pending 1
        poll 2
        done 2 ready
        poll 1
        done 1 ready
        ",
    );
}

/// A task that aborts itself in its first poll, and then awaits `after`.
fn self_aborting(after: impl Future<Output = ()> + 'static) -> glassloop::JoinHandle<()> {
    let own = Rc::new(Cell::new(None::<glassloop::AbortHandle>));
    let task = spawn({
        let own = own.clone();
        async move {
            own.take().unwrap().abort();
            after.await;
        }
    });
    own.set(Some(task.abort_handle()));
    task
}

#[test]
fn aborting_oneself_polls_on_to_the_next_await_and_drops_at_the_next_turn() {
    let trace = record(Builder::new(), async {
        let task = self_aborting(pending());
        spawn(async {}).detach();
        assert!(task.await.unwrap_err().is_cancelled());
    });
    assert_trace(
        &trace,
        "
        wake 1: spawned
        turn 1
        run
        poll 1
        wake 2: spawned
        wake 3: spawned
        pending 1
        poll 2
        abort 2 by 2
        wake 2: aborted
        pending 2
        poll 3
        done 3 ready
        done 2 cancelled
        wake 1: task 2
        poll 1
        done 1 ready
        ",
    );
}

#[test]
fn aborting_oneself_and_finishing_in_the_same_poll_is_finishing() {
    let trace = record(Builder::new(), async {
        let task = self_aborting(async {});
        task.await.unwrap();
    });
    assert_trace(
        &trace,
        "
        wake 1: spawned
        turn 1
        run
        poll 1
        wake 2: spawned
        pending 1
        poll 2
        abort 2 by 2
        wake 2: aborted
        done 2 ready
        wake 1: task 2
        poll 1 // 2 stood before 1, and was gone
        done 1 ready
        ",
    );
}

#[test]
fn an_abort_from_a_thread_counts_from_collect_and_drops_on_the_loops_thread() {
    let dropped_on = Rc::new(Cell::new(None::<ThreadId>));
    let dropped_on_ = dropped_on.clone();
    let trace = record(Builder::new(), async move {
        let guard = OnDrop(move || dropped_on_.set(Some(std::thread::current().id())));
        let victim = spawn(async move {
            let _guard = guard;
            pending::<()>().await;
        });
        yield_now().await;
        let abort = victim.abort_handle();
        on_thread("helper", move || abort.abort());
        spawn(async {}).detach();
        assert!(victim.await.unwrap_err().is_cancelled());
    });
    assert_eq!(dropped_on.get(), Some(std::thread::current().id()));
    assert_trace(
        &trace,
        "
        wake 1: spawned
        turn 1
        run
        poll 1
        wake 2: spawned
        wake 1: task 1
        pending 1
        poll 2
        pending 2
        poll 1 // here the thread aborts task 2
        wake 3: spawned
        pending 1
        poll 3
        done 3 ready
        turn 2
        collect
        abort 2
        wake 2: aborted
        run
        done 2 cancelled
        wake 1: task 2
        poll 1
        done 1 ready
        ",
    );
}

#[test]
fn an_abort_from_a_thread_that_is_collected_after_the_end_does_nothing() {
    let trace = record(Builder::new().budget(2), async {
        let task = spawn(async { 7 });
        let abort = task.abort_handle();
        on_thread("helper", move || abort.abort());
        assert_eq!(task.await.unwrap(), 7);
    });
    assert_trace(
        &trace,
        "
        wake 1: spawned
        turn 1
        run
        poll 1
        wake 2: spawned
        pending 1
        poll 2
        done 2 ready
        wake 1: task 2
        turn 2
        collect // the abort, too late
        run
        poll 1
        done 1 ready
        ",
    );
}

// Joins, and what outlives a root.

#[test]
fn a_task_that_ends_wakes_its_awaiter_at_the_back_with_the_task_as_cause() {
    let trace = record(Builder::new(), async {
        let task = spawn(async { spawn(async {}).detach() });
        task.await.unwrap();
    });
    assert_trace(
        &trace,
        "
        wake 1: spawned
        turn 1
        run
        poll 1
        wake 2: spawned
        pending 1
        poll 2
        wake 3: spawned
        done 2 ready
        wake 1: task 2
        poll 3
        done 3 ready
        poll 1
        done 1 ready
        ",
    );
}

#[test]
fn what_is_ready_when_the_root_ends_stays_ready_for_the_next_block_on() {
    let (runtime, recorder) = observed(Builder::new());
    runtime.block_on(async { spawn(async {}).detach() });
    runtime.block_on(async {});
    assert_trace(
        &recorder.order(),
        "
        wake 1: spawned
        turn 1
        run
        poll 1
        wake 2: spawned
        done 1 ready

        wake 3: spawned
        turn 2
        run
        poll 2
        done 2 ready
        poll 3
        done 3 ready
        ",
    );
}

#[test]
fn each_block_on_has_a_root_of_a_fresh_id() {
    let (runtime, recorder) = observed(Builder::new());
    runtime.block_on(async {});
    runtime.block_on(async {});
    assert_trace(
        &recorder.order(),
        "
        wake 1: spawned
        turn 1
        run
        poll 1
        done 1 ready

        wake 2: spawned
        turn 2
        run
        poll 2
        done 2 ready
        ",
    );
}

#[test]
fn late_wakes_of_a_root_do_nothing() {
    let (runtime, recorder) = observed(Builder::new().budget(1));
    let late: Waker = runtime.block_on(poll_fn(|cx| Poll::Ready(cx.waker().clone())));
    recorder.clear();
    late.wake_by_ref(); // outside of the loop, which is as from a thread
    runtime.block_on(async {
        late.wake_by_ref();
        let far = late.clone();
        on_thread("helper", move || far.wake());
        yield_now().await;
    });
    assert_trace(
        &recorder.order(),
        "
        wake 2: spawned
        turn 2
        collect
        run
        poll 2
        wake 2: task 2
        pending 2
        turn 3
        collect
        run
        poll 2
        done 2 ready
        ",
    );
}

// Clause 6. Under a virtual clock, a seed and no outside I/O, two runs give the same trace byte for byte.

/// The text of a run of six tasks with timers, some of them due together, and inline blocking jobs.
fn tangle(builder: Builder) -> String {
    let (runtime, recorder) = observed(builder.start_paused(true).inline_blocking());
    let sum: u64 = runtime.block_on(async {
        let tasks = (0..6).map(|n| {
            spawn(async move {
                sleep(Duration::from_millis(n % 2)).await;
                let square = spawn_blocking(move || n * n).await.unwrap();
                yield_now().await;
                sleep(Duration::from_millis(square % 3)).await;
                square
            })
        });
        let squares = join_all(tasks.collect::<Vec<_>>()).await;
        squares.into_iter().map(Result::unwrap).sum()
    });
    assert_eq!(sum, 55);
    recorder.text()
}

#[test]
fn the_same_seed_gives_the_same_text_byte_for_byte() {
    for seed in 0..20 {
        assert_eq!(tangle(Builder::new().seed(seed)), tangle(Builder::new().seed(seed)));
    }
}

#[test]
fn without_a_seed_two_runs_give_the_same_text_byte_for_byte() {
    assert_eq!(tangle(Builder::new()), tangle(Builder::new()));
}

#[test]
fn different_seeds_give_different_orders() {
    let texts: std::collections::HashSet<String> = (0..20).map(|seed| tangle(Builder::new().seed(seed))).collect();
    assert_eq!(texts.len(), 20);
}
