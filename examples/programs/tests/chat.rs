//! The chat, as its clients see it.

use std::cell::RefCell;
use std::future::Future;
use std::io::{BufRead, BufReader, Read};
use std::net::{Shutdown, SocketAddr};
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::rc::Rc;
use std::time::Duration;

use async_tungstenite::tungstenite::Message;
use async_tungstenite::tungstenite::protocol::frame::Frame;
use async_tungstenite::tungstenite::protocol::frame::coding::{Data, OpCode};
use async_tungstenite::{WebSocketStream, client_async};
use glassloop::net::{TcpListener, TcpSocket, TcpStream};
use glassloop::stream::StreamExt;
use glassloop::sync::CancellationToken;
use glassloop::time::{Instant, pause, sleep, timeout};
use glassloop::{Builder, JoinHandle, join_all, spawn};
use glassloop_programs::chat::{Limits, Room, Stopped, serve};
use rustix::process::{Pid, Signal, kill_process};

/// A server on the test's own loop.
struct Server {
    address: SocketAddr,
    room: Rc<Room>,
    log: Rc<RefCell<Vec<String>>>,
    stop: CancellationToken,
    serving: JoinHandle<Stopped>,
}

impl Server {
    async fn start(limits: Limits) -> Server {
        Server::start_logging(limits, |_| {}).await
    }

    async fn start_logging(limits: Limits, sees: impl Fn(&str) + 'static) -> Server {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let log = Rc::new(RefCell::new(Vec::new()));
        let lines = log.clone();
        let room = Room::new(limits, move |line| {
            lines.borrow_mut().push(line.to_owned());
            sees(line);
        });
        let stop = CancellationToken::new();
        let serving = spawn(serve(listener, room.clone(), stop.clone()));
        Server { address, room, log, stop, serving }
    }

    /// The kernel takes little for it, so that it is soon too slow.
    async fn connect(&self) -> TcpStream {
        let socket = TcpSocket::new_v4().unwrap();
        socket.set_recv_buffer_size(1 << 14).unwrap();
        socket.connect(self.address).await.unwrap()
    }

    async fn shaken(&self) -> Client {
        Client(client_async("ws://localhost/", self.connect().await).await.unwrap().0)
    }

    /// A client that has joined, and has heard so.
    async fn joined(&self, name: &str) -> Client {
        let mut client = self.shaken().await;
        client.say(name).await;
        assert_eq!(client.hear().await, format!("* {name} joined"));
        client
    }

    async fn stopped(self) -> Stopped {
        self.stop.cancel();
        self.serving.await.unwrap()
    }
}

fn quick() -> Limits {
    Limits { kernel: 1 << 14, pace: Duration::from_micros(100), ..Limits::default() }
}

struct Client(WebSocketStream<TcpStream>);

impl Client {
    async fn say(&mut self, text: &str) {
        self.0.send(Message::text(text)).await.unwrap();
    }

    /// The next text; or `code reason` of a goodbye; or how the connection ended.
    async fn hear(&mut self) -> String {
        loop {
            match self.0.next().await {
                Some(Ok(Message::Text(text))) => return text.to_string(),
                Some(Ok(Message::Close(Some(frame)))) => {
                    return format!("{} {}", u16::from(frame.code), frame.reason);
                }
                Some(Ok(_)) => {}
                Some(Err(error)) => return error.to_string(),
                None => return "the end".to_owned(),
            }
        }
    }

    async fn hears(&mut self, words: &[&str]) {
        for words in words {
            assert_eq!(self.hear().await, *words);
        }
    }
}

fn run<F: Future>(future: F) -> F::Output {
    glassloop::run(async { timeout(Duration::from_secs(60), future).await.expect("it hangs") })
}

fn run_paused<F: Future>(future: F) -> F::Output {
    Builder::new().start_paused(true).build().unwrap().block_on(future)
}

#[test]
fn what_one_says_all_hear_in_one_order_and_it_too() {
    run(async {
        let server = Server::start(quick()).await;
        let mut ann = server.joined("ann").await;
        let mut bob = server.joined("bob").await;
        assert_eq!(server.room.names(), ["ann", "bob"]);
        ann.say("hello").await;
        bob.hears(&["ann: hello"]).await;
        bob.say("good day").await;
        bob.0.close(None).await.unwrap();
        bob.hears(&["bob: good day"]).await;
        assert_eq!(bob.0.next().await.unwrap().unwrap(), Message::Close(None)); // the server's own
        bob.hears(&["the end"]).await;
        ann.hears(&["* bob joined", "ann: hello", "bob: good day", "* bob left"]).await;
        assert_eq!(server.room.names(), ["ann"]);
    });
}

