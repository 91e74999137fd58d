//! Clear ends for bad use: each is refused, in words that say what to do instead, and the loop lives on.

use std::cell::{Cell, RefCell};
use std::future::{Future, pending, poll_fn, ready};
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::panic::{AssertUnwindSafe, catch_unwind, panic_any};
use std::pin::{Pin, pin};
use std::process::Command;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Wake, Waker};
use std::thread;
use std::time::Duration;

use glassloop::net::{TcpListener, TcpStream};
use glassloop::time::{self, Instant, Sleep, sleep};
use glassloop::trace::{Event, Observer, Recorder};
use glassloop::{Builder, Handle, JoinError, JoinHandle, RemoteError, Runtime, spawn, yield_now};

/// The words of the panic that `act` ends with.
#[track_caller]
fn panic_of<R>(act: impl FnOnce() -> R) -> String {
    match catch_unwind(AssertUnwindSafe(act)) {
        Ok(_) => panic!("it should have panicked"),
        Err(payload) => match payload.downcast::<String>() {
            Ok(text) => *text,
            Err(payload) => (*payload.downcast::<&'static str>().expect("a panic with words")).to_owned(),
        },
    }
}

fn poll_once<F: Future>(future: F) -> Poll<F::Output> {
    pin!(future).poll(&mut Context::from_waker(Waker::noop()))
}

#[track_caller]
fn assert_starts(words: &str, start: &str) {
    assert!(words.starts_with(start), "{words:?}\nshould start with\n{start:?}");
}

#[track_caller]
fn assert_contains(words: &str, part: &str) {
    assert!(words.contains(part), "{words:?}\nshould contain\n{part:?}");
}

/// What the child that runs `act` as the test `name` of this binary writes on standard error. `None` in the child.
fn stderr_of_child(name: &str, act: impl FnOnce()) -> Option<String> {
    const CHILD: &str = "GLASSLOOP_TEST_CHILD";
    if std::env::var_os(CHILD).is_some() {
        act();
        return None;
    }
    let mut child = Command::new(std::env::current_exe().unwrap());
    let output = child.args([name, "--exact", "--nocapture"]).env(CHILD, "1").output().unwrap();
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success(), "the child failed:\n{}{stderr}", String::from_utf8_lossy(&output.stdout));
    Some(stderr)
}

