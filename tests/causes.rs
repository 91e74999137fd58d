//! Why a task became ready, as the whole line of a recorded trace: by whom, by what it did, and where the thing was made.
//! Places in this file are told as lines from the beginning of the test: `+3`.

mod support;

use std::cell::Cell;
use std::future::Future;
use std::net::Ipv4Addr;
use std::pin::pin;
use std::rc::Rc;
use std::time::Duration;

use glassloop::io::{AsyncReadExt, AsyncWriteExt, duplex};
use glassloop::net::TcpListener;
use glassloop::sync::{
    Barrier, CancellationToken, Condition, Event, Mutex, Notify, OnceCell, PriorityQueue, Queue, RwLock,
    Semaphore, broadcast, mpsc, oneshot, watch,
};
use glassloop::time::{sleep, timeout};
use glassloop::trace::Recorder;
use glassloop::{Builder, JoinSet, TaskGroup, scope, spawn, spawn_blocking, yield_now};
use support::{Slot, on_thread};

/// Every line, with this file's places told from line `base` on.
fn lines(base: u32, builder: Builder, main: impl Future) -> Vec<String> {
    let recorder = Recorder::new();
    let runtime = builder.observer(recorder.observer()).build().unwrap();
    runtime.block_on(main);
    recorder.lines().iter().map(|line| from(base, line)).collect()
}

fn from(base: u32, line: &str) -> String {
    let mut parts = line.split("tests/causes.rs:");
    let mut told = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let (number, rest) = part.split_once(':').expect("a line, a column");
        let column = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
        let below = number.parse::<i64>().unwrap() - i64::from(base);
        told += &format!("{below:+}{}", &rest[column..]);
    }
    told
}

/// The wakes of task 2, the first that is spawned, after those by its spawn and by itself.
fn wakes(base: u32, main: impl Future) -> Vec<String> {
    let lines = lines(base, Builder::new().start_paused(true), main);
    let is_own = |line: &String| line.ends_with(": spawned") || line.ends_with(": task 2");
    lines.into_iter().filter(|line| line.starts_with("wake 2") && !is_own(line)).collect()
}

