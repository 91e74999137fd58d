//! What a loop says of its tasks: the report when nothing can ever wake it, and what a dump says before that.

use std::cell::{Cell, RefCell};
use std::future::{Future, pending, poll_fn};
use std::panic::{AssertUnwindSafe, Location, catch_unwind};
use std::pin::Pin;
use std::rc::Rc;
use std::sync::mpsc;
use std::task::{Poll, Waker};
use std::time::Duration;

use glassloop::net::{TcpListener, TcpStream};
use glassloop::time::{Instant, sleep, sleep_until};
use glassloop::trace::{Event, Observer, Wait};
use glassloop::{
    Builder, Dump, Guest, Handle, JoinHandle, Next, Outlook, Runtime, TaskState, Waits, dump, join_all, spawn,
    spawn_blocking, spawn_named, yield_now,
};

/// This line.
#[track_caller]
fn here() -> u32 {
    Location::caller().line()
}

/// A runtime on virtual time that knows how long its tasks wait.
fn exact() -> Runtime {
    Builder::new().start_paused(true).track_waits(true).build().unwrap()
}

fn report(runtime: &Runtime, root: impl Future<Output = ()>) -> String {
    runtime.try_block_on(root).unwrap_err().to_string()
}

/// The lines of a report on single tasks and circles, without the words above them.
fn lines(report: &str) -> Vec<&str> {
    report.lines().skip(3).map(str::trim).collect()
}

// The report.

#[test]
fn report_begins_with_what_is_certain() {
    let words = report(&Runtime::new().unwrap(), pending());
    let head: Vec<_> = words.lines().take(3).collect();
    assert_eq!(
        head,
        [
            "deadlock: nothing can ever wake this loop again",
            "no task is ready, no timer is armed, no socket or blocking job is waited for,",
            "and no Handle, AbortHandle or Waker of these 1 tasks exists:",
        ]
    );
}

#[test]
fn block_on_panics_with_the_report_that_try_block_on_returns() {
    let runtime = exact();
    let block = || runtime.block_on(pending::<()>());
    let panicked = catch_unwind(AssertUnwindSafe(block)).unwrap_err();
    let words = panicked.downcast::<String>().unwrap();
    assert!(words.starts_with("deadlock: nothing can ever wake this loop again\n"), "{words}");
    assert_eq!(runtime.block_on(async { 1 }), 1, "the runtime is usable");
}

#[test]
fn report_names_each_task_its_spawn_its_wait_and_for_how_long() {
    let runtime = exact();
    let root = here() + 7;
    let words = report(&runtime, async {
        spawn(pending::<()>()).detach();
        let second = spawn_named("second", pending::<()>());
        sleep(Duration::from_secs(3)).await;
        spawn(async move { second.await.unwrap() }).detach();
        sleep(Duration::from_secs(2)).await;
        pending().await
    });
    // `report` is where `block_on` was called.
    let called = words.lines().nth(3).unwrap();
    assert!(called.trim().starts_with("task 1 (root), spawned at tests/verdict.rs:"), "{called}");
    assert!(
        called.ends_with("waits for a wake, and nobody keeps its waker, for 0ns now; its 3 polls took 0ns"),
        "{called}"
    );
    assert_eq!(
        lines(&words)[1..],
        [
            format!(
                "task 2 (task), spawned at tests/verdict.rs:{}:9, waits for a wake, and nobody keeps its waker, \
                 for 5s now; its poll took 0ns",
                root - 5
            ),
            format!(
                "task 3 (task) \"second\", spawned at tests/verdict.rs:{}:22, waits for a wake, and nobody keeps its \
                 waker, for 5s now; its poll took 0ns",
                root - 4
            ),
            format!(
                "task 4 (task), spawned at tests/verdict.rs:{}:9, waits for task 3 to finish, for 2s now; \
                 its poll took 0ns",
                root - 2
            ),
        ]
    );
}

#[test]
fn report_without_track_waits_says_nothing_of_time() {
    let words = report(&Runtime::new().unwrap(), pending());
    assert!(words.ends_with("waits for a wake, and nobody keeps its waker"), "{words}");
}