/// A talker and a listener say and hear one message after the other, until `slow` was dropped. How many there were.
async fn talk_until_dropped(server: &Server, ann: &mut Client, bob: &mut Client, slow: &str) -> usize {
    let most = server.room.limits().waiting;
    let gone = format!("* {slow} is gone: too slow: {most} messages were waiting");
    let long = "x".repeat(1000);
    for n in 0..100_000 {
        let text = format!("{n} {long}");
        ann.say(&text).await;
        let said = format!("ann: {text}");
        ann.hears(&[&said]).await;
        bob.hears(&[&said]).await;
        assert!(server.room.waiting() <= most);
        if !server.room.names().contains(&slow.to_owned()) {
            ann.hears(&[&gone]).await;
            bob.hears(&[&gone]).await;
            assert_eq!(server.room.waiting(), 0); // what waited for it is gone as well
            return n + 1;
        }
    }
    panic!("{slow} was not dropped");
}

#[test]
fn one_that_does_not_read_is_dropped_with_the_reason_and_the_others_miss_nothing() {
    run(async {
        let server = Server::start(Limits { waiting: 20, ..quick() }).await;
        let mut slow = server.joined("slow").await;
        let mut ann = server.joined("ann").await;
        let mut bob = server.joined("bob").await;
        ann.hears(&["* bob joined"]).await;
        let said = talk_until_dropped(&server, &mut ann, &mut bob, "slow").await;
        ann.say("at last").await;
        bob.hears(&["ann: at last"]).await;

        // Now it reads: what the kernel kept for it, in order, nothing of what waited, and why it was dropped.
        slow.hears(&["* ann joined", "* bob joined"]).await;
        let mut heard = 0;
        let end = loop {
            let words = slow.hear().await;
            match words.strip_prefix("ann: ") {
                Some(text) => assert!(text.starts_with(&format!("{heard} "))),
                None => break words,
            }
            heard += 1;
        };
        assert_eq!(end, "1013 too slow: 20 messages were waiting");
        assert_eq!(heard, said - 21); // twenty waited, and the next was one too many
        slow.hears(&["the end"]).await;
    });
}

#[test]
fn one_that_never_reads_its_goodbye_is_cut_off_after_the_limit() {
    run(async {
        let server = Server::start(Limits { waiting: 20, ..quick() }).await;
        let slow = server.joined("slow").await;
        let mut ann = server.joined("ann").await;
        let mut bob = server.joined("bob").await;
        ann.hears(&["* bob joined"]).await;
        talk_until_dropped(&server, &mut ann, &mut bob, "slow").await;
        pause();
        sleep(Limits::default().goodbye).await;
        // Its connection is closed: what is sent to it now is answered with a reset.
        let stream = slow.0.into_inner();
        let mut seen = vec![0; 1 << 16];
        while let Ok(1..) = stream.read(&mut seen).await {}
        let _ = stream.write_all(b"x").await;
        assert!(stream.write_all(b"x").await.is_err());
        assert_eq!(server.stopped().await, Stopped { left: 0, cut: 2 });
        drop((ann, bob));
    });
}

#[test]
fn a_flood_by_one_drops_nobody_who_reads() {
    run(async {
        let server = Server::start(Limits { waiting: 4, ..quick() }).await;
        let mut ann = server.joined("ann").await;
        let (mut sender, mut receiver) = server.joined("bob").await.0.split();
        ann.hears(&["* bob joined"]).await;
        let floods = spawn(async move {
            for n in 0..2000 {
                sender.send(Message::text(n.to_string())).await.unwrap();
            }
            sender
        });
        let hears = spawn(async move {
            let mut heard = 0;
            while heard < 2000 {
                heard += usize::from(receiver.next().await.unwrap().unwrap().is_text());
            }
            receiver
        });
        for n in 0..2000 {
            assert_eq!(ann.hear().await, format!("bob: {n}"));
        }
        floods.await.unwrap();
        hears.await.unwrap();
        assert_eq!(server.room.names(), ["ann", "bob"]);
    });
}

