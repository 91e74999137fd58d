//! What `explain` says, and what it keeps to itself. The clock is virtual, so every figure is exact.

mod support;

use std::rc::Rc;

use glassloop::sync::{Mutex, Semaphore};
use glassloop::time::sleep;
use glassloop::trace::Recorder;
use glassloop::trace::story::Explain;
use glassloop::{Builder, join_all, spawn, spawn_named, yield_now};
use support::{ms, observed, work};

fn explained(program: impl Future) -> Explain {
    let (runtime, recorder) = observed(Builder::new().start_paused(true));
    runtime.block_on(program);
    recorder.story().explain()
}

// ---- who ran, and who queued

#[test]
fn busy_and_asleep_are_told_apart_and_the_rest_is_the_loops_own() {
    let explain = explained(async {
        work(ms(30));
        sleep(ms(70)).await;
    });
    assert_eq!((explain.length, explain.busy, explain.asleep), (ms(100), ms(30), ms(70)));
    assert_eq!((explain.tasks, explain.polls, explain.dropped), (1, 2, 0));
}

#[test]
fn tasks_stand_in_the_order_of_their_time_with_their_longest_poll() {
    let explain = explained(async {
        let often = spawn_named("often", async {
            for time in [2, 7, 3] {
                work(ms(time));
                yield_now().await;
            }
        });
        let once = spawn_named("once", async { work(ms(20)) });
        drop(join_all([often, once]).await);
    });
    let told = explain
        .busiest
        .iter()
        .map(|busy| (busy.task.name.as_deref().unwrap(), busy.total, busy.longest, busy.polls));
    assert_eq!(told.collect::<Vec<_>>(), [("once", ms(20), ms(20), 1), ("often", ms(12), ms(7), 4)]);
}

#[test]
fn of_a_hundred_delays_half_ninety_nine_and_the_longest_are_told() {
    // The root, 199 tasks of which each waits 1 ms longer than the one before, and the root again, ready since the
    // first of them ended: 0, 0, 1, 2 … 198, 198.
    let explain = explained(async { join_all((0..199).map(|_| spawn(async { work(ms(1)) }))).await });
    assert_eq!(explain.polls, 201);
    let queued = explain.queued;
    assert_eq!((queued.p50, queued.p99, queued.max), (ms(99), ms(197), ms(198)));
}

#[test]
fn whoever_was_ready_or_due_while_a_poll_held_the_loop_waited_for_it_and_nobody_else() {
    let explain = explained(async {
        let mut tasks = vec![
            spawn_named("due meanwhile", sleep(ms(20))),
            spawn_named("due soon after, when the loop has slept", sleep(ms(105))),
            spawn_named("hog", async {
                yield_now().await;
                work(ms(100));
            }),
        ];
        yield_now().await;
        tasks.push(spawn_named("ready", async {}));
        drop(join_all(tasks).await);
    });
    let held = &explain.held[0];
    assert_eq!((held.task.name.as_deref(), held.time, held.times), (Some("hog"), ms(100), 1));
    // 2 is due meanwhile, 5 ready. The root, 1, waits for the hog's end.
    assert_eq!(held.waited.iter().map(ToString::to_string).collect::<Vec<_>>(), ["1", "2", "5"]);
    assert_eq!(explain.held.len(), 1);
}

#[test]
fn a_poll_that_is_shorter_than_ten_milliseconds_holds_nothing() {
    let explain = explained(async { work(std::time::Duration::from_micros(9_999)) });
    assert!(explain.held.is_empty());
    let explain = explained(async { work(ms(10)) });
    assert_eq!((explain.held.len(), explain.held[0].waited.len()), (1, 0));
}

// ---- who was kept out by a lock

