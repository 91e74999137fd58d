//! The deadlock verdict: reached when nothing can ever wake the loop, and never when something can.

mod support;

use std::cell::{Cell, RefCell};
use std::future::{Future, pending, poll_fn};
use std::hint::spin_loop;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::rc::Rc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError, mpsc};
use std::task::{Poll, Waker};
use std::time::Duration;

use glassloop::net::TcpListener;
use glassloop::time::{Instant, sleep};
use glassloop::trace::{Event, Observer};
use glassloop::{
    AbortHandle, Builder, Handle, JoinHandle, Outlook, Runtime, dump, spawn, spawn_blocking, spawn_named,
    yield_now,
};
use support::{Slot, assert_trace, on_thread, record};

/// The report of a run that must end in the verdict.
#[track_caller]
fn verdict(future: impl Future) -> String {
    match Runtime::new().unwrap().try_block_on(future) {
        Ok(_) => panic!("the loop was to find a deadlock"),
        Err(deadlock) => deadlock.to_string(),
    }
}

/// The tasks' lines of a report.
fn tasks(report: &str) -> Vec<&str> {
    report.lines().skip(3).map(str::trim).collect()
}

// Reached.

#[test]
fn a_pending_root_is_a_deadlock() {
    let (line, report) = (line!(), verdict(pending::<()>()));
    let lines: Vec<_> = report.lines().collect();
    assert_eq!(lines[0], "deadlock: nothing can ever wake this loop again");
    assert_eq!(lines[1], "no task is ready, no timer is armed, no socket or blocking job is waited for,");
    assert_eq!(lines[2], "and no Handle, AbortHandle or Waker of these 1 tasks exists:");
    assert_eq!(lines.len(), 4, "{report}");
    assert!(lines[3].starts_with(&format!("  task 1 (root), spawned at {}:{line}:", file!())), "{report}");
    assert!(lines[3].ends_with(", waits for a wake, and nobody keeps its waker"), "{report}");
}

/// Where a task finds its own, or another's, handle.
type HandleCell = Rc<RefCell<Option<JoinHandle<()>>>>;

#[test]
fn two_tasks_that_await_each_other_are_a_deadlock_and_a_circle() {
    let report = verdict(async {
        let cells: [HandleCell; 2] = Default::default();
        for n in [0, 1] {
            let other = cells[1 - n].clone();
            *cells[n].borrow_mut() = Some(spawn(async move {
                let other = other.take().unwrap();
                other.await.unwrap();
            }));
        }
        pending::<()>().await;
    });
    let lines = tasks(&report);
    assert_eq!(lines.len(), 4, "{report}");
    assert!(lines[1].ends_with("waits for task 3 to finish"), "{report}");
    assert!(lines[2].ends_with("waits for task 2 to finish"), "{report}");
    assert_eq!(lines[3], "a circle: task 2 awaits task 3 awaits task 2");
}

#[test]
fn a_task_that_awaits_itself_is_a_deadlock_and_a_circle() {
    let report = verdict(async {
        let own: HandleCell = Rc::default();
        let cell = own.clone();
        *own.borrow_mut() = Some(spawn(async move {
            let own = cell.take().unwrap();
            own.await.unwrap();
        }));
        pending::<()>().await;
    });
    assert_eq!(tasks(&report)[2], "a circle: task 2 awaits task 2");
}

#[test]
fn the_report_names_every_task_its_name_and_where_it_was_spawned() {
    let mut lines = [0; 2];
    let report = verdict(async {
        let (line, forgotten) = (line!(), spawn_named("forgotten", pending::<()>()));
        lines[0] = line;
        let (line, awaiter) = (line!(), spawn(forgotten));
        lines[1] = line;
        awaiter.await.unwrap().unwrap();
    });
    let places = lines.map(|line| format!("{}:{line}:", file!()));
    let told = tasks(&report);
    assert_eq!(told.len(), 3, "{report}");
    assert!(told[0].starts_with("task 1 (root), spawned at "), "{report}");
    assert!(told[0].ends_with(", waits for task 3 to finish"), "{report}");
    assert!(told[1].starts_with(&format!("task 2 (task) \"forgotten\", spawned at {}", places[0])), "{report}");
    assert!(told[1].ends_with(", waits for a wake, and nobody keeps its waker"), "{report}");
    assert!(told[2].starts_with(&format!("task 3 (task), spawned at {}", places[1])), "{report}");
    assert!(told[2].ends_with(", waits for task 2 to finish"), "{report}");
}

