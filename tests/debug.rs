//! Debug mode: what was lost with a pending future that is dropped is told; without it, nothing is.

mod support;

use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

use glassloop::net::UnixStream;
use glassloop::sync::Mutex;
use glassloop::time::{advance, timeout};
use glassloop::trace::{Event, OnUnhandled, Recorder};
use glassloop::{Builder, DumpNow, spawn, spawn_checked, yield_now};
use support::stderr_of_child;

/// What was told as lost in a run of `main`.
fn lost(builder: Builder, main: impl Future<Output = ()>) -> Vec<String> {
    let recorder = Recorder::new();
    let runtime = builder.start_paused(true).observer(recorder.observer()).build().unwrap();
    runtime.block_on(main);
    drop(runtime);
    let events = recorder.events().into_iter();
    events.filter(|(_, event)| matches!(event, Event::Lost { .. })).map(|(_, event)| event.to_string()).collect()
}

fn debug() -> Builder {
    Builder::new().debug(true)
}

/// Waits for a lock that is held, and gives up.
async fn give_up_on_a_lock() {
    let lock = Mutex::new(());
    let _held = lock.lock().await;
    assert!(timeout(Duration::from_secs(1), lock.lock()).await.is_err());
}

#[test]
fn a_wait_that_is_dropped_tells_of_its_place() {
    let line = line!() - 5;
    let lost = lost(debug(), give_up_on_a_lock());
    assert_eq!(lost.len(), 1, "{lost:?}");
    let start = format!("lost by 1: its place in the line, of Mutex::lock at tests/debug.rs:{line}:");
    assert!(lost[0].starts_with(&start), "{lost:?}");
}

#[test]
fn a_wait_of_an_aborted_task_tells_of_its_place() {
    let lost = lost(debug(), async {
        let lock = Rc::new(Mutex::new(()));
        let _held = lock.clone().lock_owned().await;
        let waiting = spawn(async move { drop(lock.lock().await) });
        yield_now().await;
        waiting.abort();
        assert!(waiting.await.unwrap_err().is_cancelled());
    });
    assert_eq!(lost.len(), 1, "{lost:?}");
    assert!(lost[0].starts_with("lost by 2: its place in the line, of Mutex::lock"), "{lost:?}");
}

#[test]
fn a_read_that_is_given_up_half_way_tells_how_many_bytes_went_with_it() {
    let lost = lost(debug(), async {
        let (near, far) = UnixStream::pair().unwrap();
        near.write_all(b"hello").await.unwrap();
        let mut buffer = [0; 8];
        assert!(timeout(Duration::from_millis(1), far.read_exact(&mut buffer)).await.is_err());
    });
    assert_eq!(lost.len(), 1, "{lost:?}");
    assert!(
        lost[0].starts_with("lost by 1: 5 bytes read so far, of UnixStream::read_exact at tests/"),
        "{lost:?}"
    );
}

#[test]
fn a_write_that_is_given_up_half_way_tells_how_many_bytes_had_gone() {
    let lost = lost(debug(), async {
        let (near, _far) = UnixStream::pair().unwrap();
        let bytes = vec![0; 10_000_000];
        assert!(timeout(Duration::from_millis(1), near.write_all(&bytes)).await.is_err());
    });
    assert_eq!(lost.len(), 1, "{lost:?}");
    assert!(lost[0].contains(" bytes written so far, of UnixStream::write_all at tests/debug.rs"), "{lost:?}");
}

#[test]
fn a_read_that_ends_or_never_began_tells_nothing() {
    let lost = lost(debug(), async {
        let (near, far) = UnixStream::pair().unwrap();
        let mut buffer = [0; 4];
        assert!(timeout(Duration::from_millis(1), far.read_exact(&mut buffer)).await.is_err());
        near.write_all(b"1234 56").await.unwrap();
        far.read_exact(&mut buffer).await.unwrap();
        drop(near);
        far.read_exact(&mut buffer).await.unwrap_err(); // an error tells itself
    });
    assert_eq!(lost, [""; 0]);
}

#[test]
fn a_lock_that_is_taken_tells_nothing() {
    let lost = lost(debug(), async {
        let lock = Rc::new(Mutex::new(()));
        let held = lock.clone().lock_owned().await;
        let waiting = spawn(async move { drop(lock.lock().await) });
        yield_now().await;
        drop(held);
        waiting.await.unwrap();
    });
    assert_eq!(lost, [""; 0]);
}

