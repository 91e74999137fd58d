//! tokio's reading and writing, and the spawners of `futures`, on glassloop.

use std::rc::Rc;

use futures::task::{LocalSpawnExt, SpawnExt};
use glassloop::compat::{LocalSpawner, Spawner};
use glassloop::net::{TcpListener, TcpStream};
use glassloop::{Handle, Runtime, spawn};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};

#[test]
fn tokios_lines_and_copies_run_on_our_sockets() {
    glassloop::run(async {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let mut client = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let echo = spawn(async move {
            let (stream, _) = listener.accept().await.unwrap();
            let (mut reader, mut writer) = stream.into_split();
            let copied = tokio::io::copy(&mut reader, &mut writer).await.unwrap();
            AsyncWriteExt::shutdown(&mut writer).await.unwrap();
            copied
        });
        AsyncWriteExt::write_all(&mut client, b"one\ntwo\n").await.unwrap();
        AsyncWriteExt::shutdown(&mut client).await.unwrap();
        let mut lines = BufReader::new(client).lines();
        assert_eq!(lines.next_line().await.unwrap().as_deref(), Some("one"));
        assert_eq!(lines.next_line().await.unwrap().as_deref(), Some("two"));
        assert_eq!(lines.next_line().await.unwrap(), None);
        assert_eq!(echo.await.unwrap(), 8);
    });
}

#[test]
fn a_read_by_tokios_traits_fills_what_is_free_and_tells_the_end_by_nothing() {
    glassloop::run(async {
        let (mut one, mut other) = glassloop::net::UnixStream::pair().unwrap();
        AsyncWriteExt::write_all(&mut one, b"four").await.unwrap();
        drop(one);
        let mut read = Vec::with_capacity(3);
        assert_eq!(other.read_buf(&mut read).await.unwrap(), 3);
        assert_eq!(AsyncReadExt::read_to_end(&mut other, &mut read).await.unwrap(), 1);
        assert_eq!(read, b"four");
    });
}

#[test]
fn the_local_spawner_takes_what_is_not_send() {
    let answer = glassloop::run(async {
        let shared = Rc::new(21);
        let handle = LocalSpawner.spawn_local_with_handle(async move { *shared * 2 }).unwrap();
        handle.await
    });
    assert_eq!(answer, 42);
}

#[test]
fn the_local_spawner_refuses_where_no_loop_runs() {
    assert!(LocalSpawner.spawn_local(async {}).unwrap_err().is_shutdown());
}

#[test]
fn a_spawner_spawns_from_another_thread_and_refuses_when_the_runtime_is_gone() {
    let runtime = Runtime::new().unwrap();
    let spawner = Spawner::from(runtime.handle());
    let answer = runtime.block_on(async {
        let spawner = spawner.clone();
        let from_afar =
            std::thread::spawn(move || spawner.spawn_with_handle(async { Handle::current().runtime_id() }));
        from_afar.join().unwrap().unwrap().await
    });
    assert_eq!(answer, runtime.id());
    drop(runtime);
    assert!(spawner.spawn(async {}).unwrap_err().is_shutdown());
}
