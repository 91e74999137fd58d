//! Another thread may wake a task. The wake waits in the loop's inbox until the next collect, and says who sent it.

use std::future::poll_fn;
use std::sync::mpsc;
use std::task::Poll;
use std::thread;

use glassloop::Builder;
use glassloop::trace::Recorder;

fn main() {
    let recorder = Recorder::new();
    let runtime = Builder::new().observer(recorder.observer()).build().unwrap();
    let mut thread = None;
    let (sender, letterbox) = mpsc::channel();
    let letter = runtime.block_on(poll_fn(|cx| {
        if thread.is_some() {
            return letterbox.try_recv().map_or(Poll::Pending, Poll::Ready); // 4: polled again
        }
        let (sender, waker) = (sender.clone(), cx.waker().clone());
        let bring = move || {
            sender.send("greetings").unwrap();
            waker.wake(); // 2: from this thread, into the inbox; 3: the loop collects it
        };
        thread = Some(thread::Builder::new().name("postman".into()).spawn(bring).unwrap());
        Poll::Pending // 1
    }));
    println!("{letter}");
    // Whether the loop slept meanwhile depends on the thread's speed; the order of the rest does not.
    recorder.order().iter().filter(|line| !line.contains("park")).for_each(|line| println!("{line}"));
}

// Output:
// greetings
// wake 1: spawned
// turn 1
// run
// poll 1
// pending 1
// turn 2
// collect
// wake 1: thread "postman"
// run
// poll 1
// done 1 ready