#[test]
fn observer_makes_the_report_say_for_how_long() {
    struct Blind;
    impl Observer for Blind {
        fn event(&self, _: Instant, _: &Event) {}
    }
    let runtime = Builder::new().start_paused(true).observer(Rc::new(Blind)).build().unwrap();
    let words = report(&runtime, async {
        spawn(pending::<()>()).detach();
        sleep(Duration::from_secs(7)).await;
        pending().await
    });
    assert!(words.ends_with(", for 7s now; its poll took 0ns"), "{words}");
}

#[test]
fn sleep_for_ever_is_no_timer_that_could_end_a_wait_and_the_report_says_where_it_was_made() {
    let line = here() + 1;
    let words = report(&exact(), async { sleep(Duration::MAX).await });
    let wait = format!("waits for timer 1 (made at tests/verdict.rs:{line}:");
    assert!(lines(&words)[0].contains(&wait), "{words}");
}

#[test]
fn task_that_awaits_several_names_them_all() {
    let words = report(&exact(), async {
        let tasks = [spawn(pending::<()>()), spawn(pending())];
        join_all(tasks).await;
    });
    assert!(lines(&words)[0].contains("waits for task 2 to finish and task 3 to finish"), "{words}");
}

#[test]
fn task_that_gave_up_a_wait_is_not_said_to_wait_for_it() {
    let words = report(&exact(), async {
        let first = spawn(pending::<()>());
        let _ = glassloop::time::timeout(Duration::from_secs(1), first).await;
        pending().await
    });
    assert!(lines(&words)[0].contains("waits for a wake, and nobody keeps its waker"), "{words}");
}

#[test]
fn tasks_left_by_an_earlier_block_on_are_in_the_report() {
    let runtime = exact();
    runtime.block_on(async { spawn_named("left", pending::<()>()).detach() });
    let words = report(&runtime, pending());
    let lines = lines(&words);
    assert_eq!(lines.len(), 2);
    assert!(lines[0].contains("\"left\"") && lines[1].contains("(root)"), "{words}");
}

// Circles.

/// Tasks `0..count`, each of which awaits the next, and the last the first.
fn ring(count: usize) -> Vec<glassloop::TaskId> {
    let places: Vec<Rc<Cell<Option<JoinHandle<()>>>>> = (0..count).map(|_| Rc::default()).collect();
    let tasks: Vec<_> = places
        .iter()
        .map(|place| {
            let place = place.clone();
            spawn(async move {
                let next = place.take().unwrap();
                let _ = next.await;
            })
        })
        .collect();
    let ids = tasks.iter().map(|task| task.id()).collect();
    for (n, task) in tasks.into_iter().enumerate() {
        places[(n + count - 1) % count].set(Some(task));
    }
    ids
}

fn circles(report: &str) -> Vec<&str> {
    lines(report).into_iter().filter(|line| line.starts_with("a circle")).collect()
}

#[test]
fn task_that_awaits_itself_is_a_circle_of_one() {
    let words = report(&exact(), async {
        ring(1);
        pending().await
    });
    assert!(lines(&words)[1].contains("waits for task 2 to finish"), "{words}");
    assert_eq!(circles(&words), ["a circle: task 2 awaits task 2"]);
}

#[test]
fn two_tasks_that_await_each_other_are_a_circle() {
    let words = report(&exact(), async {
        ring(2);
        pending().await
    });
    assert_eq!(circles(&words), ["a circle: task 2 awaits task 3 awaits task 2"]);
}

#[test]
fn three_tasks_in_a_ring_are_one_circle() {
    let words = report(&exact(), async {
        ring(3);
        pending().await
    });
    assert_eq!(circles(&words), ["a circle: task 2 awaits task 3 awaits task 4 awaits task 2"]);
}

#[test]
fn two_rings_are_two_circles() {
    let words = report(&exact(), async {
        ring(2);
        ring(3);
        pending().await
    });
    assert_eq!(
        circles(&words),
        [
            "a circle: task 2 awaits task 3 awaits task 2",
            "a circle: task 4 awaits task 5 awaits task 6 awaits task 4",
        ]
    );
}

