//! A task that is woken while it runs goes to the back of the queue, once, however often it was woken.

use std::future::poll_fn;
use std::task::Poll;

use glassloop::trace::Recorder;
use glassloop::{Builder, spawn};

fn main() {
    let recorder = Recorder::new();
    let runtime = Builder::new().observer(recorder.observer()).build().unwrap();
    runtime.block_on(async {
        let mut polled = false;
        let eager = spawn(poll_fn(move |cx| {
            if polled {
                return Poll::Ready(());
            }
            polled = true;
            cx.waker().wake_by_ref(); // 1: to the back, behind the other task
            cx.waker().wake_by_ref(); // 2: it stands there already
            Poll::Pending
        }));
        let other = spawn(async {}); // 3
        eager.await.unwrap();
        other.await.unwrap();
    });
    // The root is task 1, `eager` is 2, `other` is 3.
    recorder.order().iter().for_each(|line| println!("{line}"));
}

// Output:
// wake 1: spawned
// turn 1
// run
// poll 1
// wake 2: spawned
// wake 3: spawned
// pending 1
// poll 2
// wake 2: task 2
// wake 2 again: task 2
// pending 2
// poll 3
// done 3 ready
// poll 2
// done 2 ready
// wake 1: task 2
// poll 1
// done 1 ready
