//! What becomes of a failure that nobody will see: a panic, or the error of a checked task, whose handle is gone.
#![allow(clippy::async_yields_async)] // a handle is made inside the loop and dropped outside of it

mod support;

use std::cell::{Cell, RefCell};
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;
use std::time::Duration;

use glassloop::time::Instant;
use glassloop::trace::{Event, Failed, Kind, Observer, OnUnhandled, Unhandled};
use glassloop::{
    Builder, Guest, JoinHandle, Runtime, spawn, spawn_blocking, spawn_checked, spawn_checked_named, yield_now,
};
use support::stderr_of_child;

type Seen = Rc<RefCell<Vec<Unhandled>>>;

/// A runtime that notes what nobody sees.
fn noting() -> (Runtime, Seen) {
    let seen = Seen::default();
    let note = seen.clone();
    let policy = OnUnhandled::call(move |failure| note.borrow_mut().push(failure.clone()));
    (Builder::new().on_unhandled(policy).build().unwrap(), seen)
}

/// The reports, without the columns of their places.
fn told(seen: &Seen) -> Vec<String> {
    let told = |failure: &Unhandled| {
        let Unhandled { id, name, site, how, message, .. } = failure;
        format!("{id} {name:?} line {} {how:?}: {message}", site.line())
    };
    seen.borrow().iter().map(told).collect()
}

fn panic_of<R>(act: impl FnOnce() -> R) -> String {
    let Err(payload) = catch_unwind(AssertUnwindSafe(act)) else { panic!("it should have panicked") };
    *payload.downcast::<String>().expect("a report is a String")
}

fn fail<T>(words: &str) -> Result<T, String> {
    Err(words.to_owned())
}

// ---- what is a failure that nobody sees, and what is told of it

#[test]
fn a_detached_task_that_panics_or_returns_an_error_is_told_with_its_name_place_and_words() {
    let (runtime, seen) = noting();
    let line = line!() + 2;
    runtime.block_on(async {
        spawn(async { panic!("one") }).detach();
        glassloop::spawn_named("second", async { panic!("two") }).detach();
        spawn_checked(async { fail::<()>("three") }).detach();
        spawn_checked_named("fourth", async { fail::<()>("four") }).detach();
        yield_now().await;
    });
    let wanted = [
        format!("2 None line {line} Panicked: one"),
        format!("3 Some(\"second\") line {} Panicked: two", line + 1),
        format!("4 None line {} Error: three", line + 2),
        format!("5 Some(\"fourth\") line {} Error: four", line + 3),
    ];
    assert_eq!(told(&seen), wanted);
    let site = seen.borrow()[3].site;
    let report = seen.borrow()[3].to_string();
    assert_eq!(
        report,
        format!("task 5 \"fourth\", spawned at {site}, returned an error, and nobody holds its handle: four")
    );
}

#[test]
fn a_handle_that_is_kept_keeps_the_failure_and_dropped_unread_it_is_told() {
    let (runtime, seen) = noting();
    runtime.block_on(async {
        let panicked = glassloop::spawn_named("first", async { panic!("one") });
        let failed = spawn_checked_named("second", async { fail::<()>("two") });
        yield_now().await;
        assert_eq!(told(&seen), [""; 0]);
        drop((panicked, failed));
    });
    let seen: Vec<_> = seen.borrow().iter().map(|failure| (failure.name.clone().unwrap(), failure.how)).collect();
    assert_eq!(seen, [("first".into(), Failed::Panicked), ("second".into(), Failed::Error)]);
}

#[test]
fn what_is_read_or_went_well_or_was_cancelled_is_not_told() {
    let (runtime, seen) = noting();
    runtime.block_on(async {
        assert!(spawn(async { panic!("read") }).await.is_err());
        assert_eq!(spawn_checked(async { fail::<()>("read") }).await.unwrap(), fail("read"));
        spawn_checked(async { Ok::<_, String>(()) }).detach();
        drop(spawn(async { fail::<()>("not checked") }));
        let aborted = spawn_checked(std::future::pending::<Result<(), String>>());
        aborted.abort();
        drop(aborted);
        spawn_checked(std::future::pending::<Result<(), String>>()).detach(); // cancelled by the end of its runtime
        yield_now().await;
    });
    drop(runtime);
    assert_eq!(told(&seen), [""; 0]);
}

#[test]
fn the_words_of_an_error_are_its_alternate_form_with_its_causes() {
    struct Chain;
    impl fmt::Display for Chain {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str(if f.alternate() { "not saved: disk full" } else { "not saved" })
        }
    }
    let (runtime, seen) = noting();
    runtime.block_on(async { drop(spawn_checked(async { Err::<(), _>(Chain) })) });
    runtime.block_on(yield_now());
    assert_eq!(seen.borrow()[0].message, "not saved: disk full");
}

