//! A connection that is closed also when what was done with it fails: asyncio's `async with`. The guard closes it at
//! once when it is dropped; only `close().await` can say goodbye to the peer first.

use glassloop::yield_now;

struct Connection {
    open: bool,
}

impl Connection {
    async fn connect() -> Connection {
        yield_now().await;
        println!("connected");
        Connection { open: true }
    }

    async fn close(mut self) {
        yield_now().await; // says goodbye
        self.open = false;
        println!("closed, with a goodbye");
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        if self.open {
            println!("closed, without a word");
        }
    }
}

/// Opens, lets `body` use it, and closes in any case but one: when this future itself is dropped.
async fn with_connection<T>(body: impl AsyncFnOnce(&Connection) -> T) -> T {
    let connection = Connection::connect().await;
    let result = body(&connection).await;
    connection.close().await;
    result
}

fn main() {
    glassloop::run(async {
        let result = with_connection(async |_| Err::<(), _>("no such table")).await;
        println!("{result:?}");

        let task = glassloop::spawn(with_connection(async |_| std::future::pending::<()>().await));
        yield_now().await;
        yield_now().await;
        task.abort();
        println!("cancelled: {}", task.await.unwrap_err().is_cancelled());
    });
}

// Output:
// connected
// closed, with a goodbye
// Err("no such table")
// connected
// closed, without a word
// cancelled: true
