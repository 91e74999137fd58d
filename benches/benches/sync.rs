//! What it costs to wait for another task, beside the peers, workload by workload in one run.
//!
//! Each workload is written once, over a host (who runs the tasks) and a thing (what they wait for): glassloop's on
//! glassloop; `tokio::sync` on tokio's `LocalRuntime`; local-sync, which belongs to no runtime, on both;
//! async-channel and async-lock on smol's `LocalExecutor`.

use std::future::Future;
use std::hint::black_box;
use std::rc::Rc;
use std::time::{Duration, Instant};

use criterion::measurement::WallTime;
use criterion::{BenchmarkGroup, Criterion, Throughput, criterion_group, criterion_main};

/// Who runs the tasks.
trait Host: Clone + 'static {
    fn new() -> Self;
    fn block_on<T>(&self, future: impl Future<Output = T>) -> T;
    fn spawn(&self, future: impl Future<Output = ()> + 'static);
    fn yield_now() -> impl Future<Output = ()>;
}

#[derive(Clone)]
struct Glassloop(Rc<glassloop::Runtime>);

impl Host for Glassloop {
    fn new() -> Self {
        Glassloop(Rc::new(glassloop::Runtime::new().unwrap()))
    }

    fn block_on<T>(&self, future: impl Future<Output = T>) -> T {
        self.0.block_on(future)
    }

    fn spawn(&self, future: impl Future<Output = ()> + 'static) {
        glassloop::spawn(future).detach();
    }

    fn yield_now() -> impl Future<Output = ()> {
        glassloop::yield_now()
    }
}

#[derive(Clone)]
struct Tokio(Rc<tokio::runtime::LocalRuntime>);

impl Host for Tokio {
    fn new() -> Self {
        Tokio(Rc::new(tokio::runtime::Builder::new_current_thread().build_local(Default::default()).unwrap()))
    }

    fn block_on<T>(&self, future: impl Future<Output = T>) -> T {
        self.0.block_on(future)
    }

    fn spawn(&self, future: impl Future<Output = ()> + 'static) {
        drop(tokio::task::spawn_local(future));
    }

    fn yield_now() -> impl Future<Output = ()> {
        tokio::task::yield_now()
    }
}

#[derive(Clone)]
struct Smol(Rc<async_executor::LocalExecutor<'static>>);

impl Host for Smol {
    fn new() -> Self {
        Smol(Rc::new(async_executor::LocalExecutor::new()))
    }

    fn block_on<T>(&self, future: impl Future<Output = T>) -> T {
        futures_lite::future::block_on(self.0.run(future))
    }

    fn spawn(&self, future: impl Future<Output = ()> + 'static) {
        self.0.spawn(future).detach();
    }

    fn yield_now() -> impl Future<Output = ()> {
        futures_lite::future::yield_now()
    }
}

/// A bounded channel.
trait Channel: 'static {
    type Tx: 'static;
    type Rx: 'static;
    fn bounded(n: usize) -> (Self::Tx, Self::Rx);
    fn send(tx: &Self::Tx, value: u64) -> impl Future<Output = ()>;
    fn recv(rx: &mut Self::Rx) -> impl Future<Output = u64>;
}

/// A channel for one value.
trait Oneshot: Sized + 'static {
    type Tx<T: 'static>: 'static;
    type Rx<T: 'static>: 'static;
    fn make<T: 'static>() -> (Self::Tx<T>, Self::Rx<T>);
    fn send<T: 'static>(tx: Self::Tx<T>, value: T);
    fn recv<T: 'static>(rx: Self::Rx<T>) -> impl Future<Output = T>;
}

/// The sender for the answer.
struct Reply<O: Oneshot>(O::Tx<Reply<O>>);

/// What one task holds at a time.
trait Lock: 'static {
    fn new() -> Self;
    fn lock(&self) -> impl Future<Output = impl Sized>;
}

/// What wakes one who waits.
trait Signal: 'static {
    fn new() -> Self;
    fn raise(&self);
    fn wait(&self) -> impl Future<Output = ()>;
}

macro_rules! channel {
    ($Name:ident, $make:path, $Tx:ty, $Rx:ty) => {
        impl Channel for $Name {
            type Tx = $Tx;
            type Rx = $Rx;

            fn bounded(n: usize) -> (Self::Tx, Self::Rx) {
                $make(n)
            }

            async fn send(tx: &Self::Tx, value: u64) {
                tx.send(value).await.ok().unwrap();
            }

            async fn recv(rx: &mut Self::Rx) -> u64 {
                rx.recv().await.into_iter().next().unwrap()
            }
        }
    };
}

macro_rules! oneshot {
    ($Name:ident, $($path:ident)::+) => {
        impl Oneshot for $Name {
            type Tx<T: 'static> = $($path)::+::Sender<T>;
            type Rx<T: 'static> = $($path)::+::Receiver<T>;

            fn make<T: 'static>() -> (Self::Tx<T>, Self::Rx<T>) {
                $($path)::+::channel()
            }

            fn send<T: 'static>(tx: Self::Tx<T>, value: T) {
                tx.send(value).ok().unwrap();
            }

            async fn recv<T: 'static>(rx: Self::Rx<T>) -> T {
                rx.await.ok().unwrap()
            }
        }
    };
}

