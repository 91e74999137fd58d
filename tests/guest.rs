//! A loop inside a foreign one. The host of these tests knows only the descriptor: it turns the guest when `poll(2)`
//! calls it readable, or at once when the last turn asked for that, and never because time has passed.
//!
//! Linux alone: elsewhere the descriptor does not tell of deadlines.
#![cfg(target_os = "linux")]

use std::cell::{Cell, RefCell};
use std::future::{Future, pending, poll_fn};
use std::io::Read;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::rc::Rc;
use std::sync::{Arc, Mutex};
use std::task::{Poll, Waker};
use std::thread;
use std::time::Duration;

use glassloop::net::{TcpListener, TcpStream};
use glassloop::time::{Instant, Sleep, pause, resume, sleep};
use glassloop::trace::{Event, Recorder};
use glassloop::{Builder, Guest, Next, Runtime, Turn, spawn_blocking, yield_now};
use rustix::event::{PollFd, PollFlags, Timespec, poll};

/// Longer than any wait here takes: only a lost wake lasts so long.
const LOST: Duration = Duration::from_secs(20);

fn guest() -> Guest {
    Guest::new(Runtime::new().unwrap()).unwrap()
}

/// Whether the guest's descriptor is readable, or gets so within `limit`.
fn readable(guest: &Guest, limit: Duration) -> bool {
    let limit = Timespec::try_from(limit).unwrap();
    let mut descriptors = [PollFd::new(guest, PollFlags::IN)];
    loop {
        match poll(&mut descriptors, Some(&limit)) {
            Err(rustix::io::Errno::INTR) => {}
            count => return count.unwrap() == 1,
        }
    }
}

fn is_readable(guest: &Guest) -> bool {
    readable(guest, Duration::ZERO)
}

fn look(guest: &Guest) -> Turn {
    guest.turn(Some(Duration::ZERO))
}

/// The host: turns the guest until `done`, and gives every turn.
fn drive(guest: &Guest, mut done: impl FnMut() -> bool) -> Vec<Turn> {
    let mut turns = Vec::new();
    loop {
        let turn = look(guest);
        turns.push(turn);
        if done() {
            return turns;
        }
        if turn.next != Next::Now {
            assert!(readable(guest, LOST), "the guest said {:?} and its descriptor never got readable", turn.next);
        }
    }
}

/// Turns the guest while it asks for it, and gives the last turn.
fn settle(guest: &Guest) -> Turn {
    loop {
        let turn = look(guest);
        if turn.next != Next::Now {
            return turn;
        }
    }
}

/// Does `act` on a thread of its own, where it may hang.
fn in_time<T: Send + 'static>(act: impl FnOnce() -> T + Send + 'static) -> T {
    let (give, take) = std::sync::mpsc::channel();
    thread::spawn(move || give.send(act()));
    take.recv_timeout(LOST).expect("it comes back")
}

/// A place where a task waits for a value, made by hand: what `futures` channels do.
#[derive(Clone)]
struct Slot<T>(Arc<Mutex<(Option<T>, Option<Waker>)>>);

impl<T> Slot<T> {
    fn new() -> Slot<T> {
        Slot(Arc::new(Mutex::new((None, None))))
    }

    fn put(&self, value: T) {
        let mut slot = self.0.lock().unwrap();
        slot.0 = Some(value);
        let waker = slot.1.take();
        drop(slot);
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    async fn take(&self) -> T {
        poll_fn(|cx| {
            let mut slot = self.0.lock().unwrap();
            if let Some(value) = slot.0.take() {
                return Poll::Ready(value);
            }
            let before = slot.1.replace(cx.waker().clone());
            drop(slot);
            drop(before);
            Poll::Pending
        })
        .await
    }
}

/// Lets a task poll `future` once and leave it in the returned place.
fn armed<F: Future + Unpin + 'static>(
    guest: &Guest,
    make: impl FnOnce() -> F + 'static,
) -> Rc<RefCell<Option<F>>> {
    let place = Rc::new(RefCell::new(None));
    let stored = place.clone();
    let task = guest.spawn(async move {
        let mut future = make();
        poll_fn(|cx| {
            assert!(Pin::new(&mut future).poll(cx).is_pending());
            Poll::Ready(())
        })
        .await;
        *stored.borrow_mut() = Some(future);
    });
    drive(guest, || task.is_finished());
    place
}

