//! What a process holds and what it asks of the kernel: descriptors, threads, crates, system calls. Each count is
//! taken in a process of its own, where nothing else happens.
//!
//! Linux alone: the counts come from `/proc` and from strace.
#![cfg(target_os = "linux")]

use std::collections::BTreeSet;
use std::future::{Future, poll_fn};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::pin::pin;
use std::process::{Command, Output, Stdio};
use std::sync::mpsc;
use std::task::{Poll, Waker};
use std::time::Duration;

use glassloop::net::{TcpListener, TcpStream};
use glassloop::time::sleep;
use glassloop::{JoinHandle, Runtime, join_all, spawn, spawn_blocking, yield_now};

/// Set in a child process, to the name of the one test that it runs.
const CHILD: &str = "GLASSLOOP_FOOTPRINT_CHILD";

fn is_child(test: &str) -> bool {
    std::env::var_os(CHILD).is_some_and(|child| child == test)
}

/// Lets `command` run this test binary with one test, on its first thread.
#[track_caller]
fn run_child(mut command: Command, test: &str) {
    let output = command.args([test, "--exact", "--test-threads=1", "--nocapture"]).env(CHILD, test).output();
    let Output { status, stdout, stderr } = output.unwrap();
    let (stdout, stderr) = (String::from_utf8_lossy(&stdout), String::from_utf8_lossy(&stderr));
    let ran = stdout.contains("1 passed");
    assert!(status.success() && ran, "{test} in a process of its own: {status}\n{stdout}\n{stderr}");
}

/// Runs `body` in a process of its own: calls the test again there.
#[track_caller]
fn alone(test: &str, body: impl FnOnce()) {
    if is_child(test) {
        body();
    } else {
        run_child(Command::new(std::env::current_exe().unwrap()), test);
    }
}

/// How many threads and descriptors this process has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Held {
    threads: usize,
    descriptors: usize,
}

fn held() -> Held {
    let count = |directory| std::fs::read_dir(directory).unwrap().count();
    Held { threads: count("/proc/self/task"), descriptors: count("/proc/self/fd") }
}

impl Held {
    fn and(self, threads: usize, descriptors: usize) -> Held {
        Held { threads: self.threads + threads, descriptors: self.descriptors + descriptors }
    }
}

#[test]
fn runtime_opens_two_descriptors_and_starts_no_thread() {
    alone("runtime_opens_two_descriptors_and_starts_no_thread", || {
        let before = held();
        let runtime = Runtime::new().unwrap();
        assert_eq!(held(), before.and(0, 2), "the poll and its waker");
        drop(runtime);
        assert_eq!(held(), before);
    });
}

#[test]
fn tasks_open_nothing() {
    alone("tasks_open_nothing", || {
        let before = held();
        Runtime::new().unwrap().block_on(async {
            let tasks: Vec<JoinHandle<()>> = (0..1000).map(|_| spawn(yield_now())).collect();
            join_all(tasks).await;
            assert_eq!(held(), before.and(0, 2));
        });
    });
}

/// The loop sleeps with the timer's deadline in view, and is woken by sockets.
#[test]
fn timer_that_is_not_reached_opens_nothing() {
    alone("timer_that_is_not_reached_opens_nothing", || {
        glassloop::run(async {
            let mut clients = connections(1).await;
            let before = held();
            let far = spawn(sleep(Duration::from_secs(3600)));
            echo(&mut clients, 10).await;
            far.abort();
            assert!(far.await.is_err());
            assert_eq!(held(), before);
        });
    });
}

/// mio waits in whole milliseconds; what is finer needs a timer descriptor, once.
#[test]
fn sleeps_shorter_than_a_millisecond_open_one_timer_descriptor() {
    alone("sleeps_shorter_than_a_millisecond_open_one_timer_descriptor", || {
        let before = held();
        glassloop::run(async {
            for _ in 0..3 {
                sleep(Duration::from_micros(100)).await;
                assert_eq!(held(), before.and(0, 3));
            }
        });
        assert_eq!(held(), before);
    });
}

#[test]
fn first_blocking_job_starts_one_thread() {
    alone("first_blocking_job_starts_one_thread", || {
        let before = held();
        glassloop::run(async {
            let within = spawn_blocking(held).await.unwrap();
            assert_eq!(within, before.and(1, 2));
            assert_eq!(held(), before.and(1, 2), "it stays for the next job");
        });
    });
}

