//! What CPython documents of asyncio's order happens here in the same order: each scenario exists twice, as a Python
//! program in `tests/asyncio/` and here, and both must say the same. Where we differ on purpose, `docs/asyncio.md`
//! says so, and the test stands at the end of this file.
//!
//! Python's half runs where a `python3` of at least 3.11 is found; elsewhere the expected words alone are compared.

use std::cell::RefCell;
use std::fmt::Display;
use std::process::Command;
use std::rc::Rc;
use std::time::Duration;

use glassloop::sync::{Condition, Event, LifoQueue, Mutex, PriorityQueue, Queue, Semaphore};
use glassloop::task::inherit;
use glassloop::time::{sleep, timeout};
use glassloop::{Builder, JoinHandle, JoinSet, TaskGroup, join_all, spawn, task_local, try_join_all, yield_now};

/// What a scenario says.
#[derive(Clone, Default)]
struct Out(Rc<RefCell<Vec<String>>>);

impl Out {
    fn say(&self, words: impl Display) {
        self.0.borrow_mut().push(words.to_string());
    }

    /// Says it when it is dropped: Python's `finally`.
    fn finally(&self, words: impl Into<String>) -> Finally {
        Finally(self.clone(), words.into())
    }
}

struct Finally(Out, String);

impl Drop for Finally {
    fn drop(&mut self) {
        self.0.say(&self.1);
    }
}

/// What `scenario` says, on virtual time.
fn said<F: Future>(scenario: impl FnOnce(Out) -> F) -> Vec<String> {
    let out = Out::default();
    Builder::new().start_paused(true).build().unwrap().block_on(scenario(out.clone()));
    out.0.take()
}

/// Asserts that `scenario` and the Python program of this name both say `words`.
#[track_caller]
fn same<F: Future>(program: &str, words: &str, scenario: impl FnOnce(Out) -> F) {
    let words: Vec<&str> = words.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    assert_eq!(said(scenario), words, "glassloop");
    // CPython's timers run on the system's clock: on a busy machine two that end together are told in two turns of its
    // loop, and what they wake changes places. So it may try again; what it never says is no claim of ours.
    let mut last = None;
    for _ in 0..10 {
        let Some(python) = python(program) else { return };
        if python.lines().eq(words.iter().copied()) {
            return;
        }
        last = Some(python);
    }
    assert_eq!(last.unwrap().lines().collect::<Vec<_>>(), words, "CPython");
}

/// What CPython says to a program, if there is one that is new enough.
fn python(program: &str) -> Option<String> {
    let path = format!("{}/tests/asyncio/{program}.py", env!("CARGO_MANIFEST_DIR"));
    let new_enough = "import sys; sys.exit(sys.version_info < (3, 11))";
    if !Command::new("python3").args(["-c", new_enough]).status().is_ok_and(|status| status.success()) {
        eprintln!("skipped: no python3 of 3.11 or later, so {program}.py was not run");
        return None;
    }
    let output = Command::new("python3").arg(path).env_remove("PYTHONASYNCIODEBUG").output().unwrap();
    assert!(output.status.success(), "{program}.py: {}", String::from_utf8_lossy(&output.stderr));
    Some(String::from_utf8(output.stdout).unwrap())
}

fn ms(n: u64) -> Duration {
    Duration::from_millis(n)
}

async fn all<T>(tasks: impl IntoIterator<Item = JoinHandle<T>>) {
    for task in tasks {
        task.await.unwrap();
    }
}

// ---- the loop

#[test]
fn what_is_queued_in_a_turn_runs_after_what_stands_there() {
    same("callbacks", "first \n second \n queued by first", |out| async move {
        let inner = out.clone();
        spawn(async move {
            inner.say("first");
            spawn(async move { inner.say("queued by first") }).detach();
        })
        .detach();
        spawn(async move { out.say("second") }).detach();
        sleep(ms(10)).await;
    });
}

#[test]
fn tasks_that_yield_take_turns_in_the_order_of_their_creation() {
    let words = "created \n A 0 \n B 0 \n C 0 \n A 1 \n B 1 \n C 1 \n A 2 \n B 2 \n C 2";
    same("sleep_zero", words, |out| async move {
        let worker = async |name, out: Out| {
            for n in 0..3 {
                out.say(format!("{name} {n}"));
                yield_now().await;
            }
        };
        let tasks = ["A", "B", "C"].map(|name| {
            let out = out.clone();
            spawn(async move { worker(name, out).await })
        });
        out.say("created");
        all(tasks).await;
    });
}

