//! The flight recorder tells what the observers' recorder tells, out of a ring of few bytes.

mod support;

use std::cell::RefCell;
use std::future::poll_fn;
use std::rc::Rc;
use std::task::{Poll, Waker};
use std::time::Duration;

use glassloop::net::UdpSocket;
use glassloop::sync::{Mutex, mpsc};
use glassloop::time::{Instant, advance, sleep, timeout};
use glassloop::trace::{Event, FlightRecorder, Leaf, Recorder};
use glassloop::{
    Builder, JoinHandle, Runtime, join_all, spawn, spawn_blocking, spawn_named, try_spawn, yield_now,
};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::test_runner::Config;
use support::{assert_same_events, observed, on_thread};

/// A runtime with both recorders, and room for so many polls in the flight recorder.
fn flying(builder: Builder, polls: usize) -> (Runtime, Recorder, FlightRecorder) {
    let flight = FlightRecorder::with_capacity(polls);
    let (runtime, recorder) = observed(builder.flight_recorder(&flight));
    (runtime, recorder, flight)
}

fn paused() -> Builder {
    Builder::new().start_paused(true)
}

/// The lines of what it kept.
fn lines(flight: &FlightRecorder) -> Vec<String> {
    flight.events().iter().map(|(_, event)| event.to_string()).collect()
}

/// The same, with times since the first.
fn told(flight: &FlightRecorder) -> Vec<(Duration, String)> {
    let events = flight.events();
    let start = events[0].0;
    events.iter().map(|(at, event)| (*at - start, event.to_string())).collect()
}

fn millis(n: u64) -> Duration {
    Duration::from_millis(n)
}

// Random programs: a tree of scripts, one a task, over what all tasks share.

#[derive(Clone, Debug)]
enum Step {
    Spawn(Vec<Step>),
    SpawnNamed(Vec<Step>),
    Yield,
    Sleep(u64),
    /// Holds the lock so long.
    Lock(u64),
    Send,
    /// Waits no longer than this for something that was sent.
    Receive(u64),
    /// Awaits a task that was spawned before, but no longer than this.
    Join(usize, u64),
    Abort(usize),
    /// On another thread, which is joined at once.
    AbortFromThread(usize),
    Job,
    Panic,
    /// From now on the task holds what spawns, sends and aborts when it is dropped.
    Part(usize),
    /// Leaves its waker to the others.
    Keep,
    /// Wakes by a waker that was left.
    Wake,
}

fn step() -> impl Strategy<Value = Step> {
    let plain = prop_oneof![
        3 => Just(Step::Yield),
        3 => (0..40_u64).prop_map(Step::Sleep),
        2 => (0..3_u64).prop_map(Step::Lock),
        2 => Just(Step::Send),
        2 => (1..30_u64).prop_map(Step::Receive),
        2 => (0..9_usize, 1..30_u64).prop_map(|(task, limit)| Step::Join(task, limit)),
        1 => (0..9_usize).prop_map(Step::Abort),
        1 => (0..9_usize).prop_map(Step::AbortFromThread),
        1 => Just(Step::Job),
        1 => Just(Step::Panic),
        2 => (0..9_usize).prop_map(Step::Part),
        2 => Just(Step::Keep),
        2 => Just(Step::Wake),
    ];
    plain.prop_recursive(4, 60, 6, |step| {
        let script = vec(step.clone(), 0..8);
        prop_oneof![3 => step, 3 => script.clone().prop_map(Step::Spawn), 1 => script.prop_map(Step::SpawnNamed)]
    })
}

struct World {
    tasks: RefCell<Vec<JoinHandle<()>>>,
    lock: Mutex<()>,
    sender: mpsc::Sender<()>,
    receiver: Mutex<mpsc::Receiver<()>>,
    waker: RefCell<Option<Waker>>,
}

/// Held by a task: acts when its future is dropped.
struct Parting(Rc<World>, usize);

impl Drop for Parting {
    fn drop(&mut self) {
        let _ = self.0.sender.try_send(());
        if let Ok(task) = try_spawn(yield_now()) {
            self.0.tasks.borrow_mut().push(task);
        }
        if let Some(task) = self.0.take(self.1) {
            task.abort();
        }
    }
}

