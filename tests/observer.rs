//! Observation: the cause of every wake, observers that act, the recorder, and the dump.

mod support;

use std::cell::{Cell, RefCell};
use std::future::{Future, pending, poll_fn};
use std::pin::pin;
use std::rc::Rc;
use std::sync::{Arc, mpsc};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

use glassloop::net::TcpListener;
use glassloop::time::{Instant, sleep};
use glassloop::trace::{Cause, Direction, Event, Kind, Observer, Recorder};
use glassloop::{
    AbortHandle, Builder, Handle, JoinHandle, Outlook, TaskState, Waits, dump, spawn, spawn_blocking, spawn_named,
    yield_now,
};
use support::{Slot, assert_trace, observed, on_thread, record};

const SECOND: Duration = Duration::from_secs(1);
const HOUR: Duration = Duration::from_secs(3600);

fn paused() -> Builder {
    Builder::new().start_paused(true)
}

/// An observer that is a closure.
struct Watch<F: Fn(&Event)>(F);

impl<F: Fn(&Event)> Observer for Watch<F> {
    fn event(&self, _at: Instant, event: &Event) {
        (self.0)(event);
    }
}

fn watched(builder: Builder, watch: impl Fn(&Event) + 'static) -> Builder {
    builder.observer(Rc::new(Watch(watch)))
}

// Causes.

/// Why the task of this id became ready, each time, while `future` ran.
fn causes(builder: Builder, id: &str, future: impl Future) -> Vec<Cause> {
    let (runtime, recorder) = observed(builder);
    runtime.block_on(future);
    let of_task = |event| match event {
        Event::Wake { task, cause, .. } if task.to_string() == id => Some(cause),
        _ => None,
    };
    recorder.events().into_iter().filter_map(|(_, event)| of_task(event)).collect()
}

fn thread(name: &str) -> Cause {
    Cause::Thread(Some(name.into()))
}

#[test]
fn a_spawn_is_the_cause_of_the_first_wake() {
    let causes = causes(Builder::new(), "2", async { spawn(async {}).await.unwrap() });
    assert_eq!(causes, [Cause::Spawned]);
}

#[test]
fn a_task_is_the_cause_of_what_it_wakes() {
    let mut by = None;
    let causes = causes(Builder::new(), "1", async {
        let slot = Slot::default();
        let waker = slot.clone();
        by = Some(spawn(async move { waker.wake() }).id());
        slot.wait().await;
    });
    assert_eq!(causes, [Cause::Spawned, Cause::Task(by.unwrap())]);
}

#[test]
fn a_timer_is_the_cause_of_the_wake_at_its_deadline() {
    let lines = causes_as_text(causes(paused(), "1", sleep_a_second()));
    assert_eq!(lines, ["spawned", "timer 1"]);
}

async fn sleep_a_second() {
    sleep(SECOND).await;
}

fn causes_as_text(causes: Vec<Cause>) -> Vec<String> {
    causes.iter().map(ToString::to_string).collect()
}

#[test]
fn a_timer_is_the_cause_of_what_a_foreign_waker_wakes_for_it() {
    struct Forward(Waker);
    impl Wake for Forward {
        fn wake(self: Arc<Self>) {
            self.0.wake_by_ref();
        }
    }
    let causes = causes(paused(), "1", async {
        let mut nap = pin!(sleep(SECOND));
        poll_fn(|cx| {
            let foreign = Waker::from(Arc::new(Forward(cx.waker().clone())));
            nap.as_mut().poll(&mut Context::from_waker(&foreign))
        })
        .await;
    });
    assert_eq!(causes_as_text(causes), ["spawned", "timer 1"]);
}

#[test]
fn a_socket_and_its_direction_are_the_cause_of_the_wake_at_its_news() {
    let causes = causes(Builder::new(), "1", async {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addr = listener.local_addr().unwrap();
        let client = spawn(async move { std::net::TcpStream::connect(addr).unwrap() });
        listener.accept().await.unwrap();
        drop(client);
    });
    assert!(matches!(causes[..], [Cause::Spawned, Cause::Source(_, Direction::Read)]), "{causes:?}");
}

#[test]
fn a_thread_is_the_cause_of_its_wake_by_its_name() {
    let causes = causes(Builder::new(), "1", woken_by(|waker| on_thread("helper", move || waker.wake())));
    assert_eq!(causes, [Cause::Spawned, thread("helper")]);
}

