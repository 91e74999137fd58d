//! Streams: what comes one after the other, and the generators that make such things.

use std::cell::{Cell, RefCell};
use std::future::{Future, pending, poll_fn};
use std::io;
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

use glassloop::net::{TcpListener, TcpStream, UnixListener, UnixStream};
use glassloop::stream::{self, Stream, StreamExt, Yielder, generate, try_generate};
use glassloop::sync::{broadcast, mpsc, watch};
use glassloop::time::{Instant, MissedTickBehavior, advance, interval, pause, sleep, timeout};
use glassloop::{Builder, spawn, yield_now};

mod support;
use support::{Slot, assert_trace, poll_once, record};

const SECOND: Duration = Duration::from_secs(1);

/// What happened, in its order.
#[derive(Clone, Default)]
struct Log(Rc<RefCell<Vec<String>>>);

impl Log {
    fn add(&self, line: impl Into<String>) {
        self.0.borrow_mut().push(line.into());
    }

    #[track_caller]
    fn assert(&self, lines: &[&str]) {
        assert_eq!(*self.0.borrow(), lines);
    }
}

/// Writes its line when it is dropped.
struct Bye(Log, &'static str);

impl Drop for Bye {
    fn drop(&mut self) {
        self.0.add(self.1);
    }
}

/// As [`glassloop::run`], on a clock that jumps.
fn run<F: Future>(future: F) -> F::Output {
    glassloop::run(async {
        pause();
        future.await
    })
}

// ---- ticks

#[test]
fn an_interval_is_a_stream_of_the_planned_moments() {
    run(async {
        let start = Instant::now();
        let ticks: Vec<_> = interval(SECOND).take(4).map(|tick| (tick - start).as_secs()).collect().await;
        assert_eq!(ticks, [0, 1, 2, 3]);
        assert_eq!(start.elapsed(), 3 * SECOND);
    });
}

#[test]
fn a_next_tick_that_is_dropped_has_used_up_no_tick() {
    run(async {
        let start = Instant::now();
        let mut ticks = interval(SECOND);
        ticks.next().await;
        assert!(timeout(SECOND / 2, ticks.next()).await.is_err());
        assert_eq!(ticks.next().await, Some(start + SECOND));
    });
}

#[test]
fn missed_ticks_of_the_stream_follow_the_behavior() {
    run(async {
        let start = Instant::now();
        let mut ticks = interval(SECOND);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
        ticks.next().await;
        advance(Duration::from_millis(3500)).await;
        let next: Vec<_> = ticks.take(3).map(|tick| (tick - start).as_secs()).collect().await;
        assert_eq!(next, [1, 4, 5]);
    });
}

// ---- connections

#[test]
fn incoming_connections_are_served_until_enough_came() {
    glassloop::run(async {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addr = listener.local_addr().unwrap();
        let clients = spawn(async move {
            for n in 0..3 {
                let client = TcpStream::connect(addr).await.unwrap();
                client.write_all(&[n]).await.unwrap();
            }
        });
        let mut said = Vec::new();
        let mut incoming = listener.incoming().take(3);
        while let Some(server) = incoming.next().await {
            let mut byte = [0];
            server.unwrap().read_exact(&mut byte).await.unwrap();
            said.push(byte[0]);
        }
        assert_eq!(said, [0, 1, 2]);
        clients.await.unwrap();
    });
}

#[test]
fn a_dropped_stream_of_connections_leaves_the_next_one_to_the_listener() {
    let path = std::env::temp_dir().join(format!("glassloop-incoming-{}", std::process::id()));
    let _ = std::fs::remove_file(&path);
    glassloop::run(async {
        let listener = UnixListener::bind(&path).unwrap();
        {
            let mut incoming = listener.incoming();
            assert!(poll_fn(|cx| Poll::Ready(pin!(incoming.next()).poll(cx))).await.is_pending());
        }
        let client = UnixStream::connect(&path).await.unwrap();
        let (server, _) = listener.accept().await.unwrap();
        client.write_all(b"x").await.unwrap();
        server.read_exact(&mut [0]).await.unwrap();
    });
    std::fs::remove_file(&path).unwrap();
}

#[test]
fn two_streams_of_one_listener_are_both_woken() {
    glassloop::run(async {
        let listener = Rc::new(TcpListener::bind("127.0.0.1:0").await.unwrap());
        let addr = listener.local_addr().unwrap();
        let served: Vec<_> = (0..2)
            .map(|_| {
                let listener = listener.clone();
                spawn(async move { listener.incoming().next().await.unwrap().unwrap() })
            })
            .collect();
        yield_now().await; // both wait
        let _clients = (TcpStream::connect(addr).await.unwrap(), TcpStream::connect(addr).await.unwrap());
        for server in served {
            server.await.unwrap();
        }
    });
}

#[test]
fn an_error_of_accept_is_an_item_and_the_stream_goes_on() {
    let runtime = Builder::new().build().unwrap();
    let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
    let addr = listener.local_addr().unwrap();
    let mut incoming = listener.incoming();
    // Outside of its loop every operation fails.
    assert!(matches!(poll_once(incoming.next()), Poll::Ready(Some(Err(_)))));
    runtime.block_on(async {
        let _client = TcpStream::connect(addr).await.unwrap();
        incoming.next().await.unwrap().unwrap();
    });
}

// ---- generators

/// The documents' paginated source.
fn pages(log: Log) -> impl Stream<Item = u32> + Unpin {
    generate(async move |yielder| {
        for page in 0..3 {
            sleep(SECOND / 10).await;
            log.add(format!("page {page}"));
            for item in 0..2 {
                yielder.yield_item(2 * page + item).await;
            }
        }
    })
}

#[test]
fn a_generator_gives_its_items_in_order_and_ends() {
    run(async {
        let start = Instant::now();
        let mut pages = pages(Log::default());
        assert_eq!((&mut pages).collect::<Vec<_>>().await, [0, 1, 2, 3, 4, 5]);
        assert_eq!(start.elapsed(), SECOND * 3 / 10);
        assert_eq!(pages.next().await, None);
        assert_eq!(pages.next().await, None);
    });
}

#[test]
fn a_generator_runs_only_while_it_is_asked() {
    let log = Log::default();
    let made = log.clone();
    run(async {
        let mut numbers = generate(async move |yielder| {
            made.add("begins");
            yielder.yield_item(1).await;
            made.add("goes on");
            yielder.yield_item(2).await;
            made.add("ends");
        });
        log.add("made");
        for _ in 0..3 {
            let next = numbers.next().await;
            log.add(format!("{next:?}"));
        }
    });
    log.assert(&["made", "begins", "Some(1)", "goes on", "Some(2)", "ends", "None"]);
}

#[test]
fn yielding_costs_the_task_no_turn_and_no_wake() {
    let trace = record(Builder::new(), async {
        let numbers = generate(async |yielder| {
            for n in 0..100 {
                yielder.yield_item(n).await;
            }
        });
        assert_eq!(numbers.count().await, 100);
    });
    assert_trace(&trace, "wake 1: spawned\nturn 1\nrun\npoll 1\ndone 1 ready");
}

#[test]
fn a_dropped_generator_drops_its_body_where_it_stands() {
    let log = Log::default();
    let made = log.clone();
    run(async {
        let mut numbers = generate(async move |yielder| {
            let _outer = Bye(made.clone(), "outer closed");
            for n in 0.. {
                let _inner = Bye(made.clone(), "inner closed");
                yielder.yield_item(n).await;
            }
        });
        assert_eq!(numbers.next().await, Some(0));
        log.add("one is enough");
        drop(numbers);
        log.add("dropped");
    });
    log.assert(&["one is enough", "inner closed", "outer closed", "dropped"]);
}

#[test]
fn a_body_that_returned_is_dropped_before_the_end_is_told() {
    let log = Log::default();
    let made = log.clone();
    run(async {
        let mut numbers = generate(async move |yielder| {
            let _bye = Bye(made, "closed");
            yielder.yield_item(1).await;
        });
        while let Some(n) = numbers.next().await {
            log.add(n.to_string());
        }
        log.add("ended");
    });
    log.assert(&["1", "closed", "ended"]);
}

#[test]
fn a_next_that_is_dropped_while_the_body_waits_loses_nothing() {
    run(async {
        let mut pages = pages(Log::default());
        assert!(timeout(SECOND / 20, pages.next()).await.is_err());
        assert_eq!(pages.collect::<Vec<_>>().await, [0, 1, 2, 3, 4, 5]);
    });
}

#[test]
fn an_item_is_handed_over_before_the_body_goes_on() {
    let log = Log::default();
    run(async {
        let mut pages = pages(log.clone());
        while let Some(item) = pages.next().await {
            yield_now().await;
            log.add(format!("item {item}"));
        }
    });
    log.assert(&["page 0", "item 0", "item 1", "page 1", "item 2", "item 3", "page 2", "item 4", "item 5"]);
}

#[test]
fn a_body_lends_its_yielder_and_borrows_what_is_around() {
    async fn twice(yielder: &Yielder<String>, word: &str) {
        yielder.yield_item(word.to_owned()).await;
        yielder.yield_item(word.to_uppercase()).await;
    }
    let words = ["a".to_owned(), "b".to_owned()];
    let all: Vec<_> = run(generate(async |yielder| {
        for word in &words {
            twice(&yielder, word).await;
        }
    })
    .collect());
    assert_eq!(all, ["a", "A", "b", "B"]);
}

#[test]
fn a_recursive_generator_yields_depth_first() {
    fn count(depth: u32) -> Pin<Box<dyn Stream<Item = u32>>> {
        let body = async move |yielder: Yielder<u32>| {
            yielder.yield_item(depth).await;
            if depth > 0 {
                for _ in 0..2 {
                    let mut inner = count(depth - 1);
                    while let Some(n) = inner.next().await {
                        yielder.yield_item(n).await;
                    }
                }
            }
        };
        generate(body).boxed_local()
    }
    assert_eq!(run(count(2).collect::<Vec<_>>()), [2, 1, 0, 0, 1, 0, 0]);
}

#[test]
fn a_generator_inside_a_generator_may_yield_for_the_outer_one() {
    let all: Vec<_> = run(generate(async |outer| {
        let mut inner = generate(async |inner| {
            outer.yield_item("outer, from inside").await;
            inner.yield_item(()).await;
        });
        while inner.next().await.is_some() {
            outer.yield_item("outer").await;
        }
    })
    .collect());
    assert_eq!(all, ["outer, from inside", "outer"]);
}

#[test]
fn two_yields_at_once_come_one_after_the_other() {
    let all: Vec<_> = run(generate(async |yielder| {
        let (mut one, mut two) = (pin!(yielder.yield_item(1)), pin!(yielder.yield_item(2)));
        let mut open = [true, true];
        poll_fn(|cx| {
            open[0] = open[0] && one.as_mut().poll(cx).is_pending();
            open[1] = open[1] && two.as_mut().poll(cx).is_pending();
            if open == [false, false] { Poll::Ready(()) } else { Poll::Pending }
        })
        .await;
        yielder.yield_item(3).await;
    })
    .collect());
    assert_eq!(all, [1, 2, 3]);
}

/// Polls a future again only when its own waker was woken, as a set of futures does with each of its own.
struct OnlyIfWoken<F> {
    future: F,
    woken: Arc<Flag>,
}

struct Flag(AtomicBool, std::sync::Mutex<Option<Waker>>);

impl Wake for Flag {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::Relaxed);
        let outer = self.1.lock().unwrap().take();
        outer.into_iter().for_each(Waker::wake);
    }
}