#[test]
fn block_on_panics_with_the_report_as_a_string() {
    let runtime = Runtime::new().unwrap();
    let panic = catch_unwind(AssertUnwindSafe(|| runtime.block_on(pending::<()>()))).unwrap_err();
    let report = panic.downcast::<String>().expect("the payload is a String");
    assert!(report.starts_with("deadlock: nothing can ever wake this loop again\n"), "{report}");
    assert!(report.contains("task 1 (root), spawned at "), "{report}");
    assert_eq!(runtime.block_on(async { 7 }), 7);
}

#[test]
fn after_the_verdict_the_root_is_dropped_and_all_other_tasks_live_on() {
    let runtime = Runtime::new().unwrap();
    let (root, task) = (Rc::new(()), Rc::new(()));
    let held = root.clone();
    let held_by_task = task.clone();
    let switch = Rc::new(Cell::new(false));
    let seen = switch.clone();
    let blocker: HandleCell = Rc::default();
    let known = blocker.clone();
    let mut waiting = None;
    let told = runtime.try_block_on(async {
        let _held = held;
        *known.borrow_mut() = Some(spawn(pending()));
        let known = known.clone();
        waiting = Some(spawn(async move {
            let _held = held_by_task;
            poll_fn(|cx| Pin::new(known.borrow_mut().as_mut().unwrap()).poll(cx)).await.unwrap_err();
            seen.set(true);
        }));
        pending::<()>().await;
    });
    assert!(told.is_err());
    assert_eq!(Rc::strong_count(&root), 1, "the root is gone");
    assert_eq!(Rc::strong_count(&task), 2, "the task is not");
    let waiting = waiting.unwrap();
    assert!(!waiting.is_finished());
    runtime.block_on(async {
        blocker.borrow().as_ref().unwrap().abort();
        waiting.await.unwrap();
    });
    assert!(switch.get());
    assert_eq!(Rc::strong_count(&task), 1);
}

#[test]
fn a_verdict_can_be_reached_again_and_again() {
    let runtime = Runtime::new().unwrap();
    for _ in 0..3 {
        runtime.try_block_on(pending::<()>()).unwrap_err();
    }
    assert_eq!(runtime.block_on(async { spawn(async { 7 }).await.unwrap() }), 7);
}

#[test]
fn the_verdict_comes_in_the_first_park_and_drops_the_root() {
    let (runtime, recorder) = support::observed(Builder::new());
    runtime.try_block_on(pending::<()>()).unwrap_err();
    assert_trace(
        &recorder.order(),
        "
        wake 1: spawned
        turn 1
        run
        poll 1
        pending 1
        done 1 cancelled
        ",
    );
}

#[test]
fn under_a_virtual_clock_the_verdict_comes_behind_the_last_timer() {
    let runtime = Builder::new().start_paused(true).build().unwrap();
    let mut ended = None;
    let told = runtime.try_block_on(async {
        sleep(Duration::from_secs(3600)).await;
        ended = Some(Instant::now());
        pending::<()>().await;
    });
    assert!(told.is_err());
    assert!(ended.is_some());
}

// What does not count as somebody.

#[test]
fn a_listener_that_nobody_awaits_does_not_hold_back_the_verdict() {
    verdict(async {
        let _listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        pending::<()>().await;
    });
}

#[test]
fn a_sleep_that_nobody_polled_does_not_hold_back_the_verdict() {
    verdict(async {
        let _nap = sleep(Duration::from_millis(1));
        pending::<()>().await;
    });
}