#[test]
fn the_longest_wait_for_a_lock_names_who_released_it() {
    let explain = explained(async {
        let lock = Rc::new(Mutex::new(()));
        let use_it = |time| {
            let lock = lock.clone();
            async move {
                let _held = lock.lock().await;
                sleep(ms(time)).await;
            }
        };
        let tasks = [spawn_named("a", use_it(30)), spawn_named("b", use_it(20)), spawn_named("c", use_it(10))];
        drop(join_all(tasks).await);
    });
    assert_eq!(explain.locks.len(), 1, "one lock: {explain}");
    let locked = &explain.locks[0];
    assert_eq!((locked.task.name.as_deref(), locked.time, locked.what), (Some("c"), ms(50), "Mutex::lock"));
    let (holder, via) = locked.holder.as_ref().unwrap();
    assert_eq!((holder.name.as_deref(), via.what), (Some("b"), "released the Mutex"));
    assert_eq!((locked.waits, locked.total, locked.ended), (2, ms(80), true));
}

#[test]
fn a_wait_for_a_permit_that_goes_on_has_no_holder() {
    let explain = explained(async {
        let permits = Rc::new(Semaphore::new(0));
        spawn_named("late", async move { drop(permits.acquire().await) }).detach();
        sleep(ms(5)).await;
    });
    let locked = &explain.locks[0];
    assert_eq!((locked.time, locked.ended, locked.holder.is_none()), (ms(5), false, true));
}

// ---- the page

/// The text, with `HERE` for the places in this file.
#[track_caller]
fn assert_page(explain: &Explain, golden: &str) {
    let mut page = explain.to_string();
    while let Some((before, after)) = page.split_once("tests/explain.rs:") {
        let after = after.trim_start_matches(|digit: char| digit.is_ascii_digit());
        page = format!("{before}HERE{after}");
    }
    let golden: Vec<&str> = golden.trim().lines().map(str::trim).collect();
    assert_eq!(page.trim().lines().map(str::trim).collect::<Vec<_>>(), golden, "\n{page}");
}

#[test]
fn the_page_tells_of_each_kind_once_the_worst_first() {
    let explain = explained(async {
        let lock = Rc::new(Mutex::new(()));
        let held = lock.lock().await;
        let waits = lock.clone();
        spawn_named("waits", async move { drop(waits.lock().await) }).detach();
        spawn_named("saw", async {
            for time in [10, 20, 15] {
                work(ms(time));
                yield_now().await;
            }
        })
        .await
        .unwrap();
        for n in 0..8 {
            spawn_named(format!("call {n}"), sleep(ms(100 - n))).await.unwrap();
        }
        drop(held);
    });
    assert_page(
        &explain,
        r#"
        817 ms, 11 tasks, 31 polls: the loop ran tasks 6 % of the time and slept 94 %
        time in the queue: p50 0, p99 0, max 0

        who ran longest
            45 ms in 4 polls, the longest 20 ms: task 3 "saw" (HERE)

        task 3 "saw" (HERE) held the loop for 20 ms; nobody waited; 3 of its polls took 10 ms or longer

        task 2 "waits" (HERE) waited 817 ms for Mutex::lock at HERE,
          until task 1 (HERE) released the Mutex
          (made at HERE)

        these 9 awaits of task 1 (HERE) ran one after another
            45 ms for task 3 "saw" (HERE)
           100 ms for task 4 "call 0" (HERE)
            99 ms for task 5 "call 1" (HERE)
            98 ms for task 6 "call 2" (HERE)
            97 ms for task 7 "call 3" (HERE)
            96 ms for task 8 "call 4" (HERE)
                  and for 3 more
        together they would take 100 ms instead of 817 ms, if none needs another's result
        "#,
    );
}

#[test]
fn what_was_dropped_and_what_debug_mode_found_is_said() {
    let recorder = Recorder::with_capacity(4);
    let builder = Builder::new().start_paused(true).debug(true).observer(recorder.observer());
    builder.build().unwrap().block_on(async {
        let lock = Mutex::new(());
        let _held = lock.lock().await;
        let mut in_line = Box::pin(lock.lock());
        let _ = std::future::poll_fn(|cx| std::task::Poll::Ready(in_line.as_mut().poll(cx).is_ready())).await;
        drop(in_line);
    });
    assert_page(
        &recorder.story().explain(),
        "
        (3 older events dropped: what follows is of the rest)
        0, 1 task, 1 poll: the loop ran tasks 0 % of the time and slept 0 %
        time in the queue: p50 0, p99 0, max 0

        lost by 1: its place in the line, of Mutex::lock at HERE:41
        ",
    );
}