// Deadlines.

#[test]
fn sleep_of_milliseconds_is_two_turns() {
    let guest = guest();
    let start = Instant::now();
    let task = guest.spawn(sleep_for(Duration::from_millis(7)));
    let turns = drive(&guest, || task.is_finished());
    assert!(start.elapsed() >= Duration::from_millis(7));
    assert_eq!(turns.len(), 2, "one that arms the timer, one that fires it, none between: {turns:?}");
    let Next::At(deadline) = turns[0].next else { panic!("{:?}", turns[0]) };
    assert!(deadline >= start + Duration::from_millis(7));
    assert_eq!((turns[1].fired, turns[1].polled), (1, 1));
}

async fn sleep_for(duration: Duration) {
    sleep(duration).await;
}

#[test]
fn sleeps_below_a_millisecond_are_a_turn_each() {
    let guest = guest();
    let start = Instant::now();
    let task = guest.spawn(async {
        for _ in 0..20 {
            sleep(Duration::from_micros(150)).await;
        }
    });
    let turns = drive(&guest, || task.is_finished());
    assert!(start.elapsed() >= Duration::from_micros(20 * 150));
    assert_eq!(turns.len(), 21);
    assert_eq!(turns.iter().map(|turn| turn.fired).sum::<usize>(), 20);
}

#[test]
fn earlier_deadline_made_between_turns_moves_the_alarm() {
    let guest = guest();
    guest.spawn(sleep_for(Duration::from_secs(3600))).detach();
    let first = settle(&guest);
    let task = guest.spawn(sleep_for(Duration::from_millis(2)));
    drive(&guest, || task.is_finished());
    assert_eq!(settle(&guest).next, first.next, "the hour is next again");
}

#[test]
fn later_deadline_follows_an_earlier_one() {
    let guest = guest();
    let tasks = [3, 1, 2].map(|ms| guest.spawn(sleep_for(Duration::from_millis(ms))));
    let turns = drive(&guest, || tasks.iter().all(|task| task.is_finished()));
    assert_eq!(turns.iter().map(|turn| turn.fired).sum::<usize>(), 3);
    assert!(turns.len() <= 4, "{turns:?}");
}

#[test]
fn descriptor_is_quiet_before_a_deadline() {
    let guest = guest();
    guest.spawn(sleep_for(Duration::from_secs(3600))).detach();
    assert!(matches!(settle(&guest).next, Next::At(_)));
    assert!(!is_readable(&guest));
}

#[test]
fn clock_paused_past_the_alarm_and_resumed_still_wakes_the_sleeper() {
    // One poll a turn: the second poll of the pauser finds the descriptor quiet again after its wake.
    let guest = Rc::new(Guest::new(Builder::new().budget(1).build().unwrap()).unwrap());
    let sleeper = guest.spawn(sleep_for(Duration::from_millis(5)));
    let slot = Slot::new();
    let pauser = guest.spawn({
        let (guest, slot) = (Rc::downgrade(&guest), slot.clone());
        async move {
            slot.take().await;
            yield_now().await;
            pause();
            // In real time the alarm rings; on the loop's clock no time has passed.
            assert!(readable(&guest.upgrade().unwrap(), LOST));
            resume();
        }
    });
    assert!(matches!(settle(&guest).next, Next::At(_)));
    slot.put(());
    drive(&guest, || pauser.is_finished() && sleeper.is_finished());
}

// Sockets.

