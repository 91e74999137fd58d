//! Several runtimes in one process: each keeps to itself, whatever is handed from one to the other.

use std::cell::{Cell, RefCell};
use std::future::{Future, pending, poll_fn};
use std::io::{ErrorKind, Read, Write};
use std::pin::Pin;
use std::rc::Rc;
use std::sync::mpsc;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};
use std::thread;
use std::time::Duration;

use glassloop::net::{TcpListener, TcpStream};
use glassloop::time::{Instant, Sleep, sleep};
use glassloop::{AbortHandle, Builder, Guest, Handle, JoinHandle, Next, Outlook, Runtime, dump, spawn, yield_now};

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

/// Turns both, one after the other, until `done`.
fn alternate(a: &Guest, b: &Guest, done: impl Fn() -> bool) {
    while !done() {
        settle(a);
        settle(b);
        thread::yield_now();
    }
}

/// What a task gives, if it has finished.
fn output<T>(task: JoinHandle<T>) -> Result<T, glassloop::JoinError> {
    assert!(task.is_finished());
    glassloop::run(task)
}

/// A place where a task waits for a value, made by hand: it keeps a real `Waker`.
struct Slot<T>(Arc<Mutex<(Option<T>, Option<Waker>)>>);

impl<T> Clone for Slot<T> {
    fn clone(&self) -> Slot<T> {
        Slot(self.0.clone())
    }
}

impl<T> Slot<T> {
    fn new() -> Slot<T> {
        Slot(Arc::new(Mutex::new((None, None))))
    }

    fn put(&self, value: T) {
        let mut slot = self.0.lock().unwrap();
        slot.0 = Some(value);
        let waker = slot.1.take();
        drop(slot);
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    async fn take(&self) -> T {
        poll_fn(|cx| {
            let mut slot = self.0.lock().unwrap();
            if let Some(value) = slot.0.take() {
                return Poll::Ready(value);
            }
            let before = slot.1.replace(cx.waker().clone());
            drop(slot);
            drop(before);
            Poll::Pending
        })
        .await
    }
}

/// Makes something inside a loop, without awaiting it.
fn within<T>(runtime: &Runtime, make: impl Fn() -> T) -> T {
    runtime.block_on(poll_fn(|_| Poll::Ready(make())))
}

fn poll_once<F: Future + Unpin>(future: &mut F, cx: &mut Context<'_>) -> Poll<F::Output> {
    Pin::new(future).poll(cx)
}

// One a thread.

#[test]
fn token_goes_round_a_ring_of_runtimes_each_on_its_thread() {
    const LOOPS: usize = 4;
    let slots: Vec<Slot<u32>> = (0..LOOPS).map(|_| Slot::new()).collect();
    let threads: Vec<_> = (0..LOOPS)
        .map(|n| {
            let (from, to) = (slots[n].clone(), slots[(n + 1) % LOOPS].clone());
            thread::spawn(move || {
                glassloop::run(async move {
                    let mut last = 0;
                    while last < 400 {
                        last = from.take().await;
                        sleep(Duration::from_micros(10)).await;
                        to.put(last + 1);
                    }
                    last
                })
            })
        })
        .collect();
    slots[0].put(1);
    let last: Vec<_> = threads.into_iter().map(|thread| thread.join().unwrap()).collect();
    assert_eq!(last, [401, 402, 403, 400]);
}

#[test]
fn sockets_of_runtimes_on_two_threads_talk() {
    let (address, connect_to) = mpsc::channel();
    let server = thread::spawn(move || {
        glassloop::run(async move {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            address.send(listener.local_addr().unwrap()).unwrap();
            let (stream, _) = listener.accept().await.unwrap();
            let mut word = [0; 4];
            stream.read_exact(&mut word).await.unwrap();
            stream.write_all(&word).await.unwrap();
        });
    });
    let back = glassloop::run(async move {
        let stream = TcpStream::connect(connect_to.recv().unwrap()).await.unwrap();
        stream.write_all(b"ring").await.unwrap();
        let mut word = [0; 4];
        stream.read_exact(&mut word).await.unwrap();
        word
    });
    assert_eq!(&back, b"ring");
    server.join().unwrap();
}

// Two on one thread, in turns.

#[test]
fn two_runtimes_on_one_thread_keep_their_tasks_apart() {
    let (a, b) = (Runtime::new().unwrap(), Runtime::new().unwrap());
    let order = Rc::new(RefCell::new(Vec::new()));
    let say = |word: &'static str| {
        let order = order.clone();
        async move {
            yield_now().await;
            order.borrow_mut().push(word);
        }
    };
    a.spawn(say("a")).detach();
    b.spawn(say("b")).detach();
    b.block_on(say("root of b"));
    a.block_on(say("root of a"));
    assert_eq!(*order.borrow(), ["b", "root of b", "a", "root of a"]);
    assert_ne!(a.id(), b.id());
}

