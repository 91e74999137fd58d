//! `TaskGroup`: nobody outlives it, and the first failure cancels the rest.

mod support;

use std::cell::RefCell;
use std::future::{Future, pending};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;
use std::time::Duration;

use glassloop::time::{Instant, sleep, timeout};
use glassloop::{Builder, GroupError, Runtime, TaskGroup, Waits, dump, spawn, yield_now};
use support::{Slot, assert_trace, observed, poll_once, record, stderr_of_child};

const SECOND: Duration = Duration::from_secs(1);

type Log = Rc<RefCell<Vec<&'static str>>>;

fn run_paused<F: Future>(future: F) -> F::Output {
    Builder::new().start_paused(true).build().unwrap().block_on(future)
}

/// Writes its name when it is dropped.
struct Named(&'static str, Log);

impl Drop for Named {
    fn drop(&mut self) {
        self.1.borrow_mut().push(self.0);
    }
}

struct PanicsInDrop;

impl Drop for PanicsInDrop {
    fn drop(&mut self) {
        panic!("in drop");
    }
}

async fn holding<T>(_held: T) -> Result<(), &'static str> {
    pending().await
}

async fn fails_after(time: Duration, words: &'static str) -> Result<(), &'static str> {
    sleep(time).await;
    Err(words)
}

#[test]
fn an_empty_group_is_left_in_the_poll_that_opened_it() {
    let trace = record(Builder::new(), async {
        assert_eq!(TaskGroup::<()>::run(async |_| Ok(5)).await.unwrap(), 5);
    });
    assert_trace(&trace, "wake 1: spawned\n turn 1\n run\n poll 1\n done 1 ready");
}

#[test]
fn leaving_waits_for_every_child_and_the_last_alone_wakes_the_task() {
    let trace = record(Builder::new(), async {
        TaskGroup::<()>::run(async |group| {
            for _ in 0..3 {
                group.spawn(async { Ok(()) });
            }
            Ok(())
        })
        .await
        .unwrap();
    });
    assert_trace(
        &trace,
        "
        wake 1: spawned
        turn 1
        run
        poll 1
        wake 2: spawned
        wake 3: spawned
        wake 4: spawned
        pending 1
        poll 2
        done 2 ready
        poll 3
        done 3 ready
        poll 4
        done 4 ready
        wake 1: task 4 // the last
        poll 1
        done 1 ready
        ",
    );
}

#[test]
fn the_first_failure_aborts_the_others_in_spawn_order_and_then_drops_the_body() {
    let log = Log::default();
    let trace = record(Builder::new(), async {
        let slot = Slot::default();
        let run = TaskGroup::run(async |group| {
            let _body = Named("body", log.clone());
            group.spawn(holding(Named("first", log.clone())));
            let wait = slot.wait();
            group.spawn(async move {
                wait.await;
                Err::<(), _>("second")
            });
            group.spawn(holding(Named("third", log.clone())));
            yield_now().await;
            slot.wake();
            pending::<Result<(), &str>>().await
        });
        assert_eq!(run.await.unwrap_err().first().error(), Some(&"second"));
    });
    assert_eq!(*log.borrow(), ["first", "third", "body"]);
    assert_trace(
        &trace,
        "
        wake 1: spawned
        turn 1
        run
        poll 1
        wake 2: spawned
        wake 3: spawned
        wake 4: spawned
        wake 1: task 1
        pending 1
        poll 2
        pending 2
        poll 3
        pending 3
        poll 4
        pending 4
        poll 1
        wake 3: task 1
        pending 1
        poll 3
        done 3 ready // it returned `Err`
        abort 2 by 3
        wake 2: aborted
        abort 4 by 3
        wake 4: aborted
        wake 1: task 3 // for its body, which is dropped at that poll
        done 2 cancelled
        done 4 cancelled
        poll 1
        done 1 ready
        ",
    );
}

#[test]
fn a_body_that_fails_cancels_its_children_and_waits_until_they_are_gone() {
    let log = Log::default();
    let error = run_paused(TaskGroup::run(async |group| {
        group.spawn(holding(Named("child", log.clone())));
        yield_now().await;
        Err::<(), _>("body")
    }))
    .unwrap_err();
    assert_eq!((error.first().id(), error.first().error()), (None, Some(&"body")));
    assert!(error.others().is_empty());
    assert_eq!(*log.borrow(), ["child"]);
}

#[test]
fn a_body_that_panics_goes_on_panicking_when_its_children_are_gone() {
    let log = Log::default();
    let runtime = Runtime::new().unwrap();
    let panic = catch_unwind(AssertUnwindSafe(|| {
        runtime.block_on(TaskGroup::run(async |group| {
            group.spawn(holding(Named("child", log.clone())));
            yield_now().await;
            if true {
                panic!("body");
            }
            Ok::<(), &str>(())
        }))
    }));
    assert_eq!(*panic.unwrap_err().downcast_ref::<&str>().unwrap(), "body");
    assert_eq!(*log.borrow(), ["child"]);
}

#[test]
fn a_cancelled_body_whose_destructor_panics_goes_on_panicking_when_its_children_are_gone() {
    let log = Log::default();
    let runtime = Runtime::new().unwrap();
    let panic = catch_unwind(AssertUnwindSafe(|| {
        runtime.block_on(TaskGroup::run(async |group| {
            let _body = PanicsInDrop;
            group.spawn(holding(Named("child", log.clone())));
            group.spawn(fails_after(Duration::ZERO, "child"));
            pending::<Result<(), &str>>().await
        }))
    }));
    assert_eq!(*panic.unwrap_err().downcast_ref::<&str>().unwrap(), "in drop");
    assert_eq!(*log.borrow(), ["child"]);
}

#[test]
fn a_body_that_panicked_is_reported_if_its_group_is_dropped_before_its_children_are_gone() {
    const NAME: &str = "a_body_that_panicked_is_reported_if_its_group_is_dropped_before_its_children_are_gone";
    let stderr = stderr_of_child(NAME, || {
        run_paused(async {
            let mut group = Box::pin(TaskGroup::run(async |group| -> Result<(), &str> {
                group.spawn(holding(()));
                panic!("body")
            }));
            assert!(poll_once(group.as_mut()).is_pending(), "the child is aborted, and not gone yet");
        });
    });
    if !stderr.is_empty() {
        assert!(stderr.contains("panicked, and the group has nobody to tell: body\n"), "{stderr}");
    }
}

#[test]
fn a_child_that_panics_fails_the_group_with_its_name_and_words() {
    let error = run_paused(TaskGroup::<&str>::run(async |group| {
        group.spawn_named("careless", async {
            if true {
                panic!("oh");
            }
            Ok(())
        });
        pending::<Result<(), _>>().await
    }))
    .unwrap_err();
    let first = error.first();
    assert_eq!((first.name(), first.error()), (Some("careless"), None));
    assert_eq!(first.panic().unwrap().to_string(), "task 2 panicked: oh");
    assert!(first.site().unwrap().file().ends_with("task_group.rs"));
}

#[test]
fn what_fails_while_the_rest_is_cancelled_stands_behind_the_first_failure() {
    let error = run_paused(TaskGroup::run(async |group| {
        group.spawn_named("guarded", holding(PanicsInDrop));
        let (begin, begun) = std::sync::mpsc::channel();
        let (go, gone) = std::sync::mpsc::channel();
        group.spawn_blocking(move || {
            begin.send(()).unwrap();
            gone.recv().unwrap();
            Err::<(), _>("job")
        });
        group.spawn_named("first", async move {
            begun.recv().unwrap(); // a job that runs cannot be cancelled
            go.send(()).unwrap(); // it may end now, and that is not collected before this turn is over
            Err::<(), _>("first")
        });
        Ok(())
    }));
    let error = error.unwrap_err();
    let told: Vec<_> = error.into_failures().into_iter().map(|failure| failure.into_error().ok()).collect();
    assert_eq!(told, [Some("first"), None, Some("job")]);
}

#[test]
fn the_error_tells_each_failure_with_task_name_and_site() {
    let line = line!();
    let run = TaskGroup::run(async |group| {
        group.spawn_named("fetch", holding(PanicsInDrop));
        group.spawn(fails_after(SECOND, "no route"));
        Ok(())
    });
    let (file, error) = (file!(), run_paused(run).unwrap_err());
    assert_eq!(
        error.to_string(),
        format!(
            "task 3, spawned at {file}:{}:15, failed: no route; \
             then task 2 \"fetch\", spawned at {file}:{}:15, failed: task 2 panicked: in drop",
            line + 3,
            line + 2
        )
    );
}

#[test]
fn the_source_of_the_error_is_the_first_failures_error() {
    use std::error::Error;
    let error: GroupError<std::io::Error> =
        run_paused(TaskGroup::run(async |_| Err::<(), _>(std::io::Error::other("disk")))).unwrap_err();
    assert_eq!(error.source().unwrap().to_string(), "disk");
}

#[test]
fn a_child_that_is_aborted_alone_is_no_failure() {
    let result = run_paused(TaskGroup::<()>::run(async |group| {
        let child = group.spawn(pending::<Result<(), ()>>());
        child.abort();
        let error = child.await.unwrap_err();
        assert!(error.is_cancelled());
        Ok("went on")
    }));
    assert_eq!(result.unwrap(), "went on");
}

#[test]
fn a_child_may_spawn_siblings_and_leaving_waits_for_them_too() {
    let log = Log::default();
    run_paused(TaskGroup::<()>::run(async |group| {
        let (siblings, seen) = (group.clone(), log.clone());
        group.spawn(async move {
            sleep(SECOND).await; // the body has ended
            let late = seen.clone();
            siblings.spawn(async move {
                sleep(SECOND).await;
                late.borrow_mut().push("sibling");
                Ok(())
            });
            seen.borrow_mut().push("child");
            Ok(())
        });
        Ok(())
    }))
    .unwrap();
    assert_eq!(*log.borrow(), ["child", "sibling"]);
}

#[test]
fn a_child_spawned_into_a_failing_group_is_dropped_unpolled() {
    let log = Log::default();
    let error = run_paused(TaskGroup::run(async |group| {
        struct SpawnsInDrop(TaskGroup<&'static str>, Log);
        impl Drop for SpawnsInDrop {
            fn drop(&mut self) {
                let (group, log) = (&self.0, self.1.clone());
                group.spawn(async move {
                    log.borrow_mut().push("polled");
                    Err::<(), _>("late")
                });
            }
        }
        group.spawn(holding(SpawnsInDrop(group.clone(), log.clone())));
        group.spawn(fails_after(SECOND, "first"));
        Ok(())
    }))
    .unwrap_err();
    assert!(log.borrow().is_empty());
    assert!(error.others().is_empty(), "{error}");
}

#[test]
fn a_child_spawned_into_a_group_that_was_left_is_dropped_unpolled() {
    run_paused(async {
        let group = TaskGroup::<()>::run(async |group| Ok(group)).await.unwrap();
        let late = group.spawn(async { Ok(()) });
        assert!(late.await.unwrap_err().is_cancelled());
    });
}

#[test]
fn a_group_dropped_while_children_run_drops_each_at_its_turn_and_polls_none_again() {
    let trace = record(Builder::new(), async {
        let run = TaskGroup::<()>::run(async |group| {
            group.spawn(pending::<Result<(), ()>>());
            group.spawn(pending::<Result<(), ()>>());
            pending::<Result<(), ()>>().await
        });
        {
            let mut run = std::pin::pin!(run);
            std::future::poll_fn(|cx| {
                assert!(run.as_mut().poll(cx).is_pending());
                std::task::Poll::Ready(())
            })
            .await;
            yield_now().await;
        }
        spawn(async {}).await.unwrap(); // ready after the children were aborted, so it runs after they are gone
    });
    assert_trace(
        &trace,
        "
        wake 1: spawned
        turn 1
        run
        poll 1
        wake 2: spawned
        wake 3: spawned
        wake 1: task 1
        pending 1
        poll 2
        pending 2
        poll 3
        pending 3
        poll 1
        abort 2 by 1 // the group is dropped
        wake 2: aborted
        abort 3 by 1
        wake 3: aborted
        wake 4: spawned
        pending 1
        done 2 cancelled
        done 3 cancelled
        poll 4
        done 4 ready
        wake 1: task 4
        poll 1
        done 1 ready
        ",
    );
}

#[test]
fn a_group_whose_time_is_over_takes_its_children_with_it() {
    let log = Log::default();
    run_paused(async {
        let run = TaskGroup::run(async |group| {
            group.spawn(holding(Named("child", log.clone())));
            Ok(())
        });
        assert!(timeout(SECOND, run).await.is_err());
        yield_now().await;
        assert_eq!(*log.borrow(), ["child"]);
    });
}

#[test]
fn an_inner_groups_failure_is_the_inner_bodys_to_handle() {
    let outer = run_paused(TaskGroup::<&str>::run(async |outer| {
        let steady = outer.spawn(async {
            sleep(2 * SECOND).await;
            Ok("steady")
        });
        let inner = TaskGroup::run(async |inner| {
            inner.spawn(fails_after(SECOND, "inner"));
            Ok(())
        });
        assert_eq!(inner.await.unwrap_err().first().error(), Some(&"inner"));
        Ok(steady.await.unwrap())
    }));
    assert_eq!(outer.unwrap(), "steady");
}

#[test]
fn a_failure_of_the_outer_group_ends_the_inner_groups_children_before_the_outer_is_left() {
    let log = Log::default();
    let trace = record(Builder::new(), async {
        let slot = Slot::default();
        let error = TaskGroup::run(async |outer| {
            let grandchild = Named("grandchild", log.clone());
            outer.spawn(async move {
                let inner = TaskGroup::run(async |inner| {
                    inner.spawn(holding(grandchild));
                    Ok(())
                });
                inner.await.map_err(|_| "inner")
            });
            let wait = slot.wait();
            outer.spawn(async move {
                wait.await;
                Err::<(), _>("outer")
            });
            yield_now().await;
            slot.wake();
            Ok(())
        })
        .await
        .unwrap_err();
        assert_eq!(error.first().error(), Some(&"outer"));
        assert_eq!(*log.borrow(), ["grandchild"]);
    });
    assert_trace(
        &trace,
        "
        wake 1: spawned
        turn 1
        run
        poll 1
        wake 2: spawned
        wake 3: spawned
        wake 1: task 1
        pending 1
        poll 2
        wake 4: spawned
        pending 2
        poll 3
        pending 3
        poll 1
        wake 3: task 1
        pending 1
        poll 4
        pending 4
        poll 3
        done 3 ready
        abort 2 by 3
        wake 2: aborted
        abort 4 by 2 // the inner group is dropped with its task
        wake 4: aborted
        done 2 cancelled
        wake 1: task 2 // behind the grandchild
        done 4 cancelled
        poll 1
        done 1 ready
        ",
    );
}

#[test]
fn a_thousand_children_cost_the_task_that_runs_the_group_one_wake() {
    let (runtime, recorder) = observed(Builder::new().start_paused(true));
    runtime.block_on(async {
        TaskGroup::<()>::run(async |group| {
            for n in 1..=1000 {
                group.spawn(async move {
                    sleep(n * SECOND).await;
                    Ok(())
                });
            }
            Ok(())
        })
        .await
        .unwrap();
    });
    assert_eq!(recorder.order().iter().filter(|line| *line == "poll 1").count(), 2);
}

#[test]
fn a_thousand_children_are_aborted_by_one_failure_and_none_is_polled_again() {
    let (runtime, recorder) = observed(Builder::new().start_paused(true));
    let start = Instant::now();
    runtime.block_on(async {
        let run = TaskGroup::run(async |group| {
            for _ in 0..1000 {
                group.spawn(holding(()));
            }
            group.spawn(fails_after(SECOND, "one"));
            Ok(())
        });
        assert!(run.await.unwrap_err().others().is_empty());
    });
    assert!(start.elapsed() < 60 * SECOND);
    let polls = recorder.order().iter().filter(|line| line.starts_with("poll ")).count();
    assert_eq!(polls, 2 + 1000 + 2);
}

#[test]
fn the_body_borrows_from_the_stack() {
    let mut sum = 0;
    run_paused(TaskGroup::<()>::run(async |group| {
        for child in [1, 2].map(|n| group.spawn(async move { Ok(n) })) {
            sum += child.await.unwrap();
        }
        Ok(())
    }))
    .unwrap();
    assert_eq!(sum, 3);
}

#[test]
fn the_handle_of_a_child_that_failed_says_where_its_error_is() {
    let place = Rc::new(RefCell::new(None));
    let kept = place.clone();
    run_paused(async {
        let run = TaskGroup::run(async |group| {
            *kept.borrow_mut() = Some(group.spawn(fails_after(SECOND, "own")));
            Ok(())
        });
        run.await.unwrap_err();
        let handle = place.take().unwrap();
        assert!(handle.is_finished());
        let error = handle.await.unwrap_err();
        assert!(!error.is_cancelled());
        assert_eq!(error.to_string(), "task 2 failed; what it failed with is in the error of its group");
    });
}

#[test]
fn an_output_that_nobody_awaits_and_whose_destructor_panics_harms_nobody() {
    let result = run_paused(TaskGroup::<()>::run(async |group| {
        group.spawn(async { Ok(PanicsInDrop) });
        yield_now().await;
        Ok("left")
    }));
    assert_eq!(result.unwrap(), "left");
}

#[test]
fn a_task_that_leaves_a_group_and_one_that_awaits_a_child_are_seen_to_do_so() {
    run_paused(async {
        let runs = spawn(TaskGroup::<()>::run(async |group| {
            let child = group.spawn(async {
                sleep(SECOND).await;
                Ok(())
            });
            group.spawn(async move { child.await.map_err(drop) });
            Ok(())
        }));
        yield_now().await;
        yield_now().await;
        let dump = dump().unwrap();
        let [_, leaves, sleeps, awaits] = dump.tasks() else { panic!("{dump}") };
        assert!(matches!(leaves.waits[..], [Waits::Sync { what: "TaskGroup::run", .. }]), "{leaves}");
        assert_eq!(awaits.waits, [Waits::Join(sleeps.id)]);
        runs.await.unwrap().unwrap();
    });
}

#[test]
fn work_on_the_cpu_pool_is_a_child_like_any_other() {
    let left = glassloop::run(TaskGroup::run(async |group| {
        let sum = group.spawn_cpu(|| Ok::<u32, ()>((1..=10).sum()));
        sum.await.map_err(|_| ())
    }));
    assert_eq!(left.unwrap(), 55);
}