/// Something hostile is done by one client; it hears `end`, the other that it is gone for that reason.
fn hostile(limits: Limits, does: impl AsyncFnOnce(&mut Client), end: &str) {
    run(async {
        let server = Server::start(limits).await;
        let mut ann = server.joined("ann").await;
        let mut eve = server.joined("eve").await;
        ann.hears(&["* eve joined"]).await;
        does(&mut eve).await;
        eve.hears(&[end, "the end"]).await;
        let (_, words) = end.split_once(' ').unwrap();
        ann.hears(&[&format!("* eve is gone: {words}")]).await;
        ann.say("still here").await;
        ann.hears(&["ann: still here"]).await;
    });
}

#[test]
fn a_message_that_is_too_long_ends_its_sender_alone() {
    let limits = Limits { message: 1000, ..quick() };
    let does = async |eve: &mut Client| eve.say(&"x".repeat(100_000)).await;
    hostile(limits, does, "1009 Message too long: 100000 > 1000");
}

#[test]
fn a_binary_message_ends_its_sender_alone() {
    let does = async |eve: &mut Client| eve.0.send(Message::binary(vec![0])).await.unwrap();
    hostile(quick(), does, "1003 text only, please");
}

#[test]
fn a_text_that_is_no_utf8_ends_its_sender_alone() {
    let text = Frame::message(vec![b'a', 0xff], OpCode::Data(Data::Text), true);
    let does = async |eve: &mut Client| eve.0.send(Message::Frame(text)).await.unwrap();
    hostile(quick(), does, "1007 UTF-8 encoding error: invalid utf-8 sequence of 1 bytes from index 1");
}

#[test]
fn bytes_that_are_no_frames_end_their_sender_alone() {
    let does = async |eve: &mut Client| eve.0.get_mut().write_all(b"\xf1\x80").await.unwrap();
    hostile(quick(), does, "1002 WebSocket protocol error: Reserved bits are non-zero");
}

#[test]
fn one_that_vanishes_ends_alone() {
    run(async {
        let server = Server::start(quick()).await;
        let mut ann = server.joined("ann").await;
        let eve = server.joined("eve").await;
        let bob = server.joined("bob").await;
        eve.0.get_ref().shutdown(Shutdown::Write).unwrap(); // it ends without a goodbye
        rustix::net::sockopt::set_socket_linger(bob.0.get_ref(), Some(Duration::ZERO)).unwrap();
        ann.hears(&["* eve joined", "* bob joined"]).await;
        let gone = "WebSocket protocol error: Connection reset without closing handshake";
        ann.hears(&[&format!("* eve is gone: {gone}")]).await;
        drop(bob); // with a reset
        let words = ann.hear().await;
        assert!(words.starts_with("* bob is gone: IO error: Connection reset by peer"), "{words}");
        assert_eq!(server.room.names(), ["ann"]);
    });
}

#[test]
fn a_name_is_refused_in_words_if_it_is_taken_or_none() {
    run(async {
        let server = Server::start(quick()).await;
        let _ann = server.joined("ann").await;
        for (name, refusal) in [
            ("ann", "1008 the name ann is taken"),
            ("", "1008 a name has 1 to 24 letters and digits"),
            ("* ann", "1008 a name has 1 to 24 letters and digits"),
            (&"a".repeat(25), "1008 a name has 1 to 24 letters and digits"),
        ] {
            let mut client = server.shaken().await;
            client.say(name).await;
            client.hears(&[refusal, "the end"]).await;
        }
        assert_eq!(server.room.names(), ["ann"]);
    });
}

#[test]
fn one_that_answers_no_ping_is_dropped_when_it_was_silent_too_long() {
    run_paused(async {
        let server = Server::start(quick()).await;
        let mut mute = server.joined("mute").await;
        let start = Instant::now();
        let mut ann = server.joined("ann").await; // reads all the time, and so answers
        ann.hears(&["* mute is gone: nothing was heard for 60s"]).await;
        assert_eq!(start.elapsed(), Duration::from_secs(60));
        mute.hears(&["* ann joined", "1008 nothing was heard for 60s"]).await;
    });
}

#[test]
fn one_that_does_not_say_hello_in_time_is_let_go() {
    run_paused(async {
        let server = Server::start(quick()).await;
        let start = Instant::now();
        let silent = server.connect().await;
        let mut nameless = server.shaken().await;
        nameless.hears(&["1008 nothing was heard for 10s", "the end"]).await;
        assert_eq!(silent.read(&mut [0; 8]).await.unwrap(), 0);
        assert_eq!(start.elapsed(), Duration::from_secs(10));
    });
}

