//! The pool, on a real PostgreSQL.

use std::collections::BTreeSet;
use std::process::Command;
use std::time::Duration;

use glassloop::time::{advance, pause, resume, timeout};
use glassloop::{join_all, spawn, spawn_named, yield_now};
use glassloop_programs::pool::{Limits, Pool, PoolError, connect};
use glassloop_programs::servers::{Postgres, or_skip};
use tokio_postgres::error::SqlState;
use tokio_postgres::{Client, Config};

/// Runs `test` beside a server of its own; not at all where there is none.
fn with_server(test: impl AsyncFnOnce(&mut Postgres, Config)) {
    let Some(mut server) = or_skip(Postgres::start()) else { return };
    let mut config: Config = server.url().parse().unwrap();
    config.application_name("pool");
    glassloop::run(async {
        timeout(Duration::from_secs(300), test(&mut server, config)).await.expect("it hangs")
    });
}

async fn pool(config: &Config) -> Pool {
    Pool::connect(config.clone(), Limits::default()).await.unwrap()
}

/// A connection outside of the pool, to see and to do what an administrator may.
async fn admin(config: &Config) -> Client {
    let (client, driver) = connect(config.clone().application_name("admin")).await.unwrap();
    spawn(driver).detach();
    client
}

/// Where the server of a URL listens.
fn address(url: &str) -> &str {
    let after = url.split_once('@').unwrap().1;
    after.split_once('/').unwrap().0
}

/// The server's processes for the pool.
async fn backends(admin: &Client) -> BTreeSet<i32> {
    let rows = admin.query("SELECT pid FROM pg_stat_activity WHERE application_name = 'pool'", &[]).await.unwrap();
    rows.iter().map(|row| row.get(0)).collect()
}

/// Asks the server until it is so: it takes a moment to see who has left.
async fn until(mut is_so: impl AsyncFnMut() -> bool) {
    while !is_so().await {
        yield_now().await;
    }
}

/// What a query waits for as long as the administrator holds it.
const LOCK: &str = "SELECT pg_advisory_lock(1)";
const UNLOCK: &str = "SELECT pg_advisory_unlock(1)";
const WAITS: &str = "SELECT pg_advisory_lock_shared(1)";

/// So many queries wait for the lock: the server says so.
async fn until_waiting(admin: &Client, queries: i64) {
    let sql = "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'advisory'";
    until(async || admin.query_one(sql, &[]).await.unwrap().get::<_, i64>(0) == queries).await;
}

#[test]
fn hundred_queries_make_ten_connections_at_most() {
    with_server(async |_, config| {
        let pool = pool(&config).await;
        let answers = join_all((0..100).map(async |n: i32| {
            let sql = "SELECT $1::int * 2, pg_backend_pid() FROM pg_sleep(0.001)";
            let rows = pool.get().await.unwrap().query(sql, &[&n]).await.unwrap();
            (rows[0].get::<_, i32>(0), rows[0].get::<_, i32>(1))
        }))
        .await;
        assert!(answers.iter().map(|answer| answer.0).eq((0..100).map(|n| n * 2)));
        let used: BTreeSet<_> = answers.iter().map(|answer| answer.1).collect();
        assert_eq!((used.len(), pool.size(), pool.made()), (10, 10, 10));
        assert_eq!(backends(&admin(&config).await).await, used);
    });
}

#[test]
fn queries_one_after_the_other_need_the_two_of_the_start() {
    with_server(async |_, config| {
        let pool = pool(&config).await;
        for n in 0..20 {
            assert_eq!(
                pool.get().await.unwrap().query_one("SELECT $1::int", &[&n]).await.unwrap().get::<_, i32>(0),
                n
            );
        }
        assert_eq!((pool.size(), pool.made()), (2, 2));
    });
}

#[test]
fn a_connection_a_query_is_refused_when_all_come_at_once() {
    with_server(async |_, config| {
        let clients = join_all((0..100).map(|_| connect(&config))).await;
        let refused: Vec<_> = clients.into_iter().filter_map(Result::err).map(|error| error.to_string()).collect();
        assert_eq!(refused.len(), 100 - Postgres::MAX_CONNECTIONS as usize);
        assert!(refused[0].ends_with("FATAL: sorry, too many clients already"), "{}", refused[0]);
    });
}

