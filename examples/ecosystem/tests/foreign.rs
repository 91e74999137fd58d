//! Futures, channels and locks that know nothing of glassloop, on its loop: all they have of it is a `Waker`.

use std::cell::{Cell, RefCell};
use std::future::{Future, pending, poll_fn};
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::sync::{Arc, Barrier, Mutex as StdMutex, mpsc as std_mpsc};
use std::task::{Context, Poll, Wake, Waker};
use std::thread;
use std::time::Duration;

use futures::sink::SinkExt;
use futures::stream::{self, FuturesUnordered, StreamExt};
use glassloop::time::sleep;
use glassloop::{Guest, Handle, Next, Outlook, Runtime, spawn, yield_now};

fn guest() -> Guest {
    Guest::new(Runtime::new().unwrap()).unwrap()
}

/// Turns a guest while it has something to do at once.
fn settle(guest: &Guest) -> Next {
    loop {
        let turn = guest.turn(Some(Duration::ZERO));
        if turn.next != Next::Now {
            return turn.next;
        }
    }
}

fn us(micros: u64) -> Duration {
    Duration::from_micros(micros)
}

// futures::channel

#[test]
fn futures_mpsc_between_tasks() {
    let got = glassloop::run(async {
        let (mut send, receive) = futures::channel::mpsc::channel(1);
        let sender = spawn(async move {
            for n in 0..100 {
                send.send(n).await.unwrap();
            }
        });
        let got: Vec<_> = receive.collect().await;
        sender.await.unwrap();
        got
    });
    assert_eq!(got, (0..100).collect::<Vec<_>>());
}

#[test]
fn futures_mpsc_from_a_thread() {
    let (send, receive) = futures::channel::mpsc::unbounded();
    let thread = thread::spawn(move || (0..1000).for_each(|n| send.unbounded_send(n).unwrap()));
    let got: Vec<_> = glassloop::run(receive.collect());
    assert_eq!(got, (0..1000).collect::<Vec<_>>());
    thread.join().unwrap();
}

#[test]
fn futures_oneshot_both_ways_with_a_thread() {
    let sum = glassloop::run(async {
        let (ask, asked) = futures::channel::oneshot::channel::<u32>();
        let (answer, answered) = futures::channel::oneshot::channel();
        let thread = thread::spawn(move || answer.send(futures::executor::block_on(asked).unwrap() + 1).unwrap());
        ask.send(41).unwrap();
        let sum = answered.await.unwrap();
        thread.join().unwrap();
        sum
    });
    assert_eq!(sum, 42);
}

#[test]
fn futures_oneshot_dropped_by_a_thread_wakes_the_task() {
    let cancelled = glassloop::run(async {
        let (send, receive) = futures::channel::oneshot::channel::<()>();
        let waits = spawn(receive);
        yield_now().await;
        thread::spawn(move || drop(send)).join().unwrap();
        waits.await.unwrap().is_err()
    });
    assert!(cancelled);
}

#[test]
fn channel_among_waiting_tasks_is_unknown_never_a_deadlock() {
    let guest = guest();
    let (mut send, mut receive) = futures::channel::mpsc::channel::<u32>(0);
    guest
        .spawn(async move {
            receive.next().await;
            pending::<()>().await;
        })
        .detach();
    let waits_too = guest.spawn(async move {
        pending::<()>().await;
        send.send(1).await.unwrap();
    });
    assert_eq!(settle(&guest), Next::OnEvent);
    let handle = guest.handle();
    let asks = thread::spawn(move || handle.dump().unwrap().outlook());
    while !asks.is_finished() {
        settle(&guest);
        thread::yield_now();
    }
    assert_eq!(asks.join().unwrap(), Outlook::Unknown);
    waits_too.abort(); // drops the sender, which wakes the receiver, which then keeps no waker
    assert_eq!(settle(&guest), Next::Idle);
}

// async-channel, async-lock

