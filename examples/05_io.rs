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
        recorder.clear(); // what comes now is told
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
    // The root is task 1, the reader is 2. How often the loop looked at the kernel meanwhile is left out.
    let of_tasks = |line: &&String| ["wake", "poll", "pending", "done"].iter().any(|verb| line.starts_with(verb));
    recorder.order().iter().filter(of_tasks).for_each(|line| println!("{line}"));
}

// Output:
// written
// read "hello"
// wake 2: spawned
// wake 1: task 1
// pending 1
// poll 2
// pending 2
// poll 1
// pending 1
// wake 2: socket 3 readable
// poll 2
// done 2 ready
// wake 1: task 2
// poll 1
// done 1 ready
