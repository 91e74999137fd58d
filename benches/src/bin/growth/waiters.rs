//! Many who wait for one thing, or belong to one.

use std::future::{Future, pending};
use std::pin::Pin;
use std::rc::Rc;

use glassloop::sync::{Barrier, CancellationToken, Mutex, Notify, RwLock, Semaphore, broadcast, mpsc, watch};
use glassloop::{Builder, GroupError, JoinHandle, JoinSet, Runtime, TaskGroup, spawn, yield_now};

use crate::measured;
use crate::operations::{EVENTS, begun, built, polled_once, runtime, shuffled};

/// `n` tasks made by `task`; then `go`, and all of them to their end.
fn all<F: Future<Output = ()> + 'static>(n: usize, mut task: impl FnMut() -> F, go: impl AsyncFnOnce()) {
    let runtime = runtime();
    let tasks: Vec<JoinHandle<()>> = runtime.block_on(async {
        let tasks = (0..n).map(|_| spawn(task())).collect();
        begun().await;
        tasks
    });
    measured(n, || {
        runtime.block_on(async {
            go().await;
            for task in tasks {
                task.await.unwrap();
            }
        });
    });
}

/// `n` waits made by `wait` that stand in line, and go in any order. Their memory stays: malloc's costs are its own.
fn leaving<F: Future + 'static>(n: usize, mut wait: impl FnMut() -> F) {
    let runtime = runtime();
    let mut waits: Vec<Pin<Box<Option<F>>>> = (0..n).map(|_| Box::pin(Some(wait()))).collect();
    runtime.block_on(async {
        waits.iter_mut().filter_map(|wait| wait.as_mut().as_pin_mut()).for_each(polled_once);
    });
    let mut waits = shuffled(waits);
    measured(n, || runtime.block_on(async { waits.iter_mut().for_each(|wait| wait.set(None)) }));
}

/// `n` tasks made by `task` that wait, and are all aborted.
fn aborted<F: Future<Output = ()> + 'static>(n: usize, mut task: impl FnMut() -> F) {
    let runtime = runtime();
    let tasks: Vec<JoinHandle<()>> = runtime.block_on(async {
        let tasks = (0..n).map(|_| spawn(task())).collect();
        begun().await;
        tasks
    });
    measured(n, || {
        runtime.block_on(async {
            tasks.iter().for_each(JoinHandle::abort);
            begun().await;
        });
    });
}

fn held() -> Rc<Mutex<()>> {
    let mutex = Rc::new(Mutex::new(()));
    std::mem::forget(mutex.clone().try_lock_owned().expect("nobody has it")); // for good
    mutex
}

fn locking(mutex: &Rc<Mutex<()>>) -> impl Future<Output = ()> + use<> {
    let mutex = mutex.clone();
    async move { drop(mutex.lock().await) }
}

pub fn mutex_hand_over(n: usize) {
    let mutex = Rc::new(Mutex::new(()));
    let guard = mutex.clone().try_lock_owned().expect("nobody has it");
    all(n, || locking(&mutex), async || drop(guard));
}

pub fn mutex_leave(n: usize) {
    let mutex = held();
    leaving(n, || locking(&mutex));
}

pub fn mutex_abort(n: usize) {
    let mutex = held();
    aborted(n, || locking(&mutex));
}

/// A dump while all wait for one lock.
pub fn mutex_dump(n: usize) {
    let runtime = runtime();
    let mutex = Rc::new(Mutex::new(()));
    runtime.block_on(async {
        let guard = mutex.clone().try_lock_owned().expect("nobody has it");
        (0..n).for_each(|_| spawn(locking(&mutex)).detach());
        begun().await;
        std::mem::forget(guard);
    });
    measured(n, || runtime.block_on(async { drop(glassloop::dump().unwrap()) }));
}

/// The report of a deadlock of one long circle: each has a lock and waits for the next one's.
pub fn circle(n: usize) {
    let runtime = runtime();
    let locks: Rc<Vec<Mutex<()>>> = Rc::new((0..n).map(|_| Mutex::new(())).collect());
    measured(n, || {
        let verdict = runtime.try_block_on(async {
            for at in 0..n {
                let locks = locks.clone();
                spawn(async move {
                    let _own = locks[at].lock().await;
                    yield_now().await;
                    let _next = locks[(at + 1) % locks.len()].lock().await;
                })
                .detach();
            }
            pending::<()>().await;
        });
        assert!(verdict.is_err());
    });
}