#[test]
fn what_rests_is_closed_down_to_two() {
    with_server(async |_, config| {
        let limits = Limits { rest: Duration::from_secs(20), ..Limits::default() };
        let (pool, admin) = (Pool::connect(config.clone(), limits).await.unwrap(), admin(&config).await);
        let guards = join_all((0..10).map(|_| pool.get())).await;
        assert_eq!(backends(&admin).await.len(), 10);
        drop(guards);
        yield_now().await; // the keeper sees them rest

        pause();
        advance(Duration::from_secs(19)).await;
        assert_eq!(pool.size(), 10);
        advance(Duration::from_secs(1)).await;
        assert_eq!(pool.size(), 2);
        resume();
        until(async || backends(&admin).await.len() == 2).await;
    });
}

#[test]
fn killed_backend_is_an_error_to_its_query_alone() {
    with_server(async |_, config| {
        let (pool, admin) = (pool(&config).await, admin(&config).await);
        admin.execute(LOCK, &[]).await.unwrap();
        let mut guards = join_all((0..5).map(|_| pool.get())).await;
        let killed = guards[2].as_ref().unwrap().backend();
        let mut queries: Vec<_> = guards
            .drain(..)
            .map(|guard| spawn(async move { guard.unwrap().query(WAITS, &[]).await.map(|rows| rows.len()) }))
            .collect();
        until_waiting(&admin, 5).await;

        admin.execute("SELECT pg_terminate_backend($1)", &[&killed]).await.unwrap();
        let error = queries.remove(2).await.unwrap().unwrap_err();
        assert_eq!(
            error.to_string(),
            format!(
                "`{WAITS}` lost its connection (backend {killed}): FATAL: terminating connection due to \
                 administrator command"
            )
        );
        assert_eq!(error.cause().code(), Some(&SqlState::ADMIN_SHUTDOWN));
        assert!(!backends(&admin).await.contains(&killed));

        until_waiting(&admin, 4).await; // they have not noticed
        admin.execute(UNLOCK, &[]).await.unwrap();
        assert!(join_all(queries).await.into_iter().all(|answer| answer.unwrap().unwrap() == 1));
        assert_eq!(pool.size(), 4);
    });
}

#[test]
fn a_query_that_fails_keeps_its_connection() {
    with_server(async |_, config| {
        let pool = pool(&config).await;
        let error = pool.get().await.unwrap().query("SELECT 1 / 0", &[]).await.unwrap_err();
        assert!(error.to_string().starts_with("`SELECT 1 / 0` failed (backend "), "{error}");
        assert!(error.to_string().ends_with("): ERROR: division by zero"), "{error}");
        pool.get().await.unwrap().query("SELECT 1", &[]).await.unwrap();
        assert_eq!((pool.size(), pool.made()), (2, 2));
    });
}

const KILL_ALL: &str = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'pool'";

#[test]
fn connections_lost_at_rest_are_made_anew() {
    with_server(async |_, config| {
        let (pool, admin) = (pool(&config).await, admin(&config).await);
        let before = backends(&admin).await;
        assert_eq!(admin.execute(KILL_ALL, &[]).await.unwrap(), 2);
        until(async || {
            let now = backends(&admin).await;
            now.len() == 2 && now.is_disjoint(&before)
        })
        .await;
        until(async || pool.made() == 4).await;
        assert_eq!(pool.size(), 2);
        pool.get().await.unwrap().query("SELECT 1", &[]).await.unwrap();
        assert_eq!(pool.made(), 4);
    });
}

#[test]
fn keeper_and_users_together_make_no_more_than_the_limit() {
    with_server(async |_, config| {
        let pool = Pool::connect(config.clone(), Limits { min: 2, max: 2, ..Limits::default() }).await.unwrap();
        let admin = admin(&config).await;
        admin.execute(KILL_ALL, &[]).await.unwrap();
        until(async || pool.size() == 0 || pool.made() > 2).await;
        yield_now().await; // the loss is known, and the keeper is at it
        let sizes = join_all((0..20).map(async |_| {
            let mut guard = pool.get().await.unwrap();
            let before = pool.size();
            guard.query("SELECT 1", &[]).await.unwrap();
            before.max(pool.size())
        }));
        assert_eq!(sizes.await.into_iter().max(), Some(2));
    });
}

