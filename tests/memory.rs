//! Who may hold what, let go of it when, and on which thread: made for sanitizers, true without them.
//!
//! Every future and output here counts itself by a box, so that one dropped twice, or never, is a wrong count in a
//! plain run, and a report under AddressSanitizer and valgrind. `.ci/memory` runs them under both, and thins the
//! long rounds out by `GLASSLOOP_THIN`.

use std::any::Any;
use std::cell::{Cell, RefCell};
use std::future::{Future, pending, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind, panic_any, resume_unwind};
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Barrier, Mutex};
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, JoinHandle as Thread};
use std::time::Duration;

use glassloop::net::TcpStream;
use glassloop::time::{Sleep, sleep};
use glassloop::{AbortHandle, JoinHandle, Runtime, spawn, spawn_blocking, yield_now};

const HOUR: Duration = Duration::from_secs(3600);

/// How often a long round is done; fewer under valgrind.
fn rounds(full: usize) -> usize {
    let thin = std::env::var("GLASSLOOP_THIN").ok().and_then(|thin| thin.parse().ok()).unwrap_or(1);
    (full / thin).max(2)
}

/// How many of its tokens live.
#[derive(Clone, Default)]
struct Census(Arc<AtomicUsize>);

/// One that lives, on the heap, so that a second drop is a second free. So large that the cell of whoever holds it
/// comes from the allocator and goes back there: in the loop's own lists of small cells no sanitizer sees its end.
struct Token(Box<Census>, #[allow(dead_code)] [u8; 1024]);

impl Census {
    fn token(&self) -> Token {
        self.0.fetch_add(1, Ordering::Relaxed);
        Token(Box::new(self.clone()), [0; 1024])
    }

    fn alive(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }
}

impl Drop for Token {
    fn drop(&mut self) {
        self.0.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// A thread that drops what it is given, before `drop` returns.
struct Elsewhere {
    sender: Option<Sender<Box<dyn Send>>>,
    done: Receiver<()>,
    thread: Option<Thread<()>>,
}

impl Elsewhere {
    fn new() -> Elsewhere {
        let (sender, things) = channel::<Box<dyn Send>>();
        let (tell, done) = channel();
        let thread = thread::spawn(move || {
            for thing in things {
                drop(thing);
                tell.send(()).unwrap();
            }
        });
        Elsewhere { sender: Some(sender), done, thread: Some(thread) }
    }

    fn drop(&self, thing: impl Send + 'static) {
        self.sender.as_ref().unwrap().send(Box::new(thing)).unwrap();
        self.done.recv().unwrap();
    }
}

impl Drop for Elsewhere {
    fn drop(&mut self) {
        drop(self.sender.take());
        self.thread.take().unwrap().join().unwrap();
    }
}

/// Counts how often it is woken.
#[derive(Default)]
struct Foreign(AtomicUsize);

impl Wake for Foreign {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

impl Foreign {
    fn woken(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }
}

/// Where tasks leave their wakers.
type Wakers = Rc<RefCell<Vec<Waker>>>;

/// Leaves its waker at each poll, and is never ready.
fn forever(wakers: &Wakers, token: Token) -> impl Future<Output = Token> + use<> {
    let wakers = wakers.clone();
    poll_fn(move |cx| {
        let _held = &token;
        wakers.borrow_mut().push(cx.waker().clone());
        Poll::Pending
    })
}

/// Leaves its waker in its first poll, and is ready in the second.
fn once(wakers: &Wakers, token: Token) -> impl Future<Output = Token> + use<> {
    let (wakers, mut token) = (wakers.clone(), Some(token));
    let mut polled = false;
    poll_fn(move |cx| {
        if std::mem::replace(&mut polled, true) {
            return Poll::Ready(token.take().unwrap());
        }
        wakers.borrow_mut().push(cx.waker().clone());
        Poll::Pending
    })
}

/// Lets every task that is ready run, and what they make ready, a few times.
fn settle(runtime: &Runtime) {
    runtime.block_on(async {
        for _ in 0..4 {
            yield_now().await;
        }
    });
}

/// Polls once with a waker of the caller's choice.
fn poll_with<F: Future + Unpin>(future: &mut F, waker: &Waker) -> Poll<F::Output> {
    Pin::new(future).poll(&mut Context::from_waker(waker))
}

/// Keeps something, and is never ready.
async fn hold<T>(thing: T) {
    let _held = thing;
    pending::<()>().await;
}

async fn own_waker() -> Waker {
    poll_fn(|cx| Poll::Ready(cx.waker().clone())).await
}

// Every order.

/// The `n`th order of `len` things.
fn order(mut n: usize, len: usize) -> Vec<usize> {
    let mut left: Vec<usize> = (0..len).collect();
    let mut take = |size| {
        let choice = n % size;
        n /= size;
        left.remove(choice)
    };
    (1..=len).rev().map(&mut take).collect()
}

/// A runtime and all that refers to it, dropped in the `n`th order, on the threads that `threads` tells.
fn drop_in_order(n: usize, stage: usize, threads: usize, elsewhere: &Elsewhere, streams: &Streams) {
    let census = Census::default();
    let wakers = Wakers::default();
    let runtime = Runtime::new().unwrap();
    let handle = runtime.handle();
    let remote = thread::scope(|scope| {
        let token = census.token();
        scope.spawn(move || handle.spawn(move || hold(token))).join().unwrap()
    });
    let task = runtime.spawn(once(&wakers, census.token()));
    let abort = task.abort_handle();
    let (sleep, stream) = runtime.block_on(async {
        let mut sleep = sleep(HOUR);
        let stream = TcpStream::from_std(streams.ours()).unwrap();
        poll_fn(|cx| {
            assert!(Pin::new(&mut sleep).poll(cx).is_pending());
            assert!(stream.poll_read(cx, &mut [0; 8]).is_pending());
            Poll::Ready(())
        })
        .await;
        yield_now().await;
        (sleep, stream)
    });
    let waker = wakers.take().pop().unwrap();
    match stage {
        0 => {}                   // it waits
        1 => waker.wake_by_ref(), // a wake lies in the inbox
        2 => abort.abort(),       // an abort lies in the inbox
        3 => {
            waker.wake_by_ref();
            settle(&runtime); // its output lies in its cell
        }
        _ => {
            abort.abort();
            settle(&runtime); // its future is gone
        }
    }

    let (mut runtime, mut task, mut abort) = (Some(runtime), Some(task), Some(abort));
    let (mut waker, mut remote, mut sleep, mut stream) = (Some(waker), Some(remote), Some(sleep), Some(stream));
    for thing in order(n, 7) {
        let there = threads >> thing & 1 == 1;
        match thing {
            0 if there => elsewhere.drop(abort.take()),
            0 => drop(abort.take()),
            1 if there => elsewhere.drop(waker.take()),
            1 => drop(waker.take()),
            2 if there => elsewhere.drop(remote.take()),
            2 => drop(remote.take()),
            3 if there => elsewhere.drop(sleep.take()),
            3 => drop(sleep.take()),
            4 if there => elsewhere.drop(stream.take()),
            4 => drop(stream.take()),
            5 => drop(task.take()),
            _ => drop(runtime.take()),
        }
    }
    assert_eq!(census.alive(), 0, "order {n}, stage {stage}, threads {threads:05b}");
}

/// Loopback streams that stay open and say nothing.
struct Streams(std::net::TcpStream, #[allow(dead_code)] std::net::TcpStream);

impl Streams {
    fn new() -> Streams {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let ours = std::net::TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        ours.set_nonblocking(true).unwrap();
        Streams(ours, listener.accept().unwrap().0)
    }

    /// One more descriptor of the same stream, as a runtime of its own would have.
    fn ours(&self) -> std::net::TcpStream {
        self.0.try_clone().unwrap()
    }
}

#[test]
fn runtime_handles_waker_sleep_and_stream_may_be_dropped_in_every_order() {
    let (elsewhere, streams) = (Elsewhere::new(), Streams::new());
    let orders = 7 * 6 * 5 * 4 * 3 * 2;
    let every = orders / rounds(orders);
    for n in (0..orders).step_by(every) {
        // Stage and threads repeat after 160 orders, out of step with the orders' own sevens.
        drop_in_order(n, n / every % 5, n / every / 5 % 32, &elsewhere, &streams);
    }
}

// Wakers.

#[test]
fn wakers_that_outlive_the_runtime_are_woken_late_from_threads() {
    let census = Census::default();
    let wakers = Wakers::default();
    let runtime = Runtime::new().unwrap();
    for _ in 0..50 {
        runtime.spawn(forever(&wakers, census.token())).detach();
    }
    settle(&runtime);
    drop(runtime);
    assert_eq!(census.alive(), 0, "dropping the runtime drops its futures, whoever holds their wakers");
    let wakers = wakers.take();
    let threads = [wakers.clone(), wakers.clone(), wakers].map(|wakers| {
        thread::spawn(move || {
            for waker in wakers {
                let copy = waker.clone();
                copy.wake();
                waker.wake_by_ref();
            }
        })
    });
    threads.into_iter().for_each(|thread| thread.join().unwrap());
}

#[test]
fn the_last_waker_is_dropped_by_a_thread_after_the_runtime() {
    for finished in [false, true] {
        let census = Census::default();
        let wakers = Wakers::default();
        let runtime = Runtime::new().unwrap();
        let task = runtime.spawn(once(&wakers, census.token()));
        settle(&runtime);
        let waker = wakers.take().pop().unwrap();
        if finished {
            waker.wake_by_ref();
            settle(&runtime);
        }
        let (go, gone) = channel::<()>();
        let thread = thread::spawn(move || {
            gone.recv().unwrap();
            let copy = waker.clone();
            drop(waker);
            copy.wake();
        });
        drop(task);
        drop(runtime);
        assert_eq!(census.alive(), 0);
        go.send(()).unwrap();
        thread.join().unwrap();
    }
}

#[test]
fn a_waker_of_the_root_outlives_its_block_on_and_wakes_nobody() {
    let runtime = Runtime::new().unwrap();
    let first = runtime.block_on(own_waker());
    let panicked = Wakers::default();
    let result = catch_unwind(AssertUnwindSafe(|| {
        runtime.block_on(async {
            let waker = own_waker().await;
            panicked.borrow_mut().push(waker);
            resume_unwind(Box::new("the root's own"));
        })
    }));
    assert!(result.is_err());
    let second = panicked.take().pop().unwrap();
    first.wake_by_ref();
    second.wake_by_ref();
    settle(&runtime);
    drop(runtime);
    first.wake();
    thread::spawn(|| second.wake()).join().unwrap();
}

#[test]
fn a_lent_waker_is_cloned_by_another_thread_during_the_poll() {
    let runtime = Runtime::new().unwrap();
    let waker = runtime.block_on(async {
        let task = spawn(poll_fn(|cx| {
            let waker = cx.waker();
            Poll::Ready(thread::scope(|scope| scope.spawn(|| waker.clone()).join().unwrap()))
        }));
        task.await.unwrap()
    });
    drop(runtime);
    waker.wake();
}

#[test]
fn a_waker_of_one_runtime_waits_in_the_other_and_wakes_its_own() {
    let (ours, theirs) = (Runtime::new().unwrap(), Runtime::new().unwrap());
    let wakers = Wakers::default();
    let census = Census::default();
    let waiting = ours.spawn(once(&wakers, census.token()));
    settle(&ours);
    let waker = wakers.take().pop().unwrap();

    let (task, timer) = theirs.block_on(async {
        let (mut task, mut timer) = (spawn(async {}), sleep(Duration::ZERO));
        assert!(poll_with(&mut task, &waker).is_pending());
        assert!(poll_with(&mut timer, &waker).is_pending());
        (task, timer)
    });
    settle(&theirs); // both wake the waker
    assert!(!waiting.is_finished());
    settle(&ours);
    assert!(waiting.is_finished());
    drop((theirs, ours, task, timer, waker, waiting));
    assert_eq!(census.alive(), 0);
}

// Handles between runtimes.

#[test]
fn a_handle_of_one_runtime_is_awaited_in_another_in_turns() {
    let (ours, theirs) = (Runtime::new().unwrap(), Runtime::new().unwrap());
    let census = Census::default();
    let wakers = Wakers::default();
    let task = theirs.spawn(once(&wakers, census.token()));
    let waiting = ours.spawn(task);
    settle(&theirs);
    settle(&ours); // its own task's reference waits in the other runtime's cell now
    wakers.take().pop().unwrap().wake();
    settle(&theirs);
    assert!(!waiting.is_finished());
    let token = ours.block_on(waiting).unwrap().unwrap();
    drop((ours, theirs, token));
    assert_eq!(census.alive(), 0);
}

#[test]
fn either_of_two_runtimes_goes_first_while_one_awaits_the_others_task() {
    for awaiting_first in [true, false] {
        let (ours, theirs) = (Runtime::new().unwrap(), Runtime::new().unwrap());
        let census = Census::default();
        let wakers = Wakers::default();
        let task = theirs.spawn(forever(&wakers, census.token()));
        let token = census.token();
        let waiting = ours.spawn(async move {
            let _held = token;
            task.await.map(drop)
        });
        settle(&theirs);
        settle(&ours);
        if awaiting_first {
            drop(ours);
            settle(&theirs);
            drop(theirs);
            assert_eq!(census.alive(), 0);
        } else {
            drop(theirs);
            let result = ours.block_on(waiting).unwrap();
            assert!(result.unwrap_err().is_cancelled());
            drop(ours);
        }
        assert_eq!(census.alive(), 0);
    }
}

#[test]
fn a_runtime_is_dropped_by_a_task_of_another() {
    let census = Census::default();
    let wakers = Wakers::default();
    let theirs = Runtime::new().unwrap();
    let task = theirs.spawn(forever(&wakers, census.token()));
    settle(&theirs);
    let result = glassloop::run(async {
        let waiting = spawn(task);
        yield_now().await;
        drop(theirs);
        waiting.await.unwrap()
    });
    assert!(result.map(drop).unwrap_err().is_cancelled());
    assert_eq!(census.alive(), 0);
}

// Cells.

/// A future of `N` bytes that remembers them, with this alignment's address checked at each poll.
fn sized<const N: usize>(fill: u8) -> impl Future<Output = [u8; N]> {
    let bytes = [fill; N];
    async move {
        yield_now().await;
        assert!(bytes.iter().all(|byte| *byte == fill));
        bytes
    }
}

fn recycle<const N: usize>() {
    let runtime = Runtime::new().unwrap();
    let wakers = Wakers::default();
    let mut old = Vec::new();
    for round in 0..6u8 {
        let (first, second) = (runtime.spawn(sized::<N>(round)), runtime.spawn(sized::<N>(round + 100)));
        let census = Census::default();
        let bytes = [0; N];
        let kept = runtime.spawn({
            let future = once(&wakers, census.token());
            async move {
                let token = future.await;
                assert_eq!(bytes, [0; N]);
                token
            }
        });
        runtime.block_on(async {
            assert_eq!(first.await.unwrap(), [round; N]);
            assert_eq!(second.await.unwrap(), [round + 100; N]);
        });
        old.append(&mut wakers.borrow_mut());
        old.last().unwrap().wake_by_ref();
        settle(&runtime);
        drop(kept);
        assert_eq!(census.alive(), 0);
        old.iter().for_each(Waker::wake_by_ref); // late, and their cells are not anybody else's yet
        if round % 2 == 1 {
            old.clear();
        }
    }
    drop(runtime);
}

#[test]
fn cells_of_many_sizes_are_used_again() {
    recycle::<0>();
    recycle::<1>();
    recycle::<16>();
    recycle::<100>();
    recycle::<400>();
    recycle::<900>();
    recycle::<4096>();
    // Without optimization every move of it is one more copy on the stack.
    let thread = thread::Builder::new().stack_size(64 << 20).spawn(recycle::<102_400>).unwrap();
    thread.join().unwrap();
}

/// Futures of 256 types, more than the table has chains in which a spawn finds its future's type and place.
#[test]
fn tasks_of_256_futures_from_one_place_give_each_its_own_output() {
    fn spawned<const HIGH: usize, const LOW: usize>() -> JoinHandle<usize> {
        spawn(async {
            yield_now().await;
            16 * HIGH + LOW
        })
    }
    macro_rules! row {
        ($high:literal: $($low:literal)*) => { [$(spawned::<$high, $low>()),*] };
    }
    macro_rules! table {
        ($($high:literal)*) => { [$(row!($high: 0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15)),*] };
    }
    glassloop::run(async {
        for _ in 0..2 {
            let tasks = table!(0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15);
            for (n, task) in tasks.into_iter().flatten().enumerate() {
                assert_eq!(task.await.unwrap(), n);
            }
        }
    });
}

#[test]
fn a_future_without_size_is_spawned_awaited_and_aborted() {
    struct Empty;
    impl Future for Empty {
        type Output = ();
        fn poll(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<()> {
            Poll::Ready(())
        }
    }
    assert_eq!(size_of::<Empty>(), 0);
    glassloop::run(async {
        for _ in 0..3 {
            spawn(Empty).await.unwrap();
            let aborted = spawn(Empty);
            aborted.abort();
            assert!(aborted.await.unwrap_err().is_cancelled());
        }
    });
}

#[test]
fn over_aligned_futures_and_outputs_stand_where_they_must() {
    macro_rules! aligned {
        ($($align:literal)*) => {$({
            #[repr(align($align))]
            struct Aligned(u8, Token);
            #[repr(align($align))]
            struct Output(u8, #[allow(dead_code)] Token);
            impl Future for Aligned {
                type Output = Output;
                fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Output> {
                    assert!((&raw const *self).addr().is_multiple_of($align));
                    let this = self.get_mut();
                    this.0 += 1;
                    if this.0 < 3 {
                        cx.waker().wake_by_ref();
                        return Poll::Pending;
                    }
                    Poll::Ready(Output(this.0, this.1.0.token()))
                }
            }
            let census = Census::default();
            glassloop::run(async {
                for _ in 0..3 {
                    let output = spawn(Aligned(0, census.token())).await.unwrap();
                    assert!((&raw const output).addr().is_multiple_of($align));
                    assert_eq!(output.0, 3);
                    spawn(Aligned(0, census.token())).detach();
                }
            });
            assert_eq!(census.alive(), 0);
        })*};
    }
    aligned!(2 32 64 128 4096);
}

#[test]
fn a_big_futures_output_takes_its_place() {
    let census = Census::default();
    let (small, big) = glassloop::run(async {
        let (one, other) = (census.token(), census.token());
        let small = spawn(async move {
            let bytes = [1u8; 65536];
            yield_now().await;
            assert!(bytes.iter().all(|byte| *byte == 1));
            one
        });
        let big = spawn(async move { (yield_now().await, [7u8; 65536], other) });
        (small.await.unwrap(), big.await.unwrap())
    });
    assert!(big.1.iter().all(|byte| *byte == 7));
    assert_eq!(census.alive(), 2);
    drop((small, big));
    assert_eq!(census.alive(), 0);
}

// Destructors.

/// How a task comes to its end.
#[derive(Clone, Copy, Debug, PartialEq)]
enum End {
    Ready,
    Panic,
    Abort,
    Shutdown,
}

const ENDS: [End; 4] = [End::Ready, End::Panic, End::Abort, End::Shutdown];

/// What a task's destructor may lay hands on.
#[derive(Default)]
struct Own {
    waker: Option<Waker>,
    handle: Option<JoinHandle<()>>,
    abort: Option<AbortHandle>,
}

/// Brings a task to each end; its future's destructor is given the task's own waker, handle and abort handle.
fn at_each_end(act: impl Fn(&mut Own, &Census) + Clone + 'static) {
    struct OnDrop<F: FnMut()>(F);
    impl<F: FnMut()> Drop for OnDrop<F> {
        fn drop(&mut self) {
            (self.0)();
        }
    }

    for end in ENDS {
        let census = Census::default();
        let runtime = Runtime::new().unwrap();
        let own = Rc::new(RefCell::new(Own::default()));
        let on_drop = OnDrop({
            let (own, act, census, token) = (own.clone(), act.clone(), census.clone(), census.token());
            move || {
                let _in_the_closure = &token;
                let mut own = own.take();
                act(&mut own, &census);
            }
        });
        let task = runtime.spawn({
            let (own, mut polled) = (own.clone(), false);
            // Not an async block: what it holds would be dropped within its last poll, not with the future.
            poll_fn(move |cx| {
                let _held = &on_drop;
                if !std::mem::replace(&mut polled, true) {
                    own.borrow_mut().waker = Some(cx.waker().clone());
                    cx.waker().wake_by_ref();
                    return Poll::Pending;
                }
                match end {
                    End::Ready => Poll::Ready(()),
                    End::Panic => resume_unwind(Box::new("as planned")),
                    End::Abort | End::Shutdown => Poll::Pending,
                }
            })
        });
        let abort = task.abort_handle();
        *own.borrow_mut() = Own { waker: None, handle: Some(task), abort: Some(abort.clone()) };
        settle(&runtime);
        if end == End::Abort {
            abort.abort();
            settle(&runtime);
        }
        drop(abort);
        drop(own);
        settle(&runtime);
        drop(runtime);
        assert_eq!(census.alive(), 0, "{end:?}");
    }
}

#[test]
fn a_destructor_wakes_its_own_task() {
    at_each_end(|own, _| {
        let waker = own.waker.take().unwrap();
        waker.wake_by_ref();
        thread::scope(|scope| scope.spawn(|| waker.wake_by_ref()).join().unwrap());
        waker.wake();
    });
}

#[test]
fn a_destructor_aborts_its_own_task() {
    at_each_end(|own, _| {
        own.handle.as_ref().unwrap().abort();
        own.abort.take().unwrap().abort();
    });
}

#[test]
fn a_destructor_drops_its_own_handle_first() {
    at_each_end(|own, _| {
        drop(own.handle.take());
        drop(own.abort.take());
        drop(own.waker.take());
    });
}

#[test]
fn a_destructor_drops_its_own_waker_on_another_thread() {
    at_each_end(|own, _| {
        let (waker, abort) = (own.waker.take(), own.abort.take());
        thread::spawn(move || drop((waker, abort))).join().unwrap();
    });
}

#[test]
fn a_destructor_polls_its_own_handle() {
    at_each_end(|own, _| {
        let foreign = Waker::from(Arc::new(Foreign::default()));
        let mut handle = own.handle.take().unwrap();
        assert!(handle.is_finished());
        assert!(poll_with(&mut handle, &foreign).is_pending());
        assert!(poll_with(&mut handle, &own.waker.take().unwrap()).is_pending());
    });
}

#[test]
fn a_destructor_spawns() {
    at_each_end(|_, census| {
        let (first, second) = (census.token(), census.token());
        let spawned = spawn(async move { drop(first) });
        spawn(async move {
            spawned.await.unwrap();
            drop(second);
        })
        .detach();
    });
}

#[test]
fn a_destructor_panics() {
    at_each_end(|_, _| resume_unwind(Box::new("in the destructor")));
}

#[test]
fn an_outputs_destructor_spawns_drops_and_panics() {
    struct Output(Token, Option<JoinHandle<Token>>, bool);
    impl Drop for Output {
        fn drop(&mut self) {
            let token = self.0.0.token();
            drop(self.1.take());
            if let Ok(task) = glassloop::try_spawn(async move { token }) {
                task.detach();
            }
            if self.2 {
                resume_unwind(Box::new("in the output"));
            }
        }
    }
    for panics in [false, true] {
        let census = Census::default();
        let wakers = Wakers::default();
        let output = |runtime: &Runtime| {
            let other = runtime.spawn(forever(&wakers, census.token()));
            Output(census.token(), Some(other), panics)
        };
        let runtime = Runtime::new().unwrap();
        // Detached: dropped where it was made. Kept: dropped with the handle, on the loop or outside of it.
        let (first, second, third) = (output(&runtime), output(&runtime), output(&runtime));
        runtime.spawn(async move { first }).detach();
        let on_the_loop = runtime.spawn(async move { second });
        let outside = runtime.spawn(async move { third });
        settle(&runtime);
        let dropped = catch_unwind(AssertUnwindSafe(|| runtime.block_on(async move { drop(on_the_loop) })));
        assert!(dropped.is_ok(), "a handle's drop reports an output's panic, and does not pass it on");
        assert!(catch_unwind(AssertUnwindSafe(|| drop(outside))).is_ok());
        drop(runtime);
        drop(wakers);
        assert_eq!(census.alive(), 0);
    }
}

/// Panics when it is dropped.
struct Bomb;

impl Drop for Bomb {
    fn drop(&mut self) {
        if !thread::panicking() {
            resume_unwind(Box::new(())); // without size: the loop forgets what a payload's destructor throws
        }
    }
}

#[test]
fn a_call_that_panics_when_it_is_dropped_uncalled_leaves_no_task_alive_behind_the_runtime() {
    let census = Census::default();
    let wakers = Wakers::default();
    let runtime = Runtime::new().unwrap();
    runtime.spawn(forever(&wakers, census.token())).detach();
    settle(&runtime);
    let bomb = Bomb;
    runtime.handle().call_soon(move || drop(bomb)).unwrap();
    let _ = catch_unwind(AssertUnwindSafe(|| drop(runtime)));
    assert_eq!(census.alive(), 0);
    let waker = wakers.take().pop().unwrap();
    waker.wake_by_ref();
    thread::spawn(|| waker.wake()).join().unwrap();
}

#[test]
fn a_panic_whose_payload_panics_when_it_is_dropped_leaves_no_task_alive_behind_the_runtime() {
    let census = Census::default();
    let wakers = Wakers::default();
    let runtime = Runtime::new().unwrap();
    for _ in 0..2 {
        runtime.spawn(forever(&wakers, census.token())).detach();
    }
    runtime.spawn(async { panic_any(Bomb) }).detach();
    let _ = catch_unwind(AssertUnwindSafe(|| settle(&runtime)));
    let _ = catch_unwind(AssertUnwindSafe(|| settle(&runtime)));
    let _ = catch_unwind(AssertUnwindSafe(|| drop(runtime)));
    assert_eq!(census.alive(), 0);
    for waker in wakers.take() {
        waker.wake_by_ref();
        thread::spawn(|| waker.wake()).join().unwrap();
    }
}

#[test]
fn a_destructors_panic_whose_payload_panics_too_leaves_no_task_alive_behind_the_runtime() {
    struct Charge;
    impl Drop for Charge {
        fn drop(&mut self) {
            panic_any(Bomb);
        }
    }
    for aborted in [false, true] {
        let census = Census::default();
        let wakers = Wakers::default();
        let runtime = Runtime::new().unwrap();
        let charge = Charge;
        let charged = runtime.spawn(hold(charge));
        runtime.spawn(forever(&wakers, census.token())).detach();
        settle(&runtime);
        if aborted {
            charged.abort();
        }
        charged.detach();
        let _ = catch_unwind(AssertUnwindSafe(|| settle(&runtime)));
        let _ = catch_unwind(AssertUnwindSafe(|| drop(runtime)));
        assert_eq!(census.alive(), 0);
        let waker = wakers.take().pop().unwrap();
        waker.wake_by_ref();
        thread::spawn(|| waker.wake()).join().unwrap();
    }
}

// Foreign wakers.

#[test]
fn a_foreign_waker_awaits_is_replaced_and_is_dropped_with_the_handle() {
    let runtime = Runtime::new().unwrap();
    let (first, second) = (Arc::new(Foreign::default()), Arc::new(Foreign::default()));
    for ends in [true, false] {
        let wakers = Wakers::default();
        let census = Census::default();
        let mut task = runtime.spawn(once(&wakers, census.token()));
        settle(&runtime);
        for foreign in [&first, &second, &second] {
            assert!(poll_with(&mut task, &Waker::from(foreign.clone())).is_pending());
        }
        assert_eq!(Arc::strong_count(&first), 1, "the waker before is let go");
        assert_eq!(Arc::strong_count(&second), 2);
        if ends {
            wakers.take().pop().unwrap().wake();
            settle(&runtime);
            assert!(poll_with(&mut task, Waker::noop()).is_ready());
        }
        drop(task);
        assert_eq!((first.woken(), second.woken()), (0, 1));
        assert_eq!(Arc::strong_count(&second), 1);
    }
}

#[test]
fn a_foreign_waker_drops_the_handle_it_waits_for_and_the_waker_with_it() {
    #[derive(Default)]
    struct Greedy(Mutex<Option<thread::ThreadId>>);
    impl Wake for Greedy {
        fn wake(self: Arc<Self>) {
            *self.0.lock().unwrap() = Some(thread::current().id());
            HELD.with_borrow_mut(Option::take);
        }
    }
    thread_local! {
        static HELD: RefCell<Option<JoinHandle<Token>>> = const { RefCell::new(None) };
    }
    let census = Census::default();
    let wakers = Wakers::default();
    let runtime = Runtime::new().unwrap();
    let mut task = runtime.spawn(once(&wakers, census.token()));
    settle(&runtime);
    let greedy = Arc::new(Greedy::default());
    assert!(poll_with(&mut task, &Waker::from(greedy.clone())).is_pending());
    HELD.set(Some(task));
    wakers.take().pop().unwrap().wake();
    settle(&runtime);
    assert_eq!(*greedy.0.lock().unwrap(), Some(thread::current().id()));
    assert_eq!(census.alive(), 0, "the output went with its handle");
    assert_eq!(Arc::strong_count(&greedy), 1);
}

#[test]
fn a_remote_handles_waker_of_another_runtime_is_woken_when_the_first_is_dropped() {
    let census = Census::default();
    let theirs = Runtime::new().unwrap();
    let token = census.token();
    let handle = theirs.handle();
    let result = glassloop::run(async {
        let remote = handle.spawn(move || hold(token));
        let waiting = spawn(remote);
        yield_now().await;
        drop(theirs);
        waiting.await.unwrap()
    });
    assert!(result.is_err());
    assert_eq!(census.alive(), 0);
}

// Messages and jobs.

#[test]
fn what_was_sent_and_never_collected_is_dropped_with_the_runtime() {
    let census = Census::default();
    let runtime = Runtime::new().unwrap();
    let handle = runtime.handle();
    let (called, spawned) = (census.token(), census.token());
    handle.call_soon(move || drop(called)).unwrap();
    let remote = handle.spawn(move || async move { drop(spawned) });
    drop(runtime);
    assert_eq!(census.alive(), 0);
    assert!(remote.wait().is_err());
    let late = census.token();
    assert!(handle.call_soon(move || drop(late)).is_err());
    assert_eq!(census.alive(), 0);
}

#[test]
fn a_jobs_result_is_dropped_once_wherever_it_ends_up() {
    for stage in 0..4 {
        let census = Census::default();
        let runtime = Runtime::new().unwrap();
        let (begin, begun) = channel();
        let (free, held) = channel::<()>();
        let token = census.token();
        let mut job = None;
        runtime.block_on(async {
            job = Some(spawn_blocking(move || {
                begin.send(()).unwrap();
                let _ = held.recv();
                token
            }));
        });
        let job = job.unwrap();
        begun.recv().unwrap();
        match stage {
            0 => {
                drop(free);
                drop(runtime.block_on(job).unwrap());
                drop(runtime);
            }
            1 => {
                job.detach();
                drop(free);
                drop(runtime); // waits for it
            }
            2 => {
                drop(free);
                drop(runtime);
                drop(job);
            }
            _ => {
                assert!(runtime.shutdown(Duration::ZERO).is_err());
                assert_eq!(census.alive(), 1);
                drop(job);
                drop(free);
                while census.alive() > 0 {
                    thread::yield_now(); // the worker is nobody's to join any more
                }
            }
        }
        assert_eq!(census.alive(), 0, "stage {stage}");
    }
}

// Threads that end, and threads that race.

#[test]
fn a_thread_locals_destructor_drops_runtime_handle_waker_and_sleep() {
    type Things = (JoinHandle<Token>, Runtime, Waker, Sleep, AbortHandle);
    thread_local! {
        static EARLY: RefCell<Option<Things>> = const { RefCell::new(None) };
    }
    thread_local! {
        static LATE: RefCell<Option<Things>> = const { RefCell::new(None) };
    }
    fn things(census: &Census) -> Things {
        let wakers = Wakers::default();
        let runtime = Runtime::new().unwrap();
        let task = runtime.spawn(forever(&wakers, census.token()));
        let mut timer = None;
        runtime.block_on(async {
            let timer = timer.insert(sleep(HOUR));
            poll_fn(|cx| Poll::Ready(Pin::new(&mut *timer).poll(cx).is_pending())).await;
            yield_now().await;
        });
        let sleep = timer.unwrap();
        let waker = wakers.take().pop().unwrap();
        let abort = task.abort_handle();
        (task, runtime, waker, sleep, abort)
    }
    let census = Census::default();
    let inner = census.clone();
    thread::spawn(move || {
        // One is registered for destruction before the loop's own thread-locals are, the other after.
        EARLY.set(None);
        let first = things(&inner);
        LATE.set(Some(things(&inner)));
        EARLY.set(Some(first));
    })
    .join()
    .unwrap();
    assert_eq!(census.alive(), 0);
}

#[test]
fn threads_wake_clone_and_drop_the_wakers_of_tasks_that_finish_meanwhile() {
    let census = Census::default();
    let runtime = Runtime::new().unwrap();
    for _ in 0..rounds(400) {
        let wakers = Wakers::default();
        let tasks: Vec<_> = (0..6).map(|_| runtime.spawn(once(&wakers, census.token()))).collect();
        settle(&runtime);
        let wakers = wakers.take();
        let aborts: Vec<_> = tasks.iter().step_by(3).map(JoinHandle::abort_handle).collect();
        let start = Arc::new(Barrier::new(4));
        let threads: Vec<_> = (0..3)
            .map(|n: usize| {
                let (wakers, aborts, start) = (wakers.clone(), aborts.clone(), start.clone());
                thread::spawn(move || {
                    start.wait();
                    for (at, waker) in wakers.into_iter().enumerate() {
                        let copy = waker.clone();
                        waker.wake();
                        copy.wake_by_ref();
                        if at % 3 == n {
                            drop(copy);
                        } else {
                            copy.wake();
                        }
                    }
                    aborts.iter().for_each(AbortHandle::abort);
                })
            })
            .collect();
        drop((wakers, aborts));
        start.wait();
        runtime.block_on(async {
            for task in tasks {
                drop(task.await);
            }
        });
        assert_eq!(census.alive(), 0);
        for thread in threads {
            thread.join().unwrap();
        }
    }
}

#[test]
fn threads_wake_send_and_drop_while_the_runtime_goes() {
    for round in 0..rounds(400) {
        let census = Census::default();
        let wakers = Wakers::default();
        let runtime = Runtime::new().unwrap();
        let tasks: Vec<_> = (0..4).map(|_| runtime.spawn(once(&wakers, census.token()))).collect();
        settle(&runtime);
        let mut sleeps = runtime.block_on(async {
            let mut sleeps: Vec<_> = (0..3).map(|_| sleep(HOUR)).collect();
            let poll = |cx: &mut Context<'_>, sleep: &mut Sleep| pin!(sleep).poll(cx).is_pending();
            poll_fn(|cx| Poll::Ready(sleeps.iter_mut().all(|sleep| poll(cx, sleep)))).await;
            sleeps
        });
        let start = Arc::new(Barrier::new(4));
        let threads: Vec<_> = (0..3)
            .map(|_| {
                let (wakers, start) = (wakers.borrow().clone(), start.clone());
                let (handle, abort, sleep) = (runtime.handle(), tasks[0].abort_handle(), sleeps.pop().unwrap());
                let (called, spawned) = (census.token(), census.token());
                thread::spawn(move || {
                    start.wait();
                    for waker in wakers {
                        waker.wake();
                    }
                    let _ = handle.call_soon(move || drop(called));
                    let remote = handle.spawn(move || async move { spawned });
                    abort.abort();
                    drop(sleep);
                    drop(handle);
                    drop(remote.wait()); // ends, whether the task was made or not
                })
            })
            .collect();
        wakers.borrow_mut().clear();
        start.wait();
        if round % 2 == 0 {
            settle(&runtime);
        }
        drop(runtime);
        drop(tasks);
        for thread in threads {
            thread.join().unwrap();
        }
        assert_eq!(census.alive(), 0, "round {round}");
    }
}

#[test]
fn payloads_go_to_whoever_asks_and_are_dropped_once() {
    let census = Census::default();
    let runtime = Runtime::new().unwrap();
    for taken in [true, false] {
        let token = census.token();
        let payload: Cell<Option<Box<dyn Any + Send>>> = Cell::new(Some(Box::new(token)));
        let task = runtime.spawn(async move { resume_unwind(payload.take().unwrap()) });
        settle(&runtime);
        if taken {
            let payload = runtime.block_on(task).unwrap_err().into_panic();
            assert_eq!(census.alive(), 1);
            drop(payload);
        } else {
            drop(task);
        }
        assert_eq!(census.alive(), 0);
    }
}