/// Parks while two tasks hand a lock to each other, beside a crowd, in a loop without timers.
pub fn park_with_lock(n: usize) {
    let runtime = runtime();
    let mutex = Rc::new(Mutex::new(()));
    let (mine, other) = runtime.block_on(async {
        (0..n).for_each(|_| spawn(pending::<()>()).detach());
        begun().await;
        glassloop::net::UnixStream::pair().expect("two sockets")
    });
    measured(EVENTS, || {
        runtime.block_on(async {
            let (lock, other) = (mutex.clone(), Rc::new(other));
            spawn(async move {
                loop {
                    let guard = lock.lock().await;
                    let mut byte = [0];
                    if other.read(&mut byte).await.unwrap() == 0 {
                        return;
                    }
                    drop(guard);
                    other.write_all(&byte).await.unwrap();
                    yield_now().await;
                }
            })
            .detach();
            for _ in 0..EVENTS {
                let waiter = spawn(locking(&mutex));
                yield_now().await;
                yield_now().await;
                mine.write_all(&[1]).await.unwrap();
                mine.read(&mut [0]).await.unwrap();
                waiter.await.unwrap();
            }
        });
    });
}

pub fn semaphore_hand_over(n: usize) {
    let semaphore = Rc::new(Semaphore::new(0));
    let task = || {
        let semaphore = semaphore.clone();
        async move { drop(semaphore.acquire().await.unwrap()) }
    };
    all(n, task, async || semaphore.add_permits(1));
}

pub fn semaphore_leave(n: usize) {
    let semaphore = Rc::new(Semaphore::new(0));
    leaving(n, || semaphore.clone().acquire_owned());
}

/// Permits given to waits that nobody polls again, while others wait behind them; then a park.
pub fn semaphore_untaken(n: usize) {
    let runtime = runtime();
    let semaphore = Rc::new(Semaphore::new(0));
    let gate = Rc::new(Notify::new());
    runtime.block_on(async {
        let (semaphore, gate) = (semaphore.clone(), gate.clone());
        spawn(async move {
            let mut waits: Vec<_> = (0..2 * n).map(|_| Box::pin(semaphore.clone().acquire_owned())).collect();
            std::future::poll_fn(|cx| {
                waits.iter_mut().for_each(|wait| assert!(wait.as_mut().poll(cx).is_pending()));
                std::task::Poll::Ready(())
            })
            .await;
            gate.notified().await;
        })
        .detach();
        begun().await;
        // Told on standard error, once each.
    });
    semaphore.add_permits(n);
    measured(n, || {
        runtime.block_on(async { glassloop::time::sleep(std::time::Duration::from_millis(1)).await });
    });
}

pub fn rwlock_readers(n: usize) {
    let lock = Rc::new(RwLock::new(()));
    let guard = lock.clone().try_write_owned().expect("nobody has it");
    let task = || {
        let lock = lock.clone();
        async move { drop(lock.read().await) }
    };
    all(n, task, async || drop(guard));
}

pub fn barrier(n: usize) {
    let barrier = Rc::new(Barrier::new(n + 1));
    let task = || {
        let barrier = barrier.clone();
        async move { _ = barrier.wait().await }
    };
    all(n, task, async || _ = barrier.wait().await);
}

fn notified(notify: &Rc<Notify>) -> impl Future<Output = ()> + use<> {
    let notify = notify.clone();
    async move { notify.notified().await }
}

pub fn notify_all(n: usize) {
    let notify = Rc::new(Notify::new());
    all(n, || notified(&notify), async || notify.notify_waiters());
}

pub fn notify_leave(n: usize) {
    let notify = Rc::new(Notify::new());
    leaving(n, || notified(&notify));
}

pub fn notify_abort(n: usize) {
    let notify = Rc::new(Notify::new());
    aborted(n, || notified(&notify));
}

pub fn mpsc_senders(n: usize) {
    let (sender, mut receiver) = mpsc::channel(1);
    sender.try_send(()).unwrap();
    let task = || {
        let sender = sender.clone();
        async move { sender.send(()).await.unwrap() }
    };
    all(n, task, async || {
        for _ in 0..=n {
            receiver.recv().await.unwrap();
        }
    });
}