#[test]
fn async_channel_with_many_senders_and_receivers() {
    let sum = glassloop::run(async {
        let (send, receive) = async_channel::bounded::<u64>(2);
        let senders: Vec<_> = (0..4)
            .map(|n| {
                let send = send.clone();
                spawn(async move {
                    for k in 0..50 {
                        send.send(n * 50 + k).await.unwrap();
                    }
                })
            })
            .collect();
        drop(send);
        let receivers: Vec<_> = (0..3)
            .map(|_| {
                let receive = receive.clone();
                spawn(async move {
                    let mut sum = 0;
                    while let Ok(n) = receive.recv().await {
                        sum += n;
                    }
                    sum
                })
            })
            .collect();
        for sender in senders {
            sender.await.unwrap();
        }
        let mut sum = 0;
        for receiver in receivers {
            sum += receiver.await.unwrap();
        }
        sum
    });
    assert_eq!(sum, (0..200).sum());
}

#[test]
fn async_channel_with_a_blocking_thread() {
    let (send, receive) = async_channel::bounded(1);
    let thread = thread::spawn(move || (0..200).for_each(|n| send.send_blocking(n).unwrap()));
    let got: Vec<i32> = glassloop::run(receive.collect());
    assert_eq!(got, (0..200).collect::<Vec<_>>());
    thread.join().unwrap();
}

#[test]
fn async_lock_mutex_is_held_across_awaits() {
    let log = glassloop::run(async {
        let mutex = Rc::new(async_lock::Mutex::new(Vec::new()));
        let tasks: Vec<_> = (0..3)
            .map(|n| {
                let mutex = mutex.clone();
                spawn(async move {
                    let mut log = mutex.lock().await;
                    log.push((n, "in"));
                    yield_now().await;
                    log.push((n, "out"));
                })
            })
            .collect();
        for task in tasks {
            task.await.unwrap();
        }
        Rc::into_inner(mutex).unwrap().into_inner()
    });
    for pair in log.chunks(2) {
        assert_eq!((pair[0].0, pair[0].1, pair[1].1), (pair[1].0, "in", "out"));
    }
    assert_eq!(log.len(), 6);
}

#[test]
fn async_lock_mutex_with_a_thread_that_holds_it() {
    let mutex = Arc::new(async_lock::Mutex::new(0));
    let (locked, both) = (Arc::new(Barrier::new(2)), mutex.clone());
    let (release, wait) = std_mpsc::channel::<()>();
    let thread = thread::spawn({
        let locked = locked.clone();
        move || {
            let mut value = both.lock_blocking();
            locked.wait();
            wait.recv().unwrap();
            *value = 41;
        }
    });
    locked.wait();
    let value = glassloop::run(async move {
        let waits = spawn(async move { *mutex.lock().await + 1 });
        yield_now().await;
        release.send(()).unwrap();
        waits.await.unwrap()
    });
    assert_eq!(value, 42);
    thread.join().unwrap();
}

#[test]
fn async_lock_semaphore_lets_in_as_many_as_it_has() {
    let most = glassloop::run(async {
        let semaphore = Rc::new(async_lock::Semaphore::new(2));
        let (inside, most) = (Rc::new(Cell::new(0)), Rc::new(Cell::new(0)));
        let tasks: Vec<_> = (0..6)
            .map(|_| {
                let (semaphore, inside, most) = (semaphore.clone(), inside.clone(), most.clone());
                spawn(async move {
                    let _permit = semaphore.acquire().await;
                    inside.set(inside.get() + 1);
                    most.set(most.get().max(inside.get()));
                    yield_now().await;
                    inside.set(inside.get() - 1);
                })
            })
            .collect();
        for task in tasks {
            task.await.unwrap();
        }
        most.get()
    });
    assert_eq!(most, 2);
}

// tokio::sync

#[test]
fn tokio_mpsc_between_tasks_and_from_a_thread() {
    let sum = glassloop::run(async {
        let (send, mut receive) = tokio::sync::mpsc::channel(1);
        let from_thread = send.clone();
        let thread = thread::spawn(move || (0..100).for_each(|n| from_thread.blocking_send(n).unwrap()));
        let from_task = spawn(async move {
            for n in 0..100 {
                send.send(n).await.unwrap();
            }
        });
        let mut sum = 0;
        while let Some(n) = receive.recv().await {
            sum += n;
        }
        from_task.await.unwrap();
        thread.join().unwrap();
        sum
    });
    assert_eq!(sum, 9900);
}

