//! Tasks that locks have brought to a stand are told of while other tasks live; each once, and never by a guess.

use std::cell::RefCell;
use std::future::poll_fn;
use std::pin::Pin;
use std::rc::Rc;
use std::task::Poll;
use std::time::Duration;

use glassloop::sync::{Mutex, MutexGuard, RwLock};
use glassloop::time::{Instant, sleep, timeout};
use glassloop::trace::{Event, Observer, Recorder};
use glassloop::{Builder, Runtime, spawn, spawn_blocking, spawn_named, yield_now};

/// Runs `main` on virtual time; what was told as stuck, each with the time in seconds.
fn told(main: impl Future<Output = ()>) -> Vec<String> {
    let (runtime, recorder) = observed();
    runtime.block_on(main);
    stuck(&recorder)
}

fn observed() -> (Runtime, Recorder) {
    let recorder = Recorder::new();
    let runtime = Builder::new().start_paused(true).observer(recorder.observer()).build().unwrap();
    (runtime, recorder)
}

fn stuck(recorder: &Recorder) -> Vec<String> {
    let events = recorder.events().into_iter();
    events.filter(|(_, event)| matches!(event, Event::Stuck { .. })).map(|(_, event)| event.to_string()).collect()
}

fn seconds(n: u64) -> Duration {
    Duration::from_secs(n)
}

const TAKEN: u32 = line!() + 4;
const WAITED: u32 = line!() + 5;
/// Takes one lock, lets others run, and waits for the other.
async fn take_both(first: Rc<Mutex<()>>, second: Rc<Mutex<()>>) {
    let _first = first.lock().await;
    yield_now().await;
    let _second = second.lock().await;
}

#[test]
fn two_locks_taken_crosswise_are_told_while_a_timer_lives() {
    let made = line!() + 2;
    let told = told(async {
        let (a, b) = (Rc::new(Mutex::new(())), Rc::new(Mutex::new(())));
        spawn_named("there", take_both(a.clone(), b.clone())).detach();
        spawn_named("back", take_both(b, a)).detach();
        sleep(seconds(100)).await;
    });
    assert_eq!(told.len(), 1, "{told:#?}");
    let told = &told[0];
    assert!(
        told.starts_with("stuck 2, 3: task 2 awaits task 3 awaits task 2; none of them can ever go on, unless one is aborted, or gave its guard away\n"),
        "{told}"
    );
    let waits = |task: u32, name: &str, holder: u32| {
        let line = told.lines().find(|line| line.trim().starts_with(&format!("task {task} (task) {name:?}")));
        let line = line.unwrap_or_else(|| panic!("no line for task {task}: {told}"));
        assert!(line.contains(&format!("waits for Mutex::lock (at tests/stuck.rs:{WAITED}:")), "{line}");
        assert!(line.contains(&format!("made at tests/stuck.rs:{made}:")), "{line}");
        assert!(line.contains(&format!("taken by task {holder} at tests/stuck.rs:{TAKEN}:")), "{line}");
    };
    waits(2, "there", 3);
    waits(3, "back", 2);
}

#[test]
fn a_task_that_waits_for_its_own_lock_is_told() {
    let told = told(async {
        spawn(async {
            let lock = Mutex::new(());
            let _first = lock.lock().await;
            let _second = lock.lock().await;
        })
        .detach();
        sleep(seconds(1)).await;
    });
    assert_eq!(told.len(), 1, "{told:#?}");
    assert!(told[0].starts_with("stuck 2: task 2 awaits task 2;"), "{told:#?}");
}

#[test]
fn a_holder_that_awaits_whoever_waits_for_its_lock_is_told() {
    let told = told(async {
        spawn(async {
            let lock = Rc::new(Mutex::new(()));
            let _held = lock.lock().await;
            let other = lock.clone();
            spawn(async move { drop(other.lock().await) }).await.unwrap();
        })
        .detach();
        sleep(seconds(1)).await;
    });
    assert_eq!(told.len(), 1, "{told:#?}");
    assert!(told[0].starts_with("stuck 2, 3: task 2 awaits task 3 awaits task 2;"), "{told:#?}");
}

#[test]
fn a_circle_that_a_timeout_will_open_is_not_told() {
    let told = told(async {
        let (a, b) = (Rc::new(Mutex::new(())), Rc::new(Mutex::new(())));
        let patient = spawn(take_both(a.clone(), b.clone()));
        spawn(timeout(seconds(5), take_both(b, a))).detach();
        patient.await.unwrap();
    });
    assert_eq!(told, [""; 0]);
}