/// Spawns `waits`, which is task 2, lets it begin to wait, does `act`, and lets it end.
async fn woken_by<F>(waits: impl Future<Output = F> + 'static, act: impl AsyncFnOnce())
where
    F: 'static,
{
    let waits = spawn(waits);
    yield_now().await;
    act().await;
    waits.await.unwrap();
}

macro_rules! assert_woken {
    ($base:expr, $main:expr, $($line:literal),+) => {
        assert_eq!(wakes($base, $main), [$($line),+])
    };
}

// ---- what is not a primitive

#[test]
fn a_spawn_an_abort_and_the_end_of_a_task() {
    let base = line!();
    let lines = lines(base, Builder::new(), async {
        let task = spawn(std::future::pending::<()>());
        yield_now().await;
        task.abort();
        assert!(task.await.is_err());
    });
    let wakes: Vec<_> = lines.iter().filter(|line| line.starts_with("wake")).collect();
    let wanted = [
        "wake 1: spawned",
        "wake 2: spawned",
        "wake 1: task 1",
        "wake 2: aborted",
        "wake 1: task 2, which ended, spawned at +2",
    ];
    assert_eq!(wakes, wanted);
}

#[test]
fn a_timer_and_where_it_was_made() {
    let base = line!();
    let lines = lines(base, Builder::new().start_paused(true), async {
        sleep(Duration::from_secs(1)).await;
        assert!(timeout(Duration::from_secs(1), std::future::pending::<()>()).await.is_err());
    });
    let told: Vec<_> = lines.iter().filter(|line| line.contains("timer")).map(String::as_str).collect();
    let wanted = [
        "pending 1, for timer 1 made at +2",
        "park until timer 1",
        "wake 1: timer 1",
        "pending 1, for timer 2 made at +3",
        "park until timer 2",
        "wake 1: timer 2",
    ];
    assert_eq!(told, wanted);
}

#[test]
fn a_socket_and_its_addresses() {
    let base = line!();
    let ports = Rc::new(Cell::new((0, 0)));
    let (seen, found) = (ports.clone(), ports);
    let lines = lines(base, Builder::new(), async move {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let client = std::net::TcpStream::connect(address).unwrap();
        let (stream, _) = listener.accept().await.unwrap();
        seen.set((address.port(), client.local_addr().unwrap().port()));
        spawn(async move { std::io::Write::write_all(&mut &client, b"hi").unwrap() }).detach();
        stream.read_exact(&mut [0; 2]).await.unwrap();
    });
    let (own, peer) = found.get();
    let has = |line: String| assert!(lines.contains(&line), "{line:?} is not in {lines:#?}");
    has(format!("register 1 socket 127.0.0.1:{own}"));
    has(format!("register 2 socket 127.0.0.1:{own} to 127.0.0.1:{peer}"));
    has("pending 1, for socket 2 to be readable at +10".to_owned());
    has("wake 1: socket 2 readable".to_owned());
}

#[test]
fn a_thread_by_its_name_and_a_job() {
    let slot = Slot::default();
    let main = async {
        let waits = spawn(slot.wait());
        yield_now().await;
        let waker = slot.take();
        on_thread("an outsider", move || waker.wake());
        waits.await.unwrap();
    };
    assert_woken!(line!(), main, "wake 2: thread \"an outsider\"");
    assert_woken!(line!(), async { spawn_blocking(|| {}).await.unwrap() }, "wake 2: its job ended");
}

#[test]
fn the_first_cause_and_each_that_came_after_it_before_the_poll() {
    let base = line!();
    let (event, notify) = (Event::new(), Notify::new());
    let (event, notify) = (Rc::new(event), Rc::new(notify));
    let waits = {
        let (event, notify) = (event.clone(), notify.clone());
        async move {
            let (set, told) = (pin!(event.wait()), pin!(notify.notified()));
            futures_lite::future::or(set, told).await;
        }
    };
    let main = woken_by(waits, async || {
        event.set();
        notify.notify_one();
    });
    assert_woken!(
        base,
        main,
        "wake 2: task 1, which set the Event made at +1",
        "wake 2 again: task 1, which notified the Notify made at +1"
    );
}

// ---- locks

#[test]
fn mutex() {
    let base = line!();
    let lock = Rc::new(Mutex::new(()));
    let main = async {
        let held = lock.clone().lock_owned().await;
        let waits = lock.clone();
        woken_by(async move { drop(waits.lock().await) }, async || drop(held)).await;
    };
    assert_woken!(base, main, "wake 2: task 1, which released the Mutex made at +1");
}

#[test]
fn rwlock() {
    let base = line!();
    let lock = Rc::new(RwLock::new(()));
    let main = async {
        let held = lock.clone().write_owned().await;
        let waits = lock.clone();
        woken_by(async move { drop(waits.read().await) }, async || drop(held)).await;
    };
    assert_woken!(base, main, "wake 2: task 1, which released the RwLock made at +1");
}

#[test]
fn semaphore_that_is_given_permits_or_closed() {
    let base = line!();
    let permits = Rc::new(Semaphore::new(0));
    let waits = || {
        let permits = permits.clone();
        async move { drop(permits.acquire().await) }
    };
    let given = woken_by(waits(), async || permits.add_permits(1));
    assert_woken!(base, given, "wake 2: task 1, which gave permits to the Semaphore made at +1");
    let permits = Rc::new(Semaphore::new(0));
    let waits = permits.clone();
    let closed = woken_by(async move { drop(waits.acquire().await) }, async || permits.close());
    assert_woken!(base, closed, "wake 2: task 1, which closed the Semaphore made at +8");
}

#[test]
fn once_cell() {
    let base = line!();
    let cell = Rc::new(OnceCell::new());
    let main = async {
        let (fills, waits) = (cell.clone(), cell.clone());
        let open = Rc::new(Notify::new());
        let opened = open.clone();
        let first = spawn(async move { assert!(waits.get_or_init(|| async { 1 }).await == &2) }); // task 2
        let fill = pin!(fills.get_or_init(|| async move {
            opened.notified().await;
            2
        }));
        let rest = async {
            yield_now().await;
            open.notify_one();
        };
        futures_lite::future::zip(fill, rest).await;
        first.await.unwrap();
    };
    assert_woken!(base, main, "wake 2: task 1, which ended its try to fill the OnceCell made at +1");
}

// ---- signals

#[test]
fn notify() {
    let base = line!();
    let notify = Rc::new(Notify::new());
    let waits = notify.clone();
    let main = woken_by(async move { waits.notified().await }, async || notify.notify_waiters());
    assert_woken!(base, main, "wake 2: task 1, which notified the Notify made at +1");
}

#[test]
fn condition_and_then_its_mutex() {
    let base = line!();
    let both = Rc::new((Mutex::new(()), Condition::new()));
    let waits = both.clone();
    let main = woken_by(
        async move {
            let guard = waits.0.lock().await;
            drop(waits.1.wait(guard).await);
        },
        async || {
            let guard = both.0.lock().await;
            both.1.notify_all(&guard);
            yield_now().await; // it comes for the lock, and waits for it
            drop(guard);
        },
    );
    assert_woken!(
        base,
        main,
        "wake 2: task 1, which notified the Condition made at +1",
        "wake 2: task 1, which released the Mutex made at +1"
    );
}

#[test]
fn barrier() {
    let base = line!();
    let barrier = Rc::new(Barrier::new(2));
    let waits = barrier.clone();
    let main = woken_by(async move { waits.wait().await }, async || {
        barrier.wait().await;
    });
    assert_woken!(base, main, "wake 2: task 1, which came last to the Barrier made at +1");
}

#[test]
fn cancellation_token_and_a_child_of_it() {
    let base = line!();
    let token = CancellationToken::new();
    let child = token.child_token();
    let main = woken_by(async move { child.cancelled().await }, async || token.cancel());
    assert_woken!(base, main, "wake 2: task 1, which cancelled the CancellationToken made at +2");
}

// ---- channels

#[test]
fn mpsc_that_is_sent_on_or_left_by_its_last_sender() {
    let base = line!();
    let (tx, mut rx) = mpsc::channel(1);
    let main = woken_by(async move { while rx.recv().await.is_some() {} }, async || {
        tx.send(1).await.unwrap();
        yield_now().await;
        drop(tx);
    });
    assert_woken!(
        base,
        main,
        "wake 2: task 1, which sent on the mpsc channel made at +1",
        "wake 2: task 1, which dropped the last sender or permit of the mpsc channel made at +1"
    );
}

#[test]
fn an_unbounded_mpsc_too() {
    let base = line!();
    let (tx, mut rx) = mpsc::unbounded_channel();
    let main = woken_by(async move { while rx.recv().await.is_some() {} }, async || {
        tx.send(1).unwrap();
        yield_now().await;
        drop(tx);
    });
    assert_woken!(
        base,
        main,
        "wake 2: task 1, which sent on the mpsc channel made at +1",
        "wake 2: task 1, which dropped the last sender or permit of the mpsc channel made at +1"
    );
}

#[test]
fn mpsc_whose_receiver_makes_room_or_closes() {
    let base = line!();
    let (tx, mut rx) = mpsc::channel(1);
    let main = woken_by(async move { while tx.send(1).await.is_ok() {} }, async || {
        rx.recv().await.unwrap();
        yield_now().await;
        rx.close();
    });
    assert_woken!(
        base,
        main,
        "wake 2: task 1, which made room in the mpsc channel made at +1",
        "wake 2: task 1, which closed the mpsc channel made at +1"
    );
    let (tx, rx) = mpsc::channel::<()>(1);
    let main = woken_by(async move { tx.closed().await }, async || drop(rx));
    assert_woken!(base, main, "wake 2: task 1, which closed the mpsc channel made at +13");
}

#[test]
fn oneshot_that_is_sent_on_or_closed_from_either_end() {
    let base = line!();
    let (tx, rx) = oneshot::channel();
    let sent = woken_by(async move { rx.await.unwrap() }, async || tx.send(1).unwrap());
    assert_woken!(base, sent, "wake 2: task 1, which sent on the oneshot channel made at +1");
    let (tx, rx) = oneshot::channel::<()>();
    let dropped = woken_by(async move { rx.await.unwrap_err() }, async || drop(tx));
    assert_woken!(base, dropped, "wake 2: task 1, which closed the oneshot channel without a value made at +4");
    let (mut tx, rx) = oneshot::channel::<()>();
    let unwanted = woken_by(async move { tx.closed().await }, async || drop(rx));
    assert_woken!(
        base,
        unwanted,
        "wake 2: task 1, which closed the receiving end of the oneshot channel made at +7"
    );
}

#[test]
fn watch_that_is_sent_on_or_left_by_either_side() {
    let base = line!();
    let (tx, mut rx) = watch::channel(0);
    let changed = woken_by(async move { while rx.changed().await.is_ok() {} }, async || {
        tx.send(1).unwrap();
        yield_now().await;
        drop(tx);
    });
    assert_woken!(
        base,
        changed,
        "wake 2: task 1, which sent on the watch channel made at +1",
        "wake 2: task 1, which dropped the last sender of the watch channel made at +1"
    );
    let (tx, rx) = watch::channel(0);
    let closed = woken_by(async move { tx.closed().await }, async || drop(rx));
    assert_woken!(
        base,
        closed,
        "wake 2: task 1, which dropped the last receiver of the watch channel made at +13"
    );
}

#[test]
fn broadcast_that_is_sent_on_or_left_by_either_side() {
    let base = line!();
    let (tx, mut rx) = broadcast::channel(4);
    let received = woken_by(async move { while rx.recv().await.is_ok() {} }, async || {
        tx.send(1).unwrap();
        yield_now().await;
        drop(tx);
    });
    assert_woken!(
        base,
        received,
        "wake 2: task 1, which sent on the broadcast channel made at +1",
        "wake 2: task 1, which dropped the last sender of the broadcast channel made at +1"
    );
    let (tx, rx) = broadcast::channel::<()>(4);
    let closed = woken_by(async move { tx.closed().await }, async || drop(rx));
    assert_woken!(
        base,
        closed,
        "wake 2: task 1, which dropped the last receiver of the broadcast channel made at +13"
    );
}

#[test]
fn queue_that_is_put_into_taken_from_done_with_or_closed() {
    let base = line!();
    let queue = Rc::new(Queue::new(1));
    let gets = queue.clone();
    let got = woken_by(async move { while gets.get().await.is_ok() {} }, async || {
        queue.put(1).await.unwrap();
        yield_now().await;
        queue.close();
    });
    assert_woken!(
        base,
        got,
        "wake 2: task 1, which put into the Queue made at +1",
        "wake 2: task 1, which closed, or since then emptied, the Queue made at +1"
    );
    let queue = Rc::new(PriorityQueue::new(1));
    let puts = queue.clone();
    let put = woken_by(async move { while puts.put(1).await.is_ok() {} }, async || {
        queue.get().await.unwrap();
        yield_now().await;
        queue.close();
    });
    assert_woken!(
        base,
        put,
        "wake 2: task 1, which took from the PriorityQueue made at +14",
        "wake 2: task 1, which closed the PriorityQueue made at +14"
    );
}

#[test]
fn queue_whose_work_is_done_or_thrown_away() {
    let base = line!();
    let queue = Rc::new(Queue::new(0));
    let joins = queue.clone();
    let done = async {
        queue.put_nowait(1).unwrap();
        let rest = async || {
            queue.get().await.unwrap();
            queue.task_done();
        };
        woken_by(async move { joins.join().await }, rest).await;
    };
    assert_woken!(base, done, "wake 2: task 1, which told the last task_done of the Queue made at +1");
    let queue = Rc::new(Queue::new(0));
    let joins = queue.clone();
    let thrown = async {
        queue.put_nowait(1).unwrap();
        woken_by(async move { joins.join().await }, async || queue.close_now()).await;
    };
    assert_woken!(base, thrown, "wake 2: task 1, which closed, and emptied, the Queue made at +12");
}

#[test]
fn a_pipe_in_memory_that_is_written_to_or_closed() {
    let base = line!();
    let (mut near, mut far) = duplex(1);
    let main = woken_by(async move { far.read_to_end(&mut Vec::new()).await.unwrap() }, async || {
        near.write_all(b"a").await.unwrap();
        yield_now().await;
        drop(near);
    });
    assert_woken!(
        base,
        main,
        "wake 2: task 1, which moved bytes through the pipe in memory made at +1",
        "wake 2: task 1, which closed the pipe in memory made at +1"
    );
}

// ---- tasks of sets, groups and scopes

/// As `wakes`, of task 1, which waits for others.
fn wakes_of_root(base: u32, main: impl Future) -> Vec<String> {
    let lines = lines(base, Builder::new().start_paused(true), main);
    let is_own = |line: &String| line.ends_with(": spawned") || line.ends_with(": task 1");
    lines.into_iter().filter(|line| line.starts_with("wake 1") && !is_own(line)).collect()
}

#[test]
fn a_join_set_a_member_of_which_ends() {
    let base = line!();
    let main = async {
        let mut set = JoinSet::new();
        set.spawn(yield_now());
        set.join_next().await.unwrap().unwrap();
    };
    assert_eq!(wakes_of_root(base, main), ["wake 1: task 2, which ended in the JoinSet made at +2"]);
}

#[test]
fn a_task_group_whose_last_child_ends_or_one_fails() {
    let base = line!();
    let left = TaskGroup::run(async |group| {
        group.spawn(async { Ok::<_, String>(()) });
        Ok::<_, String>(())
    });
    assert_eq!(wakes_of_root(base, left), ["wake 1: task 2, which ended as the last of the TaskGroup made at +1"]);
    let failed = TaskGroup::run(async |group| {
        group.spawn(async { Err::<(), _>("no".to_owned()) });
        std::future::pending::<Result<(), String>>().await
    });
    assert_eq!(wakes_of_root(base, failed), ["wake 1: task 2, which failed in the TaskGroup made at +6"]);
}

#[test]
fn a_scope_whose_child_ends() {
    let base = line!();
    let main = scope(async |scope| {
        let notify = Rc::new(Notify::new());
        let told = notify.clone();
        let child = scope.spawn(async move { told.notified().await });
        spawn(async move { notify.notify_one() }).detach();
        child.await
    });
    let wakes = wakes_of_root(base, main);
    // The child runs in the same task: that is woken for it, and then by it.
    let wanted = [
        "wake 1: task 2, which notified the Notify made at +2",
        "wake 1: task 1, which ended in the scope made at +4",
    ];
    assert_eq!(wakes, wanted);
}

// ---- what a poll waits for

/// What the polls of task 1 ended with, if they told it.
fn waits(base: u32, main: impl Future) -> Vec<String> {
    let lines = lines(base, Builder::new().start_paused(true), main);
    lines.into_iter().filter(|line| line.starts_with("pending 1, for")).collect()
}

#[test]
fn a_lock_that_was_given_up_is_not_what_the_next_await_waits_for() {
    let base = line!();
    let waits = waits(base, async {
        let mutex = Mutex::new(());
        let _guard = mutex.lock().await;
        assert!(timeout(Duration::from_secs(1), mutex.lock()).await.is_err());
        sleep(Duration::from_secs(1)).await;
    });
    assert_eq!(waits, ["pending 1, for Mutex::lock at +4 (made at +2)", "pending 1, for timer 2 made at +5"]);
}

#[test]
fn a_timer_that_lost_a_race_is_not_what_the_next_await_waits_for() {
    let base = line!();
    let waits = waits(base, async {
        let (tx, mut rx) = mpsc::channel(1);
        tx.send(()).await.unwrap();
        glassloop::select! {
            () = sleep(Duration::from_secs(1)) => unreachable!(),
            value = rx.recv() => assert!(value.is_some()),
        }
        assert!(timeout(Duration::from_secs(1), rx.recv()).await.is_err());
    });
    assert_eq!(waits, ["pending 1, for mpsc::Receiver::recv at +8 (made at +2)"]);
}