#[test]
fn tokio_mutex_lets_tasks_in_in_their_order() {
    let order = glassloop::run(async {
        let mutex = Rc::new(tokio::sync::Mutex::new(Vec::new()));
        let held = mutex.lock().await;
        let tasks: Vec<_> = (0..4)
            .map(|n| {
                let mutex = mutex.clone();
                spawn(async move { mutex.lock().await.push(n) })
            })
            .collect();
        yield_now().await;
        drop(held);
        for task in tasks {
            task.await.unwrap();
        }
        Rc::into_inner(mutex).unwrap().into_inner()
    });
    assert_eq!(order, [0, 1, 2, 3]);
}

#[test]
fn tokio_notify_one_and_all() {
    let woken = glassloop::run(async {
        let (notify, woken) = (Rc::new(tokio::sync::Notify::new()), Rc::new(Cell::new(0)));
        let tasks: Vec<_> = (0..3)
            .map(|_| {
                let (notify, woken) = (notify.clone(), woken.clone());
                spawn(async move {
                    notify.notified().await;
                    woken.set(woken.get() + 1);
                })
            })
            .collect();
        yield_now().await;
        notify.notify_one();
        yield_now().await;
        let one = woken.get();
        notify.notify_waiters();
        for task in tasks {
            task.await.unwrap();
        }
        (one, woken.get())
    });
    assert_eq!(woken, (1, 3));
}

#[test]
fn tokio_oneshot_from_a_thread_and_dropped() {
    glassloop::run(async {
        let (send, receive) = tokio::sync::oneshot::channel();
        thread::spawn(move || send.send(42).unwrap());
        assert_eq!(receive.await, Ok(42));
        let (send, receive) = tokio::sync::oneshot::channel::<()>();
        thread::spawn(move || drop(send));
        assert!(receive.await.is_err());
    });
}

#[test]
fn tokio_broadcast_reaches_every_task() {
    let sums = glassloop::run(async {
        let (send, _) = tokio::sync::broadcast::channel(16);
        let tasks: Vec<_> = (0..3)
            .map(|_| {
                let mut receive = send.subscribe();
                spawn(async move {
                    let mut sum = 0;
                    while let Ok(n) = receive.recv().await {
                        sum += n;
                    }
                    sum
                })
            })
            .collect();
        yield_now().await;
        thread::spawn(move || (1..=10).for_each(|n| assert_eq!(send.send(n).unwrap(), 3))).join().unwrap();
        let mut sums = Vec::new();
        for task in tasks {
            sums.push(task.await.unwrap());
        }
        sums
    });
    assert_eq!(sums, [55, 55, 55]);
}

#[test]
fn tokio_watch_shows_the_last_value() {
    let seen = glassloop::run(async {
        let (send, mut receive) = tokio::sync::watch::channel(0);
        let watches = spawn(async move {
            let mut last = 0;
            while receive.changed().await.is_ok() {
                last = *receive.borrow_and_update();
            }
            last
        });
        yield_now().await;
        thread::spawn(move || (1..=100).for_each(|n| send.send(n).unwrap())).join().unwrap();
        watches.await.unwrap()
    });
    assert_eq!(seen, 100);
}

// Combinators: they poll their children with wakers of their own.

#[test]
fn futures_unordered_gives_sleeps_by_their_ends() {
    let order: Vec<u64> = glassloop::run(async {
        glassloop::time::pause();
        let sleeps: FuturesUnordered<_> = [30, 10, 20]
            .map(|ms| async move {
                sleep(Duration::from_millis(ms)).await;
                ms
            })
            .into_iter()
            .collect();
        sleeps.collect().await
    });
    assert_eq!(order, [10, 20, 30]);
}

#[test]
fn futures_unordered_of_join_handles_gives_tasks_as_they_finish() {
    let order: Vec<u32> = glassloop::run(async {
        let tasks: FuturesUnordered<_> = (0..50_u32)
            .map(|n| {
                spawn(async move {
                    for _ in 0..(50 - n) {
                        yield_now().await;
                    }
                    n
                })
            })
            .collect();
        tasks.map(Result::unwrap).collect().await
    });
    assert_eq!(order, (0..50).rev().collect::<Vec<_>>());
}