#[test]
fn two_guests_in_turns_run_their_sleeps_and_sockets_side_by_side() {
    let (a, b) = (guest(), guest());
    let address = Slot::new();
    let server = a.spawn({
        let address = address.clone();
        async move {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            address.put(listener.local_addr().unwrap());
            let (stream, _) = listener.accept().await.unwrap();
            sleep(Duration::from_micros(300)).await;
            stream.write_all(b"late").await.unwrap();
        }
    });
    let client = b.spawn(async move {
        let stream = TcpStream::connect(address.take().await).await.unwrap();
        let mut word = [0; 4];
        stream.read_exact(&mut word).await.unwrap();
        word
    });
    alternate(&a, &b, || server.is_finished() && client.is_finished());
    assert_eq!(&output(client).unwrap(), b"late");
}

#[test]
fn hand_made_slot_between_two_guests_goes_to_and_fro() {
    let (a, b) = (guest(), guest());
    let (there, back) = (Slot::new(), Slot::new());
    let asks = a.spawn({
        let (there, back) = (there.clone(), back.clone());
        async move {
            let mut sum = 0;
            for n in 0..100_u32 {
                there.put(n);
                sum += back.take().await;
            }
            sum
        }
    });
    let answers = b.spawn(async move {
        for _ in 0..100 {
            back.put(2 * there.take().await);
        }
    });
    alternate(&a, &b, || asks.is_finished() && answers.is_finished());
    assert_eq!(output(asks).unwrap(), 9900);
}

#[test]
fn thread_between_two_guests_passes_on() {
    let (a, b) = (guest(), guest());
    let (from_a, to_thread) = mpsc::channel::<u32>();
    let to_b = Slot::new();
    let thread = thread::spawn({
        let to_b = to_b.clone();
        move || to_b.put(to_thread.recv().unwrap() + 1)
    });
    let receiver = b.spawn(async move { to_b.take().await });
    settle(&b);
    a.spawn(async move { from_a.send(4).unwrap() }).detach();
    alternate(&a, &b, || receiver.is_finished());
    assert_eq!(output(receiver).unwrap(), 5);
    thread.join().unwrap();
}

#[test]
fn task_of_one_awaits_a_task_of_the_other() {
    let (a, b) = (guest(), guest());
    let (slot, slow) = (Slot::new(), Slot::new());
    let slow_task = b.spawn({
        let slow = slow.clone();
        async move { slow.take().await }
    });
    let awaits = a.spawn({
        let slot = slot.clone();
        async move { slot.take().await + slow_task.await.unwrap() }
    });
    slot.put(1);
    settle(&a);
    settle(&b);
    assert!(!awaits.is_finished());
    slow.put(2);
    assert_eq!(settle(&a), Next::OnEvent, "b has not turned");
    settle(&b);
    let turn = a.turn(Some(Duration::ZERO));
    assert_eq!((turn.collected, turn.polled), (1, 1));
    assert_eq!(output(awaits).unwrap(), 3);
}

