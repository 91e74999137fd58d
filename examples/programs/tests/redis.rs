//! The redis crate on the loop, beside a real Redis.

use std::process::Command;
use std::time::Duration;

use glassloop::net::TcpStream;
use glassloop::time::timeout;
use glassloop::{join_all, spawn};
use glassloop_programs::redis_client::{Redis, connect};
use glassloop_programs::servers::{self, or_skip};
use redis::aio::{MultiplexedConnection, PubSub};
use redis::{AsyncTypedCommands, IntoConnectionInfo, PushKind, RedisConnectionInfo};

/// Runs `test` beside a server of its own; not at all where there is none.
fn with_server(test: impl AsyncFnOnce(&mut servers::Redis, String)) {
    let Some(mut server) = or_skip(servers::Redis::start()) else { return };
    let url = server.url();
    glassloop::run(async { timeout(Duration::from_secs(60), test(&mut server, url)).await.expect("it hangs") });
}

/// A line for each who is connected, from the server.
async fn client_list(commands: &mut MultiplexedConnection) -> String {
    redis::cmd("CLIENT").arg("LIST").query_async(commands).await.unwrap()
}

async fn clients(commands: &mut MultiplexedConnection) -> usize {
    client_list(commands).await.lines().count()
}

#[test]
fn hundred_tasks_share_one_connection() {
    with_server(async |_, url| {
        let Redis { mut commands, .. } = connect(&url).await.unwrap();
        let tasks: Vec<_> = (0..100)
            .map(|n| {
                let mut commands = commands.clone();
                spawn(async move {
                    commands.set(format!("key {n}"), n).await.unwrap();
                    commands.incr("sum", n).await.unwrap();
                    commands.get_int(format!("key {n}")).await.unwrap()
                })
            })
            .collect();
        for (n, answer) in join_all(tasks).await.into_iter().enumerate() {
            assert_eq!(answer.unwrap(), Some(n as isize));
        }
        assert_eq!(commands.get_int("sum").await.unwrap(), Some((0..100).sum()));
        assert_eq!(clients(&mut commands).await, 1);
    });
}

#[test]
fn error_is_its_commands_alone() {
    with_server(async |_, url| {
        let Redis { mut commands, .. } = connect(&url).await.unwrap();
        commands.set("word", "text").await.unwrap();
        let mut all = [commands.clone(), commands.clone(), commands];
        let [one, two, three] = &mut all;
        let (one, two, three) = glassloop::join!(one.set("a", 1), two.incr("word", 1), three.get("word"));
        one.unwrap();
        assert!(two.unwrap_err().to_string().contains("value is not an integer"));
        assert_eq!(three.unwrap().as_deref(), Some("text"));
    });
}

#[test]
fn pipeline_and_transaction() {
    with_server(async |_, url| {
        let Redis { mut commands, .. } = connect(&url).await.unwrap();
        let mut pipeline = redis::pipe();
        pipeline.atomic().set("a", 1).ignore().incr("a", 41).get("a");
        assert_eq!(pipeline.query_async::<(i32, i32)>(&mut commands).await.unwrap(), (42, 42));
    });
}

#[test]
fn messages_of_a_channel_arrive_on_the_same_connection() {
    with_server(async |_, url| {
        let (Redis { mut commands, mut pushes, .. }, mut sender) =
            (connect(&url).await.unwrap(), connect(&url).await.unwrap().commands);
        commands.subscribe("news").await.unwrap();
        let reader = spawn(async move {
            let mut words = Vec::new();
            while let Some(push) = pushes.recv().await {
                if push.kind == PushKind::Message {
                    words.push(
                        redis::from_redis_value::<(String, String)>(redis::Value::Array(push.data)).unwrap().1,
                    );
                }
            }
            words
        });
        for n in 0..3 {
            assert_eq!(sender.publish("news", n).await.unwrap(), 1);
            assert_eq!(commands.ping().await.unwrap(), "PONG"); // commands go on
        }
        drop(commands);
        assert_eq!(reader.await.unwrap(), ["0", "1", "2"]);
    });
}