fn only_if_woken<F>(future: F) -> OnlyIfWoken<F> {
    OnlyIfWoken { future, woken: Arc::new(Flag(AtomicBool::new(true), std::sync::Mutex::default())) }
}

impl<F: Future + Unpin> Future for OnlyIfWoken<F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        *self.woken.1.lock().unwrap() = Some(cx.waker().clone());
        if !self.woken.0.swap(false, Ordering::Relaxed) {
            return Poll::Pending;
        }
        let waker = Waker::from(self.woken.clone());
        Pin::new(&mut self.future).poll(&mut Context::from_waker(&waker))
    }
}

#[test]
fn a_yield_in_a_combinator_with_wakers_of_its_own_is_woken() {
    let all: Vec<_> = run(generate(async |yielder| {
        for n in 0..3 {
            only_if_woken(yielder.yield_item(n)).await;
        }
    })
    .collect());
    assert_eq!(all, [0, 1, 2]);
}

#[test]
fn a_yield_given_up_after_its_poll_still_reaches_the_reader() {
    let all: Vec<_> = run(generate(async |yielder| {
        poll_fn(|cx| {
            assert!(pin!(yielder.yield_item("left behind")).poll(cx).is_pending());
            Poll::Ready(())
        })
        .await;
    })
    .collect());
    assert_eq!(all, ["left behind"]);
}