macro_rules! lock {
    ($Name:ident($Lock:ty), $new:expr, $lock:ident) => {
        struct $Name($Lock);

        impl Lock for $Name {
            fn new() -> Self {
                $Name($new)
            }

            async fn lock(&self) -> impl Sized {
                self.0.$lock().await
            }
        }
    };
}

macro_rules! signal {
    ($Name:ident($Signal:ty)) => {
        struct $Name($Signal);

        impl Signal for $Name {
            fn new() -> Self {
                $Name(<$Signal>::new())
            }

            fn raise(&self) {
                self.0.notify_one();
            }

            async fn wait(&self) {
                self.0.notified().await;
            }
        }
    };
}

struct Ours;
struct OfTokio;
struct OfLocalSync;
struct OfSmol;

channel!(
    Ours,
    glassloop::sync::mpsc::channel,
    glassloop::sync::mpsc::Sender<u64>,
    glassloop::sync::mpsc::Receiver<u64>
);
channel!(OfTokio, tokio::sync::mpsc::channel, tokio::sync::mpsc::Sender<u64>, tokio::sync::mpsc::Receiver<u64>);
channel!(
    OfLocalSync,
    local_sync::mpsc::bounded::channel,
    local_sync::mpsc::bounded::Tx<u64>,
    local_sync::mpsc::bounded::Rx<u64>
);
channel!(OfSmol, async_channel::bounded, async_channel::Sender<u64>, async_channel::Receiver<u64>);

oneshot!(Ours, glassloop::sync::oneshot);
oneshot!(OfTokio, tokio::sync::oneshot);
oneshot!(OfLocalSync, local_sync::oneshot);

/// smol has none; this is what its users take.
impl Oneshot for OfSmol {
    type Tx<T: 'static> = async_channel::Sender<T>;
    type Rx<T: 'static> = async_channel::Receiver<T>;

    fn make<T: 'static>() -> (Self::Tx<T>, Self::Rx<T>) {
        async_channel::bounded(1)
    }

    fn send<T: 'static>(tx: Self::Tx<T>, value: T) {
        tx.try_send(value).ok().unwrap();
    }

    async fn recv<T: 'static>(rx: Self::Rx<T>) -> T {
        rx.recv().await.unwrap()
    }
}

lock!(OurMutex(glassloop::sync::Mutex<u64>), glassloop::sync::Mutex::new(0), lock);
lock!(TokioMutex(tokio::sync::Mutex<u64>), tokio::sync::Mutex::new(0), lock);
lock!(SmolMutex(async_lock::Mutex<u64>), async_lock::Mutex::new(0), lock);
lock!(OurSemaphore(glassloop::sync::Semaphore), glassloop::sync::Semaphore::new(1), acquire);
lock!(TokioSemaphore(tokio::sync::Semaphore), tokio::sync::Semaphore::new(1), acquire);
lock!(LocalSyncSemaphore(local_sync::semaphore::Semaphore), local_sync::semaphore::Semaphore::new(1), acquire);
lock!(SmolSemaphore(async_lock::Semaphore), async_lock::Semaphore::new(1), acquire);
signal!(OurNotify(glassloop::sync::Notify));
signal!(TokioNotify(tokio::sync::Notify));

/// A value goes there, and one comes back; each waits for the other.
async fn ping_pong<H: Host, C: Channel>(host: H, rounds: u64) -> Duration {
    let (there, mut inbox) = C::bounded(1);
    let (back, mut answers) = C::bounded(1);
    host.spawn(async move {
        for _ in 0..rounds {
            let value = C::recv(&mut inbox).await;
            C::send(&back, value).await;
        }
    });
    let start = Instant::now();
    for n in 0..rounds {
        C::send(&there, n).await;
        black_box(C::recv(&mut answers).await);
    }
    start.elapsed()
}

/// One task sends, as long as there is room; one receives, as long as there is something.
async fn stream<H: Host, C: Channel>(host: H, rounds: u64) -> Duration {
    let (tx, mut rx) = C::bounded(128);
    let start = Instant::now();
    host.spawn(async move {
        for n in 0..rounds {
            C::send(&tx, n).await;
        }
    });
    for _ in 0..rounds {
        black_box(C::recv(&mut rx).await);
    }
    start.elapsed()
}

/// A sender for the answer goes there, and one for the next question comes back: two channels a round.
async fn answer<H: Host, O: Oneshot>(host: H, rounds: u64) -> Duration {
    let (mut there, mut asked) = O::make::<Reply<O>>();
    host.spawn(async move {
        for _ in 0..rounds {
            let Reply(back) = O::recv(asked).await;
            let (tx, rx) = O::make();
            O::send(back, Reply(tx));
            asked = rx;
        }
    });
    let start = Instant::now();
    for _ in 0..rounds {
        let (tx, rx) = O::make();
        O::send(there, Reply(tx));
        there = O::recv(rx).await.0;
    }
    start.elapsed()
}

