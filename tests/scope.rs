//! What holds for everything inside: `scope`, whose futures borrow from the stack; `shield`; deadlines.

mod support;

use std::cell::{Cell, RefCell};
use std::future::{Future, pending};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;
use std::time::Duration;

use glassloop::time::{Instant, current_deadline, deadline, deadline_at, sleep, timeout};
use glassloop::{Builder, Runtime, Waits, dump, run, scope, shield, spawn, task, yield_now};
use support::{Slot, assert_trace, observed, record};

const SECOND: Duration = Duration::from_secs(1);

fn run_paused<F: Future>(future: F) -> F::Output {
    Builder::new().start_paused(true).build().unwrap().block_on(future)
}

struct Named<'a>(&'static str, &'a RefCell<Vec<&'static str>>);

impl Drop for Named<'_> {
    fn drop(&mut self) {
        self.1.borrow_mut().push(self.0);
    }
}

// ---- scope

#[test]
fn children_borrow_from_the_stack_and_leaving_waits_for_them() {
    let mut words = vec!["a"];
    let count = Cell::new(0);
    run_paused(scope(async |scope| {
        let count = &count;
        scope.spawn(async move {
            sleep(SECOND).await;
            count.set(count.get() + 1);
        });
        scope.spawn(async {
            sleep(2 * SECOND).await;
            words.push("b");
        });
    }));
    assert_eq!((count.get(), words), (1, vec!["a", "b"]));
}

#[test]
fn the_body_is_polled_first_and_then_the_children_in_the_order_in_which_they_were_given() {
    let log = RefCell::new(Vec::new());
    run(scope(async |scope| {
        for name in ["first", "second"] {
            let log = &log;
            scope.spawn(async move {
                for _ in 0..2 {
                    log.borrow_mut().push(name);
                    yield_now().await;
                }
            });
        }
        log.borrow_mut().push("body");
        yield_now().await;
        log.borrow_mut().push("body");
    }));
    assert_eq!(*log.borrow(), ["body", "first", "second", "body", "first", "second"]);
}

#[test]
fn one_task_does_it_all() {
    let trace = record(Builder::new(), async {
        let slot = Slot::default();
        scope(async |scope| {
            let done = scope.spawn(slot.wait());
            scope.spawn(async { slot.wake() });
            done.await;
        })
        .await;
    });
    assert_trace(
        &trace,
        "
        wake 1: spawned
        turn 1
        run
        poll 1
        wake 1: task 1 // the second child wakes the first: the same task
        pending 1
        poll 1 // the body waits, the first child ends
        wake 1: task 1 // for the body, which awaits it
        pending 1
        poll 1
        done 1 ready
        ",
    );
}

#[test]
fn a_handle_gives_the_childs_output() {
    let sum = run_paused(scope(async |scope| {
        let parts = [3, 1, 2].map(|n| {
            scope.spawn(async move {
                sleep(n * SECOND).await;
                n
            })
        });
        let mut sum = 0;
        for part in parts {
            sum += part.await;
        }
        sum
    }));
    assert_eq!(sum, 6);
}

#[test]
fn a_child_may_give_the_scope_more_children() {
    let count = Cell::new(0);
    run(scope(async |scope| {
        let (inner, count) = (scope.clone(), &count);
        scope.spawn(async move {
            yield_now().await;
            inner.spawn(async move { count.set(count.get() + 1) });
        });
    }));
    assert_eq!(count.get(), 1);
}

#[test]
fn terminate_drops_the_body_and_all_children_that_are_left() {
    let log = RefCell::new(Vec::new());
    let output = run(scope(async |scope| {
        let _body = Named("body", &log);
        let (inner, log) = (scope.clone(), &log);
        scope.spawn(async move {
            let _held = Named("first", log);
            pending::<()>().await;
        });
        scope.spawn(async move {
            let _held = Named("second", log);
            inner.terminate("early").await;
        });
        scope.spawn(async move { log.borrow_mut().push("never polled") });
        pending().await
    }));
    assert_eq!(output, "early");
    assert_eq!(*log.borrow(), ["body", "first", "second"]);
}

#[test]
fn a_body_that_terminates_the_scope_leaves_its_children_unpolled() {
    let output = run(scope(async |scope| {
        scope.spawn(async { panic!("polled") });
        match scope.terminate("early").await {}
    }));
    assert_eq!(output, "early");
}