#[test]
fn futures_unordered_polled_by_one_task_and_then_by_another() {
    let sum = glassloop::run(async {
        let mut sleeps: FuturesUnordered<_> = (1..=4)
            .map(|n| async move {
                sleep(us(100 * n)).await;
                n
            })
            .collect();
        let mut sum = sleeps.next().await.unwrap();
        sum += spawn(async move { sleeps.fold(0, |sum, n| async move { sum + n }).await }).await.unwrap();
        sum
    });
    assert_eq!(sum, 10);
}

#[test]
fn select_takes_the_first_and_cancels_the_rest() {
    glassloop::run(async {
        glassloop::time::pause();
        let slow = spawn(pending::<()>());
        let word = futures::select! {
            () = pin_fused(sleep(Duration::from_secs(1))) => "sleep",
            _ = pin_fused(slow) => "task",
        };
        assert_eq!(word, "sleep");
    });
}

fn pin_fused<F: Future + 'static>(future: F) -> futures::future::Fuse<Pin<Box<dyn Future<Output = F::Output>>>> {
    let boxed: Pin<Box<dyn Future<Output = F::Output>>> = Box::pin(future);
    futures::FutureExt::fuse(boxed)
}

#[test]
fn join_macro_waits_side_by_side() {
    let took = glassloop::run(async {
        glassloop::time::pause();
        let start = glassloop::time::Instant::now();
        let sleeps = || sleep(Duration::from_secs(1));
        futures::join!(sleeps(), sleeps(), async { spawn(sleeps()).await.unwrap() });
        start.elapsed()
    });
    assert_eq!(took, Duration::from_secs(1));
}

#[test]
fn futures_concurrency_joins() {
    use futures_concurrency::prelude::*;
    let both = glassloop::run(async {
        let task = spawn(async { 2 });
        let sleeps = async {
            sleep(us(100)).await;
            1
        };
        (sleeps, async { task.await.unwrap() }).join().await
    });
    assert_eq!(both, (1, 2));
}

#[test]
fn futures_concurrency_races() {
    use futures_concurrency::prelude::*;
    let first = glassloop::run(async {
        glassloop::time::pause();
        let after = |seconds| async move {
            sleep(Duration::from_secs(seconds)).await;
            seconds
        };
        [after(3), after(1), after(2)].race().await
    });
    assert_eq!(first, 1);
}

#[test]
fn futures_concurrency_merges_streams() {
    use futures_concurrency::prelude::*;
    let mut all = glassloop::run(async {
        let (send, channel) = async_channel::bounded(1);
        spawn(async move {
            for n in 0..5 {
                send.send(n).await.unwrap();
                yield_now().await;
            }
        })
        .detach();
        let ticks = stream::iter(10..15).then(|n| async move {
            sleep(us(50)).await;
            n
        });
        let merged = (Box::pin(channel), Box::pin(ticks)).merge();
        StreamExt::collect::<Vec<i32>>(merged).await
    });
    all.sort_unstable();
    assert_eq!(all, [0, 1, 2, 3, 4, 10, 11, 12, 13, 14]);
}

// Streams and sinks.

#[test]
fn stream_of_tasks_runs_so_many_at_a_time() {
    let (order, most) = glassloop::run(async {
        let (inside, most) = (Rc::new(Cell::new(0)), Rc::new(Cell::new(0)));
        let jobs = stream::iter(0..20).map(|n| {
            let (inside, most) = (inside.clone(), most.clone());
            spawn(async move {
                inside.set(inside.get() + 1);
                most.set(most.get().max(inside.get()));
                sleep(us(30)).await;
                inside.set(inside.get() - 1);
                n
            })
        });
        let order: Vec<_> = jobs.buffered(4).map(Result::unwrap).collect().await;
        (order, most.get())
    });
    assert_eq!(order, (0..20).collect::<Vec<_>>());
    assert!(most <= 4, "{most}");
}

#[test]
fn stream_forwards_into_a_sink() {
    let got = glassloop::run(async {
        let (send, receive) = futures::channel::mpsc::channel::<u32>(1);
        let forwards = spawn(stream::iter(0..50).map(|n| Ok(n * n)).forward(send));
        let got: Vec<_> = receive.collect().await;
        forwards.await.unwrap().unwrap();
        got
    });
    assert_eq!(got, (0..50).map(|n| n * n).collect::<Vec<_>>());
}

// Wakers by themselves.