#[test]
fn guest_whose_task_awaits_another_runtimes_is_not_idle() {
    let (a, b) = (guest(), guest());
    let of_b = b.spawn(yield_now());
    a.spawn(of_b).detach();
    assert_eq!(settle(&a), Next::OnEvent, "b wakes it");
    settle(&b);
    assert_eq!(a.turn(Some(Duration::ZERO)).polled, 1);
}

#[test]
fn guests_whose_tasks_await_each_others_crosswise_are_not_idle() {
    // Ids run alike in both: task 1 of each awaits task 2 of the other.
    let (a, b) = (guest(), guest());
    let (to_a, to_b, end) = (Slot::new(), Slot::new(), Slot::new());
    let joins = |guest: &Guest, slot: &Slot<JoinHandle<()>>| {
        let slot = slot.clone();
        guest.spawn(async move { slot.take().await.await.unwrap() })
    };
    let (of_a, _of_b) = (joins(&a, &to_a), joins(&b, &to_b));
    to_a.put(b.spawn({
        let end = end.clone();
        async move { end.take().await }
    }));
    to_b.put(a.spawn(pending()));
    settle(&a);
    settle(&b);
    assert_eq!(settle(&a), Next::OnEvent);
    end.put(());
    settle(&b);
    settle(&a);
    assert!(of_a.is_finished());
}

#[test]
fn outlook_of_a_guest_whose_task_awaits_another_runtimes_is_not_deadlock() {
    let (a, b) = (guest(), guest());
    let of_b = b.spawn(yield_now());
    a.spawn(of_b).detach();
    settle(&a);
    let (say, heard) = mpsc::channel();
    let handle = a.handle();
    handle.call_soon(move || say.send(dump().unwrap().outlook()).unwrap()).unwrap();
    drop(handle);
    settle(&a);
    assert_ne!(heard.recv().unwrap(), Outlook::Deadlock, "b wakes it");
    settle(&b);
    assert_eq!(a.turn(Some(Duration::ZERO)).polled, 1);
}

#[test]
fn dump_does_not_take_a_task_of_another_runtime_for_its_own() {
    let (a, b) = (guest(), guest());
    let of_b = b.spawn(pending::<()>());
    let of_a = a.spawn(async move { of_b.await.unwrap() });
    assert_eq!(of_a.id().to_string(), "1"); // as the task of b that it awaits
    settle(&a);
    let look = b.spawn(async { dump().unwrap() });
    settle(&b);
    let dump = output(look).unwrap();
    assert_eq!(dump.tasks()[0].waits, [], "{dump}");
    assert!(dump.circles().is_empty(), "{dump}");
}

#[test]
fn abort_from_within_the_other_loop_waits_for_the_tasks_own_turn() {
    let (a, b) = (guest(), guest());
    let held = Rc::new(());
    let victims = [(); 2].map(|()| {
        let held = held.clone();
        a.spawn(async move {
            let _held = held;
            pending::<()>().await;
        })
    });
    settle(&a);
    let [first, second] = victims;
    let abort = second.abort_handle();
    let first = Rc::new(first);
    b.spawn({
        let first = first.clone();
        async move {
            first.abort();
            abort.abort();
        }
    })
    .detach();
    settle(&b);
    assert_eq!(Rc::strong_count(&held), 3);
    settle(&a);
    assert_eq!(Rc::strong_count(&held), 1);
    assert!(output(Rc::into_inner(first).unwrap()).unwrap_err().is_cancelled());
    assert!(output(second).unwrap_err().is_cancelled());
}

#[test]
fn runtime_dropped_inside_another_loop_ends_its_tasks_there() {
    glassloop::run(async {
        let inner = Runtime::new().unwrap();
        let woken = Slot::new();
        struct Puts(Slot<bool>);
        impl Drop for Puts {
            fn drop(&mut self) {
                let refused = spawn(async {}); // on the loop that is going, so it is cancelled at once
                self.0.put(refused.is_finished());
            }
        }
        let puts = Puts(woken.clone());
        let task = inner.spawn(async move {
            let _puts = puts;
            pending::<()>().await;
        });
        let waits = spawn(async move { (woken.take().await, task.await.unwrap_err().is_cancelled()) });
        yield_now().await;
        drop(inner);
        assert_eq!(waits.await.unwrap(), (true, true));
    });
}