#[test]
fn a_task_that_is_cancelled_before_its_first_turn_never_runs() {
    same("cancel_before_start", "cancelled", |out| async move {
        let inner = out.clone();
        let task = spawn(async move { inner.say("never said") });
        task.abort();
        assert!(task.await.unwrap_err().is_cancelled());
        out.say("cancelled");
    });
}

#[test]
fn finish_hooks_run_in_their_order_before_whoever_awaits_the_task() {
    same("done_callbacks", "child \n first callback \n second callback \n awaited", |out| async move {
        let inner = out.clone();
        let task = spawn(async move { inner.say("child") });
        for words in ["first callback", "second callback"] {
            let out = out.clone();
            task.on_finish(move |_| out.say(words));
        }
        task.await.unwrap();
        out.say("awaited");
    });
}

// ---- gather

#[test]
fn joined_outputs_come_in_the_order_of_the_futures() {
    let words = "start A \n start B \n start C \n done C \n done B \n done A \n A B C";
    same("gather_order", words, |out| async move {
        let fetch = |name: &'static str, delay| {
            let out = out.clone();
            async move {
                out.say(format!("start {name}"));
                sleep(ms(delay)).await;
                out.say(format!("done {name}"));
                name
            }
        };
        out.say(join_all([fetch("A", 30), fetch("B", 20), fetch("C", 10)]).await.join(" "));
    });
}

#[test]
fn cancelling_a_join_cancels_its_futures_in_their_order() {
    let words = "A cleaned up \n B cleaned up \n C cleaned up \n gather was cancelled";
    same("gather_cancelled", words, |out| async move {
        let child = |name| {
            let cleanup = out.finally(format!("{name} cleaned up"));
            async move {
                let _cleanup = cleanup;
                sleep(ms(10_000)).await;
            }
        };
        let gather = spawn(join_all([child("A"), child("B"), child("C")]));
        sleep(ms(10)).await;
        gather.abort();
        assert!(gather.await.unwrap_err().is_cancelled());
        out.say("gather was cancelled");
    });
}

#[test]
fn handles_that_are_joined_give_every_result_in_order() {
    same("gather_exceptions", "result 1 \n error task 2 failed \n result 3", |out| async move {
        let work = |n: u64| {
            spawn(async move {
                sleep(ms(10 * n)).await;
                if n == 2 { Err("task 2 failed") } else { Ok(n) }
            })
        };
        for result in join_all([work(1), work(2), work(3)]).await {
            match result.unwrap() {
                Ok(n) => out.say(format!("result {n}")),
                Err(error) => out.say(format!("error {error}")),
            }
        }
    });
}

#[test]
fn a_failure_among_joined_handles_lets_the_others_run_on() {
    // As CPython's gather does it, and some of its documents deny: over handles, dropping the join detaches.
    same("gather_failure", "B fails \n failed: B \n A done \n C done", |out| async move {
        let works = |name, delay| {
            let out = out.clone();
            spawn(async move {
                sleep(ms(delay)).await;
                if name == "B" {
                    out.say("B fails");
                    return Err("B");
                }
                out.say(format!("{name} done"));
                Ok(())
            })
        };
        let flat = |task: JoinHandle<Result<(), &'static str>>| async { task.await.unwrap() };
        let tasks = [works("A", 20), works("B", 10), works("C", 30)];
        out.say(format!("failed: {}", try_join_all(tasks.map(flat)).await.unwrap_err()));
        sleep(ms(50)).await;
    });
}

#[test]
fn a_join_set_gives_results_in_the_order_of_completion() {
    same("as_completed", "B \n C \n A", |out| async move {
        let mut set = JoinSet::new();
        for (name, delay) in [("A", 30), ("B", 10), ("C", 20)] {
            set.spawn(async move {
                sleep(ms(delay)).await;
                name
            });
        }
        while let Some(name) = set.join_next().await {
            out.say(name.unwrap());
        }
    });
}

// ---- locks and signals

#[test]
fn a_lock_goes_to_its_first_waiter_and_its_giver_to_the_end_of_the_line() {
    let words = "A has it \n B has it \n C has it \n A has it \n B has it \n C has it";
    same("lock", words, |out| async move {
        let lock = Rc::new(Mutex::new(()));
        all(["A", "B", "C"].map(|name| {
            let (lock, out) = (lock.clone(), out.clone());
            spawn(async move {
                for _ in 0..2 {
                    let _held = lock.lock().await;
                    out.say(format!("{name} has it"));
                    yield_now().await;
                }
            })
        }))
        .await;
    });
}