#[test]
fn tcp_echo_to_its_end() {
    let guest = guest();
    let task = guest.spawn(async {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let server = glassloop::spawn(async move {
            let (stream, _) = listener.accept().await?;
            stream.set_nodelay(true)?;
            let mut buffer = [0; 1024];
            loop {
                match stream.read(&mut buffer).await? {
                    0 => return std::io::Result::Ok(()),
                    read => stream.write_all(&buffer[..read]).await?,
                }
            }
        });
        let client = TcpStream::connect(address).await?;
        client.set_nodelay(true)?;
        let mut back = Vec::new();
        for round in 0..50_u8 {
            client.write_all(&[round; 3000]).await?;
            let mut answer = [0; 3000];
            client.read_exact(&mut answer).await?;
            back.push(answer == [round; 3000]);
        }
        drop(client);
        server.await.unwrap()?;
        std::io::Result::Ok(back)
    });
    drive(&guest, || task.is_finished());
    let back = guest.into_runtime().block_on(task).unwrap().unwrap();
    assert_eq!(back, vec![true; 50]);
}

#[test]
fn descriptor_is_quiet_while_a_socket_has_no_news_and_readable_when_it_has() {
    let guest = guest();
    let (here, mut there) = loopback();
    let task = guest.spawn(async move {
        let stream = TcpStream::from_std(here).unwrap();
        let mut byte = [0];
        stream.read(&mut byte).await.unwrap();
        byte[0]
    });
    let turn = loop {
        let turn = look(&guest); // the first says that the socket can be written to
        if turn.next != Next::Now && turn.dispatched == 0 {
            break turn;
        }
    };
    assert_eq!(turn.next, Next::OnEvent);
    assert!(!is_readable(&guest));
    std::io::Write::write_all(&mut there, b"!").unwrap();
    assert!(readable(&guest, LOST));
    let turn = look(&guest);
    assert_eq!((turn.dispatched, turn.polled, turn.next), (1, 0, Next::Now));
    assert_eq!(look(&guest).polled, 1);
    assert_eq!(guest.into_runtime().block_on(task).unwrap(), b'!');
}

fn loopback() -> (std::net::TcpStream, std::net::TcpStream) {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let here = std::net::TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    let there = listener.accept().unwrap().0;
    here.set_nonblocking(true).unwrap();
    (here, there)
}

// Wakes, spawns, aborts and drops between turns.

#[test]
fn wake_from_a_thread_between_turns_is_collected() {
    let guest = guest();
    let slot = Slot::new();
    let task = guest.spawn({
        let slot = slot.clone();
        async move { slot.take().await }
    });
    assert_eq!(settle(&guest).next, Next::OnEvent);
    assert!(!is_readable(&guest));
    thread::spawn(move || slot.put(5)).join().unwrap();
    assert!(is_readable(&guest));
    let turn = look(&guest);
    assert_eq!((turn.collected, turn.polled), (1, 1));
    assert!(task.is_finished() && !is_readable(&guest));
}

#[test]
fn wakes_from_a_thread_at_any_moment_are_not_lost() {
    let guest = guest();
    let (there, back) = (Slot::new(), Slot::new());
    let thread = thread::spawn({
        let (there, back) = (there.clone(), back.clone());
        move || {
            for round in 0..2000 {
                there.put(round);
                while back.0.lock().unwrap().0.take() != Some(round) {
                    thread::yield_now();
                }
            }
        }
    });
    let task = guest.spawn(async move {
        for round in 0..2000 {
            assert_eq!(there.take().await, round);
            back.put(round);
        }
    });
    drive(&guest, || task.is_finished());
    thread.join().unwrap();
    guest.into_runtime().block_on(task).unwrap();
}

#[test]
fn wake_on_the_loops_thread_between_turns_is_collected() {
    let guest = guest();
    let slot = Slot::new();
    let task = guest.spawn({
        let slot = slot.clone();
        async move { slot.take().await }
    });
    settle(&guest);
    slot.put(5);
    assert!(is_readable(&guest));
    assert_eq!(look(&guest).collected, 1);
    assert!(task.is_finished());
}

