//! What the documents of asyncio say of the model, on virtual time where time is planned.

mod support;

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::mpsc;
use std::time::Duration;

use glassloop::net::{TcpListener, TcpStream};
use glassloop::sync::Semaphore;
use glassloop::time::{Instant, sleep};
use glassloop::{Builder, JoinSet, TaskGroup, dump, join_all, spawn, spawn_cpu, try_join_all, yield_now};
use support::{Slot, assert_trace, record};

/// What happened, in order.
#[derive(Clone, Default)]
struct Log(Rc<RefCell<Vec<String>>>);

impl Log {
    fn say(&self, words: impl Into<String>) {
        self.0.borrow_mut().push(words.into());
    }
}

fn ms(n: u64) -> Duration {
    Duration::from_millis(n)
}

/// Runs `main` on virtual time; what it logged, and how long it took.
fn planned<F: Future>(main: impl FnOnce(Log) -> F) -> (Vec<String>, Duration) {
    let log = Log::default();
    let took = Builder::new().start_paused(true).build().unwrap().block_on(async {
        let start = Instant::now();
        main(log.clone()).await;
        start.elapsed()
    });
    (log.0.take(), took)
}

#[test]
fn one_task_goes_on_while_another_waits_for_the_kernel() {
    let log = Log::default();
    let (a, b) = (log.clone(), log.clone());
    glassloop::run(async move {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let near = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let (far, _) = listener.accept().await.unwrap();
        let reading = spawn(async move {
            a.say("A asks");
            let mut answer = [0; 5];
            near.read_exact(&mut answer).await.unwrap();
            a.say(format!("A has {:?}", str::from_utf8(&answer).unwrap()));
        });
        let other = spawn(async move {
            b.say("B runs");
            far.write_all(b"hello").await.unwrap();
            b.say("B has answered");
        });
        join_all([reading, other]).await;
    });
    assert_eq!(log.0.take(), ["A asks", "B runs", "B has answered", "A has \"hello\""]);
}

#[test]
fn one_task_goes_on_while_another_waits() {
    let trace = record(Builder::new(), async {
        let slot = Slot::default();
        let a = spawn(slot.wait());
        let b = spawn(async move { slot.wake() });
        b.await.unwrap();
        a.await.unwrap();
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
        pending 1
        poll 2
        pending 2        // A waits
        poll 3           // B runs meanwhile, on the same thread
        wake 2: task 3
        done 3 ready
        wake 1: task 3
        poll 2
        done 2 ready
        poll 1
        done 1 ready
        ",
    );
}

#[test]
fn two_sleepers_end_in_the_order_of_their_times() {
    let (log, took) = planned(|log| async move {
        let sleeper = |name: &'static str, time| {
            let log = log.clone();
            async move {
                log.say(format!("{name}: start"));
                sleep(time).await;
                log.say(format!("{name}: done"));
            }
        };
        join_all([spawn(sleeper("A", ms(1000))), spawn(sleeper("B", ms(500)))]).await;
    });
    assert_eq!(log, ["A: start", "B: start", "B: done", "A: done"]);
    assert_eq!(took, ms(1000));
}

#[test]
fn three_fetches_take_as_long_as_the_slowest() {
    let (log, took) = planned(|log| async move {
        let fetch = |name: &'static str, seconds| {
            let log = log.clone();
            async move {
                log.say(format!("start {name}"));
                sleep(Duration::from_secs(seconds)).await;
                log.say(format!("done {name}"));
            }
        };
        join_all([fetch("A", 1), fetch("B", 2), fetch("C", 3)]).await;
    });
    assert_eq!(log, ["start A", "start B", "start C", "done A", "done B", "done C"]);
    assert_eq!(took, Duration::from_secs(3));
}

#[test]
fn three_services_give_their_results_in_the_order_of_the_calls() {
    let (log, took) = planned(|log| async move {
        let service = |name: &'static str, time| async move {
            sleep(time).await;
            name
        };
        let results =
            join_all([service("user", ms(300)), service("orders", ms(200)), service("stock", ms(400))]).await;
        log.say(results.join(" "));
    });
    assert_eq!(log, ["user orders stock"]);
    assert_eq!(took, ms(400));
}

#[test]
fn ten_requests_of_200_ms_take_two_seconds_or_a_tenth_of_it() {
    let request = || sleep(ms(200));
    let (_, one_by_one) = planned(|_| async {
        for _ in 0..10 {
            request().await;
        }
    });
    let (_, together) = planned(|_| async { drop(join_all((0..10).map(|_| request())).await) });
    assert_eq!((one_by_one, together), (ms(2000), ms(200)));
}