#[test]
fn what_a_runtime_drops_when_it_ends_tells_nothing() {
    let lost = lost(debug(), async {
        let lock = Rc::new(Mutex::new(()));
        let other = lock.clone();
        spawn(async move {
            let _held = other.lock().await;
            std::future::pending::<()>().await;
        })
        .detach();
        spawn(async move { drop(lock.lock().await) }).detach();
        yield_now().await;
    });
    assert_eq!(lost, [""; 0]);
}

#[test]
fn a_dump_says_for_how_long_each_task_has_waited() {
    for (debug, told) in [(true, Some(Duration::from_secs(5))), (false, None)] {
        let runtime = Builder::new().start_paused(true).debug(debug).build().unwrap();
        let waited = runtime.block_on(async {
            let waits = spawn(std::future::pending::<()>());
            yield_now().await;
            advance(Duration::from_secs(5)).await;
            let waited =
                glassloop::dump().unwrap().tasks().iter().find(|task| task.id == waits.id()).unwrap().waited;
            waits.abort();
            waited
        });
        assert_eq!(waited, told, "debug {debug}");
    }
}

#[test]
fn a_watchdog_sees_a_poll_that_holds_the_loop() {
    let runtime = debug().build().unwrap();
    let handle = runtime.handle();
    let (tell, told) = std::sync::mpsc::channel();
    let seen = runtime.block_on(async move {
        std::thread::spawn(move || drop(tell.send(handle.dump_now())));
        told.recv_timeout(Duration::from_secs(30)).expect("this poll waits for it, so the loop cannot answer")
    });
    let DumpNow::Table(table) = seen.unwrap() else { panic!("the loop has answered") };
    assert_eq!(table.stuck.unwrap().task.id, table.tasks[0].id);
}

#[test]
fn a_failure_that_the_program_ignores_is_said() {
    let said = stderr_of_child("a_failure_that_the_program_ignores_is_said", || {
        let runtime = debug().on_unhandled(OnUnhandled::Ignore).build().unwrap();
        runtime.block_on(async {
            spawn_checked(async { Err::<(), _>("disk full") }).detach();
            yield_now().await;
        });
    });
    assert!(said.is_empty() || said.contains("and nobody holds its handle: disk full\n"), "{said}");
}

#[test]
fn a_closure_hears_of_failures_in_debug_mode_too() {
    let heard = Rc::new(Cell::new(0));
    let count = heard.clone();
    let policy = OnUnhandled::call(move |_| count.set(count.get() + 1));
    debug().on_unhandled(policy).build().unwrap().block_on(async {
        spawn_checked(async { Err::<(), _>("disk full") }).detach();
        yield_now().await;
    });
    assert_eq!(heard.get(), 1);
}

#[test]
fn without_debug_nothing_is_told() {
    assert_eq!(lost(Builder::new().env(false), give_up_on_a_lock()), [""; 0]);
    assert_eq!(lost(Builder::new().debug(false), give_up_on_a_lock()), [""; 0]);
}

#[test]
fn the_variable_turns_it_on_unless_the_builder_says_otherwise() {
    // The variable is read when a runtime is built; a test must not set it for its neighbours, so a child has it.
    let Ok(says) = std::env::var("GLASSLOOP_DEBUG") else {
        for (value, told) in [("1", "1"), ("0", "0"), ("", "0")] {
            let child = std::process::Command::new(std::env::current_exe().unwrap())
                .args(["--exact", "the_variable_turns_it_on_unless_the_builder_says_otherwise", "--nocapture"])
                .env("GLASSLOOP_DEBUG", value)
                .output()
                .unwrap();
            let text = String::from_utf8_lossy(&child.stdout);
            assert!(child.status.success(), "{text}");
            assert!(text.contains(&format!("told {told} times")), "{value:?}: {text}");
        }
        return;
    };
    println!("told {} times", lost(Builder::new(), give_up_on_a_lock()).len());
    assert_eq!(lost(Builder::new().env(false), give_up_on_a_lock()), [""; 0], "GLASSLOOP_DEBUG={says}");
    assert_eq!(lost(Builder::new().debug(false), give_up_on_a_lock()), [""; 0], "GLASSLOOP_DEBUG={says}");
}