/// Panics with its words when it is dropped.
struct Bomb(&'static str);

impl Drop for Bomb {
    fn drop(&mut self) {
        panic!("{}", self.0);
    }
}

/// Says when it is dropped.
struct Flag(Arc<AtomicBool>);

impl Flag {
    fn new() -> (Flag, Arc<AtomicBool>) {
        let dropped = Arc::new(AtomicBool::new(false));
        (Flag(dropped.clone()), dropped)
    }
}

impl Drop for Flag {
    fn drop(&mut self) {
        self.0.store(true, Ordering::SeqCst);
    }
}

// ---- a loop inside a loop

#[test]
fn block_on_inside_a_loop_names_the_call_and_the_way_out() {
    let outer = Runtime::new().unwrap();
    let inner = Runtime::new().unwrap();
    let words = outer.block_on(async { panic_of(|| inner.block_on(async {})) });
    assert_starts(&words, &format!("block_on was called at {}:", file!()));
    assert_contains(
        &words,
        &format!("inside the running loop of glassloop runtime {}; a loop cannot run inside a loop.", outer.id()),
    );
    assert_contains(&words, "Inside, `.await` the future, or `spawn` it and await its handle;");
    assert_eq!(inner.block_on(async { 1 }), 1, "the inner runtime was not harmed");
    assert_eq!(outer.block_on(async { 2 }), 2, "nor was the outer one");
}

#[test]
fn block_on_inside_its_own_loop_is_refused() {
    let runtime = Rc::new(Runtime::new().unwrap());
    let words = runtime.block_on(async { panic_of(|| runtime.block_on(async {})) });
    assert_contains(&words, &format!("inside the running loop of glassloop runtime {}", runtime.id()));
}

#[test]
fn try_block_on_inside_a_loop_panics_too() {
    let inner = Runtime::new().unwrap();
    let words = glassloop::run(async { panic_of(|| inner.try_block_on(async {})) });
    assert_contains(&words, "a loop cannot run inside a loop");
}

#[test]
fn run_inside_a_loop_is_refused_before_a_runtime_is_made() {
    let words = glassloop::run(async { panic_of(|| glassloop::run(async {})) });
    assert_starts(&words, &format!("run was called at {}:", file!()));
    assert_contains(&words, "a loop cannot run inside a loop");
}

#[test]
fn a_loop_on_another_thread_may_run_inside_a_loop() {
    let sum =
        glassloop::run(async { glassloop::spawn_blocking(|| glassloop::run(async { 1 + 1 })).await.unwrap() + 1 });
    assert_eq!(sum, 3);
}

// ---- outside of any loop

const OUTSIDE: &str = "was used outside of a glassloop runtime; use it inside a future that `glassloop::run` or \
                       `Runtime::block_on` drives, as in `run(async { … })`, or send work to a loop on another \
                       thread through its `Handle`";

#[test]
fn what_needs_a_loop_panics_outside_and_says_what_to_do() {
    let outside = |what: &str| format!("{what} {OUTSIDE}");
    assert_eq!(panic_of(|| spawn(async {})), outside("spawn"));
    assert_eq!(panic_of(|| glassloop::spawn_named("n", async {})), outside("spawn_named"));
    assert_eq!(panic_of(|| glassloop::spawn_blocking(|| {})), outside("spawn_blocking"));
    assert_eq!(panic_of(|| sleep(Duration::ZERO)), outside("sleep"));
    assert_eq!(panic_of(|| time::sleep_until(Instant::now())), outside("sleep_until"));
    assert_eq!(panic_of(Handle::current), outside("Handle::current"));
    assert_eq!(panic_of(time::pause), outside("time::pause"));
    assert_eq!(panic_of(time::resume), outside("time::resume"));
    assert_eq!(panic_of(time::is_paused), outside("time::is_paused"));
    assert_eq!(panic_of(|| poll_once(time::advance(Duration::ZERO))), outside("time::advance"));
    assert_contains(&panic_of(|| time::timeout(Duration::ZERO, ready(()))), OUTSIDE);
    assert_contains(&panic_of(|| time::interval(Duration::from_secs(1))), OUTSIDE);
}

#[test]
fn the_try_forms_return_the_same_words_as_an_error() {
    let outside = |what: &str| format!("{what} {OUTSIDE}");
    assert_eq!(glassloop::try_spawn(async {}).unwrap_err().to_string(), outside("spawn"));
    assert_eq!(time::try_sleep(Duration::ZERO).unwrap_err().to_string(), outside("sleep"));
    assert_eq!(time::try_sleep_until(Instant::now()).unwrap_err().to_string(), outside("sleep_until"));
    assert_eq!(Handle::try_current().unwrap_err().to_string(), outside("Handle::current"));
    assert_eq!(glassloop::dump().unwrap_err().to_string(), outside("dump"));
}

#[test]
fn the_error_of_a_try_form_becomes_an_io_error_with_the_same_words() {
    let error = glassloop::try_spawn(async {}).unwrap_err();
    assert_eq!(io::Error::from(error.clone()).to_string(), error.to_string());
}

#[test]
fn a_future_that_could_not_be_spawned_is_dropped() {
    let (flag, dropped) = Flag::new();
    let refused = glassloop::try_spawn(async move { drop(flag) });
    assert!(refused.is_err() && dropped.load(Ordering::SeqCst));
}

#[test]
fn sockets_outside_are_an_io_error_that_says_so() {
    let std_listener = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let addr = std_listener.local_addr().unwrap();
    let Poll::Ready(bound) = poll_once(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))) else {
        panic!("a numeric address needs no wait")
    };
    assert_eq!(bound.unwrap_err().to_string(), format!("TcpListener {OUTSIDE}"));
    let Poll::Ready(connected) = poll_once(TcpStream::connect(addr)) else { panic!("it cannot wait outside") };
    assert_eq!(connected.unwrap_err().to_string(), format!("TcpStream {OUTSIDE}"));
    let taken = TcpListener::from_std(std_listener.try_clone().unwrap());
    assert_eq!(taken.unwrap_err().to_string(), format!("TcpListener {OUTSIDE}"));
    let taken = TcpStream::from_std(std::net::TcpStream::connect(addr).unwrap());
    assert_eq!(taken.unwrap_err().to_string(), format!("TcpStream {OUTSIDE}"));
}

#[test]
fn a_name_looked_up_outside_is_an_io_error_too() {
    let Poll::Ready(bound) = poll_once(TcpListener::bind("localhost:0")) else { panic!("it cannot wait outside") };
    assert_contains(&bound.unwrap_err().to_string(), OUTSIDE);
    let Poll::Ready(found) = poll_once(glassloop::net::lookup_host("localhost:0")) else {
        panic!("it cannot wait outside")
    };
    assert_contains(&found.unwrap_err().to_string(), OUTSIDE);
}