#[test]
fn an_error_whose_words_panic_is_told_as_that_panic() {
    struct Mute;
    impl fmt::Display for Mute {
        fn fmt(&self, _: &mut fmt::Formatter<'_>) -> fmt::Result {
            panic!("no words");
        }
    }
    let (runtime, seen) = noting();
    runtime.block_on(async {
        spawn_checked(async { Err::<(), _>(Mute) }).detach();
        yield_now().await;
    });
    assert_eq!((seen.borrow()[0].how, seen.borrow()[0].message.as_str()), (Failed::Panicked, "no words"));
}

#[test]
fn an_error_is_told_once_and_dropped_when_its_destructor_panics_too() {
    struct Bomb;
    impl fmt::Display for Bomb {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("lit")
        }
    }
    impl Drop for Bomb {
        fn drop(&mut self) {
            panic!("boom");
        }
    }
    let (runtime, seen) = noting();
    runtime.block_on(async {
        spawn_checked(async { Err::<(), _>(Bomb) }).detach();
        let kept = spawn_checked(async { Err::<(), _>(Bomb) });
        yield_now().await;
        drop(kept);
    });
    let messages: Vec<_> = seen.borrow().iter().map(|failure| failure.message.clone()).collect();
    assert_eq!(messages, ["lit", "lit"]);
}

#[test]
fn a_remote_handle_dropped_on_its_thread_is_told_on_the_loops_thread() {
    let (runtime, seen) = noting();
    let handle = runtime.handle();
    runtime.block_on(async {
        let job = spawn_blocking(move || {
            let remote = handle.spawn(|| async { panic!("asked for from a thread") });
            while !remote.is_finished() {
                std::thread::yield_now();
            }
            drop(remote);
        });
        job.await.unwrap();
        yield_now().await;
    });
    runtime.block_on(yield_now());
    assert_eq!(seen.borrow()[0].message, "asked for from a thread");
}

#[test]
fn a_handle_dropped_between_two_turns_is_told_at_the_next() {
    let (runtime, seen) = noting();
    let task = runtime.spawn(async { panic!("early") });
    runtime.block_on(yield_now());
    drop(task);
    assert_eq!(told(&seen).len(), 0);
    runtime.block_on(yield_now());
    assert_eq!(seen.borrow()[0].message, "early");
}

// ---- the closure

#[test]
fn the_closure_may_spawn_abort_and_lose_another_failure() {
    let kept: Rc<Cell<Option<JoinHandle<()>>>> = Rc::default();
    let (seen, took) = (Rc::new(Cell::new(0)), kept.clone());
    let (count, ran) = (seen.clone(), Rc::new(Cell::new(false)));
    let run = ran.clone();
    let policy = OnUnhandled::call(move |_| {
        count.set(count.get() + 1);
        drop(took.take()); // another failure, told inside this call
        let run = run.clone();
        spawn(async move { run.set(true) }).detach();
    });
    let runtime = Builder::new().on_unhandled(policy).build().unwrap();
    runtime.block_on(async {
        kept.set(Some(spawn(async { panic!("kept") })));
        yield_now().await;
        spawn(async { panic!("detached") }).detach();
        yield_now().await;
        yield_now().await;
    });
    assert_eq!((seen.get(), ran.get()), (2, true));
}

#[test]
fn a_closure_that_panics_loses_neither_its_panic_nor_the_failure_and_the_loop_lives() {
    let said = stderr_of_child(
        "a_closure_that_panics_loses_neither_its_panic_nor_the_failure_and_the_loop_lives",
        || {
            let policy = OnUnhandled::call(|_| panic!("not me too"));
            let runtime = Builder::new().on_unhandled(policy).build().unwrap();
            runtime.block_on(async {
                spawn(async { panic!("first") }).detach();
                yield_now().await;
            });
            assert_eq!(runtime.block_on(async { 1 }), 1);
        },
    );
    if said.is_empty() {
        return; // the child
    }
    assert!(
        said.contains("glassloop: the closure given to Builder::on_unhandled panicked: not me too\n"),
        "{said}"
    );
    assert!(said.contains("and nobody holds its handle: first\n"), "{said}");
}

#[test]
fn a_failure_in_a_destructor_at_the_end_of_the_runtime_reaches_the_closure() {
    struct Bomb;
    impl Drop for Bomb {
        fn drop(&mut self) {
            panic!("at the end");
        }
    }
    let (runtime, seen) = noting();
    let bomb = Bomb;
    runtime.block_on(async {
        spawn(async move {
            let _bomb = bomb;
            std::future::pending::<()>().await;
        })
        .detach();
        yield_now().await;
    });
    drop(runtime);
    assert_eq!(seen.borrow()[0].message, "at the end");
}

// ---- the other policies