#[test]
fn waiters_that_are_cancelled_leave_the_line_to_the_next() {
    same("lock_cancelled", "A was cancelled \n B was cancelled \n C has it", |out| async move {
        let lock = Rc::new(Mutex::new(()));
        let held = lock.clone().lock_owned().await;
        let [a, b, c] = ["A", "B", "C"].map(|name| {
            let (lock, out) = (lock.clone(), out.clone());
            spawn(async move {
                let mut end = out.finally(format!("{name} was cancelled"));
                let _held = lock.lock().await;
                end.1 = format!("{name} has it");
            })
        });
        sleep(ms(10)).await;
        a.abort();
        b.abort();
        sleep(ms(10)).await;
        drop(held);
        c.await.unwrap();
    });
}

#[test]
fn a_semaphore_lets_in_who_came_first() {
    let words = "A in \n B in \n A out \n B out \n C in \n D in \n C out \n D out \n E in \n E out";
    same("semaphore", words, |out| async move {
        let semaphore = Rc::new(Semaphore::new(2));
        all(["A", "B", "C", "D", "E"].map(|name| {
            let (semaphore, out) = (semaphore.clone(), out.clone());
            spawn(async move {
                let _permit = semaphore.acquire().await.unwrap();
                out.say(format!("{name} in"));
                sleep(ms(10)).await;
                out.say(format!("{name} out"));
            })
        }))
        .await;
    });
}

#[test]
fn an_event_wakes_all_in_the_order_in_which_they_came() {
    let words = "set \n A woke \n B woke \n C woke \n D woke \n is set: False";
    same("event", words, |out| async move {
        let event = Rc::new(Event::new());
        let waiter = |name| {
            let (event, out) = (event.clone(), out.clone());
            async move {
                event.wait().await;
                out.say(format!("{name} woke"));
            }
        };
        let tasks = ["A", "B", "C"].map(|name| spawn(waiter(name)));
        sleep(ms(10)).await;
        event.set();
        out.say("set");
        all(tasks).await;
        waiter("D").await;
        event.clear();
        out.say(format!("is set: {}", if event.is_set() { "True" } else { "False" }));
    });
}

#[test]
fn a_condition_wakes_the_first_so_many() {
    let words = "notified 2 \n A woke \n B woke \n notified all \n C woke \n D woke";
    same("condition", words, |out| async move {
        let state = Rc::new((Mutex::new(()), Condition::new()));
        let tasks = ["A", "B", "C", "D"].map(|name| {
            let (state, out) = (state.clone(), out.clone());
            spawn(async move {
                let guard = state.0.lock().await;
                let _guard = state.1.wait(guard).await;
                out.say(format!("{name} woke"));
            })
        });
        sleep(ms(10)).await;
        let guard = state.0.lock().await;
        state.1.notify(&guard, 2);
        out.say("notified 2");
        drop(guard);
        sleep(ms(10)).await;
        let guard = state.0.lock().await;
        state.1.notify_all(&guard);
        out.say("notified all");
        drop(guard);
        all(tasks).await;
    });
}

// ---- queues

#[test]
fn a_queue_serves_getters_and_putters_in_their_order() {
    let words =
        "A got 1 \n B got 2 \n C got 3 \n put 4 \n main got 4 \n put 5 \n main got 5 \n put 6 \n main got 6";
    same("queue_getters", words, |out| async move {
        let queue = Queue::new(1);
        let getters = ["A", "B", "C"].map(|name| {
            let (queue, out) = (queue.clone(), out.clone());
            spawn(async move { out.say(format!("{name} got {}", queue.get().await.unwrap())) })
        });
        sleep(ms(10)).await;
        for item in [1, 2, 3] {
            queue.put(item).await.unwrap();
            sleep(ms(10)).await;
        }
        all(getters).await;
        let putters = [4, 5, 6].map(|item| {
            let (queue, out) = (queue.clone(), out.clone());
            spawn(async move {
                queue.put(item).await.unwrap();
                out.say(format!("put {item}"));
            })
        });
        sleep(ms(10)).await;
        for _ in 0..3 {
            out.say(format!("main got {}", queue.get().await.unwrap()));
            sleep(ms(10)).await;
        }
        all(putters).await;
    });
}

