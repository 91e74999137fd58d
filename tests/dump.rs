//! Dumps: what is known of each live task, for people and as JSON.

mod golden;

use std::future::{pending, poll_fn};
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

use glassloop::sync::Mutex;
use glassloop::time::{advance, sleep};
use glassloop::trace::{Class, Leaf, Recorder};
use glassloop::{Builder, Dump, Handle, TaskState, TaskView, dump, spawn_blocking, spawn_named, yield_now};
use golden::{assert_golden, exact, midst};
use serde_json::Value;

#[track_caller]
fn named<'a>(dump: &'a Dump, name: &str) -> &'a TaskView {
    dump.tasks().iter().find(|task| task.name.as_deref() == Some(name)).expect("a live task has this name")
}

fn json(dump: &Dump) -> Value {
    serde_json::from_str(&dump.to_json()).unwrap()
}

#[test]
fn the_json_of_the_golden_run_is_the_golden_one() {
    assert_golden("dump.json", &(midst().to_json() + "\n"));
}

#[test]
fn the_sentences_and_the_table_of_the_golden_run_are_the_golden_ones() {
    let midst = midst();
    assert_golden("dump.txt", &format!("{midst}\n\n{midst:#}\n"));
}

#[test]
fn polls_are_counted_and_their_time_is_summed_up() {
    let runtime = exact().track_waits(true).build().unwrap();
    runtime.block_on(async {
        let _busy = spawn_named("busy", async {
            for _ in 0..3 {
                advance(Duration::from_millis(5)).await;
            }
            pending::<()>().await;
        });
        let _new = spawn_named("new", pending::<()>());
        let before = dump().unwrap();
        assert_eq!((named(&before, "new").polls, named(&before, "new").busy), (Some(0), Some(Duration::ZERO)));
        sleep(Duration::from_secs(1)).await;
        let after = dump().unwrap();
        assert_eq!(named(&after, "busy").polls, Some(4));
        assert_eq!(named(&after, "busy").busy, Some(Duration::from_millis(15)));
        assert_eq!(named(&after, "new").polls, Some(1));
    });
}

#[test]
fn the_poll_that_runs_counts_and_its_time_up_to_now_too() {
    let runtime = exact().track_waits(true).build().unwrap();
    runtime.block_on(async {
        let mut moved = pin!(advance(Duration::from_millis(7)));
        let dump = poll_fn(|cx| {
            let _ = moved.as_mut().poll(cx);
            Poll::Ready(dump().unwrap())
        });
        let dump = dump.await;
        let own = &dump.tasks()[0];
        assert_eq!(
            (own.state, own.polls, own.busy),
            (TaskState::Running, Some(1), Some(Duration::from_millis(7)))
        );
    });
}

#[test]
fn a_task_that_runs_is_not_said_to_wait_for_what_it_waited_for_before() {
    let runtime = exact().track_waits(true).build().unwrap();
    let dump = runtime.block_on(async {
        sleep(Duration::from_secs(1)).await;
        dump().unwrap()
    });
    assert_eq!((dump.tasks()[0].polls, dump.tasks()[0].leaf), (Some(2), None));
}

#[test]
fn unobserved_nothing_is_counted() {
    let dump = Builder::new().env(false).build().unwrap().block_on(async { dump().unwrap() });
    let own = &dump.tasks()[0];
    assert_eq!((own.polls, own.busy, own.waited, own.leaf), (None, None, None, None));
    assert!(dump.to_string().ends_with(" is running"), "{dump}");
    assert!(!format!("{dump:#}").contains("busy"), "{dump:#}");
    assert!(json(&dump)["tasks"][0]["polls"].is_null());
}

#[test]
fn an_observer_that_panics_takes_its_accounts_with_it() {
    struct Fails;
    impl glassloop::trace::Observer for Fails {
        fn event(&self, _: glassloop::time::Instant, _: &glassloop::trace::Event) {
            panic!("as it should");
        }
    }
    let runtime = Builder::new().env(false).observer(Rc::new(Fails)).build().unwrap();
    let dump = runtime.block_on(async { dump().unwrap() });
    assert_eq!(dump.tasks()[0].polls, None, "what is no longer counted is not told");
}

struct Foreign(Waker);

impl Wake for Foreign {
    fn wake(self: Arc<Self>) {
        self.0.wake_by_ref();
    }
}

#[test]
fn a_leaf_that_was_polled_with_a_foreign_waker_is_known_by_what_its_poll_told() {
    let recorder = Recorder::new();
    let runtime = exact().observer(recorder.observer()).build().unwrap();
    runtime.block_on(async {
        let mutex = Rc::new(Mutex::new(()));
        let _guard = mutex.lock().await;
        let other = mutex.clone();
        let _task = spawn_named("wrapped", async move {
            let mut lock = pin!(other.lock());
            poll_fn(|cx| {
                let foreign = Waker::from(Arc::new(Foreign(cx.waker().clone())));
                lock.as_mut().poll(&mut Context::from_waker(&foreign)).map(drop)
            })
            .await;
        });
        yield_now().await;
        let dump = dump().unwrap();
        let wrapped = named(&dump, "wrapped");
        let Some(Leaf::Sync { what, class, site, .. }) = wrapped.leaf else { panic!("{wrapped}") };
        assert_eq!((what, class, site.file()), ("Mutex::lock", Class::Lock, file!()));
        assert!(wrapped.waits.is_empty(), "the wait list knows no task for a foreign waker");
        assert!(
            wrapped.to_string().contains("who keeps its waker, perhaps Mutex::lock at tests/dump.rs:"),
            "{wrapped}"
        );
        assert_eq!(json(&dump)["tasks"][1]["leaf"]["what"], "Mutex::lock");
    });
}

#[test]
fn a_dump_from_another_thread_says_the_same() {
    let runtime = Builder::new().env(false).track_waits(true).build().unwrap();
    runtime.block_on(async {
        let _sleeper = spawn_named("sleeper", sleep(Duration::from_secs(3600)));
        yield_now().await;
        let handle = Handle::current();
        let dump = spawn_blocking(move || handle.dump().unwrap()).await.unwrap();
        let sleeper = named(&dump, "sleeper");
        assert_eq!((sleeper.state, sleeper.polls), (TaskState::Waiting, Some(1)));
        assert!(sleeper.busy.is_some() && sleeper.waited.is_some());
        assert!(matches!(sleeper.leaf, Some(Leaf::Timer { .. })), "{sleeper}");
        let json = json(&dump);
        assert_eq!(json["tasks"].as_array().unwrap().len(), 3);
        assert_eq!(json["tasks"][1]["waits"][0]["for"], "timer");
        assert!(json["tasks"][1]["waits"][0]["due_in_ns"].as_u64().unwrap() > 3_000_000_000_000);
    });
}

#[test]
fn circles_are_in_the_json() {
    let runtime = exact().build().unwrap();
    let _ = runtime.try_block_on(async {
        let place: Rc<std::cell::Cell<Option<glassloop::JoinHandle<()>>>> = Rc::default();
        let own = place.clone();
        let circle: Pin<Box<dyn Future<Output = ()>>> =
            Box::pin(async move { own.take().unwrap().await.unwrap() });
        place.set(Some(spawn_named("circle", circle)));
        yield_now().await;
        let dump = dump().unwrap();
        assert_eq!(json(&dump)["circles"], serde_json::json!([[2]]));
        assert!(format!("{dump:#}").ends_with("a circle: task 2 awaits task 2"), "{dump:#}");
    });
}
