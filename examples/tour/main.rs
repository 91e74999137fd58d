//! A real program, scheduled on one thread and explained: `cargo run --release --example tour`.
//!
//! [`program`] is watched by a recorder. What is printed then is made of the recorded events alone: [`history`] puts
//! them in order, [`story`] tells the turns, and [`summary`] adds up. None of the three knows the program.

mod history;
mod program;
mod story;
mod summary;

use glassloop::Builder;
use glassloop::trace::Recorder;

fn main() {
    let recorder = Recorder::new();
    let runtime = Builder::new().observer(recorder.observer()).build().unwrap();
    runtime.block_on(program::program([("ann", 10), ("ben", 50), ("cleo", 60_000)]));
    print!("{}", story::tell(&recorder.events()));
}