/// Lets a task give its waker away at its first poll, and finish when it is polled again.
fn gives_waker(to: impl FnOnce(Waker)) -> impl Future<Output = ()> {
    let mut to = Some(to);
    poll_fn(move |cx| match to.take() {
        Some(to) => {
            to(cx.waker().clone());
            Poll::Pending
        }
        None => Poll::Ready(()),
    })
}

#[test]
fn waker_is_cloned_woken_and_dropped_on_other_threads() {
    glassloop::run(async {
        for _ in 0..50 {
            let (give, take) = std_mpsc::channel::<Waker>();
            let thread = thread::spawn(move || {
                let waker = take.recv().unwrap();
                let clones: Vec<_> = (0..10).map(|_| waker.clone()).collect();
                let inner = thread::spawn(move || drop(clones));
                waker.wake();
                inner.join().unwrap();
            });
            spawn(gives_waker(move |waker| give.send(waker).unwrap())).await.unwrap();
            thread.join().unwrap();
        }
    });
}

#[test]
fn last_reference_to_a_finished_task_is_dropped_on_another_thread() {
    let waker = glassloop::run(async {
        let place = Rc::new(RefCell::new(None));
        let inner = place.clone();
        let task = spawn(gives_waker(move |waker| {
            waker.wake_by_ref();
            *inner.borrow_mut() = Some(waker);
        }));
        task.await.unwrap();
        place.take().unwrap()
    });
    thread::spawn(move || {
        waker.wake_by_ref();
        drop(waker);
    })
    .join()
    .unwrap();
}

#[test]
fn wakers_of_one_task_say_so_wherever_they_were_cloned() {
    glassloop::run(async {
        let wakers = Rc::new(RefCell::new(Vec::new()));
        for _ in 0..2 {
            let wakers = wakers.clone();
            poll_fn(move |cx| {
                wakers.borrow_mut().push(cx.waker().clone());
                Poll::Ready(())
            })
            .await;
        }
        let [first, second] = &wakers.borrow()[..] else { panic!("two polls") };
        assert!(first.will_wake(second));
        let there = first.clone();
        let back = thread::spawn(move || there.clone()).join().unwrap();
        assert!(back.will_wake(second));
    });
}

#[test]
fn noop_waker_polls_everything_and_wakes_nothing() {
    glassloop::run(async {
        glassloop::time::pause();
        let mut cx = Context::from_waker(Waker::noop());
        let mut sleeps = sleep(Duration::from_secs(1));
        let mut task = spawn(async { 42 });
        assert!(Pin::new(&mut sleeps).poll(&mut cx).is_pending());
        assert!(Pin::new(&mut task).poll(&mut cx).is_pending());
        sleep(Duration::from_secs(2)).await;
        assert!(Pin::new(&mut sleeps).poll(&mut cx).is_ready());
        let Poll::Ready(output) = Pin::new(&mut task).poll(&mut cx) else { panic!("it has finished") };
        assert_eq!(output.unwrap(), 42);
    });
}

#[test]
fn noop_waker_gives_way_to_the_tasks_own() {
    glassloop::run(async {
        glassloop::time::pause();
        let mut sleeps = sleep(Duration::from_secs(1));
        let mut task = spawn(async { sleep(Duration::from_secs(2)).await });
        let mut cx = Context::from_waker(Waker::noop());
        assert!(Pin::new(&mut sleeps).poll(&mut cx).is_pending());
        assert!(Pin::new(&mut task).poll(&mut cx).is_pending());
        sleeps.await;
        task.await.unwrap();
    });
}

#[test]
fn waker_of_another_glassloop_is_polled_here() {
    // A task of `a` lends its waker; a task of `b` polls a future of `b` with it. So `b` wakes the task of `a`.
    let (a, b) = (guest(), guest());
    let lent = Rc::new(RefCell::new(None));
    let of_a = a.spawn({
        let lent = lent.clone();
        gives_waker(move |waker| *lent.borrow_mut() = Some(waker))
    });
    settle(&a);
    let polls = b.spawn(async move {
        let waker = lent.take().unwrap();
        let mut inner = spawn(yield_now());
        let mut timer = sleep(us(100));
        let mut cx = Context::from_waker(&waker);
        assert!(Pin::new(&mut inner).poll(&mut cx).is_pending());
        assert!(Pin::new(&mut timer).poll(&mut cx).is_pending());
        (inner, timer) // kept: a handle that is dropped wakes nobody
    });
    settle(&b);
    assert!(polls.is_finished());
    let turn = a.turn(Some(Duration::ZERO));
    assert_eq!((turn.collected, turn.polled), (1, 1));
    assert!(of_a.is_finished());
}