#[test]
fn a_handle_that_was_dropped_does_not_hold_back_the_verdict() {
    verdict(async {
        let handle = Handle::current();
        on_thread("helper", move || drop(handle));
        pending::<()>().await;
    });
}

#[test]
fn a_waker_of_a_finished_task_does_not_hold_back_the_verdict() {
    let (keep, kept) = mpsc::channel::<Waker>();
    verdict(async {
        spawn(poll_fn(move |cx| {
            keep.send(cx.waker().clone()).unwrap();
            Poll::Ready(())
        }))
        .await
        .unwrap();
        pending::<()>().await;
    });
    kept.recv().unwrap().wake(); // late, and of a runtime that is gone: nothing happens
}

#[test]
fn a_waker_of_an_earlier_root_does_not_hold_back_the_verdict() {
    let runtime = Runtime::new().unwrap();
    let waker = runtime.block_on(poll_fn(|cx| Poll::Ready(cx.waker().clone())));
    runtime.try_block_on(pending::<()>()).unwrap_err();
    drop(waker);
}

#[test]
fn an_abort_handle_of_a_finished_task_does_not_hold_back_the_verdict() {
    verdict(async {
        let task = spawn(async {});
        let _abort = task.abort_handle();
        task.await.unwrap();
        pending::<()>().await;
    });
}

#[test]
fn join_handles_do_not_hold_back_the_verdict() {
    verdict(async {
        let _task = spawn(pending::<()>());
        pending::<()>().await;
    });
}

// Never a false alarm. In each test the loop lies down with nothing ready, and only then does somebody act.

/// Says on a channel that the loop lies down: it had its chance to give the verdict.
struct Bed(mpsc::Sender<()>);

impl Observer for Bed {
    fn event(&self, _at: Instant, event: &Event) {
        if let Event::Park(_) = event {
            let _ = self.0.send(()); // nobody may listen any more
        }
    }
}

/// Runs the future that `make` makes, which is given a receiver that tells when the loop lies down.
fn unalarmed<F: Future>(make: impl FnOnce(mpsc::Receiver<()>) -> F) -> F::Output {
    let (lies_down, lain_down) = mpsc::channel();
    let runtime = Builder::new().observer(Rc::new(Bed(lies_down))).build().unwrap();
    runtime.try_block_on(make(lain_down)).unwrap_or_else(|alarm| panic!("a false alarm: {alarm}"))
}

thread_local! {
    /// What a call sent to the loop's thread aborts. It holds no waker.
    static VICTIM: HandleCell = Rc::default();
}

/// Makes a task that only an abort ends, and waits until it has ended.
async fn victim_ends(known: impl FnOnce(&JoinHandle<()>)) {
    let victim = VICTIM.with(Rc::clone);
    let task = spawn(pending());
    known(&task);
    *victim.borrow_mut() = Some(task);
    let ended = poll_fn(|cx| Pin::new(victim.borrow_mut().as_mut().unwrap()).poll(cx));
    assert!(ended.await.unwrap_err().is_cancelled());
    drop(victim.take());
}

fn abort_victim() {
    VICTIM.with(|victim| victim.borrow().as_ref().unwrap().abort());
}

#[test]
fn no_alarm_while_a_handle_lives_on_a_thread() {
    unalarmed(async |lain_down| {
        let handle = Handle::current();
        let thread = std::thread::spawn(move || {
            lain_down.recv().unwrap();
            handle.call_soon(abort_victim).unwrap();
        });
        victim_ends(|_| ()).await;
        thread.join().unwrap();
    });
}

#[test]
fn no_alarm_while_an_abort_handle_lives_on_a_thread() {
    unalarmed(async |lain_down| {
        victim_ends(|victim| {
            let abort = victim.abort_handle();
            std::thread::spawn(move || lain_down.recv().map(|()| abort.abort()));
        })
        .await;
    });
}

#[test]
fn no_alarm_while_a_waker_lives_on_a_thread() {
    unalarmed(|lain_down| {
        let mut lain_down = Some(lain_down);
        poll_fn(move |cx| {
            let Some(lain_down) = lain_down.take() else { return Poll::Ready(()) };
            let waker = cx.waker().clone();
            std::thread::spawn(move || lain_down.recv().map(|()| waker.wake()));
            Poll::Pending
        })
    });
}

