//! Awaits that ran one after another: which of them `explain` advises to run together, and which it leaves alone. The
//! clock is virtual, so every figure is exact.

mod support;

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Duration;

use glassloop::net::{TcpListener, TcpSocket, TcpStream};
use glassloop::sync::{Mutex, mpsc};
use glassloop::time::{Instant, interval, sleep, timeout};
use glassloop::trace::story::Explain;
use glassloop::trace::{Event, Kind, Observer, Recorder, Wait};
use glassloop::{Builder, join_all, spawn, spawn_blocking, spawn_named, yield_now};
use support::{ms, observed, work};

fn explained(program: impl Future) -> Explain {
    let (runtime, recorder) = observed(Builder::new().start_paused(true));
    runtime.block_on(program);
    recorder.story().explain()
}

/// A part of the loopback: answers each connection's first byte after so many milliseconds as it says.
async fn answers() -> std::net::SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let serve = async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            spawn(async move {
                let mut wanted = [0];
                while stream.read_exact(&mut wanted).await.is_ok() {
                    sleep(ms(wanted[0].into())).await;
                    stream.write_all(&wanted).await.unwrap();
                }
            })
            .detach();
        }
    };
    spawn_named("server", serve).detach();
    address
}

async fn ask(stream: &TcpStream, millis: u8) {
    stream.write_all(&[millis]).await.unwrap();
    stream.read_exact(&mut [0]).await.unwrap();
}

async fn fetch(address: std::net::SocketAddr, millis: u8) {
    ask(&TcpStream::connect(address).await.unwrap(), millis).await;
}

#[track_caller]
fn assert_no_advice(program: impl Future) {
    let explain = explained(program);
    assert!(explain.advice.is_empty(), "{explain}");
    assert!(explain.length >= ms(50), "long enough for advice: {explain}");
}

/// The steps' lengths in milliseconds, and how long they would take together.
#[track_caller]
fn only_advice(explain: &Explain) -> (Vec<u128>, u128) {
    assert_eq!(explain.advice.len(), 1, "{explain}");
    let advice = &explain.advice[0];
    (advice.steps.iter().map(|step| step.length().as_millis()).collect(), advice.together.as_millis())
}

#[test]
fn tasks_that_are_spawned_and_awaited_one_by_one_could_run_together() {
    let explain = explained(async {
        for time in [400, 300, 200] {
            spawn(sleep(ms(time))).await.unwrap();
        }
    });
    assert_eq!(only_advice(&explain), (vec![400, 300, 200], 400));
    assert_eq!(explain.advice[0].in_turn, ms(900));
}

#[test]
fn connections_that_are_made_one_by_one_could_be_made_together() {
    let explain = explained(async {
        let address = answers().await;
        fetch(address, 40).await;
        fetch(address, 30).await;
    });
    assert_eq!(only_advice(&explain), (vec![40, 30], 40));
}

/// Lets each job end when the loop goes to sleep, and moves the clock by so much first: a virtual clock waits for jobs.
struct Jobs {
    ends: RefCell<Vec<(Duration, Sender<()>)>>,
    out: Cell<bool>,
}

impl Observer for Jobs {
    fn event(&self, _: Instant, event: &Event) {
        match event {
            Event::Spawn { kind: Kind::Blocking, .. } => self.out.set(true),
            Event::Park(Wait::Forever) if self.out.take() => {
                let (time, end) = self.ends.borrow_mut().remove(0);
                work(time);
                end.send(()).unwrap();
            }
            _ => {}
        }
    }
}

fn jobs<const N: usize>(times: [u64; N], program: impl AsyncFnOnce([Receiver<()>; N])) -> Explain {
    let recorder = Recorder::new();
    let (ends, receivers): (Vec<_>, Vec<_>) = times
        .map(|time| {
            let (sender, receiver) = channel();
            ((ms(time), sender), receiver)
        })
        .into_iter()
        .unzip();
    let jobs = Jobs { ends: RefCell::new(ends), out: Cell::new(false) };
    let builder = Builder::new().start_paused(true).observer(recorder.observer()).observer(Rc::new(jobs));
    builder.build().unwrap().block_on(program(receivers.try_into().unwrap()));
    recorder.story().explain()
}

#[test]
fn jobs_of_different_places_could_run_together_and_those_of_one_are_a_loop() {
    let explain = jobs([40, 30], async |[first, second]| {
        spawn_blocking(move || first.recv()).await.unwrap().unwrap();
        spawn_blocking(move || second.recv()).await.unwrap().unwrap();
    });
    assert_eq!(only_advice(&explain), (vec![40, 30], 40));
    let explain = jobs([40, 30], async |jobs| {
        for job in jobs {
            spawn_blocking(move || job.recv()).await.unwrap().unwrap();
        }
    });
    assert!(explain.advice.is_empty() && explain.length == ms(70), "{explain}");
}

#[test]
fn what_the_loop_itself_runs_does_not_get_shorter_together() {
    let explain = explained(async {
        for _ in 0..3 {
            spawn(async { work(ms(100)) }).await.unwrap();
        }
    });
    assert!(explain.advice.is_empty(), "{explain}");
}

#[test]
fn the_same_steps_in_many_tasks_are_told_once_and_counted() {
    let explain = explained(async {
        let handlers = (0..10).map(|_| {
            spawn(async {
                spawn(sleep(ms(40))).await.unwrap();
                spawn(sleep(ms(30))).await.unwrap();
            })
        });
        drop(join_all(handlers).await);
    });
    assert_eq!(only_advice(&explain), (vec![40, 30], 40));
    assert_eq!(explain.advice[0].times, 10);
}