// Sockets and sleeps on the wrong loop.

fn loopback() -> (std::net::TcpStream, std::net::TcpStream) {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let here = std::net::TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    let there = listener.accept().unwrap().0;
    here.set_nonblocking(true).unwrap();
    (here, there)
}

fn elsewhere(what: &str, owner: &Runtime, user: &Runtime) -> String {
    format!(
        "this {what} belongs to glassloop runtime {} and was used on runtime {}; it stays with the loop it was made on",
        owner.id(),
        user.id()
    )
}

#[test]
fn socket_on_the_wrong_loop_is_an_error_and_works_on_its_own_again() {
    let (a, b) = (Runtime::new().unwrap(), Runtime::new().unwrap());
    let (here, mut there) = loopback();
    let stream = a.block_on(async { TcpStream::from_std(here) }).unwrap();
    let mut word = [0; 4];

    let error = b.block_on(stream.read(&mut word)).unwrap_err();
    assert_eq!(error.to_string(), elsewhere("socket", &a, &b));
    let error = b.block_on(stream.readable()).unwrap_err();
    assert_eq!(error.to_string(), elsewhere("socket", &a, &b));

    there.write_all(b"ring").unwrap();
    a.block_on(stream.read_exact(&mut word)).unwrap();
    assert_eq!(&word, b"ring");
}

#[test]
fn read_that_waits_on_its_loop_survives_a_poll_on_another() {
    let (a, b) = (guest(), Runtime::new().unwrap());
    let (here, mut there) = loopback();
    let stream = Rc::new(a.block_on(async { TcpStream::from_std(here) }).unwrap());
    let read = a.spawn({
        let stream = stream.clone();
        async move {
            let mut word = [0; 4];
            stream.read_exact(&mut word).await.unwrap();
            word
        }
    });
    settle(&a);
    let error = b.block_on(stream.read(&mut [0; 4])).unwrap_err();
    assert_eq!(error.to_string(), elsewhere("socket", &a, &b));
    there.write_all(b"ring").unwrap();
    a.turn(None);
    settle(&a);
    assert_eq!(&output(read).unwrap(), b"ring");
}

#[test]
fn listener_on_the_wrong_loop_is_an_error() {
    let (a, b) = (Runtime::new().unwrap(), Runtime::new().unwrap());
    let listener = a.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
    let error = b.block_on(listener.accept()).unwrap_err();
    assert_eq!(error.to_string(), elsewhere("socket", &a, &b));
}

#[test]
fn socket_whose_runtime_is_gone_is_an_error_on_another() {
    let (a, b) = (Runtime::new().unwrap(), Runtime::new().unwrap());
    let (here, _there) = loopback();
    let stream = a.block_on(async { TcpStream::from_std(here) }).unwrap();
    let words = elsewhere("socket", &a, &b);
    drop(a);
    assert_eq!(b.block_on(stream.read(&mut [0])).unwrap_err().to_string(), words);
    assert_eq!(b.block_on(async { stream.into_std() }).unwrap_err().to_string(), words);
}

#[test]
fn socket_moved_to_a_runtime_on_another_thread_is_an_error_there() {
    let a = Runtime::new().unwrap();
    let (here, there) = loopback();
    let stream = a.block_on(async { TcpStream::from_std(here) }).unwrap();
    let words = thread::spawn(move || {
        let b = Runtime::new().unwrap();
        (b.id(), b.block_on(stream.write(b"lost")).unwrap_err().to_string())
    });
    let (b, words) = words.join().unwrap();
    assert!(
        words.ends_with(&format!("was used on runtime {b}; it stays with the loop it was made on")),
        "{words}"
    );
    drop(a); // with the message that carries the socket in its inbox
    assert_eq!(end_of(there), 0);
}