#[test]
fn no_alarm_while_a_blocking_job_runs() {
    let answer = unalarmed(async |lain_down| {
        let job = spawn_blocking(move || {
            lain_down.recv().unwrap();
            7
        });
        job.await.unwrap()
    });
    assert_eq!(answer, 7);
}

#[test]
fn no_alarm_while_a_timer_is_armed() {
    unalarmed(async |_| sleep(Duration::from_millis(1)).await);
}

#[test]
fn no_alarm_while_a_socket_is_waited_for() {
    let client = unalarmed(async |lain_down| {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addr = listener.local_addr().unwrap();
        let client = std::thread::spawn(move || {
            lain_down.recv().unwrap();
            std::net::TcpStream::connect(addr).unwrap()
        });
        listener.accept().await.unwrap();
        client
    });
    client.join().unwrap();
}

// Races with the verdict: a thread acts and lets go of its last hold while the loop counts. Both start together, and
// each round shifts the thread by a spin, so that over the rounds it falls before, into and behind the count.

const ROUNDS: u32 = 2000;

/// Held by a race: two at once would share the cores, and seldom meet the moment.
static CORES: Mutex<()> = Mutex::new(());

/// A thread that is given one thing a round, and uses it up.
fn against_the_verdict<T: Send + 'static>(rounds: u32, use_up: fn(T), round: impl AsyncFn(&dyn Fn(T))) {
    let _cores = CORES.lock().unwrap_or_else(PoisonError::into_inner);
    let (give, given) = mpsc::channel::<(u32, T)>();
    let (at_line, start) = (Arc::new(AtomicU32::new(0)), Arc::new(AtomicU32::new(0)));
    let wait_for = |flag: &AtomicU32, round: u32| {
        while flag.load(Ordering::Acquire) != round {
            (0..1000).take_while(|_| flag.load(Ordering::Acquire) != round).for_each(|_| spin_loop());
            std::thread::yield_now(); // there may be one core only
        }
    };
    let thread = std::thread::spawn({
        let (at_line, start) = (at_line.clone(), start.clone());
        move || {
            for (round, thing) in given {
                at_line.store(round, Ordering::Release);
                wait_for(&start, round);
                (0..round % 24).for_each(|_| spin_loop());
                use_up(thing);
            }
        }
    });
    let runtime = Runtime::new().unwrap();
    for n in 1..=rounds {
        let told = runtime.try_block_on(round(&|thing| {
            give.send((n, thing)).unwrap();
            wait_for(&at_line, n);
            start.store(n, Ordering::Release);
        }));
        told.unwrap_or_else(|alarm| panic!("a false alarm in round {n}: {alarm}"));
    }
    drop(give);
    thread.join().unwrap();
}

#[test]
fn a_thread_that_wakes_and_drops_its_waker_as_the_loop_counts_is_seen() {
    against_the_verdict(ROUNDS, Waker::wake, async |give| {
        let mut given = false;
        poll_fn(|cx| {
            if std::mem::replace(&mut given, true) {
                return Poll::Ready(());
            }
            give(cx.waker().clone());
            Poll::Pending
        })
        .await;
    });
}

#[test]
fn a_thread_that_calls_and_drops_its_handle_as_the_loop_counts_is_seen() {
    let call = |handle: Handle| handle.call_soon(abort_victim).unwrap();
    // The one race that only the second look at the inbox decides: a call holds nothing that is counted.
    against_the_verdict(ROUNDS * 5, call, async |give| victim_ends(|_| give(Handle::current())).await);
}

#[test]
fn a_thread_that_aborts_and_drops_its_abort_handle_as_the_loop_counts_is_seen() {
    let abort = |handle: AbortHandle| handle.abort();
    against_the_verdict(ROUNDS, abort, async |give| victim_ends(|victim| give(victim.abort_handle())).await);
}

