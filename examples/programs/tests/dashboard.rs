//! The dashboard's routes. Services, app and client share one loop under a stopped clock, so that waits take no time and
//! are exact.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::SocketAddr;
use std::process::{Command, Stdio};
use std::rc::Rc;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::Duration;

use axum::http::{Method, Request, StatusCode};
use axum::{Router, routing::get};
use glassloop::compat::hyper::{Exec, Timer};
use glassloop::compat::hyper_util::{Connector, serve};
use glassloop::net::{TcpListener, TcpStream};
use glassloop::time::{Instant, sleep};
use glassloop::{Builder, join_all, spawn};
use glassloop_programs::dashboard::services::{ALL, Make};
use glassloop_programs::dashboard::{App, Service, Session, Watch, on_pool};
use http_body_util::BodyExt;
use hyper::Response;
use hyper::body::Incoming;
use hyper_util::client::legacy::Client;
use serde_json::{Value, json};

/// The app, and a client of it.
struct World {
    app: App,
    addr: SocketAddr,
    client: Client<Connector, String>,
}

impl World {
    async fn send(&self, method: Method, path: &str) -> Response<Incoming> {
        let request = Request::builder().method(method).uri(format!("http://{}{path}", self.addr));
        self.client.request(request.body(String::new()).unwrap()).await.unwrap()
    }

    async fn ask(&self, method: Method, path: &str) -> (u16, String) {
        let response = self.send(method, path).await;
        let status = response.status().as_u16();
        (status, text(response.into_body().collect().await.unwrap().to_bytes().into()))
    }

    async fn get(&self, path: &str) -> (u16, String) {
        self.ask(Method::GET, path).await
    }

    async fn summary(&self) -> (u16, BTreeMap<String, Value>) {
        let (status, body) = self.get("/summary").await;
        (status, serde_json::from_str(&body).unwrap())
    }

    /// A client that has sent its request, and may go away.
    async fn call(&self, request: &str) -> TcpStream {
        let stream = TcpStream::connect(self.addr).await.unwrap();
        stream.write_all(format!("{request} HTTP/1.1\r\nhost: x\r\n\r\n").as_bytes()).await.unwrap();
        stream
    }

    fn journal(&self) -> Vec<String> {
        self.app.journal.lines()
    }
}

fn text(bytes: Vec<u8>) -> String {
    String::from_utf8(bytes).unwrap()
}

/// Serves on this loop, for good.
async fn site(router: Router) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let addr = listener.local_addr().unwrap();
    spawn(serve(listener, router.into_make_service()).into_future()).detach();
    addr
}