impl World {
    fn new() -> Rc<World> {
        let (sender, receiver) = mpsc::channel(1);
        let (lock, receiver) = (Mutex::new(()), Mutex::new(receiver));
        Rc::new(World { tasks: RefCell::default(), lock, sender, receiver, waker: RefCell::default() })
    }

    /// A handle that lies about, counted around.
    fn take(&self, n: usize) -> Option<JoinHandle<()>> {
        let mut tasks = self.tasks.borrow_mut();
        let count = tasks.len();
        (count > 0).then(|| tasks.remove(n % count))
    }
}

/// Does a script, whose tasks share the world.
fn act(world: Rc<World>, script: Vec<Step>) -> std::pin::Pin<Box<dyn Future<Output = ()>>> {
    Box::pin(async move {
        let mut partings = Vec::new();
        for step in script {
            match step {
                Step::Part(n) => partings.push(Parting(world.clone(), n)),
                Step::Keep => {
                    poll_fn(|cx| Poll::Ready(world.waker.replace(Some(cx.waker().clone())))).await;
                }
                Step::Wake => {
                    let waker = world.waker.borrow().clone();
                    waker.inspect(Waker::wake_by_ref);
                }
                Step::Spawn(script) => {
                    let task = spawn(act(world.clone(), script));
                    world.tasks.borrow_mut().push(task);
                }
                Step::SpawnNamed(script) => {
                    let task = spawn_named("with a name", act(world.clone(), script));
                    world.tasks.borrow_mut().push(task);
                }
                Step::Yield => yield_now().await,
                Step::Sleep(time) => sleep(millis(time)).await,
                Step::Lock(time) => {
                    let _guard = world.lock.lock().await;
                    sleep(millis(time)).await;
                }
                Step::Send => drop(timeout(millis(7), world.sender.send(())).await),
                Step::Receive(limit) => {
                    let _ = timeout(millis(limit), async { world.receiver.lock().await.recv().await }).await;
                }
                Step::Join(n, limit) => {
                    if let Some(task) = world.take(n) {
                        drop(timeout(millis(limit), task).await);
                    }
                }
                Step::Abort(n) => drop(world.take(n).map(|task| task.abort())),
                Step::AbortFromThread(n) => {
                    if let Some(task) = world.take(n) {
                        let handle = task.abort_handle();
                        on_thread("an aborter", move || handle.abort());
                    }
                }
                Step::Job => drop(spawn_blocking(|| ()).await),
                Step::Panic => std::panic::resume_unwind(Box::new("on purpose")),
            }
        }
    })
}

/// Runs a program twice over, under a virtual clock, a budget and an order.
fn run(script: &[Step], budget: u32, seed: Option<u64>, polls: usize) -> (Recorder, FlightRecorder) {
    let (runtime, recorder, flight) = flying(builder(budget, seed), polls);
    drive(runtime, script);
    (recorder, flight)
}

fn builder(budget: u32, seed: Option<u64>) -> Builder {
    let builder = paused().inline_blocking().budget(budget);
    match seed {
        Some(seed) => builder.seed(seed),
        None => builder,
    }
}

fn drive(runtime: Runtime, script: &[Step]) {
    for _ in 0..2 {
        let root = act(World::new(), script.to_vec());
        let _ = runtime.block_on(async { timeout(millis(500), spawn(root)).await });
    }
}

proptest! {
    #![proptest_config(Config { failure_persistence: None, ..Config::default() })]

    #[test]
    fn both_recorders_tell_the_same(
        script in vec(step(), 0..25),
        budget in proptest::sample::select(vec![1_u32, 2, 128]),
        seed in proptest::option::of(any::<u64>()),
    ) {
        for polls in [1 << 14, 1] {
            let (recorder, flight) = run(&script, budget, seed, polls);
            prop_assert!(polls == 1 || flight.dropped() == 0);
            assert_same_events(&recorder, &flight);
            // Under a virtual clock to the nanosecond.
            let all = recorder.events();
            let last = all.len() - flight.events().len();
            prop_assert_eq!(&all[last..], &flight.events()[..]);
            // Alone it is told by shorter ways.
            let alone = FlightRecorder::with_capacity(polls);
            drive(builder(budget, seed).flight_recorder(&alone).build().unwrap(), &script);
            let texts = [&flight, &alone].map(|flight| (flight.dropped(), told(flight)));
            prop_assert_eq!(&texts[0], &texts[1]);
        }
    }
}

