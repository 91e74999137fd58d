//! What the feature `console` tells `tracing`: its spans and events, and that they are sound whatever the tasks and
//! the subscriber do.

use std::cell::{Cell, RefCell};
use std::fmt::Debug;
use std::future::{Future, pending, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::rc::Rc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Poll, Waker};
use std::time::Duration;

use glassloop::net::{TcpListener, TcpStream, UdpSocket};
use glassloop::sync::{Mutex as Lock, mpsc};
use glassloop::time::{Instant, sleep, timeout};
use glassloop::trace::{Event, Observer};
use glassloop::{Builder, Runtime, spawn, spawn_blocking, spawn_named, try_spawn, yield_now};
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::subscriber::NoSubscriber;
use tracing::{Metadata, Subscriber};

const SECOND: Duration = Duration::from_secs(1);

// A subscriber that keeps what it is told.

#[derive(Clone, Default)]
struct Tape(Arc<Log>);

#[derive(Default)]
struct Log {
    made: AtomicU64,
    lines: Mutex<Vec<String>>,
    /// Their labels; `None` if they are closed.
    spans: Mutex<Vec<Option<String>>>,
    entered: Mutex<Vec<u64>>,
}

/// Called each time that the subscriber of this thread is told of something.
type Act = Rc<dyn Fn(&str)>;

thread_local! {
    static ACT: RefCell<Option<Act>> = const { RefCell::new(None) };
}

impl Tape {
    fn note(&self, line: String) {
        self.0.lines.lock().unwrap().push(line.clone());
        let act = ACT.with(|act| act.borrow().clone());
        if let Some(act) = act {
            act(&line);
        }
    }

    fn label(&self, id: u64) -> String {
        self.0.spans.lock().unwrap()[id as usize - 1].clone().expect("a span that is used is not closed")
    }

    fn lines(&self) -> Vec<String> {
        self.0.lines.lock().unwrap().clone()
    }

    /// Of the lines, those that hold one of `words`.
    fn only(&self, words: &[&str]) -> Vec<String> {
        self.lines().into_iter().filter(|line| words.iter().any(|word| line.contains(word))).collect()
    }

    /// All that was entered is left, and all that was made is closed.
    #[track_caller]
    fn assert_over(&self) {
        assert!(!self.lines().is_empty(), "nothing was told");
        assert_eq!(*self.0.entered.lock().unwrap(), [], "entered and not left\n{}", self.lines().join("\n"));
        let spans = self.0.spans.lock().unwrap();
        let open: Vec<_> = spans.iter().flatten().collect();
        assert!(open.is_empty(), "not closed: {open:?}\n{}", self.lines().join("\n"));
    }
}

/// The fields as ` name=value`, and what they say of a span.
#[derive(Default)]
struct Words {
    all: String,
    label: String,
}

impl Words {
    fn put(&mut self, field: &Field, value: String) {
        match field.name() {
            "loc.line" | "loc.col" | "loc.file" | "at" => return,
            "task.id" => self.label = format!("task {value}"),
            "concrete_type" => self.label = format!("resource {value}"),
            "source" => self.label = format!("op {value}"),
            _ => {}
        }
        self.all += &format!(" {}={value}", field.name());
    }
}

impl Visit for Words {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.put(field, format!("{value:?}"));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.put(field, value.to_string());
    }
}