#[test]
fn a_yield_is_not_done_before_its_item_was_taken() {
    let all: Vec<_> = run(generate(async |yielder| {
        let mut yielding = pin!(yielder.yield_item(1));
        poll_fn(|cx| {
            assert!(yielding.as_mut().poll(cx).is_pending());
            assert!(yielding.as_mut().poll(cx).is_pending());
            Poll::Ready(())
        })
        .await;
        yielding.await;
    })
    .collect());
    assert_eq!(all, [1]);
}

#[test]
fn a_yield_that_is_never_polled_yields_nothing() {
    let all: Vec<u32> = run(generate(async |yielder| {
        drop(yielder.yield_item(1));
        yielder.yield_item(2).await;
    })
    .collect());
    assert_eq!(all, [2]);
}

#[test]
fn yielding_from_another_task_is_refused_with_words() {
    run(async {
        let mut numbers = generate(async |yielder: Yielder<u32>| {
            let error = spawn(async move { yielder.yield_item(1).await }).await.unwrap_err();
            let payload = error.into_panic();
            let words = payload.downcast_ref::<String>().map(String::as_str);
            let words = words.or_else(|| payload.downcast_ref::<&str>().copied()).unwrap();
            assert!(words.starts_with("an item was yielded outside of its generator's body"), "{words}");
        });
        assert_eq!(numbers.next().await, None);
    });
}