#[test]
fn tasks_that_were_spawned_together_are_not_advised_to_be() {
    assert_no_advice(async {
        let tasks = [400, 300, 800].map(|time| spawn(sleep(ms(time))));
        for task in tasks {
            task.await.unwrap();
        }
    });
    assert_no_advice(async { join_all([40, 30, 80].map(|time| spawn(sleep(ms(time))))).await });
}

#[test]
fn a_conversation_over_one_connection_gets_no_advice() {
    assert_no_advice(async {
        let stream = TcpStream::connect(answers().await).await.unwrap();
        for _ in 0..3 {
            ask(&stream, 40).await;
            ask(&stream, 30).await;
        }
    });
}

#[test]
fn two_connections_of_which_one_was_there_before_get_no_advice() {
    // A proxy: it reads from one, and asks the other.
    assert_no_advice(async {
        let address = answers().await;
        let (client, upstream) =
            (TcpStream::connect(address).await.unwrap(), TcpStream::connect(address).await.unwrap());
        for _ in 0..3 {
            ask(&client, 40).await;
            ask(&upstream, 30).await;
        }
    });
}

#[test]
fn a_server_that_accepts_and_then_serves_gets_no_advice() {
    assert_no_advice(async {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let client = spawn(async move {
            for _ in 0..3 {
                sleep(ms(40)).await;
                let stream = TcpStream::connect(address).await.unwrap();
                sleep(ms(30)).await;
                stream.write_all(&[1]).await.unwrap();
            }
        });
        for _ in 0..3 {
            let (stream, _) = listener.accept().await.unwrap();
            stream.read_exact(&mut [0]).await.unwrap();
        }
        client.await.unwrap();
    });
}

#[test]
fn pauses_locks_and_channels_get_no_advice() {
    assert_no_advice(async {
        let mut beat = interval(ms(20));
        for _ in 0..10 {
            beat.tick().await;
        }
        sleep(ms(40)).await;
        sleep(ms(40)).await;
    });
    assert_no_advice(async {
        let lock = Rc::new(Mutex::new(()));
        let other = lock.clone();
        let holder = spawn(async move {
            for _ in 0..5 {
                let _held = other.lock().await;
                sleep(ms(40)).await;
            }
        });
        yield_now().await;
        drop(lock.lock().await);
        drop(lock.lock().await);
        holder.await.unwrap();
    });
    assert_no_advice(async {
        let (sender, mut receiver) = mpsc::channel(1);
        let producer = spawn(async move {
            for item in 0..5 {
                sleep(ms(40)).await;
                sender.send(item).await.unwrap();
            }
        });
        while receiver.recv().await.is_some() {}
        producer.await.unwrap();
    });
}

#[test]
fn a_worker_that_spawns_what_a_channel_gives_it_gets_no_advice() {
    assert_no_advice(async {
        let (sender, mut receiver) = mpsc::channel(1);
        let producer = spawn(async move {
            for item in 0..4 {
                sleep(ms(100)).await;
                sender.send(item).await.unwrap();
            }
        });
        while receiver.recv().await.is_some() {
            spawn(sleep(ms(40))).await.unwrap();
        }
        producer.await.unwrap();
    });
}

#[test]
fn steps_with_work_of_their_own_in_between_get_no_advice() {
    assert_no_advice(async {
        for _ in 0..3 {
            spawn(sleep(ms(40))).await.unwrap();
            sleep(ms(30)).await; // it waits for something else
            work(ms(30));
        }
    });
    // It stands in the queue behind a task that runs.
    assert_no_advice(async {
        let first = spawn(sleep(ms(40)));
        let hog = spawn(async {
            sleep(ms(40)).await;
            work(ms(30));
        });
        first.await.unwrap();
        spawn(sleep(ms(40))).await.unwrap();
        hog.await.unwrap();
    });
}

#[test]
fn attempts_that_fail_and_are_made_again_get_no_advice() {
    // A worker that panics is begun anew.
    assert_no_advice(async {
        for _ in 0..3 {
            let worker = spawn(async {
                sleep(ms(40)).await;
                std::panic::resume_unwind(Box::new("quietly"));
            });
            assert!(worker.await.is_err());
        }
    });
    // A server that has no room answers nobody.
    assert_no_advice(async {
        let socket = TcpSocket::new_v4().unwrap();
        socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
        let full = socket.listen(0).unwrap();
        let address = full.local_addr().unwrap();
        let mut in_line = Vec::new();
        while let Ok(stream) = timeout(ms(1), TcpStream::connect(address)).await {
            in_line.push(stream.unwrap());
        }
        for _ in 0..3 {
            yield_now().await; // the poll that gave one up is said to wait for it
            assert!(timeout(ms(40), TcpStream::connect(address)).await.is_err());
        }
    });
}

#[test]
fn to_gain_little_is_not_worth_a_word() {
    assert_no_advice(async {
        spawn(sleep(ms(200))).await.unwrap();
        spawn(sleep(ms(20))).await.unwrap(); // less than a quarter of the whole
        spawn(sleep(ms(20))).await.unwrap();
    });
    assert!(
        explained(async {
            spawn(sleep(ms(9))).await.unwrap();
            spawn(sleep(ms(9))).await.unwrap();
        })
        .advice
        .is_empty()
    );
}
