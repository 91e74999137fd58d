//! What may live in a handler of axum, which must be `Send`, across its awaits; `docs/send.md` says why.

use std::cell::Cell;
use std::future::{Ready, pending};
use std::marker::PhantomData;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::extract::State;
use axum::http::Request;
use axum::routing::get;
use axum::{Router, http::StatusCode};
use glassloop::net::{TcpListener, TcpStream};
use glassloop::time::{Instant, sleep, timeout};
use glassloop::{Handle, JoinSet, join, join_all, select, spawn, spawn_blocking, stay, yield_now};
use glassloop::{Stay, sync};
use http_body_util::BodyExt;
use tower::ServiceExt;

/// The answer of `app` to one request, under virtual time.
fn answer(app: Router) -> String {
    let runtime = glassloop::Builder::new().start_paused(true).build().unwrap();
    runtime.block_on(async {
        let response = app.oneshot(Request::new(Body::empty())).await.unwrap();
        assert_eq!(response.status(), StatusCode::OK);
        String::from_utf8(response.into_body().collect().await.unwrap().to_bytes().to_vec()).unwrap()
    })
}

#[test]
fn sockets_sleeps_and_time_outs_live_across_awaits() {
    async fn handler() -> String {
        let start = Instant::now();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let client = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let (server, _) = listener.accept().await.unwrap();
        let mut later = sleep(Duration::from_secs(3));
        let silence = timeout(Duration::from_secs(2), server.read(&mut [0; 8])).await;
        (&mut later).await;
        client.write_all(b"hello").await.unwrap();
        let mut heard = [0; 5];
        server.read_exact(&mut heard).await.unwrap();
        let (heard, seconds) = (String::from_utf8_lossy(&heard), start.elapsed().as_secs());
        format!("{heard} after {seconds} s, silent: {}", silence.is_err())
    }
    assert_eq!(answer(Router::new().route("/", get(handler))), "hello after 3 s, silent: true");
}

#[test]
fn a_guard_of_async_lock_and_a_channel_of_async_channel_live_across_awaits() {
    #[derive(Clone)]
    struct Shared {
        count: Arc<async_lock::Mutex<u32>>,
        jobs: async_channel::Sender<u32>,
    }
    async fn handler(State(shared): State<Shared>) -> String {
        let mut count = shared.count.lock().await;
        shared.jobs.send(7).await.unwrap();
        sleep(Duration::from_secs(1)).await;
        *count += 1;
        count.to_string()
    }
    let (jobs, receiver) = async_channel::unbounded();
    let shared = Shared { count: Arc::default(), jobs };
    assert_eq!(answer(Router::new().route("/", get(handler)).with_state(shared)), "1");
    assert_eq!(receiver.try_recv(), Ok(7));
}

#[test]
fn remote_and_abort_handles_live_across_awaits_and_futures_are_joined() {
    async fn handler() -> String {
        let remote = Handle::current().spawn(|| async { *Rc::new(6) * 7 });
        let endless = spawn(pending::<()>()).abort_handle();
        let (_, answer) = join!(yield_now(), remote);
        endless.abort();
        let first = select! {
            _ = sleep(Duration::from_secs(1)) => "one second",
            _ = sleep(Duration::from_secs(2)) => "two seconds",
        };
        let sum: u32 = join_all((1..=3).map(|n| async move { n })).await.iter().sum();
        format!("{} {first} {sum}", answer.unwrap())
    }
    assert_eq!(answer(Router::new().route("/", get(handler))), "42 one second 6");
}

#[test]
fn what_is_not_send_lives_in_a_stay() {
    async fn handler() -> String {
        let (task, job) = (spawn(async { *Rc::new(6) * 7 }), spawn_blocking(|| 7));
        let (task, job) = join!(stay(task), stay(job));
        let sum = stay(async {
            let (sum, mut tasks) = (Rc::new(sync::Mutex::new(0)), JoinSet::new());
            for n in 1..=3 {
                let sum = sum.clone();
                tasks.spawn(async move {
                    let mut sum = sum.lock().await;
                    sleep(Duration::from_secs(1)).await;
                    *sum += n;
                });
            }
            while tasks.join_next().await.is_some() {}
            *sum.lock().await
        });
        format!("{} {} {}", task.unwrap(), job.unwrap(), sum.await)
    }
    assert_eq!(answer(Router::new().route("/", get(handler))), "42 7 6");
}