impl Subscriber for Tape {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }

    fn new_span(&self, span: &Attributes<'_>) -> Id {
        let mut words = Words::default();
        span.record(&mut words);
        let id = self.0.made.fetch_add(1, Ordering::Relaxed) + 1;
        let label = if words.label.is_empty() { "poll".into() } else { words.label };
        self.0.spans.lock().unwrap().push(Some(label));
        self.note(format!("new {}{}", span.metadata().name(), words.all));
        Id::from_u64(id)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, event: &tracing::Event<'_>) {
        let mut words = Words::default();
        event.record(&mut words);
        let mut fields = words.all;
        if event.metadata().target() == "tokio::task::waker" {
            // There `task.id` is the id of the span.
            let (op, span) = fields.split_once(" task.id=").unwrap();
            fields = format!("{op} of {}", self.label(span.parse().unwrap()));
        }
        let entered = self.0.entered.lock().unwrap().clone();
        let scope: Vec<_> = entered.into_iter().map(|id| self.label(id)).collect();
        let target = event.metadata().target().rsplit("::").next().unwrap();
        self.note(format!("{target}{fields} [{}]", scope.join(", ")));
    }

    fn enter(&self, span: &Id) {
        self.0.entered.lock().unwrap().push(span.into_u64());
        self.note(format!("enter {}", self.label(span.into_u64())));
    }

    fn exit(&self, span: &Id) {
        let top = self.0.entered.lock().unwrap().pop();
        assert_eq!(top, Some(span.into_u64()), "left is what was entered last");
        self.note(format!("exit {}", self.label(span.into_u64())));
    }

    fn try_close(&self, span: Id) -> bool {
        let label = self.label(span.into_u64());
        self.0.spans.lock().unwrap()[span.into_u64() as usize - 1] = None;
        self.note(format!("close {label}"));
        true
    }
}

fn told(tell: bool) -> Runtime {
    Builder::new().console(tell).start_paused(true).build().unwrap()
}

/// Runs `act` with a subscriber, and gives what that was told.
fn tape(act: impl FnOnce()) -> Tape {
    let tape = Tape::default();
    tracing::subscriber::with_default(tape.clone(), act);
    tape
}

fn tape_of(future: impl Future<Output = ()>) -> Tape {
    tape(|| told(true).block_on(future))
}

// What is told.

#[test]
fn a_program_is_told_in_this_order() {
    let tape = tape_of(async {
        let lock = Rc::new(Lock::new(()));
        let guard = lock.lock().await;
        let second = lock.clone();
        let waits = spawn_named("second", async move { drop(second.lock().await) });
        sleep(SECOND).await;
        drop(guard);
        waits.await.unwrap();
    });
    tape.assert_over();
    let expected = "\
new runtime.spawn kind=block_on task.name= task.id=1
enter task 1
new runtime.spawn kind=task task.name=second task.id=2 spawned.by=1
new runtime.resource concrete_type=Sleep kind=timer
new runtime.resource.async_op source=Sleep
new runtime.resource.async_op.poll
state_update [task 1, resource Sleep, op Sleep]
poll_op op_name=Sleep is_ready=false [task 1, resource Sleep, op Sleep, poll]
waker op=waker.clone of task 1 [task 1]
exit task 1
enter task 2
new runtime.resource concrete_type=Mutex kind=Sync
new runtime.resource.async_op source=Mutex::lock
new runtime.resource.async_op.poll
state_update waiters=1 waiters.op=override [task 2, resource Mutex]
state_update [task 2, resource Mutex, op Mutex::lock]
poll_op op_name=Mutex::lock is_ready=false [task 2, resource Mutex, op Mutex::lock, poll]
waker op=waker.clone of task 2 [task 2]
exit task 2
waker op=waker.wake of task 1 []
enter task 1
poll_op op_name=Sleep is_ready=true [task 1, resource Sleep, op Sleep, poll]
close poll
close op Sleep
close resource Sleep
waker op=waker.wake of task 2 [task 1]
new runtime.resource concrete_type=JoinHandle kind=task
state_update task=2 task.op=override [task 1, resource JoinHandle]
new runtime.resource.async_op source=JoinHandle
new runtime.resource.async_op.poll
poll_op op_name=JoinHandle is_ready=false [task 1, resource JoinHandle, op JoinHandle, poll]
waker op=waker.clone of task 1 [task 1]
exit task 1
enter task 2
poll_op op_name=Mutex::lock is_ready=true [task 2, resource Mutex, op Mutex::lock, poll]
state_update waiters=0 waiters.op=override [task 2, resource Mutex]
close poll
close op Mutex::lock
exit task 2
close task 2
waker op=waker.wake of task 1 []
enter task 1
poll_op op_name=JoinHandle is_ready=true [task 1, resource JoinHandle, op JoinHandle, poll]
close poll
close op JoinHandle
close resource JoinHandle
exit task 1
close task 1
close resource Mutex";
    assert_eq!(steps(&tape).join("\n"), expected);
}

