//! Which task runs, which live, and hooks on their ends.

mod support;

use std::cell::RefCell;
use std::future::pending;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;

use glassloop::trace::Outcome;
use glassloop::{Builder, JoinSet, Runtime, run, spawn, spawn_blocking, spawn_named, task, yield_now};
use support::{assert_trace, record};

type Log = Rc<RefCell<Vec<String>>>;

#[test]
fn a_task_knows_its_id_and_name_also_in_its_destructors() {
    struct Asks(Log);
    impl Drop for Asks {
        fn drop(&mut self) {
            self.0.borrow_mut().push(format!("{} {:?}", task::id(), task::name()));
        }
    }
    let log = Log::default();
    run(async {
        let asks = Asks(log.clone());
        let child = spawn_named("child", async move {
            let _asks = asks;
            pending::<()>().await
        });
        child.abort();
        child.await.unwrap_err();
        assert_eq!((task::id().to_string(), task::name()), ("1".to_owned(), None));
    });
    assert_eq!(*log.borrow(), ["2 Some(\"child\")"]);
}

#[test]
fn outside_of_a_task_there_is_no_id() {
    assert_eq!((task::try_id(), task::name()), (None, None));
    let panic = catch_unwind(task::id).unwrap_err();
    assert!(panic.downcast_ref::<String>().is_some() || panic.downcast_ref::<&str>().is_some());
}

#[test]
fn all_gives_the_live_tasks_in_spawn_order() {
    run(async {
        let ended = spawn(async {});
        let second = spawn_named("second", pending::<()>());
        let third = spawn(pending::<()>());
        ended.await.unwrap();
        let all: Vec<_> = task::all().into_iter().map(|view| (view.id, view.name)).collect();
        assert_eq!(all, [(task::id(), None), (second.id(), Some("second".into())), (third.id(), None)]);
    });
}

#[test]
fn the_names_that_ported_code_looks_for_are_there() {
    run(async {
        let local: task::JoinHandle<u8> = task::spawn_local(async { 1 });
        let id: task::Id = local.id();
        let abort: task::AbortHandle = local.abort_handle();
        assert_eq!((abort.id(), local.await.unwrap()), (id, 1));
        let blocking: Result<u8, task::JoinError> = task::spawn_blocking(|| 2).await;
        assert_eq!(blocking.unwrap(), 2);
        task::yield_now().await;
    });
}

// ---- on_finish

#[test]
fn hooks_are_called_when_the_future_is_gone_and_before_the_joiner_is_woken() {
    let trace = record(Builder::new(), async {
        let task = spawn(async {});
        for _ in 0..2 {
            task.on_finish(|_| spawn(async {}).detach());
        }
        task.await.unwrap();
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
        done 2 ready
        wake 3: spawned // the hooks
        wake 4: spawned
        wake 1: task 2 // the joiner
        poll 3
        done 3 ready
        poll 4
        done 4 ready
        poll 1
        done 1 ready
        ",
    );
}

#[test]
fn a_hook_is_told_which_task_ended_and_how() {
    let log = Log::default();
    run(async {
        let hook = |task: &task::JoinHandle<()>| {
            let log = log.clone();
            task.on_finish(move |ended| {
                log.borrow_mut().push(format!("{} {:?} {:?}", ended.id(), ended.name(), ended.outcome()));
                assert!(ended.site().file().ends_with("task_info.rs"));
            });
        };
        let ready = spawn_named("ready", async {});
        let panicked = spawn_named("panicked", async { panic!("told") });
        let cancelled = spawn(pending());
        let job = spawn_blocking(|| ());
        [&ready, &panicked, &cancelled, &job].into_iter().for_each(hook);
        cancelled.abort();
        cancelled.await.unwrap_err();
        panicked.detach(); // a hook does not need the handle
        job.await.unwrap();
    });
    let words = |id: u32, name: &str, outcome| format!("{id} {name} {outcome:?}");
    assert_eq!(
        *log.borrow(),
        [
            words(2, "Some(\"ready\")", Outcome::Ready),
            words(3, "Some(\"panicked\")", Outcome::Panicked),
            words(4, "None", Outcome::Cancelled),
            words(5, "None", Outcome::Ready),
        ]
    );
}

#[test]
fn hooks_of_one_task_are_called_in_the_order_in_which_they_were_given() {
    let log = Log::default();
    run(async {
        let task = spawn(async {});
        for name in ["first", "second", "third"] {
            let heard = log.clone();
            task.on_finish(move |_| heard.borrow_mut().push(name.to_owned()));
        }
        task.await.unwrap();
    });
    assert_eq!(*log.borrow(), ["first", "second", "third"]);
}

#[test]
fn a_hook_on_a_task_that_has_ended_is_called_at_once() {
    let log = Log::default();
    run(async {
        let task = spawn(async {});
        yield_now().await;
        let heard = log.clone();
        task.on_finish(move |ended| heard.borrow_mut().push(format!("{} {:?}", ended.id(), ended.outcome())));
        assert_eq!(*log.borrow(), ["2 Ready"]);
        task.await.unwrap();
    });
}

#[test]
fn a_hook_that_panics_harms_neither_the_next_hook_nor_the_loop() {
    let log = Log::default();
    run(async {
        let task = spawn(async { 1 });
        task.on_finish(|_| panic!("in a hook"));
        let heard = log.clone();
        task.on_finish(move |_| heard.borrow_mut().push("second".to_owned()));
        assert_eq!(task.await.unwrap(), 1);
    });
    assert_eq!(*log.borrow(), ["second"]);
}

#[test]
fn a_hook_may_hook_and_abort_others() {
    let log = Log::default();
    run(async {
        let other = Rc::new(spawn(pending::<()>()));
        let (first, heard, seen) = (spawn(async {}), log.clone(), other.clone());
        first.on_finish(move |_| {
            seen.on_finish(move |ended| heard.borrow_mut().push(format!("{:?}", ended.outcome())));
            seen.abort();
        });
        first.await.unwrap();
        yield_now().await;
    });
    assert_eq!(*log.borrow(), ["Cancelled"]);
}

#[test]
fn the_end_of_the_runtime_calls_the_hooks_of_the_tasks_it_cancels() {
    let log = Log::default();
    run(async {
        let task = spawn(pending::<()>());
        let heard = log.clone();
        task.on_finish(move |ended| heard.borrow_mut().push(format!("{:?}", ended.outcome())));
        task.detach();
    });
    assert_eq!(*log.borrow(), ["Cancelled"]);
}

#[test]
fn a_set_hears_of_its_members_end_before_a_hook_does() {
    run(async {
        let set = Rc::new(RefCell::new(JoinSet::new()));
        let seen = set.clone();
        set.borrow_mut().spawn(async { 5 }).on_finish(move |_| {
            assert_eq!(seen.borrow_mut().try_join_next().unwrap().unwrap(), 5);
        });
        yield_now().await;
        assert!(set.borrow().is_empty());
    });
}

#[test]
fn a_hook_given_where_the_loop_does_not_run_is_refused_with_words() {
    let runtime = Runtime::new().unwrap();
    let task = runtime.spawn(async {});
    let panic = catch_unwind(AssertUnwindSafe(|| task.on_finish(|_| ()))).unwrap_err();
    assert!(panic.downcast_ref::<String>().unwrap().contains("where its loop does not run"));
    runtime.block_on(task).unwrap();
}