#[test]
fn dropped_it_drops_children_that_hold_the_scope_itself() {
    let log = RefCell::new(Vec::new());
    run_paused(async {
        let endless = scope(async |scope| {
            let (inner, log) = (scope.clone(), &log);
            scope.spawn(async move {
                let _held = Named("child", log);
                pending::<()>().await;
                inner.spawn(async {});
            });
        });
        assert!(timeout(SECOND, endless).await.is_err());
    });
    assert_eq!(*log.borrow(), ["child"]);
}

#[test]
fn a_childs_panic_is_the_tasks_and_drops_the_others() {
    let log = RefCell::new(Vec::new());
    let runtime = Runtime::new().unwrap();
    let panic = catch_unwind(AssertUnwindSafe(|| {
        runtime.block_on(scope(async |scope| {
            let log = &log;
            scope.spawn(async move {
                let _held = Named("first", log);
                pending::<()>().await;
            });
            scope.spawn(async { panic!("second") });
        }));
    }));
    assert_eq!(*panic.unwrap_err().downcast_ref::<&str>().unwrap(), "second");
    assert_eq!(*log.borrow(), ["first"]);
}

#[test]
fn what_a_child_waits_for_is_what_its_task_is_seen_to_wait_for() {
    run_paused(async {
        let other = spawn(scope(async |scope| {
            scope.spawn(sleep(SECOND));
        }));
        yield_now().await;
        let dump = dump().unwrap();
        assert!(matches!(dump.tasks()[1].waits[..], [Waits::Timer { .. }]), "{dump}");
        other.await.unwrap();
    });
}

// ---- shield

#[test]
fn a_shield_dropped_by_a_timeout_lets_its_task_run_on() {
    let done = Rc::new(Cell::new(false));
    run_paused(async {
        let seen = done.clone();
        let work = shield(async move {
            sleep(2 * SECOND).await;
            seen.set(true);
        });
        assert!(timeout(SECOND, work).await.is_err());
        assert!(!done.get());
        sleep(2 * SECOND).await;
    });
    assert!(done.get());
}

#[test]
fn a_shield_begins_its_work_before_it_is_awaited() {
    let (runtime, recorder) = observed(Builder::new());
    runtime.block_on(async {
        let work = shield(async {});
        yield_now().await;
        assert!(work.task().is_finished());
        work.await.unwrap();
    });
    assert_eq!(recorder.order()[3..5], ["poll 1", "wake 2: spawned"]);
}

// ---- deadlines

#[test]
fn an_inner_deadline_that_is_later_ends_with_the_outer_one_and_says_so() {
    run_paused(async {
        let start = Instant::now();
        let outer = deadline_at(start + SECOND, async {
            assert_eq!(current_deadline(), Some(start + SECOND));
            let error = deadline(5 * SECOND, pending::<()>()).await.unwrap_err();
            assert!(error.is_outer());
            assert_eq!((error.deadline(), start.elapsed()), (start + SECOND, SECOND));
            pending::<()>().await
        });
        assert!(!outer.await.unwrap_err().is_outer());
        assert_eq!(start.elapsed(), SECOND);
    });
}

#[test]
fn an_inner_deadline_that_is_earlier_is_its_own_and_the_outer_goes_on() {
    run_paused(async {
        let start = Instant::now();
        let took = deadline(5 * SECOND, async {
            let inner = deadline(SECOND, async { pending::<()>().await });
            assert_eq!(inner.deadline(), start + SECOND);
            assert!(!inner.await.unwrap_err().is_outer());
            assert_eq!(current_deadline(), Some(start + 5 * SECOND));
            start.elapsed()
        });
        assert_eq!(took.await.unwrap(), SECOND);
        assert_eq!(current_deadline(), None);
    });
}

#[test]
fn a_task_that_inherits_knows_the_deadline_and_one_that_does_not_is_free_of_it() {
    run_paused(async {
        let until = Instant::now() + SECOND;
        let (heir, other) = deadline_at(until, async {
            let heir = spawn(task::inherit(async { deadline(9 * SECOND, pending::<()>()).await }));
            (heir, spawn(async { current_deadline() }))
        })
        .await
        .unwrap();
        assert_eq!(heir.await.unwrap().unwrap_err().deadline(), until);
        assert_eq!(other.await.unwrap(), None);
    });
}