fn world(services: &[(&'static str, Make)], test: impl AsyncFnOnce(World)) {
    world_with("/nowhere", Router::new(), services, test);
}

fn world_with(file: &str, more: Router<App>, services: &[(&'static str, Make)], test: impl AsyncFnOnce(World)) {
    let watch = Watch::default();
    let runtime =
        Builder::new().start_paused(true).metrics(true).observer(Rc::new(watch.clone())).build().unwrap();
    runtime.block_on(async {
        let mut made = Vec::new();
        for (name, make) in services {
            made.push(Service { name, uri: format!("http://{}/", site(make()).await) });
        }
        let app = App::new(made, file, watch);
        let addr = site(app.clone().router().merge(more.with_state(app.clone()))).await;
        let client = Client::builder(Exec).pool_timer(Timer).build(Connector::new());
        test(World { app, addr, client }).await;
    });
}

const MILLISECOND: Duration = Duration::from_millis(1);

fn failing() -> Router {
    Router::new().route("/", get(StatusCode::SERVICE_UNAVAILABLE))
}

fn silent() -> Router {
    Router::new().route("/", get(std::future::pending::<()>))
}

fn garbled() -> Router {
    Router::new().route("/", get("<p>hello"))
}

fn names_of_tasks() -> Vec<String> {
    let dump = glassloop::dump().unwrap();
    dump.tasks().iter().filter_map(|task| task.name.as_ref()).map(|name| name.to_string()).collect()
}

#[test]
fn three_services_called_at_once_take_as_long_as_the_slowest() {
    world(&ALL, async |world| {
        let start = Instant::now();
        let (status, answers) = world.summary().await;
        assert_eq!(start.elapsed(), Duration::from_millis(400)); // of 300, 200 and 400
        assert_eq!(status, 200);
        assert_eq!(answers["weather"], json!({"data": {"sky": "clear"}}));
        assert_eq!(answers["prices"], json!({"data": {"tea": 3, "ink": 7}}));
        assert_eq!(answers["news"], json!({"data": {"headline": "the loop turns"}}));
    });
}

#[test]
fn the_services_keep_one_connection_each_for_all_summaries() {
    world(&ALL, async |world| {
        for _ in 0..3 {
            world.summary().await;
        }
        let connections = names_of_tasks().iter().filter(|name| name.starts_with("http from")).count();
        assert_eq!(connections, 3 + 1); // and the test's own to the app
    });
}

#[test]
fn a_service_that_fails_is_an_error_beside_the_others_data() {
    let services = [ALL[1], ("weather", failing as Make), ("news", garbled)];
    world(&services, async |world| {
        let (status, answers) = world.summary().await;
        assert_eq!(status, 200);
        assert_eq!(answers["prices"], json!({"data": {"tea": 3, "ink": 7}}));
        assert_eq!(
            answers["weather"],
            json!({"error": format!("{}: 503 Service Unavailable", world.app.services[1].uri)})
        );
        assert!(answers["news"]["error"].as_str().unwrap().contains("not JSON"), "{answers:?}");
    });
}

#[test]
fn a_service_that_is_silent_is_cut_at_the_limit() {
    world(&[ALL[1], ("news", silent)], async |world| {
        let start = Instant::now();
        let (status, answers) = world.summary().await;
        assert_eq!(start.elapsed(), Duration::from_secs(1));
        assert_eq!(status, 200);
        assert_eq!(answers["prices"], json!({"data": {"tea": 3, "ink": 7}}));
        assert_eq!(
            answers["news"],
            json!({"error": format!("{}: no answer within 1s", world.app.services[1].uri)})
        );
    });
}

#[test]
fn all_services_failing_are_a_502_that_names_each() {
    world(&[("prices", failing as Make), ("news", silent)], async |mut world| {
        let gone = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let weather = Service { name: "weather", uri: format!("http://{}/", gone.local_addr().unwrap()) };
        drop(gone);
        world.app.services = world.app.services.iter().cloned().chain([weather]).collect();
        world.addr = site(world.app.clone().router()).await;

        let (status, answers) = world.summary().await;
        assert_eq!(status, 502);
        for (service, why) in [("weather", "refused"), ("prices", "503"), ("news", "no answer within 1s")] {
            assert!(answers[service]["error"].as_str().unwrap().contains(why), "{answers:?}");
        }
    });
}

#[test]
fn a_client_that_leaves_cancels_the_calls_made_for_it() {
    world(&ALL, async |world| {
        let client = world.call("GET /summary").await;
        sleep(100 * MILLISECOND).await;
        let asking = || names_of_tasks().into_iter().filter(|name| name.starts_with("ask ")).collect::<Vec<_>>();
        assert_eq!(asking(), ["ask weather", "ask prices", "ask news"]);
        drop(client);
        sleep(MILLISECOND).await;
        assert_eq!(asking(), [""; 0]);
    });
}

#[test]
fn a_plain_function_blocks_a_thread_of_the_pool_and_not_the_loop() {
    let folder = tempfile::tempdir().unwrap();
    let pipe = folder.path().join("pipe"); // whoever reads it blocks, until somebody writes
    assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    // Were the loop blocked, the test would write nothing, and never end: so that it fails instead, another thread does.
    let (written, waits) = mpsc::channel::<()>();
    let late = pipe.clone();
    let rescue = thread::spawn(move || {
        if waits.recv_timeout(Duration::from_secs(10)) == Err(RecvTimeoutError::Timeout) {
            std::fs::write(late, "nobody else wrote").unwrap();
        }
    });
    world_with(pipe.to_str().unwrap(), Router::new(), &[], async |world| {
        let is_answered = Cell::new(false);
        let reading = async {
            let answer = world.get("/checksum").await;
            is_answered.set(true);
            answer
        };
        let others = async {
            for _ in 0..3 {
                assert_eq!(world.get("/journal").await, (200, "[]".to_owned()));
            }
            assert!(!is_answered.get(), "the others were answered after it");
            std::fs::write(&pipe, "hello").unwrap(); // now it can go on
            drop(written);
        };
        let ((status, body), ()) = glassloop::join!(reading, others);
        assert_eq!(status, 200);
        assert_eq!(serde_json::from_str::<Value>(&body).unwrap()["bytes"], 5);
    });
    rescue.join().unwrap();
}

#[test]
fn a_plain_function_that_fails_is_a_500_with_the_systems_words() {
    world(&[], async |world| {
        let (status, words) = world.get("/checksum").await;
        assert_eq!(status, 500);
        assert!(words.contains("No such file"), "{words}");
    });
}

#[test]
fn a_plain_function_that_panics_is_a_500_and_the_next_request_is_answered() {
    let more = Router::new().route("/panic", get(|| on_pool(|| -> () { panic!("on purpose") })));
    world_with("/nowhere", more, &[], async |world| {
        let (status, words) = world.get("/panic").await;
        assert_eq!(status, 500);
        assert!(words.contains("on purpose"), "{words}");
        assert_eq!(world.get("/journal").await.0, 200);
    });
}

#[test]
fn a_session_is_given_back_after_an_answer_and_after_an_error() {
    world(&[], async |world| {
        assert_eq!(world.ask(Method::POST, "/orders?item=tea").await, (201, String::new()));
        let (status, words) = world.ask(Method::POST, "/orders?item=dragons").await;
        assert_eq!((status, words.as_str()), (404, "no \"dragons\" is sold here"));
        let lines = [
            "session 1 opened",
            "session 1: tea is ordered",
            "session 1 closed",
            "session 2 opened",
            "session 2 closed",
        ];
        assert_eq!(world.journal(), lines);
    });
}

#[test]
fn a_session_is_given_back_when_the_arguments_beside_it_are_bad() {
    world(&[], async |world| {
        assert_eq!(world.ask(Method::POST, "/orders").await.0, 400);
        assert_eq!(world.journal(), ["session 1 opened", "session 1 closed"]);
    });
}

#[test]
fn a_session_is_given_back_when_the_handler_panics() {
    let more = Router::new().route("/panic", get(async |_: Session| -> () { panic!("on purpose") }));
    world_with("/nowhere", more, &[], async |world| {
        let client = world.call("GET /panic").await;
        assert_eq!(client.read(&mut [0; 8]).await.unwrap(), 0); // its connection ends
        assert_eq!(world.journal(), ["session 1 opened", "session 1 closed"]);
    });
}

#[test]
fn a_session_is_given_back_when_the_client_goes_away() {
    world(&[], async |world| {
        let client = world.call("POST /orders?item=tea").await;
        sleep(100 * MILLISECOND).await;
        assert_eq!(world.journal(), ["session 1 opened"]);
        drop(client);
        sleep(MILLISECOND).await;
        assert_eq!(world.journal(), ["session 1 opened", "session 1 closed"]); // and nothing was ordered
    });
}

#[test]
fn dependencies_are_torn_down_in_the_reverse_of_their_order() {
    let both = async |first: Session, second: Session| {
        second.note("used");
        first.note("used");
    };
    world_with("/nowhere", Router::new().route("/both", get(both)), &[], async |world| {
        assert_eq!(world.get("/both").await.0, 200);
        let lines = [
            "session 1 opened",
            "session 2 opened",
            "session 2: used",
            "session 1: used",
            "session 2 closed",
            "session 1 closed",
        ];
        assert_eq!(world.journal(), lines);
    });
}

#[test]
fn who_finds_no_session_free_waits_for_one() {
    world(&[], async |world| {
        let start = Instant::now();
        let answers = join_all((0..5).map(|_| world.ask(Method::POST, "/orders?item=tea"))).await;
        assert!(answers.iter().all(|(status, _)| *status == 201));
        assert_eq!(start.elapsed(), Duration::from_millis(400)); // four at once, and the fifth
        assert_eq!(world.app.sessions.free(), 4);
    });
}

#[test]
fn a_background_task_goes_on_after_the_answer() {
    world(&[], async |world| {
        let start = Instant::now();
        assert_eq!(world.ask(Method::POST, "/signup?name=ann").await, (202, "welcome, ann".to_owned()));
        assert_eq!(start.elapsed(), Duration::ZERO);
        assert_eq!(world.journal(), [""; 0]);
        assert!(names_of_tasks().contains(&"mail to ann".to_owned()));
        world.app.background.all_ended().await;
        assert_eq!(start.elapsed(), Duration::from_millis(1500));
        assert_eq!(world.journal(), ["mail sent to \"ann\""]);
    });
}

#[test]
fn a_name_that_is_none_is_refused_and_nothing_is_spawned() {
    world(&[], async |world| {
        for name in [String::new(), "x".repeat(41)] {
            let (status, words) = world.ask(Method::POST, &format!("/signup?name={name}")).await;
            assert_eq!((status, words.as_str()), (400, "a name has 1 to 40 characters"));
        }
        assert!(!names_of_tasks().iter().any(|name| name.starts_with("mail")));
    });
}

#[test]
fn the_first_row_is_read_before_the_last_is_made() {
    world(&[], async |world| {
        let start = Instant::now();
        let mut body = world.send(Method::GET, "/rows?of=10").await.into_body();
        let mut rows = Vec::new();
        while let Some(frame) = body.frame().await {
            let line = text(frame.unwrap().into_data().unwrap().into());
            rows.push((start.elapsed().as_millis(), line));
            if rows.len() == 1 {
                assert_eq!(world.journal(), ["session 1 opened"]);
            }
        }
        let made: Vec<_> = (1..=10).map(|n| (100 * n, format!("{{\"row\":{n},\"of\":10}}\n"))).collect();
        assert_eq!(rows, made);
        assert_eq!(world.journal(), ["session 1 opened", "session 1 closed"]);
    });
}

#[test]
fn no_row_is_made_for_a_client_that_has_left() {
    world(&[], async |world| {
        let client = world.call("GET /rows?of=10").await;
        sleep(250 * MILLISECOND).await;
        assert_eq!(world.journal(), ["session 1 opened"]);
        drop(client);
        sleep(250 * MILLISECOND).await;
        assert_eq!(world.journal(), ["session 1 opened", "session 1 closed"]);
    });
}

/// The samples by their names, each of which was introduced.
fn samples(metrics: &str) -> BTreeMap<String, f64> {
    let mut told = BTreeMap::new();
    let mut introduced = String::new();
    for line in metrics.lines() {
        if let Some(comment) = line.strip_prefix("# ") {
            introduced = comment.split(' ').nth(1).unwrap().to_owned();
        } else {
            let (name, value) = line.rsplit_once(' ').unwrap();
            assert!(name.starts_with(&introduced), "{line}");
            assert!(told.insert(name.to_owned(), value.parse().unwrap()).is_none(), "{line} is there twice");
        }
    }
    told
}

#[test]
fn metrics_are_prometheus_text_and_count_on() {
    world(&ALL, async |world| {
        let response = world.send(Method::GET, "/metrics").await;
        assert_eq!(response.headers()["content-type"], "text/plain; version=0.0.4");
        let before = samples(&text(response.into_body().collect().await.unwrap().to_bytes().into()));
        world.summary().await;
        let after = samples(&world.get("/metrics").await.1);
        for counter in [
            "turns_total",
            "polls_total",
            "wakes_total",
            "parks_total",
            "park_seconds_total",
            "tasks_spawned_total",
        ] {
            let counter = format!("glassloop_{counter}");
            assert!(after[&counter] > before[&counter], "{counter}");
        }
        let polls = after["glassloop_polls_total"]; // each stood in the queue once; this answer is made in the last
        for (histogram, count) in [("queue_delay", polls), ("poll", polls - 1.0)] {
            assert_eq!(after[&format!("glassloop_{histogram}_seconds_count")], count);
            for bound in ["+Inf", "0.000001"] {
                // The clock stands.
                assert_eq!(after[&format!("glassloop_{histogram}_seconds_bucket{{le=\"{bound}\"}}")], count);
            }
        }
    });
}

#[test]
fn a_task_that_blocks_and_who_stands_behind_it_are_counted_with_their_times() {
    let watch = Watch::default();
    let runtime = Builder::new().metrics(true).observer(Rc::new(watch.clone())).build().unwrap();
    runtime.block_on(async {
        let app = App::new([], "/nowhere", watch);
        let addr = site(app.clone().router()).await;
        let world = World { app, addr, client: Client::builder(Exec).pool_timer(Timer).build(Connector::new()) };
        spawn(async { std::thread::sleep(60 * MILLISECOND) }).detach();
        spawn(async {}).await.unwrap();
        let samples = samples(&world.get("/metrics").await.1);
        for what in ["queue_delay", "poll"] {
            let within = |bound| samples[&format!("glassloop_{what}_seconds_bucket{{le=\"{bound}\"}}")];
            assert!(within("0.05") < within("+Inf"), "{samples:?}");
            assert!(samples[&format!("glassloop_{what}_seconds_sum")] >= 0.06, "{samples:?}");
        }
    });
}

#[test]
fn the_loop_tells_its_tasks_and_what_each_waits_for() {
    world(&ALL, async |world| {
        assert_eq!(world.ask(Method::POST, "/signup?name=%3Cscript%3E%22").await.0, 202);
        let asking = spawn(serve_nothing(world.call("GET /summary").await));
        sleep(100 * MILLISECOND).await;
        let (status, body) = world.get("/loop.json").await;
        assert_eq!(status, 200);
        let seen: Value = serde_json::from_str(&body).unwrap();
        let tasks = seen["dump"]["tasks"].as_array().unwrap();
        let named = |name: &str| tasks.iter().find(|task| task["name"] == name).unwrap();
        assert_eq!(named("mail to <script>\"")["waits"][0]["due_in_ns"], 1_400_000_000);
        assert_eq!(named("mail to <script>\"")["waited_ns"], 100_000_000);
        assert_eq!(named("ask news")["state"], "waiting");
        assert_eq!(seen["alive"], tasks.len());
        asking.abort();
    });
}

async fn serve_nothing(stream: TcpStream) {
    let _stream = stream;
    std::future::pending::<()>().await;
}

/// The program as a process, and its address.
fn program(arguments: &[&str]) -> (std::process::Child, BufReader<std::process::ChildStdout>, String) {
    let mut child = Command::new(env!("CARGO_BIN_EXE_dashboard"))
        .args(arguments)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap());
    let mut address = String::new();
    lines.read_line(&mut address).unwrap();
    let address = address.trim().trim_start_matches("http://").trim_end_matches('/').to_owned();
    (child, lines, address)
}

#[test]
fn ctrl_c_lets_requests_and_background_tasks_end() {
    let (mut child, mut lines, address) = program(&[]);
    let mut client = std::net::TcpStream::connect(address).unwrap();
    for request in ["POST /signup?name=ann", "GET /rows?of=5"] {
        client.write_all(format!("{request} HTTP/1.1\r\nhost: x\r\n\r\n").as_bytes()).unwrap();
    }
    let mut part = [0; 1024];
    let mut answer = Vec::new();
    while !text(answer.clone()).contains("\"row\":1,") {
        let n = client.read(&mut part).unwrap();
        answer.extend(&part[..n]);
    }
    let id = rustix::process::Pid::from_child(&child);
    rustix::process::kill_process(id, rustix::process::Signal::INT).unwrap();
    client.read_to_end(&mut answer).unwrap(); // the connection is closed after the answer
    let answer = text(answer);
    assert!(answer.contains("\"row\":5,"), "{answer}");
    let mut told = String::new();
    lines.read_to_string(&mut told).unwrap();
    assert_eq!(told, "the end: 1 connections, 0 of them cut\nthe journal's last line: mail sent to \"ann\"\n");
    assert!(child.wait().unwrap().success());
}

#[test]
fn an_argument_that_it_does_not_know_is_told() {
    let out = Command::new(env!("CARGO_BIN_EXE_dashboard")).arg("--twice").output().unwrap();
    assert_eq!(out.status.code(), Some(2));
    assert_eq!(text(out.stderr), "usage: dashboard [--once]\n");
}