#[test]
fn chain_that_leads_into_a_ring_is_not_part_of_the_circle() {
    let words = report(&exact(), async {
        let place: Rc<Cell<Option<JoinHandle<()>>>> = Rc::default();
        let of_ring = spawn({
            let place = place.clone();
            async move {
                let inner = place.take().unwrap();
                let _ = inner.await;
            }
        });
        let other: Rc<Cell<Option<JoinHandle<()>>>> = Rc::default();
        let awaits_both = spawn({
            let other = other.clone();
            async move {
                let _ = other.take().unwrap().await;
            }
        });
        place.set(Some(awaits_both));
        other.set(Some(of_ring));
        spawn(async {
            let last = spawn(pending::<()>());
            let _ = last.await;
        })
        .await
        .unwrap();
    });
    assert_eq!(circles(&words), ["a circle: task 2 awaits task 3 awaits task 2"]);
    assert!(lines(&words)[0].contains("waits for task 4 to finish"), "{words}");
}

#[test]
fn chain_without_an_end_in_itself_is_no_circle() {
    let words = report(&exact(), async {
        let last = spawn(pending::<()>());
        let middle = spawn(async move { last.await.unwrap() });
        middle.await.unwrap();
    });
    assert_eq!(circles(&words), [""; 0]);
}

#[test]
fn dump_gives_the_circle_as_ids() {
    let runtime = exact();
    let (ids, dump) = runtime.block_on(async {
        let ids = ring(3);
        yield_now().await;
        (ids, dump().unwrap())
    });
    assert_eq!(dump.circles(), [ids]);
}

#[test]
fn aborting_one_of_a_ring_frees_it() {
    glassloop::run(async {
        let place: Rc<Cell<Option<JoinHandle<bool>>>> = Rc::default();
        let first = spawn({
            let place = place.clone();
            async move { place.take().unwrap().await.is_ok() }
        });
        let abort = first.abort_handle();
        let second = spawn(async move { first.await.unwrap_err().is_cancelled() });
        let cancelled = Rc::new(Cell::new(None));
        let third = spawn({
            let cancelled = cancelled.clone();
            async move { cancelled.set(Some(second.await.unwrap())) }
        });
        place.set(Some(spawn(pending())));
        yield_now().await;
        abort.abort();
        third.await.unwrap();
        assert_eq!(cancelled.get(), Some(true));
    });
}

// The outlook.

/// Asks a guest for a dump from outside of every task; the handle that asks is gone when the loop answers.
fn look(guest: &Guest) -> Dump {
    let (say, heard) = mpsc::channel();
    let handle = guest.handle();
    handle.call_soon(move || say.send(dump().unwrap()).unwrap()).unwrap();
    drop(handle);
    guest.turn(Some(Duration::ZERO));
    heard.recv().unwrap()
}

fn guest(runtime: Runtime) -> Guest {
    Guest::new(runtime).unwrap()
}

/// Lets a guest run until it waits.
fn settle(guest: &Guest) -> Next {
    loop {
        let turn = guest.turn(Some(Duration::ZERO));
        if turn.next != Next::Now {
            return turn.next;
        }
    }
}

#[test]
fn outlook_of_waiting_tasks_alone_is_deadlock() {
    let guest = guest(Runtime::new().unwrap());
    guest.spawn(pending::<()>()).detach();
    assert_eq!(settle(&guest), Next::Idle);
    assert_eq!(look(&guest).outlook(), Outlook::Deadlock);
}

#[test]
fn block_on_a_guest_gives_the_verdict_that_its_turns_leave_to_the_host() {
    let (give, take) = mpsc::channel();
    std::thread::spawn(move || {
        let guest = guest(exact());
        let is_deadlock = guest.try_block_on(pending::<()>()).is_err();
        give.send((is_deadlock, settle(&guest))).unwrap();
    });
    let said = take.recv_timeout(Duration::from_secs(20)).expect("it does not sleep for ever");
    assert_eq!(said, (true, Next::Idle));
}