#[test]
fn a_body_that_panics_ends_its_stream() {
    let log = Log::default();
    let made = log.clone();
    run(async {
        let numbers = Rc::new(Cell::new(None));
        let kept = numbers.clone();
        let reader = spawn(async move {
            let mut stream = generate(async move |yielder| {
                let _bye = Bye(made, "closed");
                yielder.yield_item(1).await;
                panic!("no more");
            });
            assert_eq!(stream.next().await, Some(1));
            let caught = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| poll_once(stream.next())));
            kept.set(Some(stream));
            caught.unwrap_err();
        });
        reader.await.unwrap();
        let mut stream = numbers.take().unwrap();
        assert_eq!(stream.next().await, None);
    });
    log.assert(&["closed"]);
}

#[test]
fn an_error_is_the_last_item() {
    let mut stream = try_generate(async |yielder| {
        yielder.yield_item(1).await;
        Err(io::Error::other("broken"))?;
        yielder.yield_item(2).await;
        Ok::<_, io::Error>(())
    });
    run(async {
        assert_eq!(stream.next().await.unwrap().unwrap(), 1);
        assert_eq!(stream.next().await.unwrap().unwrap_err().to_string(), "broken");
        assert!(stream.next().await.is_none());
    });
}

#[test]
fn an_item_left_behind_comes_before_the_error() {
    let stream = try_generate(async |yielder| {
        poll_fn(|cx| Poll::Ready(pin!(yielder.yield_item(1)).poll(cx).is_pending())).await;
        Err::<(), _>("broken")
    });
    assert_eq!(run(stream.collect::<Vec<_>>()), [Ok(1), Err("broken")]);
}

#[test]
fn try_collect_stops_at_the_error() {
    let polled = Rc::new(Cell::new(0));
    let count = polled.clone();
    let stream = try_generate(async move |yielder| {
        for word in ["1", "2", "x", "4"] {
            count.set(count.get() + 1);
            yielder.yield_item(word.parse::<i32>()?).await;
        }
        Ok::<_, std::num::ParseIntError>(())
    });
    assert!(run(stream.try_collect::<_, _, Vec<_>>()).is_err());
    assert_eq!(polled.get(), 3);
}