#[test]
fn a_ring_for_so_many_polls_keeps_as_many_of_tasks_that_wake_each_other_spawn_and_end() {
    let (runtime, _, flight) = flying(Builder::new(), 2000);
    runtime.block_on(async {
        let (ping, mut pinged) = mpsc::channel(1);
        let (pong, mut ponged) = mpsc::channel(1);
        let other = spawn(async move {
            while let Some(n) = pinged.recv().await {
                pong.send(n).await.unwrap();
            }
        });
        for n in 0..3000 {
            ping.send(n).await.unwrap();
            assert_eq!(ponged.recv().await, Some(n));
            spawn(async {}).detach();
        }
        drop(ping);
        other.await.unwrap();
    });
    let polls = flight.events().iter().filter(|(_, event)| matches!(event, Event::Poll(_))).count();
    assert!(polls >= 2000 && flight.dropped() > 0, "{polls} are kept");
}

#[test]
fn a_full_ring_keeps_the_last_events_and_counts_the_others() {
    let (runtime, recorder, flight) = flying(paused(), 500);
    runtime.block_on(async {
        let tasks = (0..40_u64).map(|n| {
            spawn(async move {
                for _ in 0..n {
                    sleep(millis(n)).await;
                    yield_now().await;
                }
            })
        });
        join_all(tasks).await;
    });
    let polls = flight.events().iter().filter(|(_, event)| matches!(event, Event::Poll(_))).count();
    assert!(polls >= 250, "a program that sleeps takes no more than 32 bytes a poll; {polls} are kept");
    assert!(flight.dropped() > 0);
    assert_same_events(&recorder, &flight);
}

#[test]
fn looked_at_in_the_middle_of_a_poll_it_tells_all_up_to_there() {
    let (runtime, recorder, flight) = flying(Builder::new(), 100);
    runtime.block_on(async {
        for _ in 0..300 {
            assert_same_events(&recorder, &flight);
            spawn(async {}).detach();
            assert_same_events(&recorder, &flight);
            yield_now().await;
        }
    });
    assert!(flight.dropped() > 0);
}

#[test]
fn sockets_threads_and_jobs_are_told_with_their_names_and_numbers() {
    let (runtime, recorder, flight) = flying(Builder::new(), 1);
    let handle = runtime.handle();
    runtime.block_on(async {
        let mut sockets = Vec::new();
        for _ in 0..5 {
            sockets.push(UdpSocket::bind("127.0.0.1:0").await.unwrap());
        }
        let addresses: Vec<_> = sockets.iter().map(|socket| socket.local_addr().unwrap()).collect();
        let receivers = sockets.into_iter().map(|socket| {
            spawn(async move {
                for _ in 0..100 {
                    socket.recv_from(&mut [0]).await.unwrap();
                }
            })
        });
        let receivers: Vec<_> = receivers.collect();
        let sender = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        for n in 0..100 {
            for address in &addresses {
                sender.send_to(&[1], address).await.unwrap();
            }
            if n % 8 == 0 {
                spawn_blocking(|| ()).await.unwrap();
                let (handle, task) = (handle.clone(), spawn(std::future::pending::<()>()).abort_handle());
                on_thread("a messenger", move || handle.call_soon(move || task.abort())).unwrap();
                sleep(millis(1)).await;
            }
        }
        join_all(receivers).await;
    });
    assert!(flight.dropped() > 0);
    assert_same_events(&recorder, &flight);
}

