//! SQLite on a thread of its own: the loop waits for it as for anything else. Needs no server.

use std::cell::Cell;
use std::error::Error;
use std::rc::Rc;
use std::time::Duration;

use glassloop::time::{Instant, sleep};
use glassloop::{join_all, spawn};
use glassloop_programs::sqlite::Database;
use rusqlite::Connection;

/// Takes SQLite a while.
const SLOW: &str =
    "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 2000000) SELECT sum(i) FROM n";

fn main() -> Result<(), Box<dyn Error>> {
    let folder = tempfile::tempdir()?;
    glassloop::run(async {
        let database = Database::open(folder.path().join("rows.db")).await?;
        database
            .call(|c| c.execute_batch("CREATE TABLE rows (n INTEGER PRIMARY KEY, word TEXT NOT NULL)"))
            .await?;

        println!("100 tasks insert a row each, at once; all calls are made on one thread, in their order");
        let insert = |n: u32| database.call(move |c| c.execute("INSERT INTO rows VALUES (?1, 'a word')", [n]));
        let start = Instant::now();
        let inserted: usize = join_all((0..100).map(insert)).await.into_iter().sum::<Result<_, _>>()?;
        println!("    a transaction each:      {inserted} rows, {:?}", start.elapsed());
        let start = Instant::now();
        let inserted: usize = database.call(|c| insert_all(c, 100..200)).await?;
        println!("    one transaction of all:  {inserted} rows, {:?}", start.elapsed());

        println!("an error is its caller's alone");
        let (twice, new) = glassloop::join!(insert(7), insert(200));
        println!("    the row 7 again:         {}", twice.unwrap_err());
        println!("    the row 200, meanwhile:  {} row", new?);

        println!("a slow query, and a task that counts every 5 ms");
        println!("    on the thread of SQLite: {}", ticks_during(database.call(sum)).await?);
        let blocking = Connection::open_in_memory()?;
        println!("    on the loop:             {}", ticks_during(async { sum(&mut { blocking }) }).await?);

        database.close().await?;
        println!("closed; the thread has ended");
        Ok(())
    })
}

fn insert_all(connection: &mut Connection, rows: std::ops::Range<u32>) -> rusqlite::Result<usize> {
    let transaction = connection.transaction()?; // rolled back, if one of them fails
    let mut inserted = 0;
    for n in rows {
        inserted += transaction.execute("INSERT INTO rows VALUES (?1, 'a word')", [n])?;
    }
    transaction.commit()?;
    Ok(inserted)
}

fn sum(connection: &mut Connection) -> rusqlite::Result<i64> {
    connection.query_row(SLOW, [], |row| row.get(0))
}

async fn ticks_during<E>(query: impl Future<Output = Result<i64, E>>) -> Result<String, E> {
    let ticks = Rc::new(Cell::new(0));
    let counts = ticks.clone();
    let ticker = spawn(async move {
        loop {
            sleep(Duration::from_millis(5)).await;
            counts.set(counts.get() + 1);
        }
    });
    let start = Instant::now();
    query.await?;
    let took = start.elapsed();
    ticker.abort();
    Ok(format!("{} ticks in {took:?}", ticks.get()))
}
