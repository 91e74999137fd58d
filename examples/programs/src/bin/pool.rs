//! 100 queries over a PostgreSQL pool of 2 to 10 connections, beside a connection for each query.
//!
//! Without `DATABASE_URL` it starts a server of its own, if PostgreSQL is on this machine.

use std::collections::BTreeSet;
use std::error::Error;
use std::process::ExitCode;
use std::time::Duration;

use glassloop::sync::Semaphore;
use glassloop::time::{Instant, sleep};
use glassloop::{join_all, spawn};
use glassloop_programs::pool::{ConnectError, Limits, Pool, connect};
use glassloop_programs::servers::Postgres;
use tokio_postgres::{Client, Config, Row};

/// 10 ms at the server. Each answer says which of the server's processes gave it; there is one a connection.
const SQL: &str = "SELECT $1::int * 2, pg_backend_pid() FROM pg_sleep(0.01)";
const QUERIES: std::ops::Range<i32> = 0..100;

fn main() -> ExitCode {
    let (url, _server) = match std::env::var("DATABASE_URL") {
        Ok(url) => (url, None),
        Err(_) => match Postgres::start() {
            Ok(server) => (server.url(), Some(server)),
            Err(missing) => {
                eprintln!("{missing}");
                eprintln!("Set DATABASE_URL=postgresql://user:password@host:port/name to use a server that runs.");
                eprintln!("The program `sqlite` needs none.");
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
    let config: Config = url.parse()?;
    let limits = Limits { rest: Duration::from_millis(200), ..Limits::default() };
    let pool = Pool::connect(config.clone(), limits).await?;
    println!("{} queries of 10 ms, which double a number; connections as the server counts them", QUERIES.len());

    println!("a pool, made once; the documents: 2 to 10 connections, at most 10 for 100 queries");
    println!("    at the start:        {} connections", pool.size());
    print("10 at a time", &through_the_pool(&pool).await?);

    println!("a connection a query; the documents: a mistake");
    print("10 at a time", &a_connection_each(&config).await?);
    all_at_once(&config).await;

    println!("one of ten connections is killed in mid-query; its query alone is told");
    killed(&pool).await?;
    sleep(limits.rest * 2).await;
    println!("    after a rest:        {} connections are kept", pool.size());
    pool.close().await;
    Ok(())
}

struct Measured {
    connections: usize,
    took: Duration,
}

fn print(how: &str, measured: &Measured) {
    println!("    {how}:       {} connections, {:.3} s", measured.connections, measured.took.as_secs_f64());
}

async fn through_the_pool(pool: &Pool) -> Result<Measured, Box<dyn Error>> {
    let start = Instant::now();
    let asked = QUERIES.map(async |n| Ok::<_, Box<dyn Error>>(pool.get().await?.query(SQL, &[&n]).await?));
    check(join_all(asked).await, start)
}

async fn a_connection_each(config: &Config) -> Result<Measured, Box<dyn Error>> {
    let start = Instant::now();
    let at_once = Semaphore::new(10);
    let asked = QUERIES.map(async |n| {
        let _permit = at_once.acquire().await?;
        Ok::<_, Box<dyn Error>>(connected(config).await?.query(SQL, &[&n]).await?)
    });
    check(join_all(asked).await, start)
}

async fn connected(config: &Config) -> Result<Client, ConnectError> {
    let (client, driver) = connect(config).await?;
    spawn(driver).detach();
    Ok(client)
}

/// Every answer is right; how many connections gave them.
fn check(answers: Vec<Result<Vec<Row>, Box<dyn Error>>>, start: Instant) -> Result<Measured, Box<dyn Error>> {
    let mut backends = BTreeSet::new();
    for (n, rows) in QUERIES.zip(answers) {
        let rows = rows?;
        assert_eq!(rows[0].get::<_, i32>(0), n * 2);
        backends.insert(rows[0].get::<_, i32>(1));
    }
    Ok(Measured { connections: backends.len(), took: start.elapsed() })
}

async fn all_at_once(config: &Config) {
    let clients = join_all(QUERIES.map(|_| connected(config))).await;
    let refused: Vec<_> = clients.iter().filter_map(|client| client.as_ref().err()).collect();
    println!("    all at once:         {} connections refused", refused.len());
    if let Some(error) = refused.first() {
        println!("                         {error}");
    }
}

async fn killed(pool: &Pool) -> Result<(), Box<dyn Error>> {
    let mut guards = Vec::new();
    for _ in 0..10 {
        guards.push(pool.get().await?);
    }
    let killer = guards.pop().ok_or("there are ten")?;
    let victim = guards[0].backend();
    let asked = join_all(guards.into_iter().map(async |mut guard| guard.query("SELECT pg_sleep(0.1)", &[]).await));
    let kills = async { killer.execute("SELECT pg_terminate_backend($1)", &[&victim]).await };
    let (answers, kills) = glassloop::join!(asked, kills);
    kills?;
    let failed: Vec<_> = answers.iter().filter_map(|answer| answer.as_ref().err()).collect();
    println!("    answered:            {} of {}", answers.len() - failed.len(), answers.len());
    failed.iter().for_each(|error| println!("    {error}"));
    Ok(())
}
