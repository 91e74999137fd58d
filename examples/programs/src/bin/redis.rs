//! Redis by the redis crate, on the loop's socket and under the loop's clock; nothing of tokio's runtime runs.
//!
//! Without `REDIS_URL` it starts a server of its own, if Redis is on this machine.

use std::error::Error;
use std::process::ExitCode;
use std::time::Duration;

use glassloop::join_all;
use glassloop::time::{Instant, timeout};
use glassloop_programs::redis_client::{Redis, connect};
use glassloop_programs::servers;
use redis::{AsyncTypedCommands, PushKind, aio::MultiplexedConnection};

fn main() -> ExitCode {
    let (url, _server) = match std::env::var("REDIS_URL") {
        Ok(url) => (url, None),
        Err(_) => match servers::Redis::start() {
            Ok(server) => (server.url(), Some(server)),
            Err(missing) => {
                eprintln!("{missing}");
                eprintln!("Set REDIS_URL=redis://:password@host:port/ to use a server that runs.");
                return ExitCode::FAILURE;
            }
        },
    };
    match glassloop::run(tell(&url)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

async fn tell(url: &str) -> Result<(), Box<dyn Error>> {
    let Redis { mut commands, mut pushes, driver } = connect(url).await?;

    println!("1000 increments on one connection");
    commands.set("glassloop:n", 0).await?;
    let start = Instant::now();
    for _ in 0..1000 {
        commands.incr("glassloop:n", 1).await?;
    }
    println!("    one after the other: {:?}", start.elapsed());
    let start = Instant::now();
    join_all((0..1000).map(|_| add_one(commands.clone()))).await.into_iter().collect::<Result<Vec<_>, _>>()?;
    println!("    at once:             {:?}", start.elapsed());
    println!("    the number is        {}", commands.get_int("glassloop:n").await?.unwrap_or_default());

    println!("an error is its command's alone");
    let mut other = commands.clone();
    let (wrong, right) = glassloop::join!(other.lpush("glassloop:n", "a word"), add_one(commands.clone()));
    println!("    {}", wrong.unwrap_err());
    println!("    the number is        {}", right?);

    println!("a command that is not answered in time, by the loop's clock");
    let blocks = commands.blpop("glassloop:nothing", 0.1);
    println!("    {}", timeout(Duration::from_millis(20), blocks).await.unwrap_err());

    println!("a message of a channel, on the same connection");
    commands.subscribe("glassloop:news").await?;
    commands.publish("glassloop:news", "hello").await?;
    while let Some(push) = pushes.recv().await {
        if push.kind == PushKind::Message {
            println!("    {:?}", redis::from_redis_value::<(String, String)>(redis::Value::Array(push.data))?);
            break;
        }
    }
    commands.del("glassloop:n").await?;

    println!("the runtimes and the threads of this program");
    println!("    glassloop: {}", glassloop::Handle::try_current().is_ok());
    println!("    tokio:     {}", tokio::runtime::Handle::try_current().is_ok());
    if cfg!(target_os = "linux") {
        println!("    threads:   {}", threads()?.join(", "));
    }
    drop((commands, other)); // the last of them ends the connection
    Ok(driver.await?)
}

async fn add_one(mut commands: MultiplexedConnection) -> redis::RedisResult<isize> {
    commands.incr("glassloop:n", 1).await
}

/// Their names, as the system has them. One that reads the words of our own server is `server log`.
fn threads() -> std::io::Result<Vec<String>> {
    let tasks = std::fs::read_dir("/proc/self/task")?;
    tasks.map(|task| Ok(std::fs::read_to_string(task?.path().join("comm"))?.trim().to_owned())).collect()
}