#[test]
fn a_thread_without_a_name_is_a_thread() {
    let causes =
        causes(Builder::new(), "1", woken_by(|waker| std::thread::spawn(move || waker.wake()).join().unwrap()));
    assert_eq!(causes, [Cause::Spawned, Cause::Thread(None)]);
    assert_eq!(causes[1].to_string(), "a thread");
}

/// Pending once; `wake` is given the waker meanwhile.
fn woken_by(wake: impl FnOnce(Waker)) -> impl Future<Output = ()> {
    let mut wake = Some(wake);
    poll_fn(move |cx| match wake.take() {
        Some(wake) => {
            wake(cx.waker().clone());
            Poll::Pending
        }
        None => Poll::Ready(()),
    })
}

#[test]
fn a_thread_is_the_cause_of_what_its_call_wakes() {
    thread_local! {
        static SLEEPER: Slot = Slot::default();
    }
    let causes = causes(Builder::new(), "2", async {
        let sleeper = spawn(SLEEPER.with(Slot::wait));
        yield_now().await;
        let handle = Handle::current();
        on_thread("caller", move || handle.call_soon(|| SLEEPER.with(Slot::wake)).unwrap());
        sleeper.await.unwrap();
    });
    assert_eq!(causes, [Cause::Spawned, thread("caller")]);
}

#[test]
fn a_job_is_the_cause_of_its_tasks_wake() {
    let causes = causes(Builder::new(), "2", async { spawn_blocking(|| ()).await.unwrap() });
    assert_eq!(causes, [Cause::Job]);
}

#[test]
fn an_abort_is_the_cause_of_a_waiting_tasks_last_wake() {
    let causes = causes(Builder::new(), "2", async {
        let task = spawn(pending::<()>());
        yield_now().await;
        task.abort();
        assert!(task.await.is_err());
    });
    assert_eq!(causes, [Cause::Spawned, Cause::Aborted]);
}

#[test]
fn a_wake_on_the_loops_thread_outside_of_every_task_is_from_outside() {
    let slot = Slot::default();
    let sleeper = slot.clone();
    let builder = watched(Builder::new(), move |event| {
        if let Event::Park(_) = event {
            sleeper.wake();
        }
    });
    let causes = causes(builder, "1", slot.wait());
    assert_eq!(causes, [Cause::Spawned, Cause::Outside]);
}

#[test]
fn a_destructors_wake_is_caused_by_the_task_that_is_dropped() {
    struct WakeOnDrop(Slot);
    impl Drop for WakeOnDrop {
        fn drop(&mut self) {
            self.0.wake();
        }
    }
    let causes = causes(Builder::new(), "1", async {
        let slot = Slot::default();
        let guard = WakeOnDrop(slot.clone());
        let victim = spawn(async move {
            let _guard = guard;
            pending::<()>().await;
        });
        victim.abort();
        slot.wait().await;
    });
    assert_eq!(causes_as_text(causes), ["spawned", "task 2"]);
}

#[test]
fn a_spawn_names_who_spawned_and_what_from() {
    let (runtime, recorder) = observed(Builder::new().inline_blocking());
    runtime.spawn(async {}).detach();
    runtime.block_on(async {
        spawn_named("named", async {}).detach();
        spawn_blocking(|| ()).await.unwrap();
    });
    let spawns: Vec<_> = recorder
        .events()
        .into_iter()
        .filter_map(|(_, event)| match event {
            Event::Spawn { task, kind, name, by, site } => {
                assert_eq!(site.file(), file!());
                Some((task.to_string(), kind, name.as_deref().map(String::from), by.map(|id| id.to_string())))
            }
            _ => None,
        })
        .collect();
    let row = |id: &str, kind, name: Option<&str>, by: Option<&str>| {
        (id.to_string(), kind, name.map(String::from), by.map(String::from))
    };
    assert_eq!(
        spawns,
        [
            row("1", Kind::Task, None, None),
            row("2", Kind::Root, None, None),
            row("3", Kind::Task, Some("named"), Some("2")),
            row("4", Kind::Blocking, None, Some("2")),
        ]
    );
}

// Observers that act.