#[test]
fn between_two_block_ons_is_outside() {
    let runtime = Runtime::new().unwrap();
    runtime.block_on(async {});
    assert_eq!(panic_of(|| sleep(Duration::ZERO)), format!("sleep {OUTSIDE}"));
}

// ---- finished handles

#[test]
fn a_finished_handle_polled_again_panics_and_names_its_task() {
    let words = glassloop::run(async {
        let mut task = spawn(async { 1 });
        assert_eq!((&mut task).await.unwrap(), 1);
        panic_of(|| poll_once(&mut task))
    });
    assert_eq!(
        words,
        "the JoinHandle of task 2 was polled again after it gave its output; a handle gives it once"
    );
}

#[test]
fn a_finished_remote_handle_polled_again_panics() {
    let words = glassloop::run(async {
        let mut task = Handle::current().spawn(|| async { 1 });
        assert_eq!((&mut task).await.unwrap(), 1);
        panic_of(|| poll_once(&mut task))
    });
    assert_contains(&words, "was polled again after it gave its output");
}

#[test]
fn a_finished_join_polled_again_panics() {
    let mut all = glassloop::join_all([ready(1)]);
    assert_eq!(poll_once(&mut all), Poll::Ready(vec![1]));
    assert_eq!(panic_of(|| poll_once(&mut all)), "a join was polled again after it gave its outputs");
}

#[test]
fn a_sleep_that_is_over_stays_over() {
    glassloop::run(async {
        time::pause();
        let mut over = sleep(Duration::from_secs(1));
        (&mut over).await;
        (&mut over).await;
        assert!(over.is_elapsed());
    });
}

#[test]
fn into_panic_of_a_cancelled_task_says_that_it_did_not_panic() {
    let words = glassloop::run(async {
        let task = spawn(pending::<()>());
        task.abort();
        let error = task.await.unwrap_err();
        panic_of(|| error.into_panic())
    });
    assert_eq!(words, "into_panic was called on a task that did not panic: task 2 was cancelled");
}

// ---- futures that panic

/// Awaits a task that panics, and gives its payload's words; then shows that the loop lives.
fn awaited_panic(spawn_one: impl FnOnce() -> JoinHandle<()>) -> String {
    glassloop::run(async {
        let error = spawn_one().await.unwrap_err();
        assert!(error.is_panic() && !error.is_cancelled());
        let words = error.to_string();
        let payload = error.into_panic();
        let text = payload.downcast_ref::<String>().map(String::as_str);
        let text = text.or_else(|| payload.downcast_ref::<&str>().copied()).unwrap();
        assert_eq!(words, format!("task 2 panicked: {text}"));
        assert_eq!(spawn(async { 5 }).await.unwrap(), 5, "the loop lives");
        text.to_owned()
    })
}

#[test]
fn a_panic_in_poll_is_given_to_the_handle() {
    assert_eq!(awaited_panic(|| spawn(async { panic!("in poll") })), "in poll");
}

#[test]
fn a_panic_in_the_second_poll_is_given_to_the_handle() {
    let task = || {
        spawn(async {
            yield_now().await;
            panic!("in the second poll")
        })
    };
    assert_eq!(awaited_panic(task), "in the second poll");
}