#[test]
fn a_handler_that_is_dropped_drops_what_it_left_in_a_stay() {
    async fn handler(State(dropped): State<send_wrapper::SendWrapper<Rc<Cell<bool>>>>) {
        struct OnDrop(Rc<Cell<bool>>);
        impl Drop for OnDrop {
            fn drop(&mut self) {
                self.0.set(true);
            }
        }
        let on_drop = OnDrop(dropped.take());
        stay(async move {
            let _on_drop = on_drop;
            pending().await
        })
        .await
    }
    let dropped = Rc::new(Cell::new(false));
    let app = Router::new().route("/", get(handler));
    let app = app.with_state(send_wrapper::SendWrapper::new(dropped.clone()));
    glassloop::run(async {
        let limited = timeout(Duration::from_millis(1), app.oneshot(Request::new(Body::empty())));
        assert!(limited.await.is_err());
    });
    assert!(dropped.get());
}

/// Whether a type is `Send`: the inherent constant, where there is one, goes before the trait's.
struct Is<T>(PhantomData<T>);

impl<T: Send> Is<T> {
    const SEND: bool = true;
}

trait Otherwise {
    const SEND: bool = false;
}

impl<T> Otherwise for Is<T> {}

macro_rules! send {
    ($($type:ty)*) => { [$((stringify!($type), Is::<$type>::SEND)),*] };
}

/// The table of `docs/send.md`.
#[test]
fn each_type_is_what_the_page_says() {
    use glassloop::{fs, io, net, process, signal, stream, time};
    type Work = Ready<u8>;
    let yes = send! {
        net::TcpStream net::TcpListener net::UdpSocket net::UnixStream net::UnixListener net::UnixDatagram
        net::OwnedReadHalf net::OwnedWriteHalf net::ReadHalf<'static> net::AsyncFd<std::fs::File>
        time::Sleep time::Timeout<Work> time::Interval time::Instant
        fs::File fs::Operation<u8> fs::ReadDir
        process::Command process::Child signal::unix::Signal
        glassloop::Handle glassloop::AbortHandle glassloop::RemoteHandle<u8> glassloop::TaskId glassloop::JoinError
        glassloop::YieldNow glassloop::JoinAll<Work> glassloop::TryJoinAll<Work>
        Stay<Rc<u8>>
    };
    let no = send! {
        glassloop::JoinHandle<u8> glassloop::Shield<u8> glassloop::JoinAll<glassloop::JoinHandle<u8>>
        glassloop::JoinSet<u8> glassloop::TaskGroup<u8> glassloop::Scope<'static, u8>
        sync::Mutex<u8> sync::MutexGuard<'static, u8> sync::OwnedMutexGuard<u8> sync::RwLock<u8>
        sync::RwLockReadGuard<'static, u8> sync::Semaphore sync::SemaphorePermit<'static> sync::Notify
        sync::mpsc::Sender<u8> sync::mpsc::Receiver<u8> sync::mpsc::UnboundedSender<u8> sync::oneshot::Sender<u8>
        sync::oneshot::Receiver<u8> sync::broadcast::Sender<u8> sync::broadcast::Receiver<u8> sync::watch::Sender<u8>
        sync::watch::Receiver<u8> sync::Queue<u8>
        sync::CancellationToken sync::Event sync::Barrier sync::OnceCell<u8> sync::Condition
        time::Deadline<Work> glassloop::task::TaskLocalFuture<u8, Work>
        io::Stdin io::Stdout io::DuplexStream stream::Generate<u8, Work>
        glassloop::Runtime glassloop::Guest
    };
    for (name, is_send) in yes {
        assert!(is_send, "{name} is not `Send`");
    }
    for (name, is_send) in no {
        assert!(!is_send, "{name} is `Send`");
    }
}