#[test]
fn stopped_server_fails_each_query_by_its_name_and_the_pool_recovers() {
    with_server(async |server, config| {
        let pool = pool(&config).await;
        let queries: Vec<_> = (0..4)
            .map(|n| {
                let pool = pool.clone();
                spawn(async move {
                    pool.get().await.unwrap().query(&format!("SELECT {n} FROM pg_sleep(60)"), &[]).await
                })
            })
            .collect();
        let sleeps = "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'PgSleep'";
        let admin = admin(&config).await;
        until(async || admin.query_one(sleeps, &[]).await.unwrap().get::<_, i64>(0) == 4).await;
        server.stop();
        for (n, answer) in join_all(queries).await.into_iter().enumerate() {
            let error = answer.unwrap().unwrap_err();
            assert!(error.is_lost);
            let words = error.to_string();
            assert!(words.starts_with(&format!("`SELECT {n} FROM pg_sleep(60)` lost its connection")), "{words}");
        }
        let Err(refused @ PoolError::Connect(_)) = pool.get().await else { panic!("nobody is there") };
        assert!(refused.to_string().contains("refused"), "{refused}");

        server.start_again().unwrap();
        let answer = pool.get().await.unwrap().query("SELECT 1", &[]).await.unwrap();
        assert_eq!(answer.len(), 1);
        let admin = crate::admin(&config).await;
        until(async || backends(&admin).await.len() == 2 && pool.size() == 2).await;
    });
}

#[test]
fn error_of_a_full_pool_names_who_holds_it() {
    with_server(async |_, config| {
        let pool = Pool::connect(config, Limits { min: 2, max: 2, ..Limits::default() }).await.unwrap();
        let holder = pool.clone();
        let (ready, holds) = glassloop::sync::oneshot::channel();
        let line = line!() + 2;
        let report = spawn_named("report", async move {
            let _both = (holder.get().await.unwrap(), holder.get().await.unwrap());
            ready.send(()).unwrap();
            std::future::pending::<()>().await;
        });
        holds.await.unwrap();

        pause(); // 30 s pass at once
        let Err(busy @ PoolError::Busy { .. }) = pool.get().await else { panic!("both are held") };
        resume();
        let words = busy.to_string();
        assert!(words.starts_with("no connection was free for 30s; 2 are held:\n  task "), "{words}");
        assert_eq!(words.matches(" \"report\", for 30.").count(), 2, "{words}");
        assert_eq!(words.matches(&format!(", taken at {}:{line}:", file!())).count(), 2, "{words}");

        report.abort();
        pool.get().await.unwrap().query("SELECT 1", &[]).await.unwrap();
    });
}

#[test]
fn who_waits_is_served_in_order() {
    with_server(async |_, config| {
        let limits = Limits { min: 1, max: 1, ..Limits::default() };
        let pool = Pool::connect(config, limits).await.unwrap();
        let order = std::rc::Rc::new(std::cell::RefCell::new(Vec::new()));
        let tasks = (0..5).map(|n| {
            let (pool, order) = (pool.clone(), order.clone());
            spawn(async move {
                let mut guard = pool.get().await.unwrap();
                guard.query("SELECT 1", &[]).await.unwrap();
                order.borrow_mut().push(n);
            })
        });
        let tasks: Vec<_> = tasks.collect();
        join_all(tasks).await;
        assert_eq!(*order.borrow(), [0, 1, 2, 3, 4]);
        assert_eq!(pool.made(), 1);
    });
}