#[test]
fn a_panic_in_a_futures_drop_after_it_finished_is_given_to_the_handle() {
    /// Ready at once; the bomb goes off when the loop drops it.
    struct Finished(#[allow(dead_code)] Bomb);
    impl Future for Finished {
        type Output = ();
        fn poll(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<()> {
            Poll::Ready(())
        }
    }
    assert_eq!(awaited_panic(|| spawn(Finished(Bomb("after its end")))), "after its end");
}

#[test]
fn a_panic_in_a_futures_drop_after_abort_is_given_to_the_handle() {
    let task = || {
        let bomb = Bomb("after abort");
        let task = spawn(async move {
            let _bomb = bomb;
            pending::<()>().await;
        });
        task.abort();
        task
    };
    assert_eq!(awaited_panic(task), "after abort");
}

#[test]
fn of_a_panic_in_poll_and_one_in_drop_the_first_counts() {
    struct Both(#[allow(dead_code)] Bomb);
    impl Future for Both {
        type Output = ();
        fn poll(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<()> {
            panic!("first")
        }
    }
    assert_eq!(awaited_panic(|| spawn(Both(Bomb("second")))), "first");
}

#[test]
fn an_output_that_is_lost_to_a_panic_in_the_futures_drop_may_panic_too() {
    struct WithOutput(#[allow(dead_code)] Bomb);
    impl Future for WithOutput {
        type Output = Bomb;
        fn poll(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<Bomb> {
            Poll::Ready(Bomb("of the output"))
        }
    }
    glassloop::run(async {
        let Err(error) = spawn(WithOutput(Bomb("of the future"))).await else { panic!("its drop panicked") };
        assert_eq!(error.to_string(), "task 2 panicked: of the future");
    });
}

#[test]
fn a_payload_of_any_type_reaches_the_awaiter() {
    glassloop::run(async {
        let error = spawn(async { panic_any(7_u8) }).await.unwrap_err();
        assert_eq!(error.to_string(), "task 2 panicked: (its payload is not text)");
        assert_eq!(*error.into_panic().downcast::<u8>().unwrap(), 7);
    });
}

#[test]
fn an_output_that_panics_in_its_drop_is_its_awaiters() {
    let words = glassloop::run(async {
        let output = spawn(async { Bomb("of the output") }).await.unwrap();
        panic_of(move || drop(output))
    });
    assert_eq!(words, "of the output");
}

#[test]
fn an_output_that_panics_in_its_drop_does_not_harm_a_loop_that_nobody_asked_for_it() {
    glassloop::run(async {
        let before = spawn(async { Bomb("its handle went before") });
        drop(before);
        let after = spawn(async { Bomb("its handle goes after") });
        spawn(async { Bomb("detached") }).detach();
        yield_now().await;
        assert!(after.is_finished());
        drop(after); // it panics inside, and that is reported, not thrown here
        assert_eq!(spawn(async { 5 }).await.unwrap(), 5, "the loop lives");
    });
}

#[test]
fn a_lost_payload_that_panics_in_its_drop_does_not_harm_the_loop() {
    glassloop::run(async {
        spawn(async { panic_any(Bomb("of the payload")) }).detach();
        yield_now().await;
        assert_eq!(spawn(async { 5 }).await.unwrap(), 5, "the loop lives");
    });
}

#[test]
fn a_second_panics_payload_that_panics_in_its_drop_does_not_harm_the_loop() {
    struct Both;
    impl Future for Both {
        type Output = ();
        fn poll(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<()> {
            panic!("first")
        }
    }
    impl Drop for Both {
        fn drop(&mut self) {
            panic_any(Bomb("of the second payload"));
        }
    }
    // In a process of its own: what goes wrong here ends in an abort.
    let name = "a_second_panics_payload_that_panics_in_its_drop_does_not_harm_the_loop";
    stderr_of_child(name, || assert_eq!(awaited_panic(|| spawn(Both)), "first"));
}

#[test]
fn a_root_that_panics_panics_out_of_block_on_with_its_own_payload() {
    let runtime = Runtime::new().unwrap();
    let thrown = catch_unwind(AssertUnwindSafe(|| runtime.block_on(async { panic_any(9_u8) }))).unwrap_err();
    assert_eq!(*thrown.downcast::<u8>().unwrap(), 9);
    assert_eq!(runtime.block_on(async { spawn(async { 3 }).await.unwrap() }), 3, "the runtime stays usable");
}

#[test]
fn a_root_that_panics_in_its_drop_panics_out_of_block_on() {
    struct Finished(#[allow(dead_code)] Bomb);
    impl Future for Finished {
        type Output = ();
        fn poll(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<()> {
            Poll::Ready(())
        }
    }
    let runtime = Runtime::new().unwrap();
    assert_eq!(panic_of(|| runtime.block_on(Finished(Bomb("of the root")))), "of the root");
    assert_eq!(runtime.block_on(async { 3 }), 3, "the runtime stays usable");
}

// ---- what nobody will see is said aloud

#[test]
fn lost_panics_are_reported_with_task_name_place_and_words() {
    let name = "lost_panics_are_reported_with_task_name_place_and_words";
    let line = line!() + 4;
    let stderr = stderr_of_child(name, || {
        glassloop::run(async {
            // The lines from here on are named below.
            spawn(async { panic!("detached before") }).detach();
            glassloop::spawn_named("worker", async { panic!("with a name") }).detach();
            let unread = spawn(async { panic!("dropped unread") });
            let named = glassloop::spawn_named("named", async { panic!("named and unread") });
            let read = spawn(async { panic!("read by its handle") });
            let output = spawn(async { Bomb("an output's drop") });
            yield_now().await;
            drop((unread, named, output));
            assert!(read.await.is_err());
        });
    });
    let Some(stderr) = stderr else { return };
    let report = |task: &str, line: u32, column: u32, words: &str| {
        format!(
            "glassloop: task {task}, spawned at {}:{line}:{column}, panicked, and nobody holds its handle: {words}\n",
            file!()
        )
    };
    assert_contains(&stderr, &report("2", line, 13, "detached before"));
    assert_contains(&stderr, &report("3 \"worker\"", line + 1, 13, "with a name"));
    assert_contains(&stderr, &report("4", line + 2, 26, "dropped unread"));
    assert_contains(&stderr, &report("5 \"named\"", line + 3, 25, "named and unread"));
    assert_contains(&stderr, &report("7", line + 5, 26, "an output's drop"));
    assert!(!stderr.contains("nobody holds its handle: read by its handle"), "{stderr}");
}

#[test]
fn panics_of_sent_closures_foreign_wakers_and_observers_are_reported_and_the_loop_lives() {
    struct Grumpy;
    impl Wake for Grumpy {
        fn wake(self: Arc<Self>) {
            panic!("a grumpy waker");
        }
    }
    struct Nosy(Cell<bool>);
    impl Observer for Nosy {
        fn event(&self, _at: Instant, event: &Event) {
            if matches!(event, Event::Pending { .. }) {
                assert!(!self.0.replace(true), "an observer that panicked was asked again");
                panic!("a nosy observer");
            }
        }
    }
    let name = "panics_of_sent_closures_foreign_wakers_and_observers_are_reported_and_the_loop_lives";
    let stderr = stderr_of_child(name, || {
        let runtime = Builder::new().observer(Rc::new(Nosy(Cell::new(false)))).build().unwrap();
        runtime.handle().call_soon(|| panic!("a sent closure")).unwrap();
        runtime.block_on(async {
            let mut task = spawn(yield_now());
            let grumpy = Waker::from(Arc::new(Grumpy));
            assert!(Pin::new(&mut task).poll(&mut Context::from_waker(&grumpy)).is_pending());
            while !task.is_finished() {
                yield_now().await;
            }
        });
    });
    let Some(stderr) = stderr else { return };
    assert_contains(&stderr, "glassloop: a closure sent to the loop from a thread panicked: a sent closure\n");
    assert_contains(&stderr, "glassloop: a foreign waker panicked: a grumpy waker\n");
    assert_contains(&stderr, "glassloop: an observer panicked at «pending ");
    assert_contains(&stderr, "» and was removed\n");
}

#[test]
fn an_observers_payload_that_panics_in_its_drop_does_not_harm_the_loop() {
    struct Nosy;
    impl Observer for Nosy {
        fn event(&self, _at: Instant, _event: &Event) {
            panic_any(Bomb("of an observer's payload"));
        }
    }
    let name = "an_observers_payload_that_panics_in_its_drop_does_not_harm_the_loop";
    stderr_of_child(name, || {
        let runtime = Builder::new().observer(Rc::new(Nosy)).build().unwrap();
        assert_eq!(runtime.block_on(async { spawn(async { 5 }).await.unwrap() }), 5);
    });
}

/// Who reads standard error may go away: `program 2>&1 | head`.
#[cfg(unix)]
#[test]
fn a_report_that_cannot_be_written_does_not_harm_the_loop() {
    use std::process::Stdio;
    const CHILD: &str = "GLASSLOOP_TEST_CHILD";
    if std::env::var_os(CHILD).is_some() {
        io::stdin().read_line(&mut String::new()).unwrap(); // until the other end of standard error is closed
        glassloop::run(async {
            spawn(async { panic!("lost, and said to nobody") }).detach();
            Handle::current().call_soon(|| panic!("so is this")).unwrap();
            yield_now().await;
            assert_eq!(spawn(async { 5 }).await.unwrap(), 5, "the loop lives");
        });
        return;
    }
    let mut child = Command::new(std::env::current_exe().unwrap());
    child.args(["a_report_that_cannot_be_written_does_not_harm_the_loop", "--exact", "--nocapture"]);
    child.env(CHILD, "1").stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = child.spawn().unwrap();
    drop(child.stderr.take());
    drop(child.stdin.take());
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
}

// ---- wakers that come too late

/// A runtime, its record, and the waker of a task that has finished.
fn late_waker() -> (Runtime, Recorder, Waker) {
    let recorder = Recorder::new();
    let runtime = Builder::new().observer(recorder.observer()).build().unwrap();
    let waker = runtime.block_on(async {
        let waker = spawn(poll_fn(|cx| Poll::Ready(cx.waker().clone()))).await.unwrap();
        recorder.clear();
        waker
    });
    (runtime, recorder, waker)
}

#[test]
fn a_waker_called_after_its_task_is_gone_does_nothing() {
    let (runtime, recorder, waker) = late_waker();
    recorder.clear();
    runtime.block_on(async {
        waker.wake_by_ref();
        let same = waker.clone();
        same.wake();
    });
    assert_eq!(recorder.order(), ["wake 3: spawned", "turn 2", "run", "poll 3", "done 3 ready"]);
}

#[test]
fn a_waker_called_after_its_task_is_gone_on_another_thread_polls_nobody() {
    let (runtime, recorder, waker) = late_waker();
    recorder.clear();
    thread::spawn(move || waker.wake()).join().unwrap();
    runtime.block_on(async {});
    assert_eq!(recorder.order(), ["wake 3: spawned", "turn 2", "collect", "run", "poll 3", "done 3 ready"]);
}

#[test]
fn a_waker_called_after_its_runtime_is_gone_does_nothing_on_any_thread() {
    let (runtime, recorder, waker) = late_waker();
    drop(runtime);
    recorder.clear();
    waker.wake_by_ref();
    let other = waker.clone();
    thread::spawn(move || other.wake()).join().unwrap();
    glassloop::run(async move { waker.wake() });
    assert!(recorder.lines().is_empty());
}

#[test]
fn the_waker_of_a_live_task_called_after_its_runtime_is_gone_does_nothing() {
    let slot = Rc::new(RefCell::new(None));
    let runtime = Runtime::new().unwrap();
    runtime.block_on(async {
        let slot = slot.clone();
        spawn(poll_fn(move |cx| {
            *slot.borrow_mut() = Some(cx.waker().clone());
            Poll::<()>::Pending
        }))
        .detach();
        yield_now().await;
    });
    drop(runtime);
    let waker = slot.take().unwrap();
    let other = waker.clone();
    thread::spawn(move || other.wake()).join().unwrap();
    glassloop::run(async move { waker.wake() });
}

#[test]
fn a_roots_waker_called_after_block_on_does_nothing() {
    let runtime = Runtime::new().unwrap();
    let waker = runtime.block_on(poll_fn(|cx| Poll::Ready(cx.waker().clone())));
    waker.wake_by_ref();
    let other = waker.clone();
    thread::spawn(move || other.wake()).join().unwrap();
    let polls = Cell::new(0);
    runtime.block_on(poll_fn(|cx| {
        waker.wake_by_ref();
        polls.set(polls.get() + 1);
        if polls.get() == 1 {
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        Poll::Ready(())
    }));
    assert_eq!(polls.get(), 2, "a root has a fresh id and a fresh cell each time");
}

// ---- limits of zero

#[test]
fn a_builder_refuses_limits_of_zero_and_names_them() {
    let refused = |builder: Builder| {
        let error = builder.build().unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::InvalidInput);
        error.to_string()
    };
    assert_eq!(
        refused(Builder::new().budget(0)),
        "Builder::budget is 0, and the loop could never go on; give it at least 1 (polls before timers and I/O are \
         looked at)"
    );
    assert_eq!(
        refused(Builder::new().events_capacity(0)),
        "Builder::events_capacity is 0, and the loop could never go on; give it at least 1 (events a look at the \
         kernel may bring)"
    );
    assert_eq!(
        refused(Builder::new().max_blocking_threads(0)),
        "Builder::max_blocking_threads is 0, and the loop could never go on; give it at least 1 (threads; to run \
         without any, use inline_blocking)"
    );
}

#[test]
fn limits_of_one_are_enough() {
    let builder = Builder::new().budget(1).events_capacity(1).max_blocking_threads(1);
    let sum = builder.build().unwrap().block_on(async {
        let job = glassloop::spawn_blocking(|| 1);
        let task = spawn(async { 2 });
        job.await.unwrap() + task.await.unwrap()
    });
    assert_eq!(sum, 3);
}

#[test]
fn a_recorder_of_capacity_zero_is_refused() {
    let words = panic_of(|| Recorder::with_capacity(0));
    assert_eq!(words, "a recorder of capacity 0 can keep nothing; give it at least 1");
}

// ---- on another loop than one's own

fn elsewhere(what: &str, owner: &Runtime, here: Option<&Runtime>) -> String {
    let here = here.map_or("outside of any running loop".to_owned(), |here| format!("on runtime {}", here.id()));
    format!(
        "this {what} belongs to glassloop runtime {} and was used {here}; it stays with the loop it was made on",
        owner.id()
    )
}

#[test]
fn a_sleep_used_elsewhere_panics_and_names_both_loops() {
    let (own, other) = (Runtime::new().unwrap(), Runtime::new().unwrap());
    let mut fresh = own.block_on(poll_fn(|_| Poll::Ready(sleep(Duration::ZERO))));
    assert_eq!(
        other.block_on(async { panic_of(|| poll_once(&mut fresh)) }),
        elsewhere("sleep", &own, Some(&other))
    );
    assert_eq!(panic_of(|| poll_once(&mut fresh)), elsewhere("sleep", &own, None));
    assert_eq!(panic_of(|| fresh.reset(Instant::now())), elsewhere("sleep", &own, None));
    let on_thread = thread::spawn(move || panic_of(|| poll_once(&mut fresh))).join().unwrap();
    assert_eq!(on_thread, elsewhere("sleep", &own, None));
}

#[test]
fn an_armed_sleep_refused_elsewhere_still_ends_at_home() {
    let own = Builder::new().start_paused(true).build().unwrap();
    let other = Runtime::new().unwrap();
    let mut armed: Sleep = own.block_on(poll_fn(|_| {
        let mut armed = sleep(Duration::from_secs(5));
        assert!(poll_once(&mut armed).is_pending());
        Poll::Ready(armed)
    }));
    assert_eq!(
        other.block_on(async { panic_of(|| poll_once(&mut armed)) }),
        elsewhere("sleep", &own, Some(&other))
    );
    assert_eq!(panic_of(|| armed.is_elapsed()), elsewhere("sleep", &own, None));
    own.block_on(async {
        let start = Instant::now();
        armed.await;
        assert_eq!(start.elapsed(), Duration::from_secs(5));
    });
}

/// A connection: this end on `own`, that end a blocking one.
fn connected(own: &Runtime) -> (TcpStream, std::net::TcpStream) {
    let listener = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let addr: SocketAddr = listener.local_addr().unwrap();
    let near = own.block_on(TcpStream::connect(addr)).unwrap();
    (near, listener.accept().unwrap().0)
}

#[test]
fn a_socket_used_elsewhere_is_an_io_error_that_names_both_loops() {
    let (own, other) = (Runtime::new().unwrap(), Runtime::new().unwrap());
    let (stream, _peer) = connected(&own);
    let listener = own.block_on(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))).unwrap();
    let there = elsewhere("socket", &own, Some(&other));
    other.block_on(async {
        let mut buffer = [0; 4];
        assert_eq!(stream.read(&mut buffer).await.unwrap_err().to_string(), there);
        assert_eq!(stream.write(b"abcd").await.unwrap_err().to_string(), there);
        assert_eq!(stream.readable().await.unwrap_err().to_string(), there);
        assert_eq!(listener.accept().await.unwrap_err().to_string(), there);
    });
    let outside = elsewhere("socket", &own, None);
    let Poll::Ready(read) = poll_once(stream.read(&mut [0; 4])) else { panic!("it cannot wait outside") };
    assert_eq!(read.unwrap_err().to_string(), outside);
    let Poll::Ready(accepted) = poll_once(listener.accept()) else { panic!("it cannot wait outside") };
    assert_eq!(accepted.unwrap_err().to_string(), outside);
}

#[test]
fn try_read_and_try_write_elsewhere_are_refused_before_they_touch_the_stream() {
    use std::io::{Read, Write};
    let (own, other) = (Runtime::new().unwrap(), Runtime::new().unwrap());
    let (stream, mut peer) = connected(&own);
    peer.write_all(b"data").unwrap();
    own.block_on(stream.readable()).unwrap();
    let there = elsewhere("socket", &own, Some(&other));
    other.block_on(async {
        for room in [4, 9] {
            let refused = stream.try_read(&mut vec![0; room]);
            assert_eq!(refused.map_err(|error| error.to_string()), Err(there.clone()));
        }
        assert_eq!(stream.try_write(b"x").map_err(|error| error.to_string()), Err(there.clone()));
    });
    let mut buffer = [0; 4];
    own.block_on(stream.read_exact(&mut buffer)).unwrap();
    assert_eq!(&buffer, b"data", "nothing was lost");
    drop(stream);
    drop(own);
    assert_eq!(peer.read(&mut buffer).unwrap(), 0, "nothing was written");
}

#[test]
fn into_std_elsewhere_is_refused_in_the_same_words() {
    let (own, other) = (Runtime::new().unwrap(), Runtime::new().unwrap());
    let (stream, _peer) = connected(&own);
    let error = other.block_on(async { stream.into_std().unwrap_err() });
    assert_eq!(error.to_string(), elsewhere("socket", &own, Some(&other)));
}

#[test]
fn a_socket_that_into_std_refused_is_deregistered_all_the_same() {
    let (own, other) = (Runtime::new().unwrap(), Runtime::new().unwrap());
    let (stream, _peer) = connected(&own);
    let stream = Rc::new(RefCell::new(Some(stream)));
    let shared = stream.clone();
    own.spawn(poll_fn(move |cx| match &*shared.borrow() {
        Some(stream) => stream.poll_read(cx, &mut [0; 1]).map(drop),
        None => Poll::Pending,
    }))
    .detach();
    let waits = || glassloop::dump().unwrap().tasks().iter().map(|task| task.waits.len()).sum::<usize>();
    own.block_on(async {
        yield_now().await;
        assert_eq!(waits(), 1);
    });
    let refused = stream.take().unwrap();
    assert!(other.block_on(async { refused.into_std() }).is_err());
    own.block_on(async { assert_eq!(waits(), 0, "its waiter went with it") });
}

// ---- clocks and intervals

#[test]
fn an_interval_of_period_zero_is_refused() {
    let words = glassloop::run(async { panic_of(|| time::interval(Duration::ZERO)) });
    assert_eq!(words, "an interval of period zero would tick without end; give it a period above zero");
}

#[test]
fn advance_resume_and_pause_at_the_wrong_time_say_what_the_clock_does() {
    glassloop::run(async {
        let words = panic_of(|| poll_once(time::advance(Duration::from_secs(1))));
        assert_eq!(words, "time::advance: the clock runs; call time::pause first");
        assert_eq!(panic_of(time::resume), "time::resume: the clock runs already");
        time::pause();
        assert_eq!(panic_of(time::pause), "time::pause: the clock stands already");
    });
}

// ---- handles of a loop

#[test]
fn wait_on_the_tasks_own_loop_is_refused() {
    let runtime = Runtime::new().unwrap();
    let refused = |words: String| {
        assert_eq!(
            words,
            format!(
                "wait was called on the loop of runtime {} for one of its own tasks, which could never run \
                 meanwhile; `.await` the handle instead",
                runtime.id()
            )
        );
    };
    runtime.block_on(async {
        let handle = runtime.handle();
        refused(panic_of(|| handle.spawn(|| async {}).wait()));
        refused(panic_of(|| handle.spawn(|| async {}).wait_timeout(Duration::ZERO)));
        assert_eq!(handle.spawn(|| async { 4 }).await.unwrap(), 4);
    });
}

#[test]
fn wait_on_another_loop_is_allowed() {
    let own = Runtime::new().unwrap();
    let handle = own.handle();
    let waiter =
        thread::spawn(move || glassloop::run(async move { handle.spawn(|| async { 4 }).wait().unwrap() }));
    own.block_on(async {
        while !waiter.is_finished() {
            sleep(Duration::from_millis(1)).await;
        }
    });
    assert_eq!(waiter.join().unwrap(), 4);
}

#[test]
fn a_handle_whose_runtime_is_gone_says_so_and_drops_what_it_was_given() {
    let runtime = Runtime::new().unwrap();
    let (id, handle) = (runtime.id(), runtime.handle());
    drop(runtime);
    let gone = format!("glassloop runtime {id} was dropped, so nothing can be sent to it any more");
    let (flag, dropped) = Flag::new();
    let error = handle.call_soon(move || drop(flag)).unwrap_err();
    assert_eq!((error.to_string(), error.runtime_id()), (gone.clone(), id));
    assert!(dropped.load(Ordering::SeqCst), "the closure is dropped, not kept");
    assert_eq!(handle.dump().unwrap_err().to_string(), gone);
    let (flag, dropped) = Flag::new();
    let task = handle.spawn(move || async move { drop(flag) });
    assert!(dropped.load(Ordering::SeqCst) && task.is_finished());
    task.abort(); // nothing to abort
    let error = task.wait().unwrap_err();
    assert!(matches!(&error, RemoteError::Gone(gone) if gone.runtime_id() == id));
    assert_eq!(error.to_string(), gone);
    assert_eq!(handle.runtime_id(), id, "its name outlives it");
}

#[test]
fn a_writer_that_shows_the_error_it_is_writing_gets_its_words() {
    use std::fmt::{self, Write};

    struct Again<'a>(&'a JoinError, Option<String>);
    impl Write for Again<'_> {
        fn write_str(&mut self, _part: &str) -> fmt::Result {
            self.1 = Some(self.0.to_string());
            Ok(())
        }
    }

    async fn fails() {
        panic!("twice")
    }

    let error = glassloop::run(async { spawn(fails()).await.unwrap_err() });
    let mut again = Again(&error, None);
    write!(again, "{error}").unwrap();
    assert_eq!(again.1.as_deref(), Some("task 2 panicked: twice"));
}