#[test]
fn one_that_speaks_no_websocket_is_let_go_and_the_log_says_why() {
    run(async {
        let server = Server::start(quick()).await;
        let mut ann = server.joined("ann").await;
        let stream = server.connect().await;
        stream.write_all(b"GET / HTTP/1.1\r\nhost: localhost\r\n\r\n").await.unwrap();
        while stream.read(&mut [0; 1024]).await.unwrap() > 0 {}
        let log = server.log.borrow().join("\n");
        assert!(log.contains("WebSocket protocol error: No \"Connection: upgrade\" header"), "{log}");
        ann.say("still here").await;
        ann.hears(&["ann: still here"]).await;
    });
}

#[test]
fn a_panic_in_a_clients_task_ends_that_client_alone() {
    run(async {
        let sees = |line: &str| assert!(!line.ends_with(": is eve"), "a bug");
        let server = Server::start_logging(quick(), sees).await;
        let mut ann = server.joined("ann").await;
        let mut eve = server.shaken().await;
        eve.say("eve").await;
        ann.hears(&["* eve joined", "* eve is gone"]).await;
        ann.say("still here").await;
        ann.hears(&["ann: still here"]).await;
        assert_eq!(server.room.names(), ["ann"]);
        let log = server.log.borrow().join("\n");
        assert!(log.ends_with("panicked: a bug"), "{log}");
    });
}

#[test]
fn one_too_many_waits_until_somebody_leaves() {
    run(async {
        let server = Server::start(Limits { clients: 1, ..quick() }).await;
        let mut ann = server.joined("ann").await;
        let bob = spawn({
            let stream = server.connect().await; // the kernel takes it, the server not yet
            async move { client_async("ws://localhost/", stream).await.unwrap().0 }
        });
        ann.say("hello").await;
        ann.hears(&["ann: hello"]).await;
        assert!(!bob.is_finished());
        ann.0.close(None).await.unwrap();
        while ann.hear().await != "the end" {}
        drop(ann);
        let mut bob = Client(bob.await.unwrap());
        bob.say("bob").await;
        bob.hears(&["* bob joined"]).await;
    });
}

#[test]
fn stopped_server_lets_all_hear_what_was_said_and_a_goodbye() {
    run_paused(async {
        let server = Server::start(quick()).await;
        let mut clients = Vec::new();
        for name in ["ann", "bob", "cyd"] {
            clients.push(server.joined(name).await);
        }
        clients[0].hears(&["* bob joined", "* cyd joined"]).await;
        clients[1].hears(&["* cyd joined"]).await;
        let mut nameless = server.shaken().await;
        clients[2].say("last words").await;
        clients[2].hears(&["cyd: last words"]).await;
        let start = Instant::now();
        let address = server.address;
        let stopped = spawn(server.stopped());
        for client in &mut clients[..2] {
            client.hears(&["cyd: last words"]).await;
        }
        let hears = clients.into_iter().map(async |mut client| {
            client.hears(&["1001 the server stops", "the end"]).await;
        });
        join_all(hears).await;
        nameless.hears(&["1001 the server stops", "the end"]).await;
        drop(nameless);
        assert_eq!(stopped.await.unwrap(), Stopped { left: 4, cut: 0 });
        assert_eq!(start.elapsed(), Duration::ZERO);
        assert!(TcpStream::connect(address).await.is_err());
    });
}

#[test]
fn stopped_server_lets_one_who_is_behind_hear_what_waits_for_it() {
    run(async {
        let server = Server::start(Limits { waiting: 20, ..quick() }).await;
        let mut late = server.joined("late").await;
        let mut ann = server.joined("ann").await;
        let mut said = vec!["* ann joined".to_owned()];
        while server.room.waiting() < 5 {
            let text = format!("{} {}", said.len(), "x".repeat(1000));
            ann.say(&text).await;
            said.push(format!("ann: {text}"));
            ann.hears(&[&said[said.len() - 1]]).await;
        }
        let stopped = spawn(server.stopped());
        for words in said {
            late.hears(&[&words]).await;
        }
        for mut client in [late, ann] {
            client.hears(&["1001 the server stops", "the end"]).await;
        }
        assert_eq!(stopped.await.unwrap(), Stopped { left: 2, cut: 0 });
    });
}

