//! A task that reads where there is nothing waits. When bytes come, the kernel says so, and dispatch wakes the task.

use glassloop::net::{TcpListener, TcpStream};
use glassloop::trace::Recorder;
use glassloop::{Builder, spawn, yield_now};

fn main() {
    let recorder = Recorder::new();
    let runtime = Builder::new().observer(recorder.observer()).build().unwrap();
    runtime.block_on(async {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap(); // socket 1
        let near = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap(); // socket 2
        let (far, _) = listener.accept().await.unwrap(); // socket 3
        let reader = spawn(async move {
            let mut word = [0; 5];
            far.read_exact(&mut word).await.unwrap(); // 1: nothing there, so it waits
            println!("read {:?}", str::from_utf8(&word).unwrap());
        });
        yield_now().await;
        near.write_all(b"hello").await.unwrap(); // 2: the reader does not run inside of this call
        println!("written");
        reader.await.unwrap(); // 3: the root waits, the loop asks the kernel
    });
    // The reader is task 2.
    let of_reader = |line: &String| line.ends_with(" 2") || line.contains(" 2 ") || line.contains(" 2:");
    recorder
        .order()
        .iter()
        .filter(|line| of_reader(line) && !line.contains("turn"))
        .for_each(|line| println!("{line}"));
}

// Output:
// written
// read "hello"
// wake 2: spawned
// poll 2
// pending 2
// wake 2: socket 3 readable
// poll 2
// done 2 ready
