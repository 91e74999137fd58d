//! The two servers of the HTTP bench do the same work, and the bench sees when one does not.

use std::io::Read;
use std::net::TcpStream;
use std::path::Path;
use std::time::{Duration, Instant};

use glassloop_benches::load::REQUEST;
use glassloop_benches::served::{Load, Server};

const HEAP: &str = env!("CARGO_BIN_EXE_http_heap");
const SERVER: &str = env!("CARGO_BIN_EXE_http_server");
const LOAD: &str = env!("CARGO_BIN_EXE_http_load");

fn start(program: &str, words: &[&str]) -> Server {
    Server::start(Path::new(program), words).unwrap_or_else(|error| panic!("{words:?}: {error}"))
}

/// What a server answers, but for the date.
fn answer(words: &[&str]) -> Vec<String> {
    use std::io::Write;
    let server = start(SERVER, words);
    let mut stream = TcpStream::connect(server.address()).unwrap();
    stream.write_all(REQUEST).unwrap();
    let (mut answer, mut byte) = (Vec::new(), [0]);
    while !answer.ends_with(b"Hello, World!") {
        stream.read_exact(&mut byte).unwrap();
        answer.push(byte[0]);
    }
    let text = String::from_utf8(answer).unwrap();
    text.lines().filter(|line| !line.starts_with("date: ")).map(str::to_owned).collect()
}

/// The load looks at every answer and ends when one is wrong.
#[test]
fn ten_connections_send_a_hundred_requests_each_and_every_server_answers_them() {
    for words in [&["glassloop"][..], &["tokio"], &["glassloop", "timer", "flat"], &["tokio", "timer", "flat"]] {
        let server = start(SERVER, words);
        let load = Load::connect(Path::new(LOAD), &server, 10);
        let spent = load.and_then(|mut load| load.run(100)).unwrap_or_else(|error| panic!("{words:?}: {error}"));
        assert!(!spent.cpu.is_zero() && !spent.wall.is_zero());
    }
}

#[test]
fn both_give_the_same_answer_to_the_byte() {
    let expected = answer(&["tokio"]);
    assert_eq!(expected[0], "HTTP/1.1 200 OK");
    assert_eq!(answer(&["glassloop"]), expected);
    assert_eq!(answer(&["glassloop", "timer", "flat"]), expected);
}

/// 8 KiB is hyper's first buffer: what is less has counted no connection.
#[test]
fn a_connection_that_waits_holds_hypers_buffer_until_it_is_closed() {
    for words in [&["glassloop"][..], &["tokio"]] {
        let mut server = start(HEAP, words);
        let load = Load::connect(Path::new(LOAD), &server, 100).unwrap();
        let warm = server.heap().unwrap();
        drop(load);
        // The server hears of that by and by.
        let deadline = Instant::now() + Duration::from_secs(60);
        while server.heap().unwrap() > warm - 100 * 8192 {
            assert!(
                Instant::now() < deadline,
                "{words:?}: 100 connections are closed, and their buffers are held"
            );
        }
        let before = server.heap().unwrap();
        let load = Load::connect(Path::new(LOAD), &server, 100).unwrap();
        let (held, kept) = (server.heap().unwrap().saturating_sub(before) / 100, 8192..20_000);
        assert!(kept.contains(&held), "{words:?}: {held}");
        drop(load);
    }
}

#[test]
fn a_load_on_a_server_that_says_something_else_ends_with_its_words() {
    let echo = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = echo.local_addr().unwrap().to_string();
    let serving = std::thread::spawn(move || {
        use std::io::Write;
        let mut stream = echo.accept().unwrap().0;
        stream.write_all(b"HTTP/1.1 500 Oh\r\n\r\nHello, World!").unwrap();
        stream.read_to_end(&mut Vec::new()).unwrap();
    });
    let me = std::process::id().to_string();
    let load = std::process::Command::new(LOAD).args([&*address, "1", &me]).output().unwrap();
    assert!(!load.status.success());
    assert!(String::from_utf8_lossy(&load.stderr).contains("not the answer: HTTP/1.1 500 Oh"), "{load:?}");
    serving.join().unwrap();
}