pub fn mpsc_unbounded(n: usize) {
    let runtime = runtime();
    let (sender, mut receiver) = mpsc::unbounded_channel();
    (0..n).for_each(|_| sender.send(()).unwrap()); // its memory has grown
    runtime.block_on(async {
        for _ in 0..n {
            receiver.recv().await.unwrap();
        }
    });
    measured(n, || {
        runtime.block_on(async {
            (0..n).for_each(|_| sender.send(()).unwrap());
            for _ in 0..n {
                receiver.recv().await.unwrap();
            }
        });
    });
}

pub fn broadcast_receivers(n: usize) {
    let sender = broadcast::Sender::new(16);
    let task = || {
        let mut receiver = sender.subscribe();
        async move { receiver.recv().await.unwrap() }
    };
    all(n, task, async || _ = sender.send(()).unwrap());
}

pub fn watch_receivers(n: usize) {
    let sender = watch::Sender::new(());
    let task = || {
        let mut receiver = sender.subscribe();
        async move { receiver.changed().await.unwrap() }
    };
    all(n, task, async || sender.send(()).unwrap());
}

pub fn token_cancel(n: usize) {
    let token = CancellationToken::new();
    let task = || {
        let token = token.child_token();
        async move { token.cancelled().await }
    };
    all(n, task, async || token.cancel());
}

pub fn token_child(n: usize) {
    let token = CancellationToken::new();
    let _children: Vec<_> = (0..n).map(|_| token.child_token()).collect();
    measured(EVENTS, || (0..EVENTS).for_each(|_| drop(token.child_token())));
}

fn set_of(runtime: &Runtime, n: usize) -> JoinSet<()> {
    runtime.block_on(async {
        let mut set = JoinSet::new();
        (0..n).for_each(|_| _ = set.spawn(pending()));
        begun().await;
        set
    })
}

/// A member more, which ends and is joined.
pub fn set_join_next(n: usize) {
    let runtime = runtime();
    let mut set = set_of(&runtime, n);
    measured(EVENTS, || {
        runtime.block_on(async {
            for _ in 0..EVENTS {
                set.spawn(yield_now());
                set.join_next().await.unwrap().unwrap();
            }
        });
    });
}

pub fn set_shutdown(n: usize) {
    let runtime = runtime();
    let mut set = set_of(&runtime, n);
    measured(n, || runtime.block_on(set.shutdown()));
}

pub fn set_drop(n: usize) {
    let runtime = runtime();
    let set = set_of(&runtime, n);
    measured(n, || {
        runtime.block_on(async {
            drop(set);
            begun().await;
        });
    });
}

/// A child more, beside those that live.
pub fn group_child(n: usize) {
    let runtime = built(Builder::new());
    runtime.block_on(async {
        TaskGroup::run(async |group| {
            (0..n).for_each(|_| drop(group.spawn(pending::<Result<(), ()>>())));
            begun().await;
            measured(EVENTS, || {
                // Spawned here; their ends are part of the next operation.
                (0..EVENTS).for_each(|_| drop(group.spawn(async { Ok(()) })));
            });
            Err::<(), ()>(())
        })
        .await
        .unwrap_err();
    });
}

/// Children end one by one, and the group is left.
pub fn group_ends(n: usize) {
    let runtime = runtime();
    measured(n, || {
        let left: Result<(), GroupError<()>> = runtime.block_on(TaskGroup::run(async |group| {
            (0..n).for_each(|_| drop(group.spawn(async { Ok(()) })));
            Ok(())
        }));
        left.unwrap();
    });
}

/// One fails, and all others are cancelled.
pub fn group_fails(n: usize) {
    let runtime = runtime();
    measured(n, || {
        let left: Result<(), GroupError<()>> = runtime.block_on(TaskGroup::run(async |group| {
            (1..n).for_each(|_| drop(group.spawn(pending::<Result<(), ()>>())));
            group.spawn(async { Err::<(), ()>(()) });
            pending().await
        }));
        left.unwrap_err();
    });
}

/// Each awaits the one before it; the first ends.
pub fn join_chain(n: usize) {
    let runtime = runtime();
    let gate = Rc::new(Notify::new());
    let mut last = runtime.spawn(notified(&gate));
    for _ in 1..n {
        let before = last;
        last = runtime.spawn(async move { before.await.unwrap() });
    }
    runtime.block_on(begun());
    measured(n, || {
        runtime.block_on(async {
            gate.notify_one();
            last.await.unwrap();
        });
    });
}