#[test]
fn a_thousand_calls_by_a_bounded_number_at_a_time_take_under_ten_seconds() {
    let most = Rc::new(Cell::new(0));
    let seen = most.clone();
    let (_, took) = planned(|_| async move {
        let (at_once, running) = (Rc::new(Semaphore::new(50)), Rc::new(Cell::new(0)));
        let mut calls = JoinSet::new();
        for _ in 0..1000 {
            let (at_once, running, most) = (at_once.clone(), running.clone(), most.clone());
            calls.spawn(async move {
                let _permit = at_once.acquire().await.unwrap();
                running.set(running.get() + 1);
                most.set(most.get().max(running.get()));
                sleep(ms(180)).await;
                running.set(running.get() - 1);
            });
        }
        calls.join_all().await;
    });
    assert_eq!(seen.get(), 50);
    assert_eq!(took, ms(180) * 20);
}

#[test]
fn a_task_that_computes_for_half_a_second_keeps_the_other_waiting_as_long() {
    glassloop::run(async {
        let start = Instant::now();
        spawn(async { std::thread::sleep(ms(500)) }).detach(); // computing, as the loop sees it
        let other = spawn(async move { start.elapsed() });
        assert!(other.await.unwrap() >= ms(500));
    });
}

#[test]
fn work_on_the_cpu_pool_keeps_nobody_waiting() {
    glassloop::run(async {
        let (go, may_end) = mpsc::channel();
        let work = spawn_cpu(move || may_end.recv().unwrap());
        // Were this on the loop, nothing could ever send.
        spawn(async move { go.send(()).unwrap() }).await.unwrap();
        work.await.unwrap();
    });
}

#[test]
fn a_failure_may_hide_the_results_of_others_or_stand_beside_them() {
    let task = |n: u32| async move {
        yield_now().await;
        if n == 2 { Err(format!("task {n} failed")) } else { Ok(n) }
    };
    glassloop::run(async {
        assert_eq!(try_join_all([task(1), task(2), task(3)]).await, Err("task 2 failed".to_owned()));
        let all = join_all([task(1), task(2), task(3)]).await;
        assert_eq!(all, [Ok(1), Err("task 2 failed".to_owned()), Ok(3)]);
    });
}

#[test]
fn the_first_failure_ends_a_try_join_and_nobody_polls_the_others_again() {
    let (log, took) = planned(|log| async move {
        let call = |name: &'static str, time, result: Result<(), &'static str>| {
            let log = log.clone();
            async move {
                sleep(time).await;
                log.say(format!("{name} ends"));
                result
            }
        };
        let calls = [call("A", ms(10), Ok(())), call("B", ms(20), Err("B failed")), call("C", ms(30), Ok(()))];
        log.say(try_join_all(calls).await.unwrap_err());
        sleep(ms(50)).await; // C would have ended
    });
    assert_eq!(log, ["A ends", "B ends", "B failed"]);
    assert_eq!(took, ms(70));
}

#[test]
fn a_task_whose_handle_is_dropped_runs_on() {
    let (log, _) = planned(|log| async move {
        let inner = log.clone();
        let task = spawn(async move {
            sleep(ms(10)).await;
            inner.say("done");
        });
        drop(task);
        sleep(ms(20)).await;
        log.say("the root ends");
    });
    assert_eq!(log, ["done", "the root ends"]);
}

#[test]
fn what_a_cancelled_task_spawned_runs_on_and_the_child_of_its_group_does_not() {
    let (log, _) = planned(|log| async move {
        let inner = log.clone();
        let parent = spawn(async move {
            let work = |name: &'static str| {
                let log = inner.clone();
                async move {
                    sleep(ms(10)).await;
                    log.say(format!("{name} ends"));
                    Ok::<_, ()>(())
                }
            };
            spawn(work("spawned")).detach();
            TaskGroup::run(async |group| {
                group.spawn(work("child"));
                Ok(())
            })
            .await
        });
        sleep(ms(5)).await;
        parent.abort();
        assert!(parent.await.unwrap_err().is_cancelled());
        sleep(ms(20)).await;
        log.say("the root ends");
    });
    assert_eq!(log, ["spawned ends", "the root ends"]);
}

#[test]
fn ten_thousand_tasks_wait_at_once() {
    let (log, took) = planned(|log| async move {
        let tasks: Vec<_> = (0..10_000).map(|_| spawn(sleep(ms(20)))).collect();
        yield_now().await; // all have begun to wait
        log.say(format!("{} tasks", dump().unwrap().tasks().len()));
        for task in tasks {
            task.await.unwrap();
        }
    });
    assert_eq!(log, ["10001 tasks"]); // what they weigh: tests/allocations.rs, and beside threads example 29
    assert_eq!(took, ms(20));
}
