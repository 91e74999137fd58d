//! `ops NAME COUNT`: does one operation COUNT times and nothing else, so that the difference of two counts, divided
//! by theirs, is what one operation costs. `.ci/counts` runs it under callgrind.

use std::cell::{Cell, RefCell};
use std::future::{Future, poll_fn};
use std::pin::pin;
use std::process::ExitCode;
use std::rc::Rc;
use std::task::{Poll, Waker};
use std::time::Duration;

use glassloop::net::{TcpListener, TcpStream};
use glassloop::sync::{Mutex, Notify, Semaphore, mpsc, oneshot};
use glassloop::time::{Sleep, sleep};
use glassloop::trace::FlightRecorder;
use glassloop::{Builder, JoinHandle, spawn, yield_now};

/// How many tasks or timers an operation in batches has at a time; counts are multiples of it.
const BATCH: usize = 1000;

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    let (Some(name), Some(count)) = (arguments.next(), arguments.next().and_then(|count| count.parse().ok()))
    else {
        eprintln!("usage: ops NAME COUNT (COUNT a multiple of {BATCH})");
        return ExitCode::FAILURE;
    };
    match name.as_str() {
        "spawn_join" => run(spawn_join(count)),
        "spawn_detached" => run(spawn_detached(count)),
        "spawn_await_one" => run(spawn_await_one(count)),
        "join" => run(join(count)),
        "yield_alone" => run(yield_alone(count)),
        "turn_beside_10_idle" => run_turns(turns_beside_idle(10, count)),
        "turn_beside_10000_idle" => run_turns(turns_beside_idle(10_000, count)),
        "self_wake_1000" => run(self_wake_1000(count)),
        "timer_make_drop" => run(timer_make_drop(count)),
        "timer_make_drop_1000" => run(timer_make_drop_1000(count)),
        "timer_reset" => run(timer_reset(count)),
        "timer_fire_virtual" => run_virtual(timer_fire_virtual(count)),
        "timer_fire_virtual_1000" => run_virtual(timer_fire_virtual_1000(count)),
        "ping_pong_slot" => run(ping_pong_slot(count)),
        "ping_pong_mpsc" => run(ping_pong_mpsc(count)),
        "mpsc_ready" => run(mpsc_ready(count)),
        "mpsc_queued" => run(mpsc_queued(count)),
        "mutex_free" => run(mutex_free(count)),
        "mutex_hand_over" => run(mutex_hand_over(count)),
        "semaphore_hand_over" => run(semaphore_hand_over(count)),
        "notify_ping_pong" => run(notify_ping_pong(count)),
        "oneshot" => run(oneshot_awaited(count)),
        "echo" => run(echo(count)),
        "recorded_self_wake" => run_recorded(self_wake_1000(count)),
        "recorded_spawn_join" => run_recorded(spawn_join(count)),
        "recorded_channel" => run_recorded(ping_pong_mpsc(count)),
        "recorded_mutex" => run_recorded(mutex_hand_over(count)),
        "recorded_timer_virtual" => run_recorded_virtual(timer_fire_virtual_1000(count)),
        "watched_self_wake" => run_watched(self_wake_1000(count)),
        "watched_spawn_join" => run_watched(spawn_join(count)),
        "watched_channel" => run_watched(ping_pong_mpsc(count)),
        "slow_hook_self_wake" => run_timed(self_wake_1000(count)),
        _ => {
            eprintln!("ops knows no {name}");
            return ExitCode::FAILURE;
        }
    }
    ExitCode::SUCCESS
}

fn run(operation: impl Future<Output = ()>) {
    glassloop::run(operation);
}

/// Under a clock that jumps to the next deadline, a timer fires without a system call.
fn run_virtual(operation: impl Future<Output = ()>) {
    Builder::new().start_paused(true).build().expect("descriptors for a runtime").block_on(operation);
}

/// With a flight recorder. What it costs is the difference to the same operation without one.
fn run_recorded(operation: impl Future<Output = ()>) {
    record(Builder::new(), operation);
}

/// The same where the clock stands, which makes a reading of it free.
fn run_recorded_virtual(operation: impl Future<Output = ()>) {
    record(Builder::new().start_paused(true), operation);
}

fn record(builder: Builder, operation: impl Future<Output = ()>) {
    let builder = builder.flight_recorder(&FlightRecorder::new());
    builder.build().expect("descriptors for a runtime").block_on(operation);
}

/// With a watchdog, which looks once in a quarter of an hour here. What it costs is the difference to the same operation
/// without one.
fn run_watched(operation: impl Future<Output = ()>) {
    let builder = Builder::new().watchdog(Duration::from_secs(3600));
    builder.build().expect("descriptors and a thread").block_on(operation);
}