#[test]
fn two_wakes_of_one_task_between_turns_are_one_poll() {
    let guest = guest();
    let kept: Rc<RefCell<Option<Waker>>> = Rc::default();
    let polls = Rc::new(Cell::new(0));
    guest
        .spawn({
            let (kept, polls) = (kept.clone(), polls.clone());
            poll_fn(move |cx| {
                polls.set(polls.get() + 1);
                *kept.borrow_mut() = Some(cx.waker().clone());
                Poll::<()>::Pending
            })
        })
        .detach();
    settle(&guest);
    let waker = kept.borrow().clone().unwrap();
    waker.wake_by_ref();
    thread::spawn(move || waker.wake()).join().unwrap();
    assert_eq!(settle(&guest).collected, 1);
    assert_eq!(polls.get(), 2);
}

#[test]
fn wake_from_a_thread_during_a_turn_asks_for_the_next_at_once() {
    let guest = guest();
    let slot = Slot::new();
    let waiter = guest.spawn({
        let slot = slot.clone();
        async move { slot.take().await }
    });
    settle(&guest);
    guest.spawn(async move { thread::spawn(move || slot.put(5)).join().unwrap() }).detach();
    let turn = look(&guest);
    assert_eq!((turn.polled, turn.next), (1, Next::Now));
    assert!(!waiter.is_finished());
    let turn = look(&guest);
    assert_eq!((turn.collected, turn.polled), (1, 1));
    assert!(waiter.is_finished());
}

#[test]
fn spawn_between_turns_makes_the_descriptor_readable() {
    let guest = guest();
    assert_eq!(settle(&guest).next, Next::Idle);
    assert!(!is_readable(&guest));
    let task = guest.spawn(async {});
    assert!(is_readable(&guest));
    assert_eq!(look(&guest).polled, 1);
    assert!(task.is_finished() && !is_readable(&guest));
}

#[test]
fn spawn_from_a_thread_between_turns_makes_the_descriptor_readable() {
    let guest = guest();
    let handle = guest.handle();
    assert_eq!(settle(&guest).next, Next::OnEvent, "the handle may bring work");
    let task = thread::spawn(move || handle.spawn(|| async { 42 })).join().unwrap();
    assert!(is_readable(&guest));
    drive(&guest, || task.is_finished());
    assert_eq!(task.wait().unwrap(), 42);
    assert_eq!(settle(&guest).next, Next::Idle);
}

#[test]
fn sleep_dropped_between_turns_gives_up_its_deadline() {
    let guest = guest();
    let place = armed(&guest, || sleep(Duration::from_secs(3600)));
    assert!(matches!(settle(&guest).next, Next::At(_)));
    drop(place.take());
    assert!(is_readable(&guest));
    let turn = settle(&guest);
    assert_eq!((turn.collected, turn.next), (1, Next::Idle));
    assert_eq!(guest.next_deadline(), None);
}

#[test]
fn sleep_dropped_on_another_thread_between_turns_gives_up_its_deadline() {
    let guest = guest();
    let place = armed(&guest, || sleep(Duration::from_secs(3600)));
    settle(&guest);
    let sleep: Sleep = place.take().unwrap();
    thread::spawn(move || drop(sleep)).join().unwrap();
    assert!(is_readable(&guest));
    assert_eq!(settle(&guest).next, Next::Idle);
    assert_eq!(guest.next_deadline(), None);
}

/// A socket that belongs to `guest`, and its peer.
fn connected(guest: &Guest) -> (TcpStream, std::net::TcpStream) {
    let (here, there) = loopback();
    let place = Rc::new(RefCell::new(None));
    let stored = place.clone();
    let task = guest.spawn(async move { *stored.borrow_mut() = Some(TcpStream::from_std(here).unwrap()) });
    drive(guest, || task.is_finished());
    // The socket is registered in the run phase; the look after it brings "writable".
    settle(guest);
    assert!(!is_readable(guest));
    (place.take().unwrap(), there)
}