#[test]
fn a_waiting_body_is_woken_by_whom_it_waits_for() {
    let trace = record(Builder::new(), async {
        let slot = Slot::default();
        let waiting = slot.clone();
        let reader = spawn(async move {
            let mut numbers = generate(async |yielder| {
                waiting.wait().await;
                yielder.yield_item(1).await;
            });
            assert_eq!(numbers.next().await, Some(1));
            assert_eq!(numbers.next().await, None);
        });
        yield_now().await;
        slot.wake();
        reader.await.unwrap();
    });
    assert_trace(
        &trace,
        "wake 1: spawned
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
         pending 1
         poll 2 // the item and the end in one poll
         done 2 ready
         wake 1: task 2
         poll 1
         done 1 ready",
    );
}

#[test]
fn a_generator_runs_on_a_foreign_executor() {
    let mut numbers = generate(async |yielder| {
        yielder.yield_item(1).await;
        pending::<()>().await;
    });
    assert_eq!(poll_once(numbers.next()), Poll::Ready(Some(1)));
    assert_eq!(poll_once(numbers.next()), Poll::Pending);
}

#[test]
fn streams_and_yields_tell_themselves_apart_in_debug() {
    let stream = generate(async |yielder: Yielder<u8>| {
        assert_eq!(format!("{yielder:?}"), "Yielder { yielded: 0 }");
        assert_eq!(format!("{:?}", yielder.yield_item(1)), "YieldItem { put: false }");
    });
    assert_eq!(format!("{stream:?}"), "Generate { ended: false, .. }");
    assert_eq!(run(stream.count()), 0);
}

// ---- channels

#[test]
fn the_receivers_of_mpsc_are_streams_until_the_senders_are_gone() {
    run(async {
        let (sender, receiver) = mpsc::channel(1);
        let sending = spawn(async move {
            for n in 0..3 {
                sender.send(n).await.unwrap();
            }
        });
        assert_eq!(receiver.collect::<Vec<_>>().await, [0, 1, 2]);
        sending.await.unwrap();

        let (sender, mut receiver) = mpsc::unbounded_channel();
        assert!(timeout(SECOND, receiver.next()).await.is_err());
        sender.send("kept").unwrap();
        drop(sender);
        assert_eq!(receiver.size_hint(), (1, None));
        assert_eq!(receiver.collect::<Vec<_>>().await, ["kept"]);
    });
}

#[test]
fn a_stream_of_broadcasts_tells_its_lag_and_goes_on() {
    run(async {
        let (sender, receiver) = broadcast::channel(2);
        for n in 0..5 {
            sender.send(n).unwrap();
        }
        drop(sender);
        let all: Vec<_> = receiver.into_stream().collect().await;
        assert_eq!(all, [Err(broadcast::error::RecvError::Lagged(3)), Ok(3), Ok(4)]);
    });
}

#[test]
fn a_stream_of_a_watched_value_begins_with_it_and_skips_what_nobody_asked_for() {
    run(async {
        let (sender, receiver) = watch::channel(0);
        let mut values = receiver.into_stream();
        assert_eq!(values.next().await, Some(0));
        assert!(timeout(SECOND, values.next()).await.is_err());
        sender.send(1).unwrap();
        sender.send(2).unwrap();
        assert_eq!(values.next().await, Some(2));
        sender.send(3).unwrap();
        drop(sender);
        assert_eq!(values.collect::<Vec<_>>().await, [3]);
    });
}

// ---- merging

#[test]
fn merged_streams_come_as_they_are_ready() {
    run(async {
        let slow = interval(3 * SECOND).skip(1).map(|_| "slow").take(1);
        let fast = interval(SECOND).skip(1).map(|_| "fast").take(4);
        let merged: Vec<_> = stream::or(slow, fast).collect().await;
        assert_eq!(merged, ["fast", "fast", "slow", "fast", "fast"]);
    });
}