#[test]
fn outlook_through_a_handle_is_unknown_because_the_handle_itself_may_help() {
    let guest = Runtime::new().unwrap();
    guest.spawn(pending::<()>()).detach();
    let handle = guest.handle();
    let (say, heard) = mpsc::channel();
    let thread = std::thread::spawn(move || say.send(handle.dump().unwrap()).unwrap());
    // The loop must turn while the thread waits; a message that is there is collected before anything else.
    let outlook = guest.block_on(async {
        loop {
            match heard.try_recv() {
                Ok(dump) => return dump.outlook(),
                Err(_) => sleep(Duration::from_micros(50)).await,
            }
        }
    });
    thread.join().unwrap();
    assert_ne!(outlook, Outlook::Deadlock);
}

#[test]
fn outlook_through_a_handle_of_an_idle_guest_is_unknown() {
    let guest = guest(Runtime::new().unwrap());
    guest.spawn(pending::<()>()).detach();
    settle(&guest);
    let dump = ask(&guest);
    assert_eq!(dump.outlook(), Outlook::Unknown);
}

/// `Handle::dump` from a thread, while this one turns the guest.
fn ask(guest: &Guest) -> Dump {
    let handle = guest.handle();
    let thread = std::thread::spawn(move || handle.dump().unwrap());
    while !thread.is_finished() {
        guest.turn(Some(Duration::ZERO));
        std::thread::yield_now();
    }
    thread.join().unwrap()
}

#[test]
fn outlook_with_a_timer_goes_on() {
    let guest = guest(Runtime::new().unwrap());
    guest.spawn(async { sleep(Duration::from_secs(3600)).await }).detach();
    settle(&guest);
    assert_eq!(look(&guest).outlook(), Outlook::GoesOn);
    assert_eq!(ask(&guest).outlook(), Outlook::GoesOn);
}

#[test]
fn outlook_with_a_socket_that_is_waited_for_goes_on_and_says_where() {
    let guest = guest(Runtime::new().unwrap());
    let line = here() + 3;
    let task = guest.spawn(async {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        listener.accept().await.unwrap();
    });
    settle(&guest);
    let dump = look(&guest);
    assert_eq!(dump.outlook(), Outlook::GoesOn);
    let words = dump.to_string();
    let wait = format!("waits for socket 1 to be readable (at tests/verdict.rs:{line}:");
    assert!(words.contains(&wait), "{words}");
    task.abort();
    settle(&guest);
    assert_eq!(look(&guest).outlook(), Outlook::Deadlock);
}

#[test]
fn socket_that_nobody_waits_for_keeps_no_loop_from_its_verdict() {
    let words = report(&exact(), async {
        let _listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        pending().await
    });
    assert!(words.starts_with("deadlock"), "{words}");
}

#[test]
fn read_and_write_of_one_socket_are_named_apart() {
    let guest = guest(Runtime::new().unwrap());
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let stream = std::net::TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    stream.set_nonblocking(true).unwrap();
    let _peer = listener.accept().unwrap();
    guest
        .spawn(async move {
            let (reads, writes) = TcpStream::from_std(stream).unwrap().into_split();
            spawn(async move { while writes.write(&[0; 1 << 16]).await.is_ok() {} }).detach();
            reads.read(&mut [0]).await.unwrap();
        })
        .detach();
    let dump = loop {
        settle(&guest);
        let dump = look(&guest);
        if dump.tasks().iter().all(|task| task.state == TaskState::Waiting) {
            break dump; // the writer has filled every buffer
        }
    };
    let words: Vec<_> = dump.tasks().iter().map(|task| task.waits[0].to_string()).collect();
    assert!(words[0].starts_with("socket 1 to be readable (at tests/verdict.rs:"), "{words:?}");
    assert!(words[1].starts_with("socket 1 to be writable (at tests/verdict.rs:"), "{words:?}");
}

#[test]
fn outlook_with_a_job_goes_on() {
    let guest = guest(Runtime::new().unwrap());
    let (go, wait) = mpsc::channel::<()>();
    guest.spawn(async move { spawn_blocking(move || wait.recv()).await }).detach();
    settle(&guest);
    let dump = look(&guest);
    assert_eq!(dump.outlook(), Outlook::GoesOn);
    assert_eq!(dump.tasks()[1].waits, [Waits::Job]);
    drop(go);
}