#[test]
fn future_moves_from_one_glassloop_to_another_between_polls() {
    let (send, receive) = futures::channel::oneshot::channel::<u32>();
    let mut receive = Box::pin(receive);
    let a = Runtime::new().unwrap();
    a.block_on(poll_fn(|cx| {
        assert!(receive.as_mut().poll(cx).is_pending());
        Poll::Ready(())
    }));
    let b = Runtime::new().unwrap();
    let waits = b.spawn(receive);
    b.block_on(yield_now());
    drop(a);
    thread::spawn(move || send.send(42).unwrap());
    assert_eq!(b.block_on(waits).unwrap(), Ok(42));
}

#[test]
fn foreign_waker_that_wakes_back_into_the_loop_is_heard() {
    /// Wakes a task when it is woken, as combinators do.
    struct Relay(Waker);
    impl Wake for Relay {
        fn wake(self: Arc<Self>) {
            self.0.wake_by_ref();
        }
    }
    glassloop::run(async {
        let mut timer = pin!(sleep(us(100)));
        poll_fn(|cx| {
            let relay = Waker::from(Arc::new(Relay(cx.waker().clone())));
            timer.as_mut().poll(&mut Context::from_waker(&relay))
        })
        .await;
    });
}

#[test]
fn foreign_waker_that_panics_leaves_the_loop_alone() {
    struct Panics;
    impl Wake for Panics {
        fn wake(self: Arc<Self>) {
            panic!("spilled milk");
        }
    }
    glassloop::run(async {
        let mut timer = sleep(us(50));
        let waker = Waker::from(Arc::new(Panics));
        assert!(Pin::new(&mut timer).poll(&mut Context::from_waker(&waker)).is_pending());
        sleep(us(200)).await;
        assert!(timer.is_elapsed());
    });
}

// Foreign executors.

#[test]
fn join_handle_is_polled_by_a_foreign_executor_while_its_guest_turns() {
    let guest = guest();
    let task = guest.spawn(async {
        sleep(us(100)).await;
        42
    });
    // The host is a future of futures' executor: it turns the guest in each poll, and asks to be polled again.
    let output = futures::executor::block_on(async {
        let turns = poll_fn(|cx| {
            guest.turn(Some(us(50)));
            cx.waker().wake_by_ref();
            Poll::<()>::Pending
        });
        match futures::future::select(pin!(task), pin!(turns)).await {
            futures::future::Either::Left((output, _)) => output,
            futures::future::Either::Right(_) => unreachable!("turns for ever"),
        }
    });
    assert_eq!(output.unwrap(), 42);
}

#[test]
fn finished_tasks_handle_is_taken_by_a_foreign_executor() {
    let guest = guest();
    let task = guest.spawn(async { Rc::new(42) });
    settle(&guest);
    assert_eq!(*futures::executor::block_on(task).unwrap(), 42);
}

#[test]
fn remote_handle_is_awaited_by_a_foreign_executor() {
    let (give, take) = std_mpsc::channel();
    let (stop, stopped) = futures::channel::oneshot::channel::<()>();
    let thread = thread::spawn(move || {
        glassloop::run(async move {
            give.send(Handle::current()).unwrap();
            let _ = stopped.await;
        });
    });
    let handle = take.recv().unwrap();
    let output = futures::executor::block_on(handle.spawn(|| async {
        sleep(us(100)).await;
        42
    }));
    assert_eq!(output.unwrap(), 42);
    drop(stop);
    thread.join().unwrap();
}

#[test]
fn local_pool_runs_inside_a_task() {
    use futures::task::LocalSpawnExt;
    let order = Arc::new(StdMutex::new(Vec::new()));
    let seen = order.clone();
    glassloop::run(async move {
        let mut pool = futures::executor::LocalPool::new();
        pool.spawner().spawn_local(async move { order.lock().unwrap().push("inner") }).unwrap();
        pool.run_until_stalled();
        yield_now().await;
    });
    assert_eq!(*seen.lock().unwrap(), ["inner"]);
}
