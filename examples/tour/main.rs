//! A real program, scheduled on one thread and explained: `cargo run --release --example tour`.
//!
//! [`program`] is watched by a recorder. What is printed then is made of the recorded events alone: [`history`] puts
//! them in order, [`story`] tells the turns, [`summary`] adds up, [`words`] writes. They do not know the program.

mod history;
mod program;
mod story;
mod summary;
mod words;

use glassloop::Builder;
use glassloop::trace::Recorder;

fn main() {
    let recorder = Recorder::new();
    let runtime = Builder::new().observer(recorder.observer()).build().unwrap();
    runtime.block_on(program::program([("ann", 10), ("ben", 50), ("cleo", 40_000)]));
    print!("{}", story::tell(&recorder.events()));
}

// Output, in part:
//            task          ran for   was made ready because       and then
//   run      root (1)        47 µs   block_on began it            waits 1.37 ms for ann (3)
//              spawns server (2), ann (3), ben (4), cleo (5), clock (6), reader (7)
//            server (2)     7.2 µs   root (1) spawned it          waits 115 µs for socket 1
//            ann (3)         44 µs   root (1) spawned it          waits 71 µs for socket 2
//            ben (4)         11 µs   root (1) spawned it          waits 60 µs for socket 3
//            cleo (5)       9.8 µs   root (1) spawned it          waits 50 µs for socket 4
//            clock (6)      1.3 µs   root (1) spawned it          waits 49 µs for timer 1
//            reader (7)      43 µs   root (1) spawned it          waits 5.21 ms for thread "postman"
// …
//   dispatch socket 1 is readable: server (2) is ready
// …
//   fire     timer 1 is due: clock (6) is ready
// …
//              gives a blocking job to another thread: job (11)
// …
//   collect  thread "postman" left a wake: reader (7) is ready
// …
//   collect  a blocking job ended: job (11) is ready
//   run      job (11)       1.8 µs   its blocking job ended       ends, wakes desk 3 (10)
