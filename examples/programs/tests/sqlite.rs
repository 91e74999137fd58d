//! SQLite on its thread.

use std::process::Command;
use std::rc::Rc;
use std::sync::mpsc;

use glassloop::{JoinHandle, join_all, metrics, spawn, yield_now};
use glassloop_programs::sqlite::{CallError, Database};
use rusqlite::Connection;

async fn with_rows() -> Database {
    let database = Database::in_memory().await.unwrap();
    database.call(|c| c.execute_batch("CREATE TABLE rows (n INTEGER PRIMARY KEY)")).await.unwrap();
    database
}

fn insert(n: i64) -> impl FnOnce(&mut Connection) -> rusqlite::Result<usize> + Send + 'static {
    move |connection| connection.execute("INSERT INTO rows VALUES (?1)", [n])
}

async fn count(database: &Database) -> i64 {
    database.call(|c| c.query_row("SELECT count(*) FROM rows", [], |row| row.get(0))).await.unwrap()
}

#[test]
fn calls_of_many_tasks_are_made_in_order_on_one_thread() {
    let done = glassloop::run(async {
        let database = Rc::new(with_rows().await);
        let log = "CREATE TABLE log (n INTEGER);
            CREATE TRIGGER logs AFTER INSERT ON rows BEGIN INSERT INTO log VALUES (NEW.n); END";
        database.call(|c| c.execute_batch(log)).await.unwrap();
        let tasks = (0..200).map(|n| {
            let database = database.clone();
            spawn(async move {
                let call = move |c: &mut Connection| {
                    insert(n)(c)?;
                    Ok((c.last_insert_rowid(), std::thread::current().id()))
                };
                database.call(call).await.unwrap()
            })
        });
        let tasks: Vec<_> = tasks.collect();
        let done: Vec<_> = join_all(tasks).await.into_iter().map(Result::unwrap).collect();
        let logged = |c: &mut Connection| {
            let mut rows = c.prepare("SELECT n FROM log ORDER BY rowid")?;
            rows.query_map([], |row| row.get(0))?.collect::<rusqlite::Result<Vec<i64>>>()
        };
        assert_eq!(database.call(logged).await.unwrap(), (0..200).collect::<Vec<_>>());
        assert_eq!(metrics().unwrap().blocking.threads, 1);
        done
    });
    let thread = done[0].1;
    assert_ne!(thread, std::thread::current().id());
    assert!(done.into_iter().eq((0..200).map(|n| (n, thread))));
}

#[test]
fn error_is_its_callers_alone() {
    glassloop::run(async {
        let database = with_rows().await;
        let (one, twice, two) =
            glassloop::join!(database.call(insert(1)), database.call(insert(1)), database.call(insert(2)));
        assert_eq!((one.unwrap(), two.unwrap()), (1, 1));
        assert_eq!(twice.unwrap_err().to_string(), "UNIQUE constraint failed: rows.n");
        assert_eq!(count(&database).await, 2);
    });
}

#[test]
fn transaction_that_fails_is_rolled_back() {
    glassloop::run(async {
        let database = with_rows().await;
        let half = database.call(|connection| {
            let transaction = connection.transaction()?;
            transaction.execute("INSERT INTO rows VALUES (1)", [])?;
            transaction.execute("INSERT INTO rows VALUES ('no number')", [])?;
            transaction.commit()
        });
        assert!(matches!(half.await, Err(CallError::Sqlite(_))));
        assert_eq!(count(&database).await, 0);

        let whole = database.call(|connection| {
            let transaction = connection.transaction()?;
            transaction.execute("INSERT INTO rows VALUES (1), (2)", [])?;
            transaction.commit()
        });
        whole.await.unwrap();
        assert_eq!(count(&database).await, 2);
    });
}

#[test]
fn transaction_that_a_failed_batch_leaves_open_is_rolled_back() {
    glassloop::run(async {
        let database = with_rows().await;
        let batch = "BEGIN; INSERT INTO rows VALUES (1); INSERT INTO rows VALUES (1); COMMIT";
        assert!(database.call(|c| c.execute_batch(batch)).await.is_err());
        database.call(insert(2)).await.unwrap();
        assert!(database.call(|c| Ok(c.is_autocommit())).await.unwrap());
        assert_eq!(count(&database).await, 1);
    });
}