#[test]
fn an_observer_that_wakes_as_the_loop_lies_down_keeps_it_awake() {
    let slot = Slot::default();
    let sleeper = slot.clone();
    let builder = watched(Builder::new(), move |event| {
        if let Event::Park(_) = event {
            sleeper.wake();
        }
    });
    assert_trace(
        &record(builder, slot.wait()),
        "
        wake 1: spawned
        turn 1
        run
        poll 1
        pending 1
        park until woken
        wake 1: outside
        turn 2
        run
        poll 1
        done 1 ready
        ",
    );
}

#[test]
fn an_observer_that_wakes_as_a_virtual_clock_would_jump_keeps_it_still() {
    let slot = Slot::default();
    let sleeper = slot.clone();
    let builder = watched(paused(), move |event| {
        if let Event::Park(_) = event {
            sleeper.wake();
        }
    });
    let trace = record(builder, async {
        let start = Instant::now();
        let nap = spawn(sleep(HOUR));
        slot.wait().await;
        assert_eq!(start.elapsed(), Duration::ZERO, "a task was ready, so there was something to do");
        nap.abort();
    });
    assert!(!trace.iter().any(|line| line.starts_with("jump")), "{trace:#?}");
}

#[test]
fn what_an_observer_causes_is_told_after_it_returned() {
    let woken = Cell::new(false);
    let builder = watched(Builder::new(), move |event| {
        if let Event::Done { .. } = event
            && !woken.replace(true)
        {
            spawn(async {}).detach();
        }
    });
    let trace = record(builder, async { spawn(async {}).await.unwrap() });
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
        wake 3: spawned // the observer's, while it was told that 2 is done
        wake 1: task 2
        poll 3
        done 3 ready
        poll 1
        done 1 ready
        ",
    );
}

#[test]
fn a_task_spawned_by_an_observer_of_a_spawn_is_ready_first() {
    let spawned = Cell::new(false);
    let builder = watched(Builder::new(), move |event| {
        if let Event::Spawn { kind: Kind::Task, .. } = event
            && !spawned.replace(true)
        {
            spawn_named("shadow", sleep(Duration::ZERO)).detach();
        }
    });
    let trace = record(builder, async {
        let seen = spawn_named("seen", sleep(Duration::ZERO));
        let names = || -> Vec<_> { dump().unwrap().tasks().iter().map(|task| task.name.clone()).collect() };
        assert_eq!(names(), [None, Some("seen".into()), Some("shadow".into())], "a dump is in the order of ids");
        yield_now().await;
        let waits = dump().unwrap().tasks().iter().map(|task| task.waits.len()).collect::<Vec<_>>();
        assert_eq!(waits, [0, 1, 1], "and finds every wait");
        seen.await.unwrap();
    });
    let started = trace.iter().filter(|line| line.ends_with(": spawned")).collect::<Vec<_>>();
    assert_eq!(started, ["wake 1: spawned", "wake 3: spawned", "wake 2: spawned"]);
}