#[test]
fn shutdown_stops_the_loop_at_once_and_every_later_call_says_why() {
    let runtime = Builder::new().on_unhandled(OnUnhandled::Shutdown).build().unwrap();
    let polled = Rc::new(Cell::new(0));
    let polls = polled.clone();
    let report = panic_of(|| {
        runtime.block_on(async {
            spawn(async { panic!("the worker is dead") }).detach();
            let polls = polls.clone();
            spawn(async move { polls.set(1) }).detach();
            std::future::pending::<()>().await;
        });
    });
    assert!(
        report.contains("has stopped, as OnUnhandled::Shutdown says: task 2, spawned at tests/outcome.rs:"),
        "{report}"
    );
    assert!(report.ends_with("panicked, and nobody holds its handle: the worker is dead"), "{report}");
    assert_eq!(panic_of(|| runtime.block_on(async {})), report);
    assert_eq!(panic_of(|| runtime.try_block_on(async {})), report);
    drop(runtime);
    assert_eq!(polled.get(), 0, "no task was polled after the failure");
    drop(polls);
    assert_eq!(Rc::strong_count(&polled), 1, "the task was dropped with its runtime");
}

#[test]
fn shutdown_drops_the_root_before_block_on_panics() {
    let runtime = Builder::new().on_unhandled(OnUnhandled::Shutdown).build().unwrap();
    let alive = Rc::new(());
    let held = alive.clone();
    panic_of(|| {
        runtime.block_on(async move {
            let _held = held;
            spawn_checked(async { fail::<()>("lost") }).detach();
            std::future::pending::<()>().await;
        });
    });
    assert_eq!(Rc::strong_count(&alive), 1);
}

#[test]
fn shutdown_for_a_failure_between_two_turns_comes_with_the_next() {
    let runtime = Builder::new().on_unhandled(OnUnhandled::Shutdown).build().unwrap();
    let task = runtime.spawn(async { panic!("early") });
    runtime.block_on(yield_now());
    drop(task);
    assert!(panic_of(|| runtime.block_on(std::future::pending::<()>())).ends_with(": early"));
}

#[test]
fn shutdown_for_a_failure_that_an_observer_of_the_roots_spawn_lets_go_polls_nothing() {
    struct LetGo(Rc<Cell<Option<JoinHandle<()>>>>);
    impl Observer for LetGo {
        fn event(&self, _at: Instant, event: &Event) {
            if let Event::Spawn { kind: Kind::Root, .. } = event {
                drop(self.0.take());
            }
        }
    }
    let kept = Rc::new(Cell::new(None));
    let builder = Builder::new().observer(Rc::new(LetGo(kept.clone())));
    let runtime = builder.on_unhandled(OnUnhandled::Shutdown).build().unwrap();
    let task = runtime.spawn(async { panic!("early") });
    runtime.block_on(yield_now());
    kept.set(Some(task));
    let polled = Cell::new(false);
    assert!(panic_of(|| runtime.block_on(async { polled.set(true) })).ends_with(": early"));
    assert!(!polled.get());
}

#[test]
fn shutdown_stops_a_guest_too() {
    let runtime = Builder::new().on_unhandled(OnUnhandled::Shutdown).build().unwrap();
    let guest = Guest::new(runtime).unwrap();
    guest.spawn(async { panic!("in a guest") }).detach();
    let turn = || guest.turn(Some(Duration::ZERO));
    assert!(panic_of(turn).ends_with(": in a guest"));
    assert!(panic_of(turn).ends_with(": in a guest"), "and stays so");
}

#[test]
fn a_failure_that_is_read_does_not_shut_down() {
    let runtime = Builder::new().on_unhandled(OnUnhandled::Shutdown).build().unwrap();
    assert!(runtime.block_on(async { spawn(async { panic!("read") }).await.is_err() }));
    assert_eq!(runtime.block_on(async { 1 }), 1);
}

#[test]
fn ignore_says_nothing_but_what_is_lost_after_the_runtime_is_gone_is_said() {
    let said = stderr_of_child("ignore_says_nothing_but_what_is_lost_after_the_runtime_is_gone_is_said", || {
        let runtime = Builder::new().on_unhandled(OnUnhandled::Ignore).build().unwrap();
        let late = runtime.block_on(async {
            spawn(async { panic!("ignored") }).detach();
            spawn_checked(async { fail::<()>("ignored") }).detach();
            let late = spawn_checked(async { fail::<()>("too late") });
            yield_now().await;
            late
        });
        drop(runtime);
        drop(late);
    });
    let lines: Vec<&str> = said.lines().filter(|line| line.starts_with("glassloop:")).collect();
    assert!(said.is_empty() || (lines.len() == 1 && lines[0].ends_with("its handle: too late")), "{said}");
}

#[test]
fn by_default_an_error_is_said_aloud() {
    let said = stderr_of_child("by_default_an_error_is_said_aloud", || {
        glassloop::run(async {
            spawn_checked_named("saver", async { fail::<()>("disk full") }).detach();
            yield_now().await;
        });
    });
    let is_right = |line: &str| {
        line.starts_with("glassloop: task 2 \"saver\", spawned at tests/outcome.rs:")
            && line.ends_with(", returned an error, and nobody holds its handle: disk full")
    };
    assert!(said.is_empty() || said.lines().any(is_right), "{said}");
}