/// How much comes before the end.
fn end_of(mut peer: std::net::TcpStream) -> usize {
    peer.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    match peer.read_to_end(&mut Vec::new()) {
        Err(error) if error.kind() == ErrorKind::ConnectionReset => 0,
        read => read.unwrap(),
    }
}

#[test]
fn sleep_on_the_wrong_loop_panics_in_its_words_and_works_on_its_own_again() {
    let (a, b) = (Runtime::new().unwrap(), Runtime::new().unwrap());
    let place = Rc::new(RefCell::new(Some(within(&a, || sleep(Duration::from_micros(300))))));
    a.block_on(poll_fn(|cx| {
        assert!(poll_once(place.borrow_mut().as_mut().unwrap(), cx).is_pending());
        Poll::Ready(())
    }));
    let task = b.spawn({
        let place = place.clone();
        async move { poll_fn(|cx| poll_once(place.borrow_mut().as_mut().unwrap(), cx)).await }
    });
    let error = b.block_on(task).unwrap_err();
    assert_eq!(error.to_string(), format!("task {} panicked: {}", error.id(), elsewhere("sleep", &a, &b)));
    let sleep = place.take().unwrap();
    a.block_on(sleep);
}

#[test]
fn sleep_reset_on_the_wrong_loop_panics_and_keeps_its_deadline() {
    let (a, b) = (guest(), Runtime::new().unwrap());
    let mut sleep = within(&a, || sleep(Duration::from_secs(3600)));
    let deadline = sleep.deadline();
    let task = b.spawn(async move {
        let panicked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| sleep.reset(Instant::now())));
        (panicked.unwrap_err().downcast::<String>().unwrap(), sleep)
    });
    let (words, sleep) = b.block_on(task).unwrap();
    assert_eq!(*words, elsewhere("sleep", &a, &b));
    assert_eq!(sleep.deadline(), deadline);
}

#[test]
fn sleep_polled_outside_of_any_loop_panics_in_its_words() {
    let a = Runtime::new().unwrap();
    let mut sleep = within(&a, || sleep(Duration::from_secs(3600)));
    let panicked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        poll_once(&mut sleep, &mut Context::from_waker(Waker::noop()))
    }));
    let words = panicked.unwrap_err().downcast::<String>().unwrap();
    assert!(words.contains("was used outside of any running loop"), "{words}");
}

#[test]
fn sleep_and_socket_dropped_inside_another_loop_leave_their_own_at_its_next_turn() {
    let (a, b) = (guest(), guest());
    let (here, there) = loopback();
    let stream = a.block_on(async { TcpStream::from_std(here) }).unwrap();
    let timer = a.block_on(poll_fn(|cx| {
        let mut timer = sleep(Duration::from_secs(3600));
        assert!(poll_once(&mut timer, cx).is_pending());
        Poll::Ready(timer)
    }));
    settle(&a);
    b.spawn(async move { drop((stream, timer)) }).detach();
    settle(&b);
    assert!(a.next_deadline().is_some());
    assert_eq!(a.turn(Some(Duration::ZERO)).collected, 2);
    assert_eq!(a.next_deadline(), None);
    assert_eq!(end_of(there), 0);
}

// A runtime that is gone before what came from it.

/// What one runtime gave away, each thing to be used once more and dropped.
struct Things {
    waker: Waker,
    handle: Handle,
    socket: TcpStream,
    sleep: Sleep,
    abort: AbortHandle,
}

/// What a waiting task holds: `drops` counts its end.
struct Counted(Rc<Cell<u32>>);

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.set(self.0.get() + 1);
    }
}