#[test]
fn a_task_whose_spawn_was_dropped_long_ago_keeps_its_name_and_place() {
    let (runtime, _, flight) = flying(Builder::new(), 1);
    let line = line!() + 2;
    runtime.block_on(async {
        let old = spawn_named("old", async {
            for _ in 0..5000 {
                spawn(async {}).detach();
                yield_now().await;
            }
        });
        old.await.unwrap();
    });
    assert!(lines(&flight).iter().all(|line| !line.starts_with("spawn 2 ")));
    let story = flight.story();
    assert_eq!(story.dropped, flight.dropped());
    let old = story.tasks.iter().find(|task| task.id.to_string() == "2").unwrap();
    assert_eq!((old.name.as_deref(), old.site.map(|site| site.line())), (Some("old"), Some(line)));
    assert_eq!(old.by.map(|by| by.to_string()).as_deref(), Some("1"));
}

#[test]
fn a_wait_for_the_same_socket_or_timer_is_told_by_its_number_each_time() {
    let (runtime, recorder, flight) = flying(Builder::new(), 1000);
    runtime.block_on(async {
        let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let address = socket.local_addr().unwrap();
        let other = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        for _ in 0..10 {
            assert!(timeout(millis(1), socket.recv_from(&mut [0])).await.is_err());
            other.send_to(&[1], address).await.unwrap();
            socket.recv_from(&mut [0]).await.unwrap();
        }
    });
    assert_same_events(&recorder, &flight);
    let waits = flight
        .events()
        .into_iter()
        .filter(|(_, event)| matches!(event, Event::Pending { on: Some(Leaf::Source { .. }), .. }));
    assert!(waits.count() >= 10);
}

#[test]
fn centuries_of_a_virtual_clock_are_told_whole() {
    const YEAR: Duration = Duration::from_secs(365 * 24 * 60 * 60);
    let (runtime, recorder, flight) = flying(paused(), 100);
    runtime.block_on(async {
        advance(100 * YEAR).await; // within a poll, which ends then
        sleep(100 * YEAR).await;
        advance(YEAR).await;
    });
    assert_eq!(recorder.events(), flight.events());
}

#[test]
fn a_wake_within_a_poll_has_the_time_of_its_begin() {
    let (runtime, recorder, flight) = flying(Builder::new(), 1000);
    runtime.block_on(async {
        let task = spawn(async {});
        sleep(millis(1)).await;
        std::thread::sleep(millis(2)); // a long poll, and a wake at its end
        let other = spawn(async {});
        yield_now().await;
        task.await.unwrap();
        other.await.unwrap();
    });
    let is_spawn = |event: &Event| event.to_string() == "wake 3: spawned";
    let at = |events: Vec<(Instant, Event)>| events.into_iter().find(|(_, event)| is_spawn(event)).unwrap().0;
    let events = flight.events();
    let wake = events.iter().position(|(_, event)| is_spawn(event)).unwrap();
    let poll = events[..wake].iter().rposition(|(_, event)| matches!(event, Event::Poll(_))).unwrap();
    assert_eq!(events[poll].0, events[wake].0);
    assert!(at(recorder.events()) >= events[wake].0 + millis(2));
    assert!(events.is_sorted_by_key(|(at, _)| *at));
}

#[test]
fn cleared_it_forgets_what_was_and_goes_on() {
    let (runtime, recorder, flight) = flying(Builder::new(), 100);
    runtime.block_on(async {
        join_all((0..3).map(|_| spawn(yield_now()))).await;
        flight.clear();
        assert_eq!((flight.events().len(), flight.dropped()), (1, 0)); // the poll that runs
        recorder.clear();
        join_all((0..3).map(|_| spawn(yield_now()))).await;
    });
    assert_eq!(lines(&flight)[1..], recorder.lines());
    assert_eq!(flight.dropped(), 0);
}

#[test]
fn given_to_a_second_runtime_it_is_refused() {
    let flight = FlightRecorder::new();
    let first = Builder::new().flight_recorder(&flight).build().unwrap();
    let error = Builder::new().flight_recorder(&flight).build().unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::InvalidInput);
    let words = format!("this flight recorder was given to runtime {} already", first.id());
    assert!(error.to_string().starts_with(&words), "{error}");
}