fn is_closed(mut peer: std::net::TcpStream) -> bool {
    peer.set_nonblocking(true).unwrap();
    matches!(peer.read(&mut [0]), Ok(0))
}

#[test]
fn socket_dropped_between_turns_is_closed_in_the_next() {
    let guest = guest();
    let (socket, peer) = connected(&guest);
    drop(socket);
    assert!(is_readable(&guest));
    assert_eq!(settle(&guest).collected, 1);
    assert!(is_closed(peer) && !is_readable(&guest));
}

#[test]
fn socket_dropped_on_another_thread_between_turns_is_closed_in_the_next() {
    let guest = guest();
    let (socket, peer) = connected(&guest);
    thread::spawn(move || drop(socket)).join().unwrap();
    assert!(is_readable(&guest));
    assert_eq!(settle(&guest).collected, 1);
    assert!(is_closed(peer) && !is_readable(&guest));
}

#[test]
fn join_handle_dropped_between_turns_leaves_its_task_running() {
    let guest = guest();
    let slot = Slot::new();
    let seen = Rc::new(Cell::new(0));
    let task = guest.spawn({
        let (slot, seen) = (slot.clone(), seen.clone());
        async move { seen.set(slot.take().await) }
    });
    settle(&guest);
    drop(task);
    assert!(!is_readable(&guest), "there is nothing to do about it");
    slot.put(5);
    settle(&guest);
    assert_eq!(seen.get(), 5);
}

#[test]
fn join_handle_dropped_between_turns_drops_the_output_there() {
    let guest = guest();
    let output = Rc::new(());
    let task = guest.spawn({
        let output = output.clone();
        async move { output }
    });
    settle(&guest);
    assert_eq!(Rc::strong_count(&output), 2);
    drop(task);
    assert_eq!(Rc::strong_count(&output), 1);
    assert!(!is_readable(&guest));
}

#[test]
fn abort_between_turns_drops_the_future_in_the_next() {
    let guest = guest();
    let held = Rc::new(());
    let task = guest.spawn({
        let held = held.clone();
        async move {
            let _held = held;
            pending::<()>().await;
        }
    });
    settle(&guest);
    task.abort();
    assert!(is_readable(&guest));
    assert_eq!(Rc::strong_count(&held), 2, "never inside the call");
    assert_eq!(settle(&guest).polled, 1);
    assert_eq!(Rc::strong_count(&held), 1);
    assert!(guest.into_runtime().block_on(task).unwrap_err().is_cancelled());
}

#[test]
fn abort_from_a_thread_between_turns_drops_the_future_in_the_next() {
    let guest = guest();
    let task = guest.spawn(pending::<()>());
    let abort = task.abort_handle();
    assert_eq!(settle(&guest).next, Next::OnEvent);
    thread::spawn(move || abort.abort()).join().unwrap();
    assert!(is_readable(&guest));
    assert_eq!(settle(&guest).next, Next::Idle);
    assert!(guest.into_runtime().block_on(task).unwrap_err().is_cancelled());
}

#[test]
fn blocking_jobs_end_by_the_descriptor_alone() {
    let guest = guest();
    let (go, wait) = std::sync::mpsc::channel::<u32>();
    let task = guest.spawn(async move {
        let first = spawn_blocking(|| 1).await.unwrap();
        first + spawn_blocking(move || wait.recv().unwrap()).await.unwrap()
    });
    let turns = drive(&guest, {
        let mut go = Some(go);
        let task = &task;
        move || {
            if let Some(go) = go.take() {
                go.send(2).unwrap();
            }
            task.is_finished()
        }
    });
    assert!(turns.len() <= 6, "two jobs, and the host does not spin: {turns:?}");
    assert_eq!(guest.into_runtime().block_on(task).unwrap(), 3);
}

