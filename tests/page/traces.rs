//! The programs whose recordings the page is tested with.

use std::cell::Cell;
use std::future::{pending, poll_fn};
use std::rc::Rc;
use std::task::Poll;
use std::time::Duration;

use glassloop::net::{TcpListener, TcpStream};
use glassloop::sync::{Mutex, Notify, Semaphore, mpsc};
use glassloop::time::{Instant, sleep};
use glassloop::trace::{Event, Observer, Recorder};
use glassloop::{Builder, join_all, spawn, spawn_blocking, spawn_named, yield_now};

use crate::program::program;

/// Guests ask a server over TCP, while a clock ticks and a thread brings a letter.
pub(crate) fn tour() -> Recorder {
    run(real(), program([("ann", 10), ("ben", 50), ("cleo", 40_000)]))
}

/// All but those that tests name, by name.
pub(crate) fn others() -> [(&'static str, Recorder); 9] {
    [
        ("echo", run(real(), echo(64))),
        ("convoy", convoy()),
        ("kinds", run(real(), kinds())),
        ("thousand", run(real(), thousand())),
        ("empty", Recorder::new()),
        ("one", run(paused(), async {})),
        ("hours", run(paused(), hours())),
        ("dropped", dropped()),
        ("unfinished", unfinished()),
    ]
}

fn real() -> Builder {
    Builder::new()
}

fn paused() -> Builder {
    Builder::new().start_paused(true)
}

fn run<F: Future + 'static>(builder: Builder, future: F) -> Recorder {
    record(Recorder::with_capacity(1 << 20), builder, future)
}

fn record<F: Future + 'static>(recorder: Recorder, builder: Builder, future: F) -> Recorder {
    let until = Rc::new(Until { recorder: recorder.observer(), is_over: Cell::new(false) });
    let runtime = builder.observer(until.clone()).build().unwrap();
    runtime.block_on(future);
    until.is_over.set(true);
    recorder
}

/// Records no more than this: what lives still is told as it is at the end, not as it ends by its runtime's drop.
struct Until {
    recorder: Rc<dyn Observer>,
    is_over: Cell<bool>,
}

impl Observer for Until {
    fn event(&self, at: Instant, event: &Event) {
        if !self.is_over.get() {
            self.recorder.event(at, event);
        }
    }
}

/// Holds the loop for about this long, as work does.
fn work(time: Duration) {
    let start = std::time::Instant::now();
    while start.elapsed() < time {
        std::hint::spin_loop();
    }
}

async fn echo(guests: usize) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let server = spawn_named("server", async move {
        for n in 1..=guests {
            let (stream, _) = listener.accept().await.unwrap();
            spawn_named(format!("echo {n}"), async move {
                let mut line = [0; 32];
                while let Ok(read @ 1..) = stream.read(&mut line).await {
                    stream.write_all(&line[..read]).await.unwrap();
                }
            })
            .detach();
        }
    });
    let guests = (1..=guests).map(|n| {
        spawn_named(format!("guest {n}"), async move {
            let stream = TcpStream::connect(address).await.unwrap();
            for _ in 0..4 {
                stream.write_all(b"is anybody there?").await.unwrap();
                stream.read_exact(&mut [0; 17]).await.unwrap();
                sleep(Duration::from_micros(200 + 37 * n as u64)).await;
            }
        })
    });
    join_all(guests.collect::<Vec<_>>()).await;
    server.await.unwrap();
}

/// Time stands still while a task runs, so every length in this recording is known beforehand.
fn convoy() -> Recorder {
    run(paused(), async {
        let lock = Rc::new(Mutex::new(0));
        let cars = (1..=8).map(|n| {
            let lock = lock.clone();
            spawn_named(format!("car {n}"), async move {
                for _ in 0..3 {
                    let mut bridge = lock.lock().await;
                    sleep(Duration::from_millis(10)).await;
                    *bridge += 1;
                    drop(bridge);
                    sleep(Duration::from_millis(5)).await;
                }
            })
        });
        join_all(cars.collect::<Vec<_>>()).await;
    })
}

