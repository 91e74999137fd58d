//! The same run as a timeline in the terminal: a lane a task, and what each waits for. Nothing in the program changes
//! for it; a recorder watches.

use std::rc::Rc;
use std::time::Duration;

use glassloop::sync::{Mutex, mpsc};
use glassloop::time::{advance, interval, sleep};
use glassloop::trace::Recorder;
use glassloop::trace::story::Style;
use glassloop::{Builder, join_all, spawn_named};

const fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

/// Works on one picture after the other, under a lock, and holds the loop while it does.
async fn resize(mut pictures: mpsc::Receiver<u64>, cache: Rc<Mutex<u64>>) {
    while let Some(size) = pictures.recv().await {
        let mut resized = cache.lock().await;
        advance(ms(size)).await; // the clock is virtual: this stands for work
        *resized += size;
    }
}

async fn upload(pictures: mpsc::Sender<u64>) {
    for size in [12, 25] {
        sleep(ms(20)).await;
        pictures.send(size).await.unwrap();
    }
}

/// Writes the cache down, slowly, and keeps it locked meanwhile.
async fn save(cache: Rc<Mutex<u64>>) {
    sleep(ms(35)).await;
    let _cache = cache.lock().await;
    sleep(ms(30)).await;
}

async fn beat() {
    let mut beats = interval(ms(10));
    for _ in 0..10 {
        beats.tick().await;
    }
}

fn main() {
    let recorder = Recorder::new();
    let builder = Builder::new().start_paused(true).observer(recorder.observer());
    builder.build().unwrap().block_on(async {
        let (sender, receiver) = mpsc::channel(1);
        let cache = Rc::new(Mutex::new(0));
        join_all([
            spawn_named("resize", resize(receiver, cache.clone())),
            spawn_named("upload", upload(sender)),
            spawn_named("save", save(cache)),
            spawn_named("beat", beat()),
        ])
        .await;
    });
    // `Style::auto(&std::io::stdout())` colours it, on a terminal whose user likes that.
    print!("{}", recorder.story().timeline(80, Style::plain()));
}

// Output:
//          0              20 ms           40 ms           60 ms           80 ms
//          ┌──────────────┬───────────────┬───────────────┬───────────────┬───────
//   loop   │▁▁▁▁▁▁│▁▁▁▁▁▁▁│█████████│▁│▁▁▁│▁▁▁▁▁▁▁│▁▁▁▁▁▁▁│▁▁▁████████████████████
// 1 root   │──────────────────────────────│───────────────────▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒│
// 2 resize │===============█████████│=====│###################████████████████████
// 3 upload │··············│···············│
// 4 save   │··························│·······················│
// 5 beat   │······│·······│·········│·····│·······│·······│······················│
//
// █ runs   │ runs briefly   ▒ in the queue   ▁ asleep
// waits for: · timer   # lock   = channel   ─ task