/// A runtime with a waiting task, the things it gave away, the handle of the task, its drops, a socket's peer.
fn scene() -> (Runtime, Things, JoinHandle<()>, Rc<Cell<u32>>, std::net::TcpStream) {
    let runtime = Runtime::new().unwrap();
    let (here, there) = loopback();
    let drops = Rc::new(Cell::new(0));
    let kept = Rc::new(RefCell::new(None));
    let task = runtime.spawn({
        let (kept, counted) = (kept.clone(), Counted(drops.clone()));
        poll_fn(move |cx| {
            let _ = &counted;
            let mut timer = sleep(Duration::from_secs(3600));
            if kept.borrow().is_none() {
                assert!(poll_once(&mut timer, cx).is_pending());
                *kept.borrow_mut() = Some((cx.waker().clone(), timer));
            }
            Poll::Pending
        })
    });
    let socket = runtime.block_on(async {
        yield_now().await;
        TcpStream::from_std(here).unwrap()
    });
    let (waker, sleep) = kept.take().unwrap();
    let things = Things { waker, sleep, socket, handle: runtime.handle(), abort: task.abort_handle() };
    (runtime, things, task, drops, there)
}

/// All orders of `0..count`.
fn orders(count: usize) -> Vec<Vec<usize>> {
    if count == 0 {
        return vec![Vec::new()];
    }
    let shorter = orders(count - 1);
    let with = |order: &Vec<usize>, at: usize| {
        let mut order = order.clone();
        order.insert(at, count - 1);
        order
    };
    shorter.iter().flat_map(|order| (0..count).map(move |at| with(order, at))).collect()
}

/// Lets a runtime, a task's handle and the things that the runtime gave away go in every order; `away` says where a
/// thing is used and dropped.
fn every_order(away: fn(Box<dyn FnOnce() + Send>)) {
    for order in orders(7) {
        let (runtime, things, task, drops, peer) = scene();
        let (mut runtime, mut task) = (Some(runtime), Some(task));
        let Things { waker, handle, socket, sleep, abort } = things;
        let (mut waker, mut handle, mut socket) = (Some(waker), Some(handle), Some(socket));
        let (mut sleep, mut abort) = (Some(sleep), Some(abort));
        for &thing in &order {
            let gone = runtime.is_none();
            match thing {
                0 => {
                    drop(runtime.take());
                    assert_eq!(drops.get(), 1, "a runtime drops its futures: {order:?}");
                }
                1 => {
                    let task = task.take().unwrap();
                    assert_eq!(task.is_finished(), gone);
                    task.abort();
                }
                2 => {
                    let waker = waker.take().unwrap();
                    away(Box::new(move || {
                        let second = waker.clone();
                        waker.wake();
                        second.wake();
                    }));
                }
                3 => {
                    let handle = handle.take().unwrap();
                    away(Box::new(move || assert_eq!(handle.call_soon(|| {}).is_err(), gone)));
                }
                4 => {
                    let socket = socket.take().unwrap();
                    away(Box::new(move || {
                        let error = glassloop::run(async { socket.readable().await.unwrap_err() });
                        assert!(
                            error.to_string().starts_with("this socket belongs to glassloop runtime"),
                            "{error}"
                        );
                    }));
                }
                5 => {
                    let sleep = sleep.take().unwrap();
                    away(Box::new(move || drop(sleep)));
                }
                _ => {
                    let abort = abort.take().unwrap();
                    away(Box::new(move || abort.clone().abort()));
                }
            }
        }
        assert_eq!(drops.get(), 1, "{order:?}");
        assert_eq!(end_of(peer), 0, "{order:?}");
    }
}

#[test]
fn runtime_and_what_it_gave_away_go_in_every_order_on_one_thread() {
    every_order(|act| act());
}

#[test]
fn runtime_and_what_it_gave_away_go_in_every_order_on_other_threads() {
    every_order(|act| thread::spawn(act).join().unwrap());
}

#[test]
fn wakers_used_on_threads_while_their_runtime_goes_do_nothing() {
    for _ in 0..200 {
        let (runtime, things, _task, drops, _peer) = scene();
        let Things { waker, handle, abort, .. } = things;
        let threads = [
            thread::spawn(move || (0..20).for_each(|_| waker.wake_by_ref())),
            thread::spawn(move || (0..20).for_each(|_| drop(handle.call_soon(|| {})))),
            thread::spawn(move || (0..20).for_each(|_| abort.clone().abort())),
        ];
        drop(runtime);
        assert_eq!(drops.get(), 1);
        threads.into_iter().for_each(|thread| thread.join().unwrap());
    }
}