const TASKS: u64 = 8;

/// Eight tasks want the same lock, and each lets the others run while it has it: so each time it is handed over.
async fn hand_over<H: Host, L: Lock>(host: H, rounds: u64) -> Duration {
    let lock = Rc::new(L::new());
    let (done, mut all) = tokio::sync::mpsc::unbounded_channel();
    let start = Instant::now();
    for n in 0..TASKS {
        let (lock, done) = (lock.clone(), done.clone());
        host.spawn(async move {
            for _ in 0..(rounds + n) / TASKS {
                let _held = lock.lock().await;
                H::yield_now().await;
            }
            drop(done);
        });
    }
    drop(done);
    assert_eq!(all.recv().await, None::<()>);
    start.elapsed()
}

/// Two tasks that wake each other.
async fn signals<H: Host, S: Signal>(host: H, rounds: u64) -> Duration {
    let (ping, pong) = (Rc::new(S::new()), Rc::new(S::new()));
    let others = (ping.clone(), pong.clone());
    host.spawn(async move {
        for _ in 0..rounds {
            others.0.wait().await;
            others.1.raise();
        }
    });
    let start = Instant::now();
    for _ in 0..rounds {
        ping.raise();
        pong.wait().await;
    }
    start.elapsed()
}

fn bench<H: Host, F: Future<Output = Duration>>(
    group: &mut BenchmarkGroup<'_, WallTime>,
    name: &str,
    work: impl Fn(H, u64) -> F,
) {
    let host = H::new();
    group.bench_function(name, |bencher| {
        bencher.iter_custom(|rounds| host.block_on(work(host.clone(), rounds)));
    });
}

fn sync(criterion: &mut Criterion) {
    let mut one = criterion.benchmark_group("mpsc ping-pong, two channels of 1");
    one.throughput(Throughput::Elements(1));
    bench(&mut one, "glassloop", ping_pong::<Glassloop, Ours>);
    bench(&mut one, "tokio", ping_pong::<Tokio, OfTokio>);
    bench(&mut one, "local-sync on glassloop", ping_pong::<Glassloop, OfLocalSync>);
    bench(&mut one, "local-sync on tokio", ping_pong::<Tokio, OfLocalSync>);
    bench(&mut one, "async-channel on smol", ping_pong::<Smol, OfSmol>);
    one.finish();

    let mut many = criterion.benchmark_group("mpsc stream, one channel of 128");
    many.throughput(Throughput::Elements(1));
    bench(&mut many, "glassloop", stream::<Glassloop, Ours>);
    bench(&mut many, "tokio", stream::<Tokio, OfTokio>);
    bench(&mut many, "local-sync on glassloop", stream::<Glassloop, OfLocalSync>);
    bench(&mut many, "local-sync on tokio", stream::<Tokio, OfLocalSync>);
    bench(&mut many, "async-channel on smol", stream::<Smol, OfSmol>);
    many.finish();

    let mut once = criterion.benchmark_group("oneshot, a question and its answer");
    bench(&mut once, "glassloop", answer::<Glassloop, Ours>);
    bench(&mut once, "tokio", answer::<Tokio, OfTokio>);
    bench(&mut once, "local-sync on glassloop", answer::<Glassloop, OfLocalSync>);
    bench(&mut once, "local-sync on tokio", answer::<Tokio, OfLocalSync>);
    bench(&mut once, "async-channel on smol", answer::<Smol, OfSmol>);
    once.finish();

    let mut mutex = criterion.benchmark_group("mutex, handed over among 8");
    bench(&mut mutex, "glassloop", hand_over::<Glassloop, OurMutex>);
    bench(&mut mutex, "tokio", hand_over::<Tokio, TokioMutex>);
    bench(&mut mutex, "async-lock on smol", hand_over::<Smol, SmolMutex>);
    mutex.finish();

    let mut semaphore = criterion.benchmark_group("semaphore of 1, handed over among 8");
    bench(&mut semaphore, "glassloop", hand_over::<Glassloop, OurSemaphore>);
    bench(&mut semaphore, "tokio", hand_over::<Tokio, TokioSemaphore>);
    bench(&mut semaphore, "local-sync on glassloop", hand_over::<Glassloop, LocalSyncSemaphore>);
    bench(&mut semaphore, "async-lock on smol", hand_over::<Smol, SmolSemaphore>);
    semaphore.finish();

    let mut notify = criterion.benchmark_group("notify ping-pong");
    bench(&mut notify, "glassloop", signals::<Glassloop, OurNotify>);
    bench(&mut notify, "tokio", signals::<Tokio, TokioNotify>);
    notify.finish();
}

criterion_group!(benches, sync);
criterion_main!(benches);