#[test]
fn a_blocking_job_that_ends_as_the_loop_counts_is_seen() {
    let _cores = CORES.lock().unwrap_or_else(PoisonError::into_inner);
    let runtime = Runtime::new().unwrap();
    for n in 0..ROUNDS {
        let told = runtime.try_block_on(async move {
            spawn_blocking(move || (0..n % 24).for_each(|_| spin_loop())).await.unwrap();
        });
        told.unwrap_or_else(|alarm| panic!("a false alarm in round {n}: {alarm}"));
    }
}

// "Somebody may": what lives anywhere, even where nobody will ever use it, makes the loop wait for ever. An observer
// sees it lie down, asks for its outlook, and ends the wait with a join handle, which counts for nobody.

/// The trace of a run whose task 2 is `waiting` for ever, aborted as the loop lies down.
fn aborted_in_bed(waiting: impl Future<Output = ()> + 'static) -> Vec<String> {
    struct Rescue(HandleCell, Cell<Option<Outlook>>);
    impl Observer for Rescue {
        fn event(&self, _at: Instant, event: &Event) {
            if let Event::Park(_) = event {
                self.1.set(Some(dump().unwrap().outlook()));
                self.0.borrow().as_ref().unwrap().abort();
            }
        }
    }
    let rescue = Rc::new(Rescue(Rc::default(), Cell::new(None)));
    let victim = rescue.0.clone();
    let trace = record(Builder::new().observer(rescue.clone()), async {
        *victim.borrow_mut() = Some(spawn(waiting));
        let ended = poll_fn(|cx| Pin::new(victim.borrow_mut().as_mut().unwrap()).poll(cx));
        assert!(ended.await.unwrap_err().is_cancelled());
    });
    assert_eq!(rescue.1.get(), Some(Outlook::Unknown));
    trace
}

const ABORTED_IN_BED: &str = "
    wake 1: spawned
    turn 1
    run
    poll 1
    wake 2: spawned
    pending 1
    poll 2
    pending 2
    park until woken // not the verdict
    abort 2
    wake 2: aborted
    turn 2
    run
    done 2 cancelled
    wake 1: task 2
    poll 1
    done 1 ready
";

#[test]
fn a_waker_kept_in_the_waiting_task_itself_means_waiting_for_ever() {
    let slot = Slot::default();
    let trace = aborted_in_bed(async move {
        slot.wait().await; // `slot` keeps the waker, and lives in this task alone
        slot.wake();
    });
    assert_trace(&trace, ABORTED_IN_BED);
}

#[test]
fn a_handle_kept_in_the_waiting_task_itself_means_waiting_for_ever() {
    let trace = aborted_in_bed(async {
        let _handle = Handle::current();
        pending().await
    });
    assert_trace(&trace, ABORTED_IN_BED);
}

#[test]
fn a_waker_that_the_waiting_task_gave_up_is_a_deadlock() {
    verdict(async {
        let slot = Slot::default();
        let task = spawn(slot.wait());
        yield_now().await;
        drop(slot.take());
        task.await.unwrap();
    });
}

// What a dump says of it.

#[test]
fn a_loop_that_waits_for_a_blocking_job_alone_goes_on() {
    let outlook = Runtime::new().unwrap().block_on(async {
        let handle = Handle::current();
        spawn_blocking(move || handle.dump().unwrap().outlook()).await.unwrap()
    });
    assert_eq!(outlook, Outlook::GoesOn);
}

#[test]
fn a_call_is_not_told_of_a_deadlock_while_another_call_waits_behind_it() {
    thread_local! {
        static OUTLOOK: Cell<Option<Outlook>> = const { Cell::new(None) };
    }
    Runtime::new().unwrap().block_on(async {
        let handle = Handle::current();
        on_thread("helper", move || {
            handle.call_soon(|| OUTLOOK.set(Some(dump().unwrap().outlook()))).unwrap();
            handle.call_soon(abort_victim).unwrap();
        });
        victim_ends(|_| ()).await;
    });
    assert_ne!(OUTLOOK.get(), Some(Outlook::Deadlock));
    assert!(OUTLOOK.get().is_some());
}