#[test]
fn connection_of_an_aborted_query_is_good_for_the_next() {
    with_server(async |_, config| {
        let limits = Limits { min: 1, max: 1, ..Limits::default() };
        let (pool, admin) = (Pool::connect(config.clone(), limits).await.unwrap(), admin(&config).await);
        admin.execute(LOCK, &[]).await.unwrap();
        let asks = pool.clone();
        let query = spawn(async move { asks.get().await.unwrap().query(WAITS, &[]).await });
        until_waiting(&admin, 1).await;
        query.abort();
        assert!(query.await.unwrap_err().is_cancelled());
        admin.execute(UNLOCK, &[]).await.unwrap();
        let rows = pool.get().await.unwrap().query("SELECT 2", &[]).await.unwrap();
        assert_eq!((rows[0].get::<_, i32>(0), pool.made()), (2, 1));
    });
}

#[test]
fn query_after_an_aborted_one_takes_a_connection_that_is_free() {
    with_server(async |_, config| {
        let (pool, admin) = (pool(&config).await, admin(&config).await);
        admin.execute(LOCK, &[]).await.unwrap();
        let asks = pool.clone();
        let query = spawn(async move { asks.get().await.unwrap().query(WAITS, &[]).await });
        until_waiting(&admin, 1).await;
        query.abort();
        assert!(query.await.unwrap_err().is_cancelled());
        pool.get().await.unwrap().query("SELECT 2", &[]).await.unwrap(); // while that one still waits at the server
        until_waiting(&admin, 1).await;
        assert_eq!(pool.made(), 2);
    });
}

#[test]
fn pool_whose_user_left_while_it_connected_is_filled_by_the_keeper() {
    with_server(async |server, config| {
        let pool = Pool::connect(config, Limits { min: 1, max: 1, ..Limits::default() }).await.unwrap();
        let guard = pool.get().await.unwrap();
        server.stop();
        until(async || guard.is_closed()).await;
        let says_nothing = std::net::TcpListener::bind(address(&server.url())).unwrap();
        drop(guard);
        assert!(timeout(Duration::ZERO, pool.get()).await.is_err(), "it connects");
        drop(says_nothing);
        server.start_again().unwrap();
        until(async || pool.size() == 1).await;
    });
}

#[test]
fn closed_pool_waits_for_the_last_query_and_leaves_nobody_at_the_server() {
    with_server(async |_, config| {
        let (pool, admin) = (pool(&config).await, admin(&config).await);
        let late = pool.clone();
        let asks = pool.clone();
        admin.execute(LOCK, &[]).await.unwrap();
        let query = spawn(async move { asks.get().await.unwrap().query(WAITS, &[]).await });
        until_waiting(&admin, 1).await;
        let closing = spawn(pool.close());
        yield_now().await;
        assert!(!closing.is_finished());
        admin.execute(UNLOCK, &[]).await.unwrap();
        closing.await.unwrap();
        assert!(query.is_finished());
        assert_eq!(query.await.unwrap().unwrap().len(), 1);
        assert!(matches!(late.get().await, Err(PoolError::Closed)));
        until(async || backends(&admin).await.is_empty()).await;
    });
}

#[test]
fn dropped_pool_leaves_no_task_and_nobody_at_the_server() {
    with_server(async |_, config| {
        let admin = admin(&config).await;
        let before = glassloop::task::all().len();
        let pool = pool(&config).await;
        assert_eq!(glassloop::task::all().len(), before + 3); // two drivers and the keeper
        drop(pool);
        until(async || backends(&admin).await.is_empty()).await;
        until(async || glassloop::task::all().len() == before).await;
    });
}

#[test]
fn program_prints_the_claims_beside_what_it_measured() {
    let Some(server) = or_skip(Postgres::start()) else { return };
    let run = Command::new(env!("CARGO_BIN_EXE_pool")).env("DATABASE_URL", server.url()).output().unwrap();
    let (said, errors) = (String::from_utf8_lossy(&run.stdout), String::from_utf8_lossy(&run.stderr));
    assert!(run.status.success(), "{said}{errors}");
    let lines: Vec<_> = said.lines().map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ")).collect();
    let has = |start: &str| assert!(lines.iter().any(|line| line.starts_with(start)), "{start:?} in\n{said}");
    has("at the start: 2 connections");
    has("10 at a time: 10 connections");
    has("10 at a time: 100 connections");
    has("answered: 8 of 9");
    has("`SELECT pg_sleep(0.1)` lost its connection");
    has("after a rest: 2 connections are kept");
}