/// With a hook on slow polls, which is never called.
fn run_timed(operation: impl Future<Output = ()>) {
    let builder = Builder::new().on_slow_poll(Duration::from_secs(3600), |slow| eprintln!("{slow}"));
    builder.build().expect("descriptors for a runtime").block_on(operation);
}

/// One poll a turn.
fn run_turns(operation: impl Future<Output = ()>) {
    Builder::new().budget(1).build().expect("descriptors for a runtime").block_on(operation);
}

fn batches(count: usize) -> usize {
    assert_eq!(count % BATCH, 0, "COUNT is a multiple of {BATCH}");
    count / BATCH
}

/// Spawns a batch, then awaits it: but for the first, the awaited task has finished.
async fn spawn_join(count: usize) {
    let mut tasks: Vec<JoinHandle<usize>> = Vec::with_capacity(BATCH);
    for _ in 0..batches(count) {
        tasks.extend((0..BATCH).map(|n| spawn(async move { n })));
        for task in tasks.drain(..) {
            task.await.unwrap();
        }
    }
}

async fn spawn_detached(count: usize) {
    for _ in 0..batches(count) {
        for n in 0..BATCH {
            spawn(async move { n }).detach();
        }
        yield_now().await; // behind the whole batch
    }
}

/// The awaited task has not begun: the awaiting one is stored in it, and woken when it finishes.
async fn spawn_await_one(count: usize) {
    for n in 0..count {
        spawn(async move { n }).await.unwrap();
    }
}

/// A chain: each task awaits the one spawned before it, so all wait, and are woken one by one from the far end.
async fn join(count: usize) {
    for _ in 0..batches(count) {
        let mut last = spawn(yield_now()); // behind all of them, which wait by then
        for _ in 1..BATCH {
            let before = last;
            last = spawn(async move { before.await.unwrap() });
        }
        last.await.unwrap();
    }
}

/// The root, and no other task.
async fn yield_alone(count: usize) {
    for _ in 0..count {
        yield_now().await;
    }
}

/// Turns of one poll, while so many tasks wait for a timer each.
async fn turns_beside_idle(idle: usize, count: usize) {
    for _ in 0..idle {
        spawn(sleep(Duration::from_secs(3600))).detach();
    }
    for _ in 0..count + 2 * idle {
        yield_now().await; // the first ones let the others begin
    }
}