#[test]
fn a_lock_whose_holder_sleeps_is_not_told() {
    let told = told(async {
        let lock = Rc::new(Mutex::new(()));
        let guard = lock.clone().lock_owned().await;
        let waiting = spawn(async move { drop(lock.lock().await) });
        sleep(seconds(500)).await;
        drop(guard);
        waiting.await.unwrap();
    });
    assert_eq!(told, [""; 0]);
}

#[test]
fn a_lock_taken_by_a_boxed_future_that_was_given_to_another_task_is_not_told() {
    // One task begins a future that takes a lock, and gives it to another, which ends it. Meanwhile both wait for what
    // would be a circle, did the first have the lock still.
    let told = told(async {
        let (a, b) = (Rc::new(Mutex::new(())), Rc::new(Mutex::new(())));
        let begun = Rc::new(RefCell::new(None));
        spawn({
            let (a, b, begun) = (a.clone(), b.clone(), begun.clone());
            async move {
                let mut holding = Box::pin({
                    let a = a.clone();
                    async move {
                        let _a = a.lock().await;
                        let mut is_pending = true; // once, and nobody is to be woken
                        poll_fn(|_| if std::mem::take(&mut is_pending) { Poll::Pending } else { Poll::Ready(()) })
                            .await;
                    }
                });
                assert!(poll_fn(|cx| Poll::Ready(holding.as_mut().poll(cx).is_pending())).await);
                begun.replace(Some(holding as Pin<Box<dyn Future<Output = ()>>>));
                yield_now().await;
                drop(b.lock().await);
            }
        })
        .detach();
        spawn(async move {
            let _b = b.lock().await;
            sleep(seconds(1)).await;
            drop(a.lock().await);
        })
        .detach();
        sleep(seconds(2)).await;
        let holding = begun.take().unwrap();
        holding.await;
        sleep(seconds(1)).await;
        assert_eq!(glassloop::dump().unwrap().tasks().len(), 1, "both went on");
    });
    assert_eq!(told, [""; 0]);
}

#[test]
fn a_circle_through_the_root_is_told_while_another_task_sleeps() {
    // The root's future is not in its cell, but pinned in the caller's frame.
    let (runtime, recorder) = observed();
    let ended = runtime.try_block_on(async {
        let (a, b) = (Rc::new(Mutex::new(())), Rc::new(Mutex::new(())));
        spawn(sleep(seconds(100))).detach();
        spawn(take_both(b.clone(), a.clone())).detach();
        take_both(a, b).await;
    });
    assert!(ended.is_err(), "when the sleeper is gone");
    let told = stuck(&recorder);
    assert_eq!(told.len(), 1, "{told:#?}");
    assert!(told[0].starts_with("stuck 1, 3: task 1 awaits task 3 awaits task 1;"), "{told:#?}");
}

#[test]
fn a_lock_handed_to_a_future_that_is_left_unpolled_is_told() {
    // Known as a futurelock: the future stands in line, is handed the lock, and its task has gone on without it.
    let told = told(async {
        let lock = Rc::new(Mutex::new(()));
        let first = lock.clone().lock_owned().await;
        let mut second = Box::pin(lock.lock());
        assert!(timeout(Duration::ZERO, &mut second).await.is_err());
        let third = spawn({
            let lock = lock.clone();
            async move { drop(lock.lock().await) }
        });
        yield_now().await;
        drop(first);
        sleep(seconds(1)).await; // woken with the lock? it sleeps instead of polling `second`
        drop(second);
        third.await.unwrap();
    });
    assert_eq!(told.len(), 1, "{told:#?}");
    assert!(told[0].starts_with("stuck 2: Mutex::lock at tests/stuck.rs:"), "{told:#?}");
    assert!(told[0].contains("was handed to task 1, which was polled since and did not poll this future"));
}

#[test]
fn a_task_that_waits_behind_its_own_untaken_lock_is_told() {
    let told = told(async {
        spawn(async {
            let lock = Rc::new(Mutex::new(()));
            let first = lock.clone().lock_owned().await;
            let mut second = Box::pin(lock.lock());
            assert!(timeout(Duration::ZERO, &mut second).await.is_err());
            drop(first); // hands the lock to `second`
            let _third: MutexGuard<'_, ()> = lock.lock().await;
        })
        .detach();
        sleep(seconds(1)).await;
    });
    assert!(told.iter().any(|told| told.starts_with("stuck 2: task 2 awaits task 2;")), "{told:#?}");
    assert!(told.iter().any(|told| told.contains("which has not polled it since")), "{told:#?}");
}

#[test]
fn a_circle_is_told_once_however_often_the_loop_sleeps() {
    let told = told(async {
        let (a, b) = (Rc::new(Mutex::new(())), Rc::new(Mutex::new(())));
        spawn(take_both(a.clone(), b.clone())).detach();
        spawn(take_both(b, a)).detach();
        for _ in 0..300 {
            sleep(seconds(1)).await;
        }
    });
    assert_eq!(told.len(), 1, "{told:#?}");
}