#[test]
fn default_build_is_ten_crates_at_most() {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let output = Command::new(cargo)
        .args(["tree", "-p", "glassloop", "-e", "normal", "--prefix", "none"])
        .args(["--target", "x86_64-unknown-linux-gnu"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let tree = String::from_utf8(output.stdout).unwrap();
    // A crate in two versions is two crates. A line that repeats one says so after its version.
    let crates: BTreeSet<(&str, &str)> =
        tree.lines().filter_map(|line| line.split_once(' ')).map(|(name, rest)| (name, version(rest))).collect();
    assert!(crates.iter().any(|(name, _)| *name == "glassloop"), "{tree}");
    assert!(crates.len() <= 10, "{} crates: {crates:?}", crates.len());
}

fn version(rest: &str) -> &str {
    rest.split(' ').next().unwrap_or_default()
}

/// A path that does not exist: to ask for it leaves a mark in the trace of system calls.
const MARK: &str = "/glassloop-footprint-mark";

fn mark() {
    assert!(std::fs::metadata(MARK).is_err());
}

/// The system calls that `body`'s thread makes between two marks; `None` in the process that makes them, and where
/// there is no strace.
#[track_caller]
fn system_calls(test: &str, body: impl FnOnce()) -> Option<Vec<String>> {
    if is_child(test) {
        body();
        return None;
    }
    if !has_strace(test) {
        return None;
    }
    let trace = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("{test}.strace"));
    let mut strace = Command::new("strace");
    strace.args(["-f", "-qq", "-o"]).arg(&trace).arg(std::env::current_exe().unwrap());
    run_child(strace, test);
    let trace = std::fs::read_to_string(trace).unwrap();
    // `1234  recvfrom(5, ...`: the thread, then the call. What is resumed was there before.
    let calls: Vec<(&str, &str)> = trace.lines().filter_map(|line| line.split_once(' ')).collect();
    let marks: Vec<usize> = (0..calls.len()).filter(|n| calls[*n].1.contains(MARK)).collect();
    let [from, to] = marks[..] else { panic!("{} marks in the trace", marks.len()) };
    let thread = calls[from].0;
    let own = calls[from + 1..to].iter().filter(|(by, call)| *by == thread && !call.contains(" resumed>"));
    Some(own.map(|(_, call)| call.trim_start().split('(').next().unwrap_or_default().to_string()).collect())
}

/// Whether calls can be traced. A machine that guards changes must have strace; elsewhere the count is left out, and
/// not in silence.
fn has_strace(test: &str) -> bool {
    let probe = Command::new("strace").args(["-qq", "-o", "/dev/null", "true"]).stderr(Stdio::null()).status();
    let works = probe.is_ok_and(|status| status.success());
    if !works {
        assert!(std::env::var_os("CI").is_none(), "strace is missing, or may not trace");
        // Not `eprintln!`, which the harness keeps for itself when a test passes.
        let _ = writeln!(std::io::stderr(), "!!! {test}: NOT counted, for strace is missing, or may not trace");
    }
    works
}

fn count(calls: &[String], name: &str) -> usize {
    calls.iter().filter(|call| *call == name).count()
}

#[test]
fn tasks_that_never_wait_make_no_system_call() {
    let calls = system_calls("tasks_that_never_wait_make_no_system_call", || {
        glassloop::run(async {
            for round in 0..2 {
                if round == 1 {
                    mark(); // the memory is there
                }
                let tasks: [JoinHandle<()>; 100] = std::array::from_fn(|_| {
                    spawn(async {
                        for _ in 0..100 {
                            yield_now().await;
                        }
                    })
                });
                for task in tasks {
                    task.await.unwrap();
                }
            }
            mark();
        });
    });
    if let Some(calls) = calls {
        assert_eq!(calls, [""; 0]);
    }
}

/// Built, run and dropped, with sockets, a job and a wake from a thread, but no timer.
#[test]
fn program_without_timers_makes_no_timer_system_call() {
    let calls = system_calls("program_without_timers_makes_no_timer_system_call", || {
        mark();
        glassloop::run(async {
            echo(&mut connections(1).await, 10).await;
            spawn_blocking(|| ()).await.unwrap();
            spawn(yield_now()).await.unwrap();
        });
        mark();
    });
    if let Some(calls) = calls {
        assert!(count(&calls, "epoll_wait") > 0, "{calls:?}");
        let words = ["timer", "sleep", "clock", "timeofday"];
        let of_time: Vec<&String> =
            calls.iter().filter(|call| words.iter().any(|word| call.contains(word))).collect();
        assert_eq!(of_time, [""; 0]);
    }
}

/// While tasks are ready, the loop looks at an idle socket once a budget of 128 polls.
#[test]
fn busy_loop_with_an_idle_socket_looks_once_a_budget() {
    let calls = system_calls("busy_loop_with_an_idle_socket_looks_once_a_budget", || {
        glassloop::run(async {
            let _idle = TcpListener::bind("127.0.0.1:0").await.unwrap();
            mark();
            for _ in 0..128 * 10 {
                yield_now().await;
            }
            mark();
        });
    });
    if let Some(calls) = calls {
        assert_eq!(count(&calls, "epoll_wait"), calls.len(), "{calls:?}");
        assert!((9..=11).contains(&calls.len()), "{calls:?}");
    }
}

/// Twenty times a thread lets the loop fall asleep, with an idle socket and a timer far away beside it, and wakes it.
#[test]
fn idle_loop_waits_once_a_wake() {
    const WAKES: usize = 20;
    let calls = system_calls("idle_loop_waits_once_a_wake", || {
        let (to_thread, wakers) = mpsc::channel::<Waker>();
        let of_loop = std::fs::read_link("/proc/thread-self").unwrap();
        let thread = std::thread::spawn(move || {
            for waker in wakers {
                while !sleeps(&of_loop) {
                    std::thread::yield_now();
                }
                waker.wake();
            }
        });
        glassloop::run(async {
            let _idle = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let mut far = pin!(sleep(Duration::from_secs(3600)));
            mark();
            let mut waits = 0;
            poll_fn(|cx| {
                assert!(far.as_mut().poll(cx).is_pending());
                if waits == WAKES {
                    return Poll::Ready(());
                }
                waits += 1;
                to_thread.send(cx.waker().clone()).unwrap();
                Poll::Pending
            })
            .await;
            mark();
        });
        drop(to_thread);
        thread.join().unwrap();
    });
    if let Some(calls) = calls {
        assert_eq!(count(&calls, "epoll_wait"), WAKES, "{calls:?}");
    }
}

/// Whether a thread, as `/proc/thread-self` named it, sleeps in the kernel. The state follows the name in brackets.
fn sleeps(thread: &Path) -> bool {
    let stat = std::fs::read_to_string(Path::new("/proc").join(thread).join("stat")).unwrap();
    stat.rsplit(") ").next().is_some_and(|rest| rest.starts_with('S'))
}

/// A server's cost is half of this: wait, read, write.
#[test]
fn echo_on_one_connection_costs_six_system_calls_at_both_ends() {
    let per_echo = calls_per_echo("echo_on_one_connection_costs_six_system_calls_at_both_ends", 1);
    if let Some(calls) = per_echo {
        assert!(calls <= 6.1, "{calls} system calls an echo");
    }
}

/// With many connections a wait brings many events: what is left is reads and writes.
#[test]
fn echo_on_sixty_four_connections_costs_four_system_calls_at_both_ends() {
    let per_echo = calls_per_echo("echo_on_sixty_four_connections_costs_four_system_calls_at_both_ends", 64);
    if let Some(calls) = per_echo {
        assert!(calls <= 4.2, "{calls} system calls an echo");
    }
}

/// System calls an echo of 64 bytes, both ends on one loop.
#[track_caller]
fn calls_per_echo(test: &str, width: usize) -> Option<f64> {
    const ROUNDS: usize = 100;
    let calls = system_calls(test, || {
        glassloop::run(async {
            let mut connections = connections(width).await;
            echo(&mut connections, 1).await;
            mark();
            echo(&mut connections, ROUNDS).await;
            mark();
        });
    })?;
    let per_echo = calls.len() as f64 / (ROUNDS * width) as f64;
    let names: BTreeSet<&String> = calls.iter().collect();
    let each: Vec<String> = names.iter().map(|name| format!("{name} {}", count(&calls, name))).collect();
    println!("{per_echo} system calls an echo on {width} connections: {}", each.join(", "));
    Some(per_echo)
}

/// Connections to a server that sends back what it reads.
async fn connections(count: usize) -> Vec<TcpStream> {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut clients = Vec::new();
    for _ in 0..count {
        clients.push(TcpStream::connect(listener.local_addr().unwrap()).await.unwrap());
        let (stream, _) = listener.accept().await.unwrap();
        spawn(async move {
            let mut buffer = [0; 1024];
            loop {
                match stream.read(&mut buffer).await.unwrap() {
                    0 => return,
                    n => stream.write_all(&buffer[..n]).await.unwrap(),
                }
            }
        })
        .detach();
    }
    clients
}

/// 64 bytes there and back, `rounds` times on each connection, on all of them beside each other.
async fn echo(clients: &mut Vec<TcpStream>, rounds: usize) {
    let tasks = clients.drain(..).map(|client| {
        spawn(async move {
            let mut buffer = [0; 1024];
            for _ in 0..rounds {
                client.write_all(&[7; 64]).await.unwrap();
                let mut read = 0;
                while read < 64 {
                    read += client.read(&mut buffer).await.unwrap();
                }
            }
            client
        })
    });
    let tasks: Vec<JoinHandle<TcpStream>> = tasks.collect();
    for task in tasks {
        clients.push(task.await.unwrap());
    }
}