#[test]
fn outlook_inside_a_task_goes_on() {
    assert_eq!(glassloop::run(async { dump().unwrap().outlook() }), Outlook::GoesOn);
}

#[test]
fn outlook_with_a_ready_task_goes_on() {
    let guest = guest(Runtime::new().unwrap());
    guest.spawn(async {}).detach();
    let dump = look(&guest);
    assert_eq!((dump.tasks()[0].state, dump.outlook()), (TaskState::Ready, Outlook::GoesOn));
}

#[test]
fn outlook_with_a_kept_waker_is_unknown_and_the_task_is_said_to_have_one() {
    let guest = guest(Runtime::new().unwrap());
    let kept: Rc<RefCell<Option<Waker>>> = Rc::default();
    guest
        .spawn({
            let kept = kept.clone();
            poll_fn(move |cx| {
                *kept.borrow_mut() = Some(cx.waker().clone());
                Poll::<()>::Pending
            })
        })
        .detach();
    assert_eq!(settle(&guest), Next::OnEvent);
    let dump = look(&guest);
    assert_eq!(dump.outlook(), Outlook::Unknown);
    assert!(dump.tasks()[0].has_wakers);
    assert!(dump.to_string().ends_with("waits for a wake that somebody may give who keeps its waker"), "{dump}");
    kept.take();
    assert_eq!(look(&guest).outlook(), Outlook::Deadlock);
}

#[test]
fn wakers_that_tasks_keep_of_each_other_are_unknown_never_deadlock() {
    // Nobody outside holds one: but glassloop cannot see into the tasks, so it does not guess.
    let guest = guest(Runtime::new().unwrap());
    let kept: Rc<RefCell<Vec<Waker>>> = Rc::default();
    for _ in 0..2 {
        let kept = kept.clone();
        guest
            .spawn(poll_fn(move |cx| {
                kept.borrow_mut().push(cx.waker().clone());
                Poll::<()>::Pending
            }))
            .detach();
    }
    drop(kept);
    assert_eq!(settle(&guest), Next::OnEvent);
    assert_eq!(look(&guest).outlook(), Outlook::Unknown);
    assert_eq!(ask(&guest).outlook(), Outlook::Unknown);
}

#[test]
fn kept_waker_of_a_finished_task_helps_nobody() {
    let runtime = exact();
    let kept: Rc<RefCell<Option<Waker>>> = Rc::default();
    let done = poll_fn(|cx| {
        *kept.borrow_mut() = Some(cx.waker().clone());
        Poll::Ready(())
    });
    runtime.block_on(done);
    assert!(report(&runtime, pending()).starts_with("deadlock"));
    kept.take().unwrap().wake();
}

#[test]
fn abort_handle_is_unknown_until_it_is_dropped() {
    let guest = guest(Runtime::new().unwrap());
    let abort = guest.spawn(pending::<()>()).abort_handle();
    settle(&guest);
    assert_eq!(look(&guest).outlook(), Outlook::Unknown);
    drop(abort);
    assert_eq!(look(&guest).outlook(), Outlook::Deadlock);
}

#[test]
fn loop_with_a_handle_waits_until_the_handle_is_gone_and_then_gives_its_verdict() {
    let runtime = Runtime::new().unwrap();
    let handle = runtime.handle();
    let (begun, wait) = mpsc::channel();
    let thread = std::thread::spawn(move || {
        wait.recv().unwrap();
        // Its last call is what lets the loop look again.
        handle.call_soon(|| {}).unwrap();
        drop(handle);
    });
    let words = runtime.try_block_on(async {
        begun.send(()).unwrap();
        thread.join().unwrap();
        pending::<()>().await;
    });
    assert!(words.unwrap_err().to_string().starts_with("deadlock"));
}

/// Asks at every park, as an observer may: outside of every task, and with no handle.
#[derive(Default)]
struct AtPark(RefCell<Vec<Outlook>>);

impl Observer for AtPark {
    fn event(&self, _: Instant, event: &Event) {
        if let Event::Park(wait) = event
            && *wait != Wait::Look
        {
            self.0.borrow_mut().push(dump().unwrap().outlook());
        }
    }
}

