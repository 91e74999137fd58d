//! Rows as they arrive: each is handled before the peer sends the next, however many there are.

use std::cell::RefCell;
use std::io;
use std::rc::Rc;

use glassloop::io::{AsyncBufReadExt, BufReader};
use glassloop::net::{TcpListener, TcpStream};
use glassloop::spawn;
use glassloop::stream::{Stream, StreamExt, try_generate};

type Log = Rc<RefCell<Vec<String>>>;

/// The peer: sends a row for each line that asks for one.
async fn database(stream: TcpStream, rows: u32, log: Log) -> io::Result<()> {
    let mut asked = BufReader::new(&stream).lines();
    for row in 1..=rows {
        let Some(_next) = asked.next().await else { return Ok(()) };
        log.borrow_mut().push(format!("sent {row}"));
        stream.write_all(format!("row {row}\n").as_bytes()).await?;
    }
    Ok(())
}

/// The rows of a connection: asked for when somebody asks here.
fn rows(stream: TcpStream) -> impl Stream<Item = io::Result<String>> + Unpin {
    try_generate(async move |yielder| {
        let mut lines = BufReader::new(&stream).lines();
        loop {
            stream.write_all(b"next\n").await?;
            let Some(row) = lines.next().await else { return Ok(()) };
            yielder.yield_item(row?).await; // stands still here until the row was handled
        }
    })
}

fn main() -> io::Result<()> {
    glassloop::run(async {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let client = TcpStream::connect(listener.local_addr()?).await?;
        let (server, _) = listener.accept().await?;
        let log = Log::default();
        let database = spawn(database(server, 3, log.clone()));

        let mut rows = rows(client);
        while let Some(row) = rows.try_next().await? {
            log.borrow_mut().push(format!("handled {row}"));
        }
        database.await.unwrap()?;

        let order = ["sent 1", "handled row 1", "sent 2", "handled row 2", "sent 3", "handled row 3"];
        assert_eq!(*log.borrow(), order);
        log.borrow().iter().for_each(|line| println!("{line}"));
        Ok(())
    })
}

// Output:
// sent 1
// handled row 1
// sent 2
// handled row 2
// sent 3
// handled row 3