#[test]
fn command_that_is_not_answered_is_given_up_by_our_time() {
    with_server(async |_, url| {
        let Redis { mut commands, .. } = connect(&url).await.unwrap();
        let mut other = connect(&url).await.unwrap().commands;
        let never = timeout(Duration::from_millis(20), commands.blpop("list", 0.0)).await;
        assert!(never.is_err());
        // The server still owes the answer, and answers in order: what comes next waits for that.
        other.rpush("list", "late").await.unwrap();
        assert_eq!(commands.ping().await.unwrap(), "PONG");
    });
}

#[test]
fn last_clone_ends_the_connection_and_the_driver() {
    with_server(async |_, url| {
        let mut other = connect(&url).await.unwrap().commands;
        let Redis { mut commands, driver, .. } = connect(&url).await.unwrap();
        let clone = commands.clone();
        commands.ping().await.unwrap();
        assert_eq!(clients(&mut other).await, 2);
        drop(commands);
        drop(clone);
        driver.await.unwrap();
        while clients(&mut other).await == 2 {} // until the server has seen it
    });
}

#[test]
fn stopped_server_is_an_error_to_who_waits_and_a_new_connection_recovers() {
    with_server(async |server, url| {
        let Redis { mut commands, driver, .. } = connect(&url).await.unwrap();
        let mut waiting = commands.clone();
        let waits = spawn(async move { waiting.blpop("list", 0.0).await });
        let mut other = connect(&url).await.unwrap().commands;
        while !client_list(&mut other).await.contains("cmd=blpop") {} // until the server has it
        server.stop();
        let error = waits.await.unwrap().unwrap_err();
        assert!(error.is_connection_dropped() || error.is_io_error(), "{error}");
        driver.await.unwrap();
        assert!(commands.ping().await.is_err());
        assert!(connect(&url).await.is_err_and(|error| error.is_connection_refusal()));

        server.start_again().unwrap();
        assert_eq!(connect(&url).await.unwrap().commands.ping().await.unwrap(), "PONG");
    });
}

// What of the crate cannot be used, and why `redis_client` is as it is.

async fn stream(url: &str) -> (RedisConnectionInfo, TcpStream) {
    let info = url.into_connection_info().unwrap();
    let redis::ConnectionAddr::Tcp(host, port) = info.addr() else { panic!("it is TCP") };
    (info.redis_settings().clone(), TcpStream::connect((host.as_str(), *port)).await.unwrap())
}

/// It wants a runtime of tokio's, and there is none.
fn wants_tokio(task: Result<impl Sized, glassloop::JoinError>) {
    let words = task.err().expect("it panics").to_string();
    assert!(words.contains("there is no reactor running"), "{words}");
}

#[test]
fn time_out_of_the_crate_wants_tokios_timer() {
    with_server(async |_, url| {
        let (settings, stream) = stream(&url).await;
        wants_tokio(
            spawn(async move {
                let (mut commands, driver) = MultiplexedConnection::new(&settings, stream).await.unwrap();
                glassloop::join!(driver, async { commands.ping().await })
            })
            .await,
        );
    });
}

#[test]
fn pubsub_of_the_crate_spawns_on_tokio() {
    with_server(async |_, url| {
        let (settings, stream) = stream(&url).await;
        wants_tokio(spawn(async move { PubSub::new(&settings, stream).await.map(drop) }).await);
    });
}

#[test]
fn program_runs_on_one_thread_without_tokios_runtime() {
    let Some(server) = or_skip(servers::Redis::start()) else { return };
    let run = Command::new(env!("CARGO_BIN_EXE_redis")).env("REDIS_URL", server.url()).output().unwrap();
    let (said, errors) = (String::from_utf8_lossy(&run.stdout), String::from_utf8_lossy(&run.stderr));
    assert!(run.status.success(), "{said}{errors}");
    for words in ["the number is        2001", "(\"glassloop:news\", \"hello\")", "tokio:     false"] {
        assert!(said.contains(words), "{words:?} in\n{said}");
    }
    if cfg!(target_os = "linux") {
        assert!(said.contains("threads:   redis\n"), "{said}");
    }
}