#[test]
fn descriptor_is_quiet_while_a_job_runs() {
    let guest = guest();
    let (go, wait) = std::sync::mpsc::channel::<()>();
    let task = guest.spawn(async move { spawn_blocking(move || wait.recv()).await });
    assert_eq!(settle(&guest).next, Next::OnEvent);
    assert!(!is_readable(&guest));
    drop(go);
    drive(&guest, || task.is_finished());
}

// What a turn says.

#[test]
fn turn_counts_what_it_did() {
    let guest = guest();
    let handle = guest.handle();
    for _ in 0..3 {
        handle.call_soon(|| {}).unwrap();
    }
    for _ in 0..2 {
        guest.spawn(yield_now()).detach();
    }
    let turn = look(&guest);
    assert_eq!((turn.collected, turn.fired, turn.polled, turn.dispatched), (3, 0, 4, 0));
    assert_eq!(turn.next, Next::OnEvent);
    let turn = look(&guest);
    assert_eq!((turn.collected, turn.fired, turn.polled, turn.dispatched), (0, 0, 0, 0));
}

#[test]
fn guest_with_nothing_to_wait_for_is_idle_and_its_waiting_tasks_change_nothing() {
    let guest = guest();
    assert_eq!(look(&guest).next, Next::Idle);
    guest.spawn(pending::<()>()).detach();
    assert_eq!(settle(&guest).next, Next::Idle);
    assert!(!is_readable(&guest));
}

#[test]
fn kept_waker_makes_idle_an_on_event() {
    let guest = guest();
    let slot = Slot::<u32>::new();
    let task = guest.spawn({
        let slot = slot.clone();
        async move { slot.take().await }
    });
    assert_eq!(settle(&guest).next, Next::OnEvent);
    task.abort();
    drop(slot);
    assert_eq!(settle(&guest).next, Next::Idle);
}

#[test]
fn task_of_a_handle_that_is_gone_does_not_keep_the_guest_from_idle() {
    let guest = guest();
    let handle = guest.handle();
    handle.spawn(pending::<()>).detach();
    assert_eq!(settle(&guest).next, Next::OnEvent);
    drop(handle);
    assert_eq!(settle(&guest).next, Next::Idle, "nobody can abort the task, and nobody can wake it");
}

#[test]
fn remote_handle_that_is_kept_keeps_the_guest_from_idle() {
    let guest = guest();
    let task = guest.handle().spawn(pending::<()>);
    assert_eq!(settle(&guest).next, Next::OnEvent, "its task may be aborted through it");
    task.abort();
    assert!(is_readable(&guest));
    assert_eq!(settle(&guest).next, Next::Idle);
}

#[test]
fn budget_that_ends_a_turn_leaves_now() {
    let guest = Guest::new(Builder::new().budget(2).build().unwrap()).unwrap();
    for _ in 0..5 {
        guest.spawn(async {}).detach();
    }
    let turns = drive(&guest, {
        let mut turns = 0;
        move || {
            turns += 1;
            turns == 3
        }
    });
    let said: Vec<_> = turns.iter().map(|turn| (turn.polled, turn.next)).collect();
    assert_eq!(said, [(2, Next::Now), (2, Next::Now), (1, Next::Idle)]);
}

#[test]
fn tasks_left_ready_are_told_by_the_turn_and_not_by_the_descriptor() {
    let guest = Guest::new(Builder::new().budget(1).build().unwrap()).unwrap();
    let task = guest.spawn(async { yield_now().await });
    assert_eq!(look(&guest).next, Next::Now);
    assert!(!is_readable(&guest), "the host knows already");
    drive(&guest, || task.is_finished());
}

#[test]
fn next_deadline_is_what_the_turn_said() {
    let guest = guest();
    assert_eq!(guest.next_deadline(), None);
    guest.spawn(sleep_for(Duration::from_secs(3600))).detach();
    let Next::At(deadline) = settle(&guest).next else { panic!("a timer is armed") };
    assert_eq!(guest.next_deadline(), Some(deadline));
}

