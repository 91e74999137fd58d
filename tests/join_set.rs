//! `JoinSet`: results in the order in which the members ended, and nothing that costs a look at each.

mod support;

use std::cell::{Cell, RefCell};
use std::future::{Future, pending, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;
use std::task::Poll;
use std::time::Duration;

use futures_lite::{Stream, StreamExt};
use glassloop::time::sleep;
use glassloop::{Builder, JoinSet, Runtime, Waits, dump, spawn, yield_now};
use support::{Slot, assert_trace, observed, poll_once, record};

const SECOND: Duration = Duration::from_secs(1);

fn run_paused<F: Future>(future: F) -> F::Output {
    Builder::new().start_paused(true).build().unwrap().block_on(future)
}

/// Writes its name when it is dropped.
struct Named(&'static str, Rc<RefCell<Vec<&'static str>>>);

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

async fn holding<T>(_held: T) {
    pending().await
}

#[test]
fn results_come_in_the_order_in_which_members_ended() {
    let trace = record(Builder::new(), async {
        let slots = [Slot::default(), Slot::default(), Slot::default()];
        let mut set = JoinSet::new();
        for (n, slot) in slots.iter().enumerate() {
            let wait = slot.wait();
            set.spawn(async move {
                wait.await;
                n
            });
        }
        yield_now().await;
        for n in [2, 0, 1] {
            slots[n].wake();
        }
        for n in [2, 0, 1] {
            assert_eq!(set.join_next().await.unwrap().unwrap(), n);
        }
        assert!(set.join_next().await.is_none());
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
        wake 1: task 1
        pending 1
        poll 2
        pending 2
        poll 3
        pending 3
        poll 4
        pending 4
        poll 1
        wake 4: task 1
        wake 2: task 1
        wake 3: task 1
        pending 1
        poll 4
        done 4 ready
        wake 1: task 4 // once, for all three
        poll 2
        done 2 ready
        poll 3
        done 3 ready
        poll 1
        done 1 ready
        ",
    );
}

#[test]
fn members_that_end_before_the_joiner_is_polled_wake_it_once() {
    let (runtime, recorder) = observed(Builder::new().budget(2000));
    runtime.block_on(async {
        let mut set: JoinSet<usize> = (0..1000).map(|n| async move { n }).collect();
        let mut joined = Vec::new();
        while let Some(n) = set.join_next().await {
            joined.push(n.unwrap());
        }
        assert_eq!(joined, (0..1000).collect::<Vec<_>>());
    });
    let order = recorder.order();
    assert_eq!(order.iter().filter(|line| *line == "poll 1").count(), 2);
    assert_eq!(order.iter().filter(|line| line.starts_with("merge 1:")).count(), 0);
}

#[test]
fn a_thousand_members_that_end_one_by_one_cost_a_poll_of_the_joiner_each() {
    let (runtime, recorder) = observed(Builder::new().start_paused(true));
    runtime.block_on(async {
        let mut set: JoinSet<()> = (1..=1000).map(|n| sleep(n * SECOND)).collect();
        while set.join_next().await.is_some() {}
    });
    let polls = recorder.order().iter().filter(|line| line.starts_with("poll ")).count();
    assert_eq!(polls, 1 + 1000 + 2 * 1000); // the joiner; each member twice
}

#[test]
fn a_cancelled_and_a_panicked_member_come_out_in_their_order() {
    run_paused(async {
        let mut set = JoinSet::new();
        let second = set.spawn(pending::<u32>()).abort_handle();
        let first = set.spawn(async { panic!("first") }).id();
        set.spawn(async {
            sleep(SECOND).await;
            3
        });
        yield_now().await;
        second.abort();
        let error = set.join_next().await.unwrap().unwrap_err();
        assert_eq!((error.id(), error.to_string()), (first, format!("task {first} panicked: first")));
        let error = set.join_next().await.unwrap().unwrap_err();
        assert!(error.is_cancelled() && error.id() == second.id());
        assert_eq!(set.join_next().await.unwrap().unwrap(), 3);
    });
}

#[test]
fn a_member_whose_destructor_panics_while_it_is_cancelled_is_joined_as_panicked() {
    run_paused(async {
        let mut set = JoinSet::new();
        set.spawn(holding(PanicsInDrop));
        set.spawn(holding(()));
        set.abort_all();
        assert!(set.join_next().await.unwrap().unwrap_err().is_panic());
        assert!(set.join_next().await.unwrap().unwrap_err().is_cancelled());
        assert!(set.is_empty());
    });
}

#[test]
fn abort_all_aborts_in_spawn_order_also_where_a_place_was_used_again() {
    let log = Rc::new(RefCell::new(Vec::new()));
    run_paused(async {
        let mut set = JoinSet::new();
        set.spawn(async {});
        set.spawn(holding(Named("second", log.clone())));
        set.join_next().await.unwrap().unwrap();
        set.spawn(holding(Named("third", log.clone()))); // in the place of the first
        set.spawn(holding(Named("fourth", log.clone())));
        yield_now().await;
        set.abort_all();
        assert_eq!(set.len(), 3);
        while let Some(result) = set.join_next().await {
            assert!(result.unwrap_err().is_cancelled());
        }
    });
    assert_eq!(*log.borrow(), ["second", "third", "fourth"]);
}

#[test]
fn dropped_it_aborts_its_members_in_spawn_order_and_each_is_dropped_at_its_turn() {
    let trace = record(Builder::new(), async {
        let mut set = JoinSet::new();
        set.spawn(pending::<()>());
        set.spawn(pending::<()>());
        yield_now().await;
        drop(set);
        spawn(async {}).await.unwrap();
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
        abort 2 by 1
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
fn a_dropped_join_next_loses_no_member_and_leaves_no_wake_behind() {
    let trace = record(Builder::new(), async {
        let slot = Slot::default();
        let mut set: JoinSet<()> = [slot.wait()].into_iter().collect();
        yield_now().await;
        {
            let mut next = std::pin::pin!(set.join_next());
            poll_fn(|cx| {
                assert!(next.as_mut().poll(cx).is_pending());
                Poll::Ready(())
            })
            .await;
        }
        slot.wake();
        spawn(async {}).await.unwrap(); // the member ends meanwhile, and does not wake this task
        assert!(set.join_next().await.unwrap().is_ok());
    });
    assert_trace(
        &trace,
        "
        wake 1: spawned
        turn 1
        run
        poll 1
        wake 2: spawned
        wake 1: task 1
        pending 1
        poll 2
        pending 2
        poll 1
        wake 2: task 1
        wake 3: spawned
        pending 1
        poll 2
        done 2 ready // nobody awaits the set now, and nobody is woken
        poll 3
        done 3 ready
        wake 1: task 3
        poll 1
        done 1 ready
        ",
    );
}

#[test]
fn polled_by_one_task_and_then_by_another_it_wakes_the_other() {
    run_paused(async {
        let slot = Slot::default();
        let mut set: JoinSet<()> = [slot.wait()].into_iter().collect();
        yield_now().await;
        assert!(poll_once(poll_fn(|cx| set.poll_join_next(cx))).is_pending());
        let joiner = spawn(async move { set.join_next().await.unwrap().unwrap() });
        yield_now().await;
        slot.wake();
        joiner.await.unwrap();
    });
}

#[test]
fn a_set_that_is_empty_gives_none_at_once() {
    let mut set = JoinSet::<()>::new();
    assert!(set.is_empty());
    assert!(matches!(poll_once(set.join_next()), Poll::Ready(None)));
    assert!(set.try_join_next().is_none());
}

#[test]
fn try_join_next_gives_only_what_has_ended() {
    run_paused(async {
        let mut set = JoinSet::new();
        let id = set.spawn(async { 7 }).id();
        assert!(set.try_join_next().is_none());
        assert_eq!(set.len(), 1);
        yield_now().await;
        assert_eq!(set.try_join_next_with_id().unwrap().unwrap(), (id, 7));
        assert!(set.is_empty());
    });
}

#[test]
fn join_next_with_id_tells_members_of_equal_output_apart() {
    run_paused(async {
        let mut set = JoinSet::new();
        let slow = set.spawn(sleep(2 * SECOND)).id();
        let quick = set.spawn(sleep(SECOND)).id();
        assert_eq!(set.join_next_with_id().await.unwrap().unwrap().0, quick);
        assert_eq!(set.join_next_with_id().await.unwrap().unwrap().0, slow);
    });
}

#[test]
fn join_all_gives_outputs_in_the_order_in_which_members_ended() {
    let outputs = run_paused(async {
        let sleeper = |seconds| async move {
            sleep(seconds * SECOND).await;
            seconds
        };
        [3, 1, 2].map(sleeper).into_iter().collect::<JoinSet<_>>().join_all().await
    });
    assert_eq!(outputs, [1, 2, 3]);
}

#[test]
fn join_all_panics_with_the_members_own_panic_and_aborts_the_rest() {
    let log = Rc::new(RefCell::new(Vec::new()));
    let runtime = Runtime::new().unwrap();
    let panic = catch_unwind(AssertUnwindSafe(|| {
        runtime.block_on(async {
            let mut set = JoinSet::new();
            set.spawn(holding(Named("dropped", log.clone())));
            set.spawn(async { panic!("own words") });
            set.join_all().await
        })
    }));
    assert_eq!(*panic.unwrap_err().downcast_ref::<&str>().unwrap(), "own words");
    assert!(log.borrow().is_empty(), "an aborted task is dropped at its turn");
    runtime.block_on(yield_now());
    assert_eq!(*log.borrow(), ["dropped"]);
}

#[test]
fn join_all_says_which_member_was_cancelled() {
    let panic = catch_unwind(|| {
        run_paused(async {
            let mut set = JoinSet::new();
            set.spawn(pending::<()>()).abort();
            set.join_all().await
        })
    });
    let words = panic.unwrap_err();
    assert_eq!(
        words.downcast_ref::<String>().unwrap(),
        "JoinSet::join_all needs every output, but task 2 was cancelled"
    );
}

#[test]
fn shutdown_returns_when_the_last_member_is_gone() {
    let log = Rc::new(RefCell::new(Vec::new()));
    run_paused(async {
        let mut set = JoinSet::new();
        set.spawn(holding(Named("a", log.clone())));
        set.spawn(holding(Named("b", log.clone())));
        yield_now().await;
        set.shutdown().await;
        assert_eq!(*log.borrow(), ["a", "b"]);
        assert!(set.is_empty());
    });
}

#[test]
fn detached_members_run_on_and_are_not_joined() {
    let ran = Rc::new(Cell::new(false));
    run_paused(async {
        let mut set = JoinSet::new();
        let seen = ran.clone();
        set.spawn(async move {
            sleep(SECOND).await;
            seen.set(true);
            1
        });
        set.detach_all();
        set.spawn(async {
            sleep(2 * SECOND).await; // after the detached one, whose end must not be taken for this one's
            2
        });
        assert_eq!(set.join_next().await.unwrap().unwrap(), 2);
        assert!(set.join_next().await.is_none());
    });
    assert!(ran.get());
}

#[test]
fn jobs_of_both_pools_are_members_like_any_other() {
    run_paused(async {
        let mut set = JoinSet::new();
        set.spawn_blocking(|| "job");
        set.spawn_cpu(|| "computed");
        set.spawn(async { "task" });
        let mut results = set.join_all().await;
        results.sort_unstable();
        assert_eq!(results, ["computed", "job", "task"]);
    });
}

#[test]
fn as_a_stream_it_gives_results_until_it_is_empty() {
    let ended: Vec<u32> = run_paused(async {
        let set: JoinSet<u32> = [2, 1]
            .map(|n| async move {
                sleep(n * SECOND).await;
                n
            })
            .into_iter()
            .collect();
        assert_eq!(set.size_hint(), (2, Some(2)));
        set.map(Result::unwrap).collect().await
    });
    assert_eq!(ended, [1, 2]);
}

#[test]
fn a_task_that_awaits_a_set_is_seen_to_do_so() {
    run_paused(async {
        let joiner = spawn(async {
            let mut set = JoinSet::new();
            set.spawn_named("member", sleep(SECOND));
            set.join_next().await
        });
        yield_now().await;
        let dump = dump().unwrap();
        let view = dump.tasks().iter().find(|task| task.id == joiner.id()).unwrap();
        let [Waits::Sync { what: "JoinSet::join_next", site, .. }] = view.waits[..] else { panic!("{view}") };
        assert!(site.file().ends_with("join_set.rs"), "{site}");
        joiner.await.unwrap().unwrap().unwrap();
    });
}

#[test]
fn a_set_whose_members_nobody_can_wake_is_named_in_the_deadlock_report() {
    let runtime = Runtime::new().unwrap();
    let deadlock = runtime
        .try_block_on(async {
            let mut set: JoinSet<()> = [pending()].into_iter().collect();
            set.join_next().await
        })
        .unwrap_err();
    assert!(deadlock.to_string().contains("waits for JoinSet::join_next"), "{deadlock}");
}

#[test]
fn members_that_the_end_of_the_runtime_cancels_are_in_the_set_after_it() {
    let runtime = Runtime::new().unwrap();
    let mut set = JoinSet::new();
    runtime.block_on(async {
        set.spawn(pending::<()>());
    });
    drop(runtime);
    assert!(set.try_join_next().unwrap().unwrap_err().is_cancelled());
    assert!(set.is_empty());
}