/// The lines without entries and exits of what is no task: events name all that is entered.
fn steps(tape: &Tape) -> Vec<String> {
    let is_step = |line: &String| !line.starts_with("e") || line.contains(" task ");
    tape.lines().into_iter().filter(is_step).collect()
}

#[test]
fn a_runtime_that_was_not_asked_tells_nothing() {
    let tape = tape(|| told(false).block_on(async { spawn(yield_now()).await.unwrap() }));
    assert_eq!(tape.lines(), [""; 0]);
}

#[test]
fn a_spawn_tells_its_line() {
    #[derive(Default)]
    struct Place(String);
    impl Visit for Place {
        fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
            if field.name().starts_with("loc.") {
                self.0 += &format!("{value:?} ");
            }
        }
    }
    struct Places(Mutex<Vec<String>>);
    impl Subscriber for Places {
        fn enabled(&self, _: &Metadata<'_>) -> bool {
            true
        }
        fn new_span(&self, span: &Attributes<'_>) -> Id {
            let mut place = Place::default();
            span.record(&mut place);
            self.0.lock().unwrap().push(place.0);
            Id::from_u64(1)
        }
        fn record(&self, _: &Id, _: &Record<'_>) {}
        fn record_follows_from(&self, _: &Id, _: &Id) {}
        fn event(&self, _: &tracing::Event<'_>) {}
        fn enter(&self, _: &Id) {}
        fn exit(&self, _: &Id) {}
    }
    let places = Arc::new(Places(Mutex::default()));
    tracing::subscriber::with_default(places.clone(), || {
        told(true).block_on(async { spawn(async {}).detach() });
    });
    let told = places.0.lock().unwrap()[1].clone();
    assert_eq!(told, format!("{:?} {} {} ", file!(), line!() - 3, 37));
}

// Wakes, as the console counts them: `wake` uses a waker up, `wake_by_ref` does not.

/// What was told of the wakers of a task.
fn wakers(tape: &Tape, task: &str) -> Vec<String> {
    let of = format!(" of {task} ");
    let ops = tape.lines().into_iter().filter(|line| line.starts_with("waker") && line.contains(&of));
    ops.map(|line| line.replace("waker op=waker.", "").replace(&of, " ")).collect()
}

#[test]
fn a_task_that_wakes_itself_does_so_inside_of_its_own_span() {
    let tape = tape_of(yield_now());
    assert_eq!(wakers(&tape, "task 1"), ["wake_by_ref [task 1]"]);
}

#[test]
fn a_wake_of_a_task_that_is_ready_uses_no_waker_up() {
    let tape = tape_of(async {
        let wakes = spawn(async {
            let own = poll_fn(|cx| Poll::Ready(cx.waker().clone())).await;
            spawn(async move {
                own.wake_by_ref();
                own.wake_by_ref();
            })
            .detach();
            sleep(SECOND).await;
        });
        wakes.await.unwrap();
    });
    // The second sleeps on after the wakes, so it waits again, and the timer ends that.
    let expected = ["clone [task 2]", "wake [task 3]", "wake_by_ref [task 3]", "clone [task 2]", "wake []"];
    assert_eq!(wakers(&tape, "task 2"), expected);
}

#[test]
fn a_wait_that_was_left_is_closed_without_being_ready() {
    let tape = tape_of(async {
        let lock = Lock::new(());
        let _held = lock.lock().await;
        assert!(timeout(SECOND, lock.lock()).await.is_err());
        sleep(SECOND).await;
    });
    let of_lock = tape.only(&["op_name=Mutex", "close op Mutex"]);
    let begun = "poll_op op_name=Mutex::lock is_ready=false [task 1, resource Mutex, op Mutex::lock, poll]";
    assert_eq!(of_lock, [begun, "close op Mutex::lock"]);
    tape.assert_over();
}

#[test]
fn a_task_that_nobody_can_wake_has_no_waker() {
    let tape = tape_of(async {
        spawn(pending::<()>()).detach();
        let (give, take) = futures_channel();
        spawn(take).detach();
        sleep(SECOND).await;
        drop(give);
    });
    assert_eq!(wakers(&tape, "task 2"), [""; 0], "nobody has a waker of it");
    assert_eq!(wakers(&tape, "task 3")[0], "clone [task 3]", "a foreign slot has");
}

/// As a foreign crate's channel: it keeps a real waker until it is dropped, and then never wakes.
fn futures_channel() -> (Rc<Cell<Option<Waker>>>, impl Future<Output = ()>) {
    let slot = Rc::new(Cell::new(None));
    let weak = Rc::downgrade(&slot);
    let wait = poll_fn(move |cx| {
        weak.upgrade().map_or(Poll::Ready(()), |slot| {
            slot.set(Some(cx.waker().clone()));
            Poll::Pending
        })
    });
    (slot, wait)
}

#[test]
fn tasks_that_are_found_stuck_lose_their_wakers() {
    async fn take_both(first: Rc<Lock<()>>, second: Rc<Lock<()>>) {
        let _first = first.lock().await;
        yield_now().await;
        let _second = second.lock().await;
    }
    let tape = tape_of(async {
        let (a, b) = (Rc::new(Lock::new(())), Rc::new(Lock::new(())));
        spawn(take_both(a.clone(), b.clone())).detach();
        spawn(take_both(b, a)).detach();
        sleep(Duration::from_secs(100)).await;
    });
    for task in ["task 2", "task 3"] {
        let own = format!("[{task}]");
        let expected = [format!("wake_by_ref {own}"), format!("clone {own}"), "drop []".into()];
        assert_eq!(wakers(&tape, task)[..3], expected);
    }
    assert_eq!(wakers(&tape, "task 1"), ["clone [task 1]", "wake []"]);
    tape.assert_over();
}

// Resources.

#[test]
fn a_socket_is_told_with_its_address_until_its_task_ends() {
    let tape = tape(|| {
        Builder::new().console(true).build().unwrap().block_on(async {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let address = listener.local_addr().unwrap();
            let served = spawn(async move {
                let (stream, _) = listener.accept().await.unwrap();
                stream.read(&mut [0; 8]).await.unwrap()
            });
            yield_now().await; // until it waits for somebody
            let client = TcpStream::connect(address).await.unwrap();
            sleep(Duration::from_millis(1)).await; // until the other has accepted, and waits to read
            drop(client);
            assert_eq!(served.await.unwrap(), 0);
        });
    });
    tape.assert_over();
    let addresses = tape.only(&["address=127.0.0.1:"]);
    assert!(addresses.len() >= 2 && addresses[0].starts_with("state_update "), "{addresses:#?}");
    let ends = tape.only(&["close resource socket", "close task"]);
    let of_server =
        ends.iter().skip_while(|line| *line != "close task 2").take_while(|line| *line != "close task 1");
    assert!(of_server.count() >= 3, "the listener's and the stream's end with the task that used them: {ends:#?}");
}

#[test]
fn a_wait_that_is_polled_again_goes_on() {
    let tape = tape_of(async {
        let mut nap = pin!(sleep(SECOND));
        let mut polls = 0;
        poll_fn(|cx| {
            polls += 1;
            if polls == 1 {
                cx.waker().wake_by_ref(); // by what is not waited for
            }
            nap.as_mut().poll(cx)
        })
        .await;
    });
    assert_eq!(tape.only(&["async_op source"]), ["new runtime.resource.async_op source=Sleep"]);
    assert_eq!(tape.only(&["is_ready=false"]).len(), 2);
}

#[test]
fn a_task_that_opens_sockets_for_ever_keeps_the_last_64_shown() {
    let tape = tape_of(async {
        for _ in 0..70 {
            let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
            assert!(timeout(Duration::ZERO, socket.recv(&mut [0])).await.is_err());
        }
    });
    let closed = tape.only(&["close resource socket", "close task 1"]);
    let before_the_end = closed.iter().take_while(|line| *line == "close resource socket").count();
    assert_eq!((before_the_end, closed.len()), (6, 71));
}

#[test]
fn a_blocking_job_is_told_by_its_kind_and_as_awaited() {
    let tape = tape(|| {
        Builder::new().console(true).build().unwrap().block_on(async {
            spawn_blocking(|| ()).await.unwrap();
        });
    });
    assert_eq!(
        tape.only(&["kind=blocking"]),
        ["new runtime.spawn kind=blocking task.name= task.id=2 spawned.by=1"]
    );
    assert_eq!(wakers(&tape, "task 2"), ["wake_by_ref []"], "by the end of its job");
    tape.assert_over();
}

// Whatever tasks do, what is entered is left.

#[test]
fn a_loop_inside_of_a_foreign_poll_is_left_before_that() {
    let tape = tape(|| {
        let foreign = tracing::info_span!("foreign", source = "poll");
        foreign.in_scope(|| told(true).block_on(yield_now()));
    });
    tape.assert_over();
    let polls = tape.only(&["enter", "exit"]);
    assert_eq!(polls.first().map(String::as_str), Some("enter op poll"));
    assert_eq!(polls[1..5], ["enter task 1", "exit task 1"].repeat(2));
    assert_eq!(polls.last().map(String::as_str), Some("exit op poll"));
}

#[test]
fn a_loop_that_is_refused_inside_of_a_poll_leaves_that_balanced() {
    let tape = tape_of(async {
        let inner = told(true);
        assert!(spawn(async move { inner.block_on(yield_now()) }).await.is_err());
    });
    tape.assert_over();
}

#[test]
fn a_task_that_panics_is_left_and_closed() {
    let tape = tape_of(async {
        let failed = spawn(async {
            yield_now().await;
            panic!("as planned");
        });
        assert!(failed.await.is_err());
    });
    tape.assert_over();
    assert_eq!(tape.only(&["enter task 2", "exit task 2"]).len(), 4);
}

#[test]
fn a_root_that_panics_is_left_and_closed() {
    let tape = tape(|| {
        let runtime = told(true);
        let failed = catch_unwind(AssertUnwindSafe(|| runtime.block_on(async { panic!("as planned") })));
        assert!(failed.is_err());
    });
    tape.assert_over();
}

#[test]
fn a_task_that_is_aborted_is_closed_and_not_entered() {
    let tape = tape_of(async {
        let task = spawn(sleep(SECOND));
        yield_now().await;
        task.abort();
        assert!(task.await.is_err());
    });
    tape.assert_over();
    assert_eq!(tape.only(&["enter task 2"]).len(), 1);
    let wakers = wakers(&tape, "task 2");
    assert_eq!(wakers, ["clone [task 2]", "wake [task 1]"]);
}

#[test]
fn tasks_of_a_runtime_that_is_dropped_are_closed() {
    let tape = tape(|| {
        let runtime = told(true);
        runtime.block_on(async {
            spawn(sleep(SECOND)).detach();
            spawn(pending::<()>()).detach();
            yield_now().await;
            spawn_named("never polled", pending::<()>()).detach();
        });
    });
    tape.assert_over();
    assert_eq!(wakers(&tape, "task 2"), ["clone [task 2]", "drop []"]);
}

#[test]
fn a_runtime_that_a_task_drops_is_closed_inside_of_its_poll() {
    let tape = tape(|| {
        let other = told(true);
        other.block_on(async {
            spawn(sleep(SECOND)).detach();
            yield_now().await;
        });
        told(true).block_on(async move { drop(other) });
    });
    tape.assert_over();
    let last = tape.only(&["task"]).into_iter().rev().take(3).collect::<Vec<_>>();
    assert_eq!(last, ["close task 1", "exit task 1", "close task 2"]);
}

// Whatever the subscriber does, the loop lives.

/// Runs `act` while the subscriber does `each` whenever it is told of something.
fn with_act(each: impl Fn(&str) + 'static, act: impl FnOnce()) -> Tape {
    ACT.with(|cell| *cell.borrow_mut() = Some(Rc::new(each)));
    let tape = tape(act);
    ACT.with(|cell| *cell.borrow_mut() = None);
    tape
}

#[test]
fn a_subscriber_that_spawns_and_dumps_at_each_word_comes_to_an_end() {
    let spawned = Rc::new(Cell::new(0));
    let count = spawned.clone();
    let each = move |_: &str| {
        if glassloop::dump().is_ok() && try_spawn(async {}).is_ok() {
            count.set(count.get() + 1);
        }
    };
    let tape = with_act(each, || told(true).block_on(async { spawn(sleep(SECOND)).await.unwrap() }));
    tape.assert_over();
    assert!(spawned.get() > 10);
    assert_eq!(tape.only(&["new runtime.spawn"]).len(), 2, "what it spawns is not told");
}

#[test]
fn a_subscriber_that_wakes_a_task_at_each_word_comes_to_an_end() {
    let waker: Rc<RefCell<Option<Waker>>> = Rc::default();
    let kept = waker.clone();
    let polls = Rc::new(Cell::new(0));
    let counted = polls.clone();
    let each = move |_: &str| {
        let waker = waker.borrow().clone();
        if let Some(waker) = waker {
            waker.wake();
        }
    };
    let tape = with_act(each, || {
        told(true).block_on(async {
            let listens = poll_fn(move |cx| {
                counted.set(counted.get() + 1);
                *kept.borrow_mut() = Some(cx.waker().clone());
                Poll::<()>::Pending
            });
            spawn_named("listens", listens).detach();
            spawn(sleep(SECOND)).await.unwrap();
        });
    });
    tape.assert_over();
    assert!(polls.get() > 1, "it is polled for what the subscriber woke it for");
    assert_eq!(tape.only(&["enter task 2"]).len(), 1, "which is not told: {:#?}", tape.lines());
}

#[test]
fn a_task_that_writes_what_a_subscriber_logs_makes_no_lines_if_nobody_is_told_of_it() {
    let (lines, mut logged) = mpsc::unbounded_channel();
    let written = Rc::new(Cell::new(0));
    let count = written.clone();
    let tape = with_act(
        move |_| _ = lines.send(()),
        || {
            told(true).block_on(async {
                let writer = async move {
                    while logged.recv().await.is_some() {
                        sleep(SECOND / 10_000).await; // to write takes more than a poll
                        count.set(count.get() + 1);
                    }
                };
                tracing::subscriber::with_default(NoSubscriber::default(), || spawn(writer).detach());
                sleep(SECOND).await;
            });
        },
    );
    tape.assert_over();
    assert!((10..100).contains(&written.get()), "{} lines", written.get());
}

#[test]
fn a_subscriber_that_panics_is_told_no_more_and_the_loop_lives() {
    let each = |line: &str| assert!(!line.starts_with("poll_op"), "as planned");
    let tape = with_act(each, || {
        told(true).block_on(async {
            spawn(sleep(SECOND)).await.unwrap();
            sleep(SECOND).await;
        });
    });
    tape.assert_over();
    assert_eq!(tape.only(&["poll_op"]).len(), 1);
}

#[test]
fn what_an_observer_causes_comes_to_it_as_an_echo() {
    #[derive(Default)]
    struct Spawns {
        told: Cell<u32>,
        echoed: Cell<u32>,
    }
    impl Observer for Spawns {
        fn event(&self, _at: Instant, event: &Event) {
            if let Event::Spawn { .. } = event {
                self.told.set(self.told.get() + 1);
                spawn(async {}).detach();
            }
        }
        fn echo(&self, _at: Instant, event: &Event) {
            if let Event::Spawn { .. } = event {
                self.echoed.set(self.echoed.get() + 1);
            }
        }
    }
    let spawns = Rc::new(Spawns::default());
    Builder::new().observer(spawns.clone()).build().unwrap().block_on(async { spawn(async {}).await.unwrap() });
    assert_eq!((spawns.told.get(), spawns.echoed.get()), (2, 2));
}