#[test]
fn turn_without_a_limit_sleeps_until_the_deadline() {
    let guest = guest();
    let task = guest.spawn(sleep_for(Duration::from_millis(3)));
    let turn = guest.turn(None);
    assert_eq!((turn.polled, turn.fired, turn.next), (1, 0, Next::Now));
    assert_eq!(look(&guest).fired, 1);
    assert!(task.is_finished());
}

#[test]
fn turn_with_a_limit_comes_back_before_a_later_deadline() {
    let guest = guest();
    guest.spawn(sleep_for(Duration::from_secs(3600))).detach();
    let start = Instant::now();
    let turn = guest.turn(Some(Duration::from_millis(2)));
    assert!(start.elapsed() >= Duration::from_millis(2));
    assert!(matches!(turn.next, Next::At(_)));
}

// The virtual clock.

fn paused() -> Guest {
    Guest::new(Builder::new().start_paused(true).build().unwrap()).unwrap()
}

#[test]
fn virtual_hours_are_two_turns() {
    let guest = paused();
    let task = guest.spawn(async {
        let start = Instant::now();
        sleep(Duration::from_secs(3600)).await;
        start.elapsed()
    });
    let turns = drive(&guest, || task.is_finished());
    let said: Vec<_> = turns.iter().map(|turn| (turn.fired, turn.polled, turn.next)).collect();
    assert_eq!(said, [(0, 1, Next::Now), (1, 1, Next::Idle)]);
    assert_eq!(guest.into_runtime().block_on(task).unwrap(), Duration::from_secs(3600));
}

#[test]
fn virtual_clock_waits_for_a_job_and_then_jumps() {
    let guest = paused();
    let (go, wait) = std::sync::mpsc::channel::<()>();
    let job = guest.spawn(async move { spawn_blocking(move || wait.recv()).await });
    let sleeper = guest.spawn(sleep_for(Duration::from_secs(3600)));
    assert_eq!(settle(&guest).next, Next::OnEvent, "no time that passes moves this clock");
    assert_eq!(guest.next_deadline(), None);
    assert!(!is_readable(&guest) && !sleeper.is_finished());
    drop(go);
    drive(&guest, || job.is_finished() && sleeper.is_finished());
}

#[test]
fn virtual_clock_jumps_after_news_of_a_socket_that_nobody_waits_for() {
    let guest = paused();
    let (here, _there) = loopback();
    let task = guest.spawn(async move {
        let _stream = TcpStream::from_std(here).unwrap(); // the kernel will say that it can be written to
        sleep(Duration::from_secs(3600)).await;
    });
    drive(&guest, || task.is_finished());
}

#[test]
fn turn_with_a_limit_comes_back_under_a_virtual_clock() {
    for limit in [Duration::from_micros(100), Duration::from_millis(2)] {
        let next = in_time(move || {
            let guest = paused();
            guest.spawn(pending::<()>()).detach();
            guest.turn(Some(limit)).next
        });
        assert_eq!(next, Next::Idle);
    }
}

#[test]
fn virtual_turn_that_may_not_wait_looks_at_the_kernel_once() {
    let recorder = Recorder::new();
    let builder = Builder::new().start_paused(true).observer(recorder.observer());
    let guest = Guest::new(builder.build().unwrap()).unwrap();
    guest.spawn(pending::<()>()).detach();
    look(&guest);
    let parks = recorder.events().into_iter().filter(|(_at, event)| matches!(event, Event::Park(_)));
    assert_eq!(parks.count(), 1);
}

#[test]
fn deadlines_of_a_guest_that_was_paused_are_on_the_systems_clock() {
    let hour = Duration::from_secs(3600);
    let guest = paused();
    let start = Instant::now();
    guest
        .spawn(async move {
            sleep(hour * 24).await; // a jump
            resume();
            sleep(hour).await;
        })
        .detach();
    let Next::At(deadline) = settle(&guest).next else { panic!("a timer is armed, and the clock runs") };
    assert!(start + hour <= deadline && deadline <= Instant::now() + hour);
    assert_eq!(guest.next_deadline(), Some(deadline));
}