#[test]
fn panic_is_its_callers_alone_and_rolls_back() {
    glassloop::run(async {
        let database = with_rows().await;
        let panics = database.call(|connection| -> rusqlite::Result<()> {
            let transaction = connection.transaction()?;
            transaction.execute("INSERT INTO rows VALUES (1)", [])?;
            panic!("in mid-transaction");
        });
        assert_eq!(panics.await.unwrap_err().to_string(), "the call panicked: in mid-transaction");
        database.call(insert(2)).await.unwrap();
        assert_eq!(count(&database).await, 1);
    });
}

#[test]
fn panic_in_dropping_an_answer_that_nobody_takes_does_no_harm() {
    struct Answer;
    impl Drop for Answer {
        fn drop(&mut self) {
            panic!("on the database's thread");
        }
    }
    glassloop::run(async {
        let database = Rc::new(with_rows().await);
        let (begins, begun) = mpsc::channel();
        let (says, hears) = mpsc::channel::<()>();
        let asks = database.clone();
        let call = spawn(async move {
            let answer = asks.call(move |_| {
                begins.send(()).unwrap();
                hears.recv().unwrap();
                Ok(Answer)
            });
            std::mem::forget(answer.await);
        });
        yield_now().await;
        begun.recv().unwrap(); // it is at work
        call.abort();
        assert!(call.await.is_err());
        says.send(()).unwrap();
        database.call(insert(1)).await.unwrap();
    });
}

#[test]
fn loop_runs_while_a_call_does() {
    glassloop::run(async {
        let database = Rc::new(with_rows().await);
        let (says, hears) = mpsc::channel();
        let call = spawn({
            let database = database.clone();
            // It ends only when the loop has run another task.
            async move { database.call(move |_| Ok(hears.recv().unwrap())).await.unwrap() }
        });
        yield_now().await;
        spawn(async move { says.send("the loop runs").unwrap() }).await.unwrap();
        assert_eq!(call.await.unwrap(), "the loop runs");
    });
}

fn later(
    database: &Rc<Database>,
    call: impl FnOnce(&mut Connection) -> rusqlite::Result<usize> + Send + 'static,
) -> JoinHandle<Result<usize, CallError>> {
    let database = database.clone();
    spawn(async move { database.call(call).await })
}

#[test]
fn call_aborted_before_its_turn_is_not_made() {
    glassloop::run(async {
        let database = Rc::new(with_rows().await);
        let (says, hears) = mpsc::channel::<()>();
        let first = later(&database, move |c| hears.recv().map_or(Ok(0), |()| insert(1)(c)));
        let second = later(&database, insert(2));
        yield_now().await; // both are on their way, and the first is at work
        second.abort();
        assert!(second.await.unwrap_err().is_cancelled());
        says.send(()).unwrap();
        assert_eq!(first.await.unwrap().unwrap(), 1);
        assert_eq!(count(&database).await, 1);
    });
}

#[test]
fn closed_database_has_kept_its_rows_and_ended_its_job() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("rows.db");
    glassloop::run(async {
        let database = Database::open(&path).await.unwrap();
        database.call(|c| c.execute_batch("CREATE TABLE rows (n INTEGER PRIMARY KEY)")).await.unwrap();
        join_all((0..50).map(|n| database.call(insert(n)))).await.into_iter().for_each(|done| _ = done.unwrap());
        database.close().await.unwrap();
        assert_eq!(metrics().unwrap().blocking.running, 0);

        let again = Database::open(&path).await.unwrap();
        assert_eq!(count(&again).await, 50);
        again.close().await.unwrap();
    });
}

#[test]
fn file_that_is_no_database_is_told_at_open() {
    let folder = tempfile::tempdir().unwrap();
    let Err(error) = glassloop::run(Database::open(folder.path().to_owned())) else { panic!("it is a folder") };
    assert!(error.to_string().starts_with("unable to open database file"), "{error}");
}

#[test]
fn dropped_database_lets_the_program_end() {
    glassloop::run(async {
        let database = with_rows().await;
        database.call(insert(1)).await.unwrap();
    });
}

#[test]
fn program_prints_the_claims_beside_what_it_measured() {
    let run = Command::new(env!("CARGO_BIN_EXE_sqlite")).output().unwrap();
    let (said, errors) = (String::from_utf8_lossy(&run.stdout), String::from_utf8_lossy(&run.stderr));
    assert!(run.status.success(), "{said}{errors}");
    for words in ["UNIQUE constraint failed: rows.n", "on the loop:             0 ticks", "closed;"] {
        assert!(said.contains(words), "{words:?} in\n{said}");
    }
    assert!(!said.contains("on the thread of SQLite: 0 ticks"), "{said}");
}
