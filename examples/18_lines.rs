//! Lines over a socket: a stream of them on the one side, `write_all` on the other.

use std::io;

use glassloop::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, BufWriter};
use glassloop::net::{TcpListener, TcpStream};
use glassloop::spawn;
use glassloop::stream::StreamExt;

/// Answers each line, until the client has no more.
async fn serve(stream: TcpStream) -> io::Result<usize> {
    let mut lines = BufReader::new(&stream).lines();
    let mut answers = BufWriter::new(&stream);
    let mut count = 0;
    while let Some(line) = lines.try_next().await? {
        answers.write_all(format!("{}!\n", line.to_uppercase()).as_bytes()).await?;
        answers.flush().await?; // the client waits for it
        count += 1;
    }
    Ok(count)
}

fn main() -> io::Result<()> {
    glassloop::run(async {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let stream = TcpStream::connect(listener.local_addr()?).await?;
        let server = spawn(serve(listener.accept().await?.0));

        let (reader, writer) = stream.into_split();
        let mut answers = BufReader::new(reader).lines();
        for word in ["hello", "how are you", "bye"] {
            writer.write_all(word.as_bytes()).await?;
            writer.write_all(b"\r\n").await?; // `lines` takes off either ending
            println!("{}", answers.try_next().await?.expect("an answer"));
        }
        drop(writer); // ends the direction: the server reads the end
        assert!(answers.next().await.is_none());
        println!("the server read {} lines", server.await.unwrap()?);
        Ok(())
    })
}

// Output:
// HELLO!
// HOW ARE YOU!
// BYE!
// the server read 3 lines