#[test]
fn an_observer_that_aborts_a_task_as_it_waits_ends_it_at_its_turn() {
    let victim: Rc<RefCell<Option<JoinHandle<()>>>> = Rc::default();
    let known = victim.clone();
    let builder = watched(Builder::new(), move |event| {
        if let Event::Pending { task, .. } = event
            && let Some(victim) = &*known.borrow()
            && victim.id() == *task
        {
            victim.abort();
        }
    });
    let trace = record(builder, async {
        *victim.borrow_mut() = Some(spawn(pending()));
        let joined = poll_fn(|cx| {
            let mut victim = victim.borrow_mut();
            pin!(victim.as_mut().unwrap()).poll(cx)
        });
        assert!(joined.await.unwrap_err().is_cancelled());
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
        abort 2 by 2
        wake 2: aborted
        done 2 cancelled
        wake 1: task 2
        poll 1
        done 1 ready
        ",
    );
}

#[test]
fn an_observer_that_aborts_a_task_as_its_poll_begins_ends_it_at_its_next_turn() {
    let victim: Rc<RefCell<Option<AbortHandle>>> = Rc::default();
    let known = victim.clone();
    let builder = watched(Builder::new(), move |event| {
        if let (Event::Poll(task), Some(victim)) = (event, &*known.borrow())
            && victim.id() == *task
        {
            victim.abort();
        }
    });
    let trace = record(builder, async {
        let task = spawn(pending::<()>());
        *victim.borrow_mut() = Some(task.abort_handle());
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
        pending 1
        poll 2
        abort 2 by 2
        wake 2: aborted
        pending 2
        done 2 cancelled
        wake 1: task 2
        poll 1
        done 1 ready
        ",
    );
}

#[test]
fn an_observer_may_abort_a_finished_task() {
    let abort: Rc<RefCell<Option<AbortHandle>>> = Rc::default();
    let known = abort.clone();
    let builder = watched(Builder::new(), move |event| {
        if let (Event::Done { .. }, Some(abort)) = (event, &*known.borrow()) {
            abort.abort();
        }
    });
    let trace = record(builder, async {
        let task = spawn(async {});
        *abort.borrow_mut() = Some(task.abort_handle());
        task.await.unwrap();
    });
    assert_eq!(trace.last().unwrap(), "done 1 ready");
}

#[test]
fn an_observer_may_ask_for_a_dump_at_every_event() {
    let asked = Rc::new(Cell::new(0));
    let count = asked.clone();
    let builder = watched(Builder::new(), move |_| {
        let _text = dump().unwrap().to_string();
        count.set(count.get() + 1);
    });
    let recorder = Recorder::new();
    let runtime = builder.observer(recorder.observer()).build().unwrap();
    runtime.block_on(async {
        let task = spawn(sleep(Duration::from_millis(1)));
        spawn(yield_now()).detach();
        task.await.unwrap();
    });
    assert_eq!(asked.get(), recorder.events().len());
}

#[test]
fn no_dump_speaks_of_a_deadlock_while_a_program_goes_well() {
    let wrong: Rc<RefCell<Vec<String>>> = Rc::default();
    let log = wrong.clone();
    let builder = watched(Builder::new(), move |event| {
        let outlook = dump().unwrap().outlook();
        let is_over = matches!(event, Event::Done { task, .. } if task.to_string() == "1");
        if outlook == Outlook::Deadlock && !is_over {
            log.borrow_mut().push(event.to_string());
        }
    });
    builder.build().unwrap().block_on(async {
        yield_now().await;
        spawn(async {}).await.unwrap();
    });
    assert_eq!(*wrong.borrow(), [""; 0]);
}

#[test]
fn a_task_is_running_in_a_dump_asked_for_as_its_poll_begins() {
    let seen: Rc<RefCell<Vec<TaskState>>> = Rc::default();
    let log = seen.clone();
    let builder = watched(Builder::new(), move |event| {
        if let Event::Poll(task) = event {
            let dump = dump().unwrap();
            log.borrow_mut().extend(dump.tasks().iter().filter(|view| view.id == *task).map(|view| view.state));
        }
    });
    builder.build().unwrap().block_on(yield_now());
    assert_eq!(*seen.borrow(), [TaskState::Running, TaskState::Running]);
}

#[test]
fn an_observer_that_panics_is_removed_and_the_loop_lives() {
    let calls = Rc::new(Cell::new(0));
    let count = calls.clone();
    let builder = watched(Builder::new(), move |event| {
        count.set(count.get() + 1);
        assert!(!matches!(event, Event::Poll(_)), "this observer does not like polls");
    });
    let trace = record(builder, yield_now());
    assert_eq!(calls.get(), 5, "spawn, wake, turn, run, poll, and no more");
    assert_trace(
        &trace,
        "
        wake 1: spawned
        turn 1
        run
        poll 1
        wake 1: task 1
        pending 1
        poll 1
        done 1 ready
        ",
    );
}

#[test]
fn the_only_observer_panics_and_the_loop_goes_on_unobserved() {
    let calls = Rc::new(Cell::new(0));
    let count = calls.clone();
    let builder = watched(Builder::new(), move |_| {
        count.set(count.get() + 1);
        panic!("at the first event");
    });
    builder.build().unwrap().block_on(yield_now());
    assert_eq!(calls.get(), 1);
}

#[test]
fn an_observer_that_panics_again_in_its_drop_costs_the_loop_nothing() {
    struct Twice;
    impl Observer for Twice {
        fn event(&self, _at: Instant, event: &Event) {
            assert!(!matches!(event, Event::Done { .. }), "this observer does not like ends");
        }
    }
    impl Drop for Twice {
        fn drop(&mut self) {
            panic!("this observer does not like its own end either");
        }
    }
    let (runtime, recorder) = observed(Builder::new().observer(Rc::new(Twice)));
    assert_eq!(runtime.block_on(async { spawn(async { 1 }).await.unwrap() }), 1, "the joiner is woken");
    assert_eq!(recorder.order().last().unwrap(), "done 1 ready", "the other observer is told of what follows");
}

#[test]
fn several_observers_are_told_each_event_in_the_order_of_the_builder() {
    let log: Rc<RefCell<Vec<String>>> = Rc::default();
    let mut builder = Builder::new();
    for name in ["first", "second"] {
        let log = log.clone();
        builder = watched(builder, move |event| {
            if let Event::Poll(_) | Event::Done { .. } = event {
                log.borrow_mut().push(format!("{name}: {event}"));
            }
        });
    }
    builder.build().unwrap().block_on(async {});
    assert_eq!(*log.borrow(), ["first: poll 1", "second: poll 1", "first: done 1 ready", "second: done 1 ready"]);
}

#[test]
fn one_observers_act_is_told_to_all_after_the_event_that_it_answers() {
    let log: Rc<RefCell<Vec<String>>> = Rc::default();
    let acted = Cell::new(false);
    let mut builder = watched(Builder::new(), move |event| {
        if let Event::Poll(_) = event
            && !acted.replace(true)
        {
            spawn(async {}).detach();
        }
    });
    let seen = log.clone();
    builder = watched(builder, move |event| {
        if !matches!(event, Event::Spawn { .. }) {
            seen.borrow_mut().push(event.to_string());
        }
    });
    let runtime = builder.build().unwrap();
    runtime.block_on(async {});
    assert_eq!(*log.borrow(), ["wake 1: spawned", "turn 1", "run", "poll 1", "wake 2: spawned", "done 1 ready"]);
}

#[test]
fn an_event_carries_the_time_of_its_runtimes_clock() {
    let (runtime, recorder) = observed(paused());
    runtime.block_on(sleep_a_second());
    let at = |line: &str| recorder.events().into_iter().find(|(_, event)| event.to_string() == line).unwrap().0;
    assert_eq!(at("done 1 ready") - at("turn 1"), SECOND);
    assert_eq!(at("fire") - at("jump 1s"), SECOND);
}

// The recorder.

#[test]
fn a_full_recorder_drops_the_oldest_and_says_how_many() {
    let recorder = Recorder::with_capacity(3);
    let runtime = Builder::new().observer(recorder.observer()).build().unwrap();
    runtime.block_on(async {});
    assert_eq!(recorder.lines(), ["run", "poll 1", "done 1 ready"]);
    assert_eq!(recorder.dropped(), 3);
    assert_eq!(recorder.text(), "(3 older events dropped)\nrun\npoll 1\ndone 1 ready\n");
}

#[test]
fn a_recorder_that_is_not_full_says_nothing_of_drops() {
    let recorder = Recorder::with_capacity(6);
    Builder::new().observer(recorder.observer()).build().unwrap().block_on(async {});
    assert_eq!(recorder.dropped(), 0);
    assert!(recorder.text().starts_with("spawn 1 root at "), "{}", recorder.text());
}

#[test]
fn a_cleared_recorder_begins_anew() {
    let recorder = Recorder::with_capacity(3);
    let runtime = Builder::new().observer(recorder.observer()).build().unwrap();
    runtime.block_on(async {});
    recorder.clear();
    assert_eq!((recorder.text(), recorder.dropped()), (String::new(), 0));
    runtime.block_on(async {});
    assert_eq!(recorder.lines(), ["run", "poll 2", "done 2 ready"]);
}

#[test]
#[should_panic(expected = "a recorder of capacity 0 can keep nothing")]
fn a_recorder_of_capacity_zero_is_refused() {
    drop(Recorder::with_capacity(0));
}

// The dump.

/// The text of the dump's line for the task of this name.
#[track_caller]
fn line_of(name: &str) -> String {
    let dump = dump().unwrap();
    let named = dump.tasks().iter().find(|task| task.name.as_deref() == Some(name));
    named.expect("a live task has this name").to_string()
}

#[test]
fn a_dump_names_the_timer_that_a_task_waits_for_and_where_it_was_made() {
    glassloop::run(async {
        let (made, nap) = (line!(), sleep(HOUR));
        let (spawned, _task) = (line!(), spawn_named("sleeper", nap));
        yield_now().await;
        let text = line_of("sleeper");
        let start = format!("task 2 (task) \"sleeper\", spawned at {}:{spawned}:", file!());
        assert!(text.starts_with(&start), "{text}");
        let wait = format!(", waits for timer 1 (made at {}:{made}:", file!());
        assert!(text.contains(&wait), "{text}");
    });
}

#[test]
fn a_dump_names_the_socket_that_a_task_waits_for_and_where_it_began() {
    glassloop::run(async {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let begun = Rc::new(Cell::new(0));
        let (line, _task) = (
            begun.clone(),
            spawn_named("acceptor", async move {
                let (line, accept) = (line!(), listener.accept());
                begun.set(line);
                accept.await.map(drop)
            }),
        );
        yield_now().await;
        let wait = format!("waits for socket 1 to be readable (at {}:{}:", file!(), line.get());
        let text = line_of("acceptor");
        assert!(text.contains(&wait), "{text}");
    });
}

#[test]
fn a_dump_names_the_task_that_a_task_awaits() {
    glassloop::run(async {
        let slow = spawn(sleep(HOUR));
        let slow_id = slow.id();
        let _task = spawn_named("awaiter", slow);
        yield_now().await;
        let dump = dump().unwrap();
        assert_eq!(dump.tasks()[2].waits, [Waits::Join(slow_id)]);
        assert!(line_of("awaiter").ends_with("waits for task 2 to finish"), "{dump}");
        assert_eq!(dump.outlook(), Outlook::GoesOn);
    });
}

#[test]
fn a_dump_names_both_of_two_things_that_a_task_waits_for() {
    glassloop::run(async {
        let _task = spawn_named("both", async {
            glassloop::time::timeout(HOUR, sleep(HOUR)).await.unwrap();
        });
        yield_now().await;
        let text = line_of("both");
        assert!(text.contains("waits for timer ") && text.contains(" and timer "), "{text}");
    });
}

#[test]
fn a_dump_says_that_a_task_waits_for_its_blocking_job() {
    let (release, held) = mpsc::channel::<()>();
    glassloop::run(async {
        let job = spawn_blocking(move || held.recv().unwrap_err());
        let dump = dump().unwrap();
        assert_eq!(dump.tasks()[1].kind, Kind::Blocking);
        assert_eq!(dump.tasks()[1].waits, [Waits::Job]);
        assert!(dump.tasks()[1].to_string().ends_with("waits for its job on the blocking pool"), "{dump}");
        drop(release);
        job.await.unwrap();
    });
}

#[test]
fn a_dump_tells_a_kept_waker_from_a_lost_one() {
    glassloop::run(async {
        let slot = Slot::default();
        let _kept = spawn_named("kept", slot.wait());
        let _lost = spawn_named("lost", pending::<()>());
        yield_now().await;
        assert!(line_of("kept").ends_with("waits for a wake that somebody may give who keeps its waker"));
        assert!(line_of("lost").ends_with("waits for a wake, and nobody keeps its waker"));
    });
}

#[test]
fn a_dump_tells_running_from_ready_from_waiting() {
    glassloop::run(async {
        let _waiting = spawn(pending::<()>());
        yield_now().await;
        spawn(async {}).detach();
        let states: Vec<_> = dump().unwrap().tasks().iter().map(|task| task.state).collect();
        assert_eq!(states, [TaskState::Running, TaskState::Waiting, TaskState::Ready]);
    });
}

#[test]
fn a_dump_says_for_how_long_a_task_has_waited() {
    paused().track_waits(true).build().unwrap().block_on(async {
        let _task = spawn_named("patient", pending::<()>());
        sleep(HOUR).await;
        assert!(line_of("patient").contains(", for 3600s now;"), "{}", line_of("patient"));
    });
}

#[test]
fn a_dump_asked_for_from_a_thread_is_the_loops_at_its_next_collect() {
    glassloop::run(async {
        let _task = spawn_named("sleeper", sleep(HOUR));
        let handle = Handle::current();
        let dump = spawn_blocking(move || handle.dump().unwrap()).await.unwrap();
        let names: Vec<_> = dump.tasks().iter().filter_map(|task| task.name.as_deref()).collect();
        assert_eq!(names, ["sleeper"]);
    });
}

#[test]
fn a_dump_outside_of_a_loop_is_an_error() {
    assert!(dump().unwrap_err().to_string().starts_with("dump was used outside of a glassloop runtime"));
}
