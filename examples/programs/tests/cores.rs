//! Loops that share nothing but an address.

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, ErrorKind, Read};
use std::net::{SocketAddr, TcpListener};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::Duration;

use axum::{Router, routing};
use glassloop::net::TcpStream;
use glassloop::time::{sleep, timeout};
use glassloop::{join_all, spawn, spawn_blocking};
use glassloop_programs::cores::{Cores, Requests, app, pages, requests};
use glassloop_programs::http::{Http, Site};
use rustix::process::{Pid, Signal, kill_process};
use tokio::sync::{mpsc, watch};

const ANY: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 0);

/// What hangs, fails.
fn run<F: Future>(future: F) -> F::Output {
    let minute = Duration::from_secs(60);
    glassloop::run(async { timeout(minute, future).await.expect("it hangs") })
}

/// Asks on a connection of its own, and gives head and body.
async fn ask(addr: SocketAddr, request: &str, body: &str) -> (String, String) {
    let stream = TcpStream::connect(addr).await.unwrap();
    let length = body.len();
    let whole =
        format!("{request} HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n{body}");
    stream.write_all(whole.as_bytes()).await.unwrap();
    let (mut answer, mut buffer) = (Vec::new(), [0; 4096]);
    loop {
        match stream.read(&mut buffer).await.unwrap() {
            0 => break,
            n => answer.extend_from_slice(&buffer[..n]),
        }
    }
    let answer = String::from_utf8(answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").expect("a head");
    (head.to_owned(), body.to_owned())
}

async fn get(addr: SocketAddr, path: &str) -> String {
    let (head, body) = ask(addr, &format!("GET {path}"), "").await;
    assert!(head.starts_with("HTTP/1.1 200"), "{head}");
    body
}

/// Asks for the loop's number until `loops` loops have answered: the kernel chooses for each connection.
async fn of_each(addr: SocketAddr, loops: usize) -> BTreeSet<String> {
    let mut numbers = BTreeSet::new();
    for _ in 0..1000 {
        numbers.insert(get(addr, "/loop").await);
        if numbers.len() == loops {
            return numbers;
        }
    }
    panic!("after 1000 connections only {numbers:?}");
}

#[test]
fn every_loop_is_given_connections() {
    let cores = Cores::start(ANY, 3, app).unwrap();
    let numbers = run(of_each(cores.addr(), 3));
    assert!(numbers.iter().eq(["0", "1", "2"]));
    let served = cores.stop().unwrap();
    assert_eq!(served.len(), 3);
    assert!(served.iter().all(|served| served.connections > 0 && served.cut == 0), "{served:?}");
}

#[test]
fn question_is_answered_on_each_loops_own_thread_in_the_order_of_the_loops() {
    let cores = Cores::start(ANY, 3, app).unwrap();
    let name = || std::thread::current().name().map(str::to_owned);
    let names = run(cores.peers().ask(name));
    let names: Vec<_> = names.into_iter().map(|name| name.unwrap().unwrap()).collect();
    assert_eq!(names, ["loop 0", "loop 1", "loop 2"]);
    cores.stop().unwrap();
}

#[test]
fn requests_counted_apart_are_gathered_by_whichever_loop_is_asked() {
    let cores = Cores::start(ANY, 2, app).unwrap();
    let (addr, asked) = (cores.addr(), 40);
    let gathered = run(async {
        for _ in 0..asked {
            get(addr, "/").await;
        }
        get(addr, "/requests").await
    });
    let gathered: Vec<Requests> = serde_json::from_str(&gathered).unwrap();
    assert_eq!(gathered.len(), 2);
    assert_eq!(gathered.iter().map(|requests| requests.answered).sum::<u64>(), asked);
    assert_eq!(gathered.iter().map(|requests| requests.running).sum::<u64>(), 1); // the one that gathers
    let served = cores.stop().unwrap();
    assert_eq!(served.iter().map(|served| served.connections).sum::<u64>(), asked + 1);
}

#[test]
fn word_told_to_one_loop_is_known_to_all_when_it_answers() {
    let cores = Cores::start(ANY, 2, app).unwrap();
    run(async {
        let (head, _) = ask(cores.addr(), "PUT /motto", "share nothing").await;
        assert!(head.starts_with("HTTP/1.1 204"), "{head}");
        let mut asked = BTreeSet::new();
        while asked.len() < 2 {
            let stream = Http::new(Duration::from_secs(10)); // a pool of one connection: one loop
            let get = async |path| stream.get(&format!("http://{}{path}", cores.addr())).await.unwrap();
            assert_eq!(get("/motto").await, "share nothing");
            asked.insert(get("/loop").await);
        }
    });
    cores.stop().unwrap();
}

#[test]
fn question_after_the_end_gives_an_error_for_each_loop() {
    let cores = Cores::start(ANY, 2, app).unwrap();
    let peers = cores.peers().clone();
    cores.stop().unwrap();
    assert!(run(peers.ask(requests)).iter().all(Result::is_err));
}

#[test]
fn address_that_another_has_is_told_at_the_start() {
    let taken = TcpListener::bind(ANY).unwrap();
    let error = Cores::start(taken.local_addr().unwrap(), 2, app).err().expect("it is taken");
    assert_eq!(error.kind(), ErrorKind::AddrInUse);
}

#[test]
fn too_much_work_for_a_loop_is_refused() {
    let cores = Cores::start(ANY, 1, app).unwrap();
    let (head, body) = run(ask(cores.addr(), "GET /primes/4000000000", ""));
    assert!(head.starts_with("HTTP/1.1 400"), "{head}");
    assert_eq!(body, "at most 100000");
    cores.stop().unwrap();
}

/// Waits until nobody listens any more.
async fn refuses(addr: SocketAddr) {
    loop {
        match TcpStream::connect(addr).await {
            Err(error) if error.kind() == ErrorKind::ConnectionRefused => break,
            _ => sleep(Duration::from_millis(1)).await,
        }
    }
}

/// The program as a user starts it; it does not outlive a test that fails.
struct Program(Child);

impl Program {
    fn serves() -> (Program, BufReader<ChildStdout>, SocketAddr) {
        let mut command = Command::new(env!("CARGO_BIN_EXE_cores"));
        let mut program = Program(command.arg("serve").stdout(Stdio::piped()).spawn().unwrap());
        let mut says = BufReader::new(program.0.stdout.take().unwrap());
        let mut line = String::new();
        says.read_line(&mut line).unwrap();
        let addr = line.trim().strip_prefix("http://").expect("its address").parse().unwrap();
        (program, says, addr)
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        _ = self.0.kill();
        _ = self.0.wait();
    }
}

#[test]
fn ctrl_c_ends_all_loops_and_loses_no_request_that_runs() {
    let (mut program, mut says, addr) = Program::serves();
    let asked = 24;
    run(async {
        let asking: Vec<_> = (0..asked).map(|_| spawn(async move { get(addr, "/wait/1500").await })).collect();
        loop {
            let each: Vec<Requests> = serde_json::from_str(&get(addr, "/requests").await).unwrap();
            if each.iter().map(|requests| requests.running).sum::<u64>() == asked + 1 {
                break;
            }
            sleep(Duration::from_millis(1)).await;
        }
        kill_process(Pid::from_child(&program.0), Signal::INT).unwrap();
        refuses(addr).await;
        for answer in join_all(asking).await {
            assert_eq!(answer.unwrap(), "waited");
        }
    });
    assert!(program.0.wait().unwrap().success());
    let mut said = String::new();
    says.read_to_string(&mut said).unwrap();
    assert!(said.contains("loop 0 ended after ") && said.contains("loop 1 ended after "), "{said}");
}

#[test]
fn request_that_runs_at_the_end_still_reaches_the_loop_that_serves_nobody() {
    let (begun, mut begins) = mpsc::unbounded_channel();
    let (go, goes) = watch::channel(false);
    let cores = Cores::start(ANY, 2, move |_, peers| {
        let (begun, goes) = (begun.clone(), goes.clone());
        let late = || async move {
            begun.send(()).unwrap();
            goes.clone().wait_for(|go| *go).await.unwrap();
            let mut answers = 0;
            for _ in 0..200 {
                answers += peers.ask(|| ()).await.iter().filter(|answer| answer.is_ok()).count();
            }
            answers.to_string()
        };
        Router::new().route("/late", routing::get(late))
    });
    let cores = cores.unwrap();
    let addr = cores.addr();
    run(async {
        let late = spawn(get(addr, "/late"));
        begins.recv().await.unwrap();
        let stopped = spawn_blocking(|| cores.stop());
        refuses(addr).await;
        go.send(true).unwrap();
        assert_eq!(late.await.unwrap(), "400");
        assert_eq!(stopped.await.unwrap().unwrap().len(), 2);
    });
}

#[test]
fn pages_are_the_same_under_tokios_threads() {
    let threads = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_io().build().unwrap();
    let listener = threads.block_on(tokio::net::TcpListener::bind(ANY)).unwrap();
    let there = listener.local_addr().unwrap();
    threads.spawn(async { axum::serve(listener, pages()).await.unwrap() });
    let here = Site::start(pages);
    let requests = ["GET /", "GET /primes/100", "GET /primes/200000", "GET /primes/x", "POST /", "GET /nowhere"];
    run(async {
        for request in requests {
            let (mut ours, mut theirs) = (ask(here.addr(), request, "").await, ask(there, request, "").await);
            for (head, _) in [&mut ours, &mut theirs] {
                *head = head.lines().filter(|line| !line.starts_with("date:")).collect::<Vec<_>>().join("\n");
            }
            assert_eq!(ours, theirs, "{request}");
        }
        assert_eq!(get(there, "/primes/100").await, "25");
    });
}