/// A task of each kind, a wait of each class, an end of each sort.
async fn kinds() {
    let (sender, mut items) = mpsc::channel(2);
    let gate = Rc::new(Notify::new());
    let permits = Rc::new(Semaphore::new(1));
    spawn_named("producer", async move {
        for n in 0..12 {
            work(Duration::from_micros(300));
            if sender.send(n).await.is_err() {
                break;
            }
            sleep(Duration::from_millis(2)).await;
        }
    })
    .detach();
    let consumer = spawn_named("consumer", async move {
        while items.recv().await.is_some() {
            work(Duration::from_micros(900));
            yield_now().await;
        }
    });
    let (gate_of_opener, permits_of_holder) = (gate.clone(), permits.clone());
    spawn_named("opener", async move {
        sleep(Duration::from_millis(12)).await;
        gate_of_opener.notify_waiters();
    })
    .detach();
    spawn_named("walker", async move { gate.notified().await }).detach();
    spawn_named("holder", async move {
        let _permit = permits_of_holder.acquire().await.unwrap();
        sleep(Duration::from_millis(18)).await;
    })
    .detach();
    spawn_named("behind holder", async move {
        let _permit = permits.acquire().await.unwrap();
    })
    .detach();
    let file = spawn_named("file reader", async {
        spawn_blocking(|| std::thread::sleep(Duration::from_millis(8))).await.unwrap();
    });
    let loud = spawn_named("hog", async {
        sleep(Duration::from_millis(6)).await;
        work(Duration::from_millis(130));
    });
    let broken = spawn_named("broken", async {
        sleep(Duration::from_millis(3)).await;
        std::panic::resume_unwind(Box::new("on purpose")); // a panic, without the time that its report takes
    });
    let aborted = spawn_named("aborted", pending::<()>());
    spawn_named("forever", pending::<()>()).detach();
    let letter = spawn_named("letter", from_a_thread());
    sleep(Duration::from_millis(4)).await;
    aborted.abort();
    let _ = (broken.await, aborted.await);
    join_all([consumer, file, loud, letter]).await;
    sleep(Duration::from_millis(5)).await;
}

async fn from_a_thread() {
    let mut polled = false;
    poll_fn(|cx| {
        if std::mem::replace(&mut polled, true) {
            return Poll::Ready(());
        }
        let waker = cx.waker().clone();
        let postman = std::thread::Builder::new().name("postman".into());
        let walk = move || {
            std::thread::sleep(Duration::from_millis(9));
            waker.wake();
        };
        postman.spawn(walk).unwrap();
        Poll::Pending
    })
    .await;
}

async fn thousand() {
    let lock = Rc::new(Mutex::new(()));
    let tasks = (0..1000u64).map(|n| {
        let lock = lock.clone();
        spawn(async move {
            for round in 0..6 {
                sleep(Duration::from_micros(500 + (n * 7919 + round * 104_729) % 9000)).await;
                if n % 10 == 0 {
                    let _turn = lock.lock().await;
                    yield_now().await;
                }
            }
        })
    });
    join_all(tasks.collect::<Vec<_>>()).await;
}

const HOSTILE: [&str; 8] = [
    "</script><img src=x onerror=\"window.broken=true\">",
    "<!--<script>",
    "\u{202e}gnirts desrever\u{2066}",
    "سلام دنیا",
    "🦀🎉 emoji 👩‍👩‍👧‍👦",
    "line\u{2028}separators\u{2029}and\nnew\tlines\0and\u{1b}[31mcolour",
    "{{story}} $& ${window.broken=true} \\\" ' `",
    "",
];

pub(crate) fn hostile() -> Recorder {
    let mut names: Vec<String> = HOSTILE.iter().map(|name| name.to_string()).collect();
    names.push("long ".repeat(2000));
    run(paused(), async {
        let tasks = names.into_iter().map(|name| spawn_named(name, sleep(Duration::from_millis(3))));
        join_all(tasks.collect::<Vec<_>>()).await;
    })
}

async fn hours() {
    let nap = |name: &str, every: Duration, times: u32| {
        spawn_named(name.to_owned(), async move {
            for _ in 0..times {
                sleep(every).await;
                yield_now().await;
            }
        })
    };
    let hourly = nap("hourly", Duration::from_secs(3600), 5);
    let brisk = nap("brisk", Duration::from_nanos(700), 20);
    join_all([hourly, brisk]).await;
}

/// A runtime is dropped while one task waits and another stands ready.
fn unfinished() -> Recorder {
    let recorder = Recorder::new();
    let runtime = paused().observer(recorder.observer()).build().unwrap();
    runtime.block_on(async {
        spawn_named("sleeper", sleep(Duration::from_secs(60))).detach();
        sleep(Duration::from_millis(40)).await;
        spawn_named("late", sleep(Duration::from_secs(60))).detach();
    });
    drop(runtime);
    recorder
}

fn dropped() -> Recorder {
    record(Recorder::with_capacity(500), paused(), async {
        let tasks = (0..20).map(|n| {
            spawn_named(format!("task {n}"), async {
                for _ in 0..40 {
                    sleep(Duration::from_millis(1)).await;
                }
            })
        });
        join_all(tasks.collect::<Vec<_>>()).await;
    })
}

/// A hundred thousand events, nine of ten in four lanes: many polls begin in each pixel there.
pub(crate) fn large() -> Recorder {
    let recorder = Recorder::with_capacity(100_000);
    let full = recorder.clone();
    record(recorder, real(), async move {
        let tasks = (0..200u64).map(|n| {
            let full = full.clone();
            spawn_named(format!("worker {n}"), async move {
                while full.dropped() == 0 {
                    match n {
                        0..4 => yield_now().await,
                        _ => sleep(Duration::from_micros(1000 + n * 37)).await,
                    }
                    work(Duration::from_micros(n % 4));
                }
            })
        });
        join_all(tasks.collect::<Vec<_>>()).await;
    })
}
