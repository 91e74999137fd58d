//! The recorded run of the golden files. They name its lines: after a change here, write them anew with
//! `GLASSLOOP_GOLDEN=write cargo test --test export --test dump`, and look at the difference.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::rc::Rc;
use std::task::Poll;
use std::time::Duration;

use glassloop::sync::{Mutex, mpsc};
use glassloop::time::{advance, sleep};
use glassloop::trace::Recorder;
use glassloop::{Builder, Dump, dump, spawn, spawn_blocking, spawn_named, yield_now};

const HOSTILE: &str = "</script>\"\\\n\u{1}🦀";

/// Settings under which every run is the same.
pub(crate) fn exact() -> Builder {
    Builder::new().env(false).start_paused(true).inline_blocking()
}

/// The dump from the midst of the run.
pub(crate) fn midst() -> Dump {
    exact().track_waits(true).build().unwrap().block_on(story())
}

/// The run, recorded to its end.
pub(crate) fn recorded(recorder: &Recorder) {
    exact().observer(recorder.observer()).build().unwrap().block_on(story());
}

/// Timers, a lock, a channel, a join, a job, an abort, a panic, polls that take their time; and a dump from the midst.
async fn story() -> Dump {
    let lock = Rc::new(Mutex::new(0));
    let (sender, mut receiver) = mpsc::channel(1);
    let first = spawn_named("first", {
        let lock = lock.clone();
        async move {
            let mut guard = lock.lock().await;
            sleep(Duration::from_millis(20)).await;
            *guard += 1;
            drop(guard);
            // Whoever was woken before stands in the queue for so long. To await it would name a line of the library.
            let mut takes_long = pin!(advance(Duration::from_micros(1500)));
            assert!(poll_fn(|cx| Poll::Ready(takes_long.as_mut().poll(cx))).await.is_pending());
        }
    });
    let second = spawn_named(HOSTILE, async move {
        *lock.lock().await += 1;
        sender.send("last").await.unwrap();
    });
    let reader = spawn(async move { receiver.recv().await });
    let stranger = spawn_named("stranger", std::future::pending::<()>());
    let job = spawn_blocking(|| 7);
    yield_now().await;
    let midst = dump().unwrap();
    job.await.unwrap();
    assert_eq!(reader.await.unwrap(), Some("last"));
    stranger.abort();
    stranger.await.unwrap_err();
    first.await.unwrap();
    second.await.unwrap();
    spawn_named("left", sleep(Duration::from_secs(60))).detach();
    yield_now().await;
    midst
}