// A guest among other loops.

#[test]
fn guest_turned_a_runtime_again_goes_on() {
    let guest = guest();
    let slot = Slot::new();
    let task = guest.spawn({
        let slot = slot.clone();
        async move {
            let value = slot.take().await;
            sleep(Duration::from_millis(1)).await;
            value
        }
    });
    settle(&guest);
    let runtime = guest.into_runtime();
    slot.put(5);
    assert_eq!(runtime.block_on(task).unwrap(), 5);
    let guest = Guest::new(runtime).unwrap();
    let task = guest.spawn(sleep_for(Duration::from_millis(1)));
    drive(&guest, || task.is_finished());
}

#[test]
fn guest_keeps_its_descriptor_armed_after_a_block_on_between_turns() {
    let guest = guest();
    settle(&guest);
    guest.block_on(sleep_for(Duration::from_micros(100)));
    let task = guest.spawn(async {});
    assert!(is_readable(&guest));
    look(&guest);
    assert!(task.is_finished());
}

#[test]
fn guest_keeps_its_descriptor_armed_after_a_block_on_that_panicked() {
    struct Bomb;
    impl Drop for Bomb {
        fn drop(&mut self) {
            panic!("on its way out");
        }
    }
    let is_told = in_time(|| {
        let guest = guest();
        settle(&guest);
        let root = async {
            let _bomb = Bomb;
            sleep(Duration::from_micros(1)).await; // so it parks, and is awake again
            pending::<()>().await;
        };
        catch_unwind(AssertUnwindSafe(|| guest.try_block_on(root))).unwrap_err();
        assert!(!is_readable(&guest));
        let handle = guest.handle();
        handle.call_soon(|| ()).unwrap();
        is_readable(&guest)
    });
    assert!(is_told);
}

#[test]
fn turn_inside_a_running_loop_is_refused() {
    let guest = guest();
    let refused = glassloop::run(async {
        catch_unwind(AssertUnwindSafe(|| look(&guest))).unwrap_err().downcast::<String>().unwrap()
    });
    assert!(refused.starts_with("Guest::turn was called at tests/guest.rs:"), "{refused}");
    assert!(refused.contains("a loop cannot run inside a loop"), "{refused}");
}

#[test]
fn turn_inside_its_own_turn_is_refused_and_the_guest_goes_on() {
    let guest = Rc::new(guest());
    let task = guest.spawn({
        let guest = Rc::downgrade(&guest);
        async move { look(&guest.upgrade().unwrap()) }
    });
    settle(&guest);
    assert!(task.is_finished());
    let other = guest.spawn(sleep_for(Duration::from_millis(1)));
    drive(&guest, || other.is_finished());
    let words = Rc::into_inner(guest).unwrap().into_runtime().block_on(task).unwrap_err().to_string();
    assert!(words.contains("Guest::turn was called at"), "{words}");
}

#[test]
fn a_guest_of_a_crowd_looked_at_a_moment_ago_is_told_when_to_turn_and_then_that_it_is_idle() {
    let guest = Guest::new(Runtime::new().unwrap()).unwrap();
    (0..1001).for_each(|_| guest.spawn(std::future::pending::<()>()).detach());
    let next = loop {
        let turn = guest.turn(Some(Duration::ZERO)); // the turn that polls is the one that looks
        if turn.polled == 0 {
            break turn.next;
        }
    };
    let Next::At(moment) = next else { panic!("{next:?}: a look at each of a crowd, each turn") };
    // A host would wait for the descriptor.
    let left = || Some(moment - glassloop::time::Instant::now());
    assert!((0..1_000_000).any(|_| guest.turn(left()).next == Next::Idle));
}