#[test]
fn observer_that_asks_at_a_park_hears_that_the_loop_goes_on() {
    let seen = Rc::new(AtPark::default());
    let runtime = Builder::new().observer(seen.clone()).build().unwrap();
    runtime.block_on(async { sleep(Duration::from_micros(200)).await });
    assert_eq!(*seen.0.borrow(), [Outlook::GoesOn]);
}

#[test]
fn message_that_waits_is_unknown_to_the_dump_before_it() {
    let guest = guest(Runtime::new().unwrap());
    guest.spawn(pending::<()>()).detach();
    settle(&guest);
    let (say, heard) = mpsc::channel();
    let handle = guest.handle();
    handle
        .call_soon({
            let handle = handle.clone();
            move || {
                handle.call_soon(|| drop(spawn(async {}))).unwrap();
                drop(handle);
                say.send(dump().unwrap().outlook()).unwrap();
            }
        })
        .unwrap();
    drop(handle);
    guest.turn(Some(Duration::ZERO));
    assert_eq!(heard.recv(), Ok(Outlook::Unknown));
}

// Waits as values.

#[test]
fn dump_gives_each_wait_as_a_value() {
    let runtime = exact();
    let dump = runtime.block_on(async {
        let sleeper = spawn(async { sleep_until(Instant::now() + Duration::from_secs(5)).await });
        let joiner = spawn(async move { sleeper.await.unwrap() });
        sleep(Duration::from_secs(2)).await;
        let dump = dump().unwrap();
        joiner.await.unwrap();
        (dump, Instant::now())
    });
    let (dump, due) = dump;
    let [root, sleeper, joiner] = dump.tasks() else { panic!("{dump}") };
    assert_eq!(root.state, TaskState::Running);
    let [Waits::Timer { deadline, site, .. }] = sleeper.waits[..] else { panic!("{sleeper}") };
    assert_eq!((deadline, site.file()), (due, "tests/verdict.rs"));
    assert_eq!(joiner.waits, [Waits::Join(sleeper.id)]);
    let waited: Vec<_> = dump.tasks().iter().map(|task| task.waited).collect();
    assert_eq!(waited, [None, Some(Duration::from_secs(2)), Some(Duration::from_secs(2))]);
}

#[test]
fn wait_is_counted_from_the_last_poll() {
    let runtime = exact();
    let waited = runtime.block_on(async {
        let task = spawn(async {
            sleep(Duration::from_secs(3)).await;
            pending::<()>().await;
        });
        sleep(Duration::from_secs(10)).await;
        let dump = dump().unwrap();
        task.abort();
        dump.tasks()[1].waited
    });
    assert_eq!(waited, Some(Duration::from_secs(7)));
}

#[test]
fn timeout_around_a_join_names_both_waits() {
    let runtime = exact();
    let words = runtime.block_on(async {
        let slow = spawn(pending::<()>());
        let limited = spawn(glassloop::time::timeout(Duration::from_secs(5), slow));
        sleep(Duration::from_secs(1)).await;
        let words = dump().unwrap().tasks()[2].to_string();
        let _ = limited.await;
        words
    });
    assert!(words.contains("waits for task 2 to finish and timer "), "{words}");
}

#[test]
fn task_polled_by_a_waker_of_its_own_making_is_still_in_the_dump() {
    // A combinator that hands its children another waker (as FuturesUnordered does) hides who waits.
    let guest = guest(Runtime::new().unwrap());
    guest
        .spawn(async {
            let mut timer = sleep(Duration::from_secs(3600));
            poll_fn(|_| Pin::new(&mut timer).poll(&mut std::task::Context::from_waker(Waker::noop()))).await;
        })
        .detach();
    settle(&guest);
    let dump = look(&guest);
    assert_eq!(dump.tasks()[0].waits, []);
    assert_eq!(dump.outlook(), Outlook::GoesOn, "the timer's waker is foreign, and it may wake anybody");
}

#[test]
fn dump_outside_of_a_loop_is_an_error() {
    assert!(dump().unwrap_err().to_string().starts_with("dump was used outside of a glassloop runtime"));
    assert!(Handle::try_current().is_err());
}