#[test]
fn a_circle_that_is_made_after_the_last_wait_is_told_too() {
    // The second task comes to wait first; then the first awaits its handle, and no new wait for a lock is made.
    let told = told(async {
        let lock = Rc::new(Mutex::new(()));
        let slot = Rc::new(RefCell::new(None));
        let second = spawn({
            let lock = lock.clone();
            async move {
                yield_now().await;
                drop(lock.lock().await);
            }
        });
        *slot.borrow_mut() = Some(second);
        spawn(async move {
            let _held = lock.lock().await;
            sleep(seconds(10)).await;
            let second = slot.take().unwrap();
            second.await.unwrap();
        })
        .detach();
        for _ in 0..200 {
            sleep(seconds(1)).await;
        }
    });
    assert_eq!(told.len(), 1, "{told:#?}");
}

#[test]
fn circles_that_share_tasks_are_all_told() {
    // 2 waits to write where 3 and 4 read; 3 waits for 4's lock, and 4 for 2's: 2 → 4 → 2, and 2 → 3 → 4 → 2.
    let (runtime, recorder) = observed();
    let circles = runtime.block_on(async {
        let (shared, of_4, of_2) = (Rc::new(RwLock::new(())), Rc::new(Mutex::new(())), Rc::new(Mutex::new(())));
        spawn({
            let (shared, of_2) = (shared.clone(), of_2.clone());
            async move {
                let _held = of_2.lock().await;
                yield_now().await;
                drop(shared.write().await);
            }
        })
        .detach();
        for (task, lock, own) in [(3, of_4.clone(), None), (4, of_2, Some(of_4))] {
            let shared = shared.clone();
            spawn(async move {
                let _read = shared.read().await;
                let _own = match &own {
                    Some(own) => Some(own.lock().await),
                    None => None,
                };
                yield_now().await;
                assert_eq!(glassloop::task::id().to_string(), task.to_string());
                drop(lock.lock().await);
            })
            .detach();
        }
        sleep(seconds(1)).await;
        let circles = glassloop::dump().unwrap().circles();
        circles
            .iter()
            .map(|circle| circle.iter().map(ToString::to_string).collect::<Vec<_>>().join(" "))
            .collect::<Vec<_>>()
    });
    assert_eq!(circles, ["2 3 4", "2 4"]);
    assert_eq!(stuck(&recorder).len(), 2, "{:#?}", stuck(&recorder));
}

#[test]
fn a_deadlock_of_locks_alone_names_locks_and_holders() {
    let (runtime, recorder) = observed();
    let report = runtime
        .try_block_on(async {
            let (a, b) = (Rc::new(Mutex::new(())), Rc::new(Mutex::new(())));
            let there = spawn(take_both(a.clone(), b.clone()));
            spawn(take_both(b, a)).detach();
            there.await.unwrap();
        })
        .unwrap_err()
        .to_string();
    assert_eq!(stuck(&recorder), [""; 0], "a verdict tells it all");
    assert!(report.contains("task 2 (task), spawned at"), "{report}");
    assert!(report.contains(&format!("waits for Mutex::lock (at tests/stuck.rs:{WAITED}:")), "{report}");
    assert!(report.contains("a circle: task 2 awaits task 3 awaits task 2"), "{report}");
}

#[test]
fn a_circle_beside_a_crowd_is_told_although_looks_are_rationed_there() {
    struct Tell(std::sync::mpsc::Sender<()>);
    impl Observer for Tell {
        fn event(&self, _: Instant, event: &Event) {
            if matches!(event, Event::Stuck { .. }) {
                let _ = self.0.send(());
            }
        }
    }
    let (tell, told) = std::sync::mpsc::channel();
    let runtime = Builder::new().observer(Rc::new(Tell(tell))).build().unwrap();
    let was_told = runtime.block_on(async {
        let crowd: Vec<_> = (0..600).map(|_| spawn(std::future::pending::<()>())).collect();
        let (a, b) = (Rc::new(Mutex::new(())), Rc::new(Mutex::new(())));
        for _ in 0..3 {
            let parks = spawn_blocking(|| ()); // and each finds news of a lock
            let waiter = spawn(take_both(a.clone(), b.clone()));
            drop((parks.await, waiter.await, a.lock().await));
        }
        spawn(take_both(a.clone(), b.clone())).detach();
        spawn(take_both(b, a)).detach();
        let told = spawn_blocking(move || told.recv_timeout(seconds(30)).is_ok());
        let was_told = told.await.unwrap();
        drop(crowd);
        was_told
    });
    assert!(was_told);
}