#[test]
fn stopped_server_cuts_off_after_the_limit_who_does_not_leave() {
    run_paused(async {
        let server = Server::start(quick()).await;
        let mut ann = server.joined("ann").await;
        let _stays = server.joined("stays").await;
        ann.hears(&["* stays joined"]).await;
        let start = Instant::now();
        let stopped = spawn(server.stopped());
        ann.hears(&["1001 the server stops", "the end"]).await;
        drop(ann);
        assert_eq!(stopped.await.unwrap(), Stopped { left: 1, cut: 1 });
        assert_eq!(start.elapsed(), Limits::default().goodbye);
    });
}

/// The program as a server, what it prints, and where it listens.
fn program() -> (Child, BufReader<ChildStdout>, SocketAddr) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_chat"));
    let mut program = command.arg("127.0.0.1:0").stdout(Stdio::piped()).spawn().unwrap();
    let mut output = BufReader::new(program.stdout.take().unwrap());
    let mut line = String::new();
    output.read_line(&mut line).unwrap();
    let address = line.strip_prefix("ws://").and_then(|line| line.split(' ').next()).unwrap().parse().unwrap();
    (program, output, address)
}

async fn joined(address: SocketAddr, name: &str) -> Client {
    let stream = TcpStream::connect(address).await.unwrap();
    let mut client = Client(client_async("ws://localhost/", stream).await.unwrap().0);
    client.say(name).await;
    client.hears(&[&format!("* {name} joined")]).await;
    client
}

fn press_ctrl_c(program: &Child) {
    kill_process(Pid::from_child(program), Signal::INT).unwrap();
}

#[test]
fn ctrl_c_says_goodbye_to_all_and_ends_the_program() {
    let (mut program, mut output, address) = program();
    run(async {
        let mut ann = joined(address, "ann").await;
        press_ctrl_c(&program);
        ann.hears(&["1001 the server stops", "the end"]).await;
    });
    let mut rest = String::new();
    output.read_to_string(&mut rest).unwrap();
    assert!(program.wait().unwrap().success());
    assert!(rest.ends_with("stopped: 1 left, 0 were cut off\n"), "{rest}");
}

#[test]
fn second_ctrl_c_ends_the_program_while_somebody_stays() {
    let (mut program, output, address) = program();
    let _stays = run(joined(address, "stays"));
    press_ctrl_c(&program);
    output.lines().map(Result::unwrap).find(|line| line.starts_with("stopping")).unwrap();
    press_ctrl_c(&program);
    assert_eq!(program.wait().unwrap().signal(), Some(Signal::INT.as_raw()));
}

#[test]
fn program_alone_shows_what_each_of_its_clients_sees() {
    let output = Command::new(env!("CARGO_BIN_EXE_chat")).output().unwrap();
    assert!(output.status.success());
    let text = String::from_utf8(output.stdout).unwrap();
    let heard: Vec<_> = text.lines().filter(|line| line.contains(" hears: ")).map(str::trim).collect();
    let slow = "* sloth is gone: too slow: 64 messages were waiting";
    let mut expected = Vec::new();
    for (name, words) in [
        ("ann", &["* ann joined", "* bob joined", "* sloth joined", "bob: hello ann"][..]),
        ("bob", &["* bob joined", "* sloth joined", "bob: hello ann"]),
        ("eve", &["* eve joined", "goodbye: text only, please (1003)"]),
        ("ann", &["* eve joined", "* eve is gone: text only, please"]),
        ("bob", &["* eve joined", "* eve is gone: text only, please"]),
        ("ann", &[slow]),
        ("bob", &[slow]),
    ] {
        expected.extend(words.iter().map(|words| format!("{name} hears: {words}")));
    }
    assert_eq!(heard[..expected.len()], expected, "{text}");
    let end = [
        "sloth hears: goodbye: too slow: 64 messages were waiting (1013)",
        "bob hears: ann: last words",
        "ann hears: ann: last words",
        "ann hears: goodbye: the server stops (1001)",
        "bob hears: goodbye: the server stops (1001)",
    ];
    assert_eq!(heard[heard.len() - end.len()..], end, "{text}");
    assert!(text.ends_with("stopped: 2 left, 0 were cut off\n"), "{text}");
}