#[test]
fn dropped_runtime_cancels_what_the_other_awaits() {
    let (a, b) = (guest(), guest());
    let of_b = b.spawn(pending::<()>());
    let awaits = a.spawn(async move { of_b.await.unwrap_err().is_cancelled() });
    settle(&a);
    settle(&b);
    drop(b);
    settle(&a);
    assert!(output(awaits).unwrap());
}

#[test]
fn handle_of_a_runtime_that_is_gone_leaves_the_names_of_its_successor_alone() {
    for _ in 0..50 {
        let first = Runtime::new().unwrap();
        first.block_on(yield_now()); // task 1
        let old: JoinHandle<()> = first.spawn(async { std::panic::resume_unwind(Box::new(())) });
        first.block_on(yield_now());
        drop(first);
        let second = Runtime::new().unwrap(); // after some rounds its inbox lies where the first one's lay
        second.block_on(async {
            let new = glassloop::spawn_named("new", pending::<()>());
            assert_eq!(new.id(), old.id());
            assert!(old.await.unwrap_err().is_panic());
            assert_eq!(dump().unwrap().tasks()[1].name.as_deref(), Some("new"));
        });
    }
}

#[test]
fn task_finishes_after_the_runtime_of_whoever_awaits_it_is_gone() {
    let (a, b) = (guest(), guest());
    let slot = Slot::new();
    let of_b = Rc::new(RefCell::new(b.spawn({
        let slot = slot.clone();
        async move { slot.take().await }
    })));
    a.spawn({
        let of_b = of_b.clone();
        async move { poll_fn(|cx| poll_once(&mut *of_b.borrow_mut(), cx)).await.unwrap() }
    })
    .detach();
    settle(&a);
    settle(&b);
    drop(a);
    slot.put(5);
    settle(&b);
    let of_b = Rc::into_inner(of_b).expect("a dropped its future").into_inner();
    assert_eq!(output(of_b).unwrap(), 5);
}

#[test]
fn two_runtimes_that_hold_each_others_handles_go_in_both_orders() {
    for a_first in [true, false] {
        let (a, b) = (guest(), guest());
        let (to_a, to_b) = (Slot::new(), Slot::new());
        let drops = Rc::new(Cell::new(0));
        let task = |guest: &Guest, slot: &Slot<JoinHandle<()>>| {
            let (slot, counted) = (slot.clone(), Counted(drops.clone()));
            guest.spawn(async move {
                let _counted = counted;
                let _ = slot.take().await.await;
            })
        };
        let (of_a, of_b) = (task(&a, &to_a), task(&b, &to_b));
        to_a.put(of_b);
        to_b.put(of_a);
        settle(&a);
        settle(&b);
        assert_eq!(drops.get(), 0);
        let (first, second) = if a_first { (a, b) } else { (b, a) };
        drop(first);
        assert_eq!(drops.get(), 1, "the other's task waits for a turn of its loop");
        settle(&second);
        assert_eq!(drops.get(), 2, "it saw the end of what it awaited");
    }
}

#[test]
fn runtime_kept_in_a_thread_local_goes_with_its_thread() {
    thread_local! {
        static KEPT: RefCell<Option<Runtime>> = const { RefCell::new(None) };
    }
    let held = Arc::new(());
    let handle = thread::spawn({
        let held = held.clone();
        move || {
            let runtime = Builder::new().build().unwrap();
            runtime
                .spawn(async move {
                    let _held = held;
                    sleep(Duration::from_secs(3600)).await;
                })
                .detach();
            runtime.block_on(yield_now());
            let handle = runtime.handle();
            KEPT.set(Some(runtime));
            handle
        }
    });
    let handle = handle.join().unwrap();
    assert_eq!(Arc::strong_count(&held), 1);
    assert!(handle.call_soon(|| {}).is_err());
}