/// A thousand tasks in turn; the same thousand for every count.
async fn self_wake_1000(count: usize) {
    let yields = batches(count);
    let tasks: Vec<JoinHandle<()>> = (0..BATCH)
        .map(|_| {
            spawn(async move {
                for _ in 0..yields {
                    yield_now().await;
                }
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
}

const LONG: Duration = Duration::from_secs(30);

/// A time-out that does not come to pass: made, polled once, dropped.
async fn timer_make_drop(count: usize) {
    for _ in 0..count {
        let mut sleep = pin!(sleep(LONG));
        poll_once(&mut sleep).await;
    }
}

async fn timer_make_drop_1000(count: usize) {
    let mut sleeps: Vec<Sleep> = Vec::with_capacity(BATCH);
    for _ in 0..batches(count) {
        sleeps.extend((0..BATCH).map(|_| sleep(LONG)));
        for sleep in &mut sleeps {
            poll_once(sleep).await;
        }
        sleeps.clear();
    }
}

async fn timer_reset(count: usize) {
    let mut sleep = pin!(sleep(LONG));
    poll_once(&mut sleep).await;
    let deadline = sleep.deadline();
    for n in 0..count {
        sleep.reset(deadline + Duration::from_nanos(n as u64));
    }
}

async fn poll_once(mut future: impl Future<Output = ()> + Unpin) {
    poll_fn(|cx| {
        assert!(pin!(&mut future).poll(cx).is_pending());
        Poll::Ready(())
    })
    .await;
}

async fn timer_fire_virtual(count: usize) {
    for _ in 0..count {
        sleep(Duration::from_millis(1)).await;
    }
}

/// A thousand tasks, each with a timer; the same thousand for every count.
async fn timer_fire_virtual_1000(count: usize) {
    let sleeps = batches(count);
    let tasks: Vec<JoinHandle<()>> = (0..BATCH)
        .map(|n| {
            spawn(async move {
                for _ in 0..sleeps {
                    sleep(Duration::from_micros(1000 + n as u64 * 7 % 1000)).await;
                }
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
}

/// Where one task waits, kept as foreign code keeps it: a clone of its waker. Each clone costs an atomic count.
#[derive(Clone, Default)]
struct Gate(Rc<GateState>);

#[derive(Default)]
struct GateState {
    open: Cell<bool>,
    waiter: RefCell<Option<Waker>>,
}

impl Gate {
    fn open(&self) {
        self.0.open.set(true);
        let waiter = self.0.waiter.take();
        if let Some(waiter) = waiter {
            waiter.wake();
        }
    }

    /// Waits until it is open, and closes it again.
    fn wait(&self) -> impl Future<Output = ()> + '_ {
        poll_fn(|cx| {
            if self.0.open.take() {
                return Poll::Ready(());
            }
            *self.0.waiter.borrow_mut() = Some(cx.waker().clone());
            Poll::Pending
        })
    }
}

/// Two tasks that wake each other: there and back is one operation.
async fn ping_pong_slot(count: usize) {
    let (ping, pong) = (Gate::default(), Gate::default());
    let other = {
        let (ping, pong) = (ping.clone(), pong.clone());
        spawn(async move {
            for _ in 0..count {
                ping.wait().await;
                pong.open();
            }
        })
    };
    for _ in 0..count {
        ping.open();
        pong.wait().await;
    }
    other.await.unwrap();
}

/// A value there and one back, over two channels of one slot.
async fn ping_pong_mpsc(count: usize) {
    let (ping, mut pinged) = mpsc::channel(1);
    let (pong, mut ponged) = mpsc::channel(1);
    let other = spawn(async move {
        while let Some(n) = pinged.recv().await {
            pong.send(n).await.unwrap();
        }
    });
    for n in 0..count {
        ping.send(n).await.unwrap();
        assert_eq!(ponged.recv().await, Some(n));
    }
    drop(ping);
    other.await.unwrap();
}

/// A value into a channel that has room, and out of it.
async fn mpsc_ready(count: usize) {
    let (sender, mut receiver) = mpsc::channel(1);
    for n in 0..count {
        sender.send(n).await.unwrap();
        assert_eq!(receiver.recv().await, Some(n));
    }
}

/// A batch of values into a channel, and out of it.
async fn mpsc_queued(count: usize) {
    let (sender, mut receiver) = mpsc::channel(BATCH);
    for _ in 0..batches(count) {
        for n in 0..BATCH {
            sender.send(n).await.unwrap();
        }
        for n in 0..BATCH {
            assert_eq!(receiver.recv().await, Some(n));
        }
    }
}

async fn mutex_free(count: usize) {
    let mutex = Mutex::new(0);
    for _ in 0..count {
        *mutex.lock().await += 1;
    }
}

/// Two tasks, each of which has the lock while the other waits for it.
async fn mutex_hand_over(count: usize) {
    let mutex = Rc::new(Mutex::new(0));
    let tasks = [count / 2; 2].map(|count| {
        let mutex = mutex.clone();
        spawn(async move {
            for _ in 0..count {
                let mut guard = mutex.lock().await;
                *guard += 1;
                yield_now().await;
            }
        })
    });
    for task in tasks {
        task.await.unwrap();
    }
}

async fn semaphore_hand_over(count: usize) {
    let semaphore = Rc::new(Semaphore::new(1));
    let tasks = [count / 2; 2].map(|count| {
        let semaphore = semaphore.clone();
        spawn(async move {
            for _ in 0..count {
                let _permit = semaphore.acquire().await.unwrap();
                yield_now().await;
            }
        })
    });
    for task in tasks {
        task.await.unwrap();
    }
}

async fn notify_ping_pong(count: usize) {
    let notify = Rc::new((Notify::new(), Notify::new()));
    let other = spawn({
        let notify = notify.clone();
        async move {
            for _ in 0..count {
                notify.0.notified().await;
                notify.1.notify_one();
            }
        }
    });
    for _ in 0..count {
        notify.0.notify_one();
        notify.1.notified().await;
    }
    other.await.unwrap();
}

/// A channel made, awaited, and answered by another task.
async fn oneshot_awaited(count: usize) {
    let (requests, mut inbox) = mpsc::channel::<oneshot::Sender<usize>>(1);
    let other = spawn(async move {
        let mut n = 0;
        while let Some(answer) = inbox.recv().await {
            answer.send(n).unwrap();
            n += 1;
        }
    });
    for n in 0..count {
        let (sender, receiver) = oneshot::channel();
        requests.try_send(sender).unwrap();
        assert_eq!(receiver.await, Ok(n));
    }
    drop(requests);
    other.await.unwrap();
}

/// 64 bytes there and back over loopback, both ends on this loop.
async fn echo(count: usize) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let addr = listener.local_addr().unwrap();
    let server = spawn(async move {
        let (stream, _) = listener.accept().await.unwrap();
        let mut buffer = [0; 1024];
        loop {
            match stream.read(&mut buffer).await.unwrap() {
                0 => return,
                n => stream.write_all(&buffer[..n]).await.unwrap(),
            }
        }
    });
    let stream = TcpStream::connect(addr).await.unwrap();
    let mut buffer = [0; 1024];
    for _ in 0..count {
        stream.write_all(&[7; 64]).await.unwrap();
        let mut read = 0;
        while read < 64 {
            read += stream.read(&mut buffer).await.unwrap();
        }
    }
    drop(stream);
    server.await.unwrap();
}