#[test]
fn a_queue_is_joined_when_each_item_is_done() {
    let words = "A works on 0 \n B works on 1 \n A done with 0 \n A works on 2 \n B done with 1 \n B works on 3
                 A done with 2 \n B done with 3 \n joined";
    same("queue_join", words, |out| async move {
        let queue = Queue::new(0);
        for item in 0..4 {
            queue.put_nowait(item).unwrap();
        }
        let workers = ["A", "B"].map(|name| {
            let (queue, out) = (queue.clone(), out.clone());
            spawn(async move {
                while let Ok(item) = queue.get().await {
                    out.say(format!("{name} works on {item}"));
                    sleep(ms(10)).await;
                    out.say(format!("{name} done with {item}"));
                    queue.task_done();
                }
            })
        });
        queue.join().await;
        out.say("joined");
        workers.iter().for_each(JoinHandle::abort);
        join_all(workers).await;
    });
}

#[test]
fn queues_give_the_oldest_the_smallest_or_the_newest() {
    let words = "Queue 3 1 2 \n PriorityQueue 1 2 3 \n LifoQueue 2 1 3";
    same("queue_priority", words, |out| async move {
        let (fifo, priority, lifo) = (Queue::new(0), PriorityQueue::new(0), LifoQueue::new(0));
        for item in [3, 1, 2] {
            fifo.put_nowait(item).unwrap();
            priority.put_nowait(item).unwrap();
            lifo.put_nowait(item).unwrap();
        }
        let three = |mut get: Box<dyn FnMut() -> i32>| format!("{} {} {}", get(), get(), get());
        out.say(format!("Queue {}", three(Box::new(move || fifo.get_nowait().unwrap()))));
        out.say(format!("PriorityQueue {}", three(Box::new(move || priority.get_nowait().unwrap()))));
        out.say(format!("LifoQueue {}", three(Box::new(move || lifo.get_nowait().unwrap()))));
    });
}

// ---- time-outs, groups, values of a task

#[test]
fn a_task_that_is_too_slow_has_cleaned_up_when_the_timeout_is_told() {
    same("wait_for", "cleaned up \n timed out", |out| async move {
        let inner = out.clone();
        let slow = async move {
            let _cleanup = inner.finally("cleaned up");
            sleep(ms(10_000)).await;
        };
        if timeout(ms(10), slow).await.is_err() {
            out.say("timed out");
        }
    });
}

#[test]
fn what_is_shielded_runs_on_when_its_waiter_gives_up() {
    same("shield", "gave up \n work done \n result 42", |out| async move {
        let inner = out.clone();
        let mut task = spawn(async move {
            sleep(ms(20)).await;
            inner.say("work done");
            42
        });
        if timeout(ms(10), &mut task).await.is_err() {
            out.say("gave up");
        }
        out.say(format!("result {}", task.await.unwrap()));
    });
}

#[test]
fn the_first_failure_in_a_group_cancels_the_others_and_is_told_when_all_have_ended() {
    let words = "body done \n A done \n A cleaned up \n B fails \n C cleaned up \n failed: B";
    same("task_group_failure", words, |out| async move {
        let works = |name, delay| {
            let (out, cleanup) = (out.clone(), out.finally(format!("{name} cleaned up")));
            async move {
                let _cleanup = cleanup;
                sleep(ms(delay)).await;
                out.say(format!("{name} done"));
                Ok(())
            }
        };
        let inner = out.clone();
        let fails = async move {
            sleep(ms(20)).await;
            inner.say("B fails");
            Err::<(), _>("B")
        };
        let (a, c, body) = (works("A", 10), works("C", 30), out.clone());
        let result = TaskGroup::run(async move |group| {
            group.spawn(a);
            group.spawn(fails);
            group.spawn(c);
            body.say("body done");
            Ok(())
        })
        .await;
        out.say(format!("failed: {}", result.unwrap_err().first().error().unwrap()));
    });
}

#[test]
fn a_child_sees_its_parents_values_and_keeps_its_own() {
    task_local! {
        static REQUEST: &'static str;
    }
    same("contextvars_inherited", "child sees parent's \n parent sees parent's", |out| async move {
        REQUEST
            .scope("parent's", async {
                let inner = out.clone();
                spawn(inherit(async move {
                    inner.say(format!("child sees {}", REQUEST.get()));
                    REQUEST.scope("child's", yield_now()).await;
                }))
                .await
                .unwrap();
                out.say(format!("parent sees {}", REQUEST.get()));
            })
            .await;
    });
}
