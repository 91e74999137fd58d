//! Two tasks that wake each other: through the runtime's own channels, and through a bare slot, which keeps a clone of a
//! waker as foreign code does.

use glassloop_benches::harness::{Race, Sample, Spec, run};

const RACES: &[Race] = &[
    Race {
        operation: "ping_pong_channel",
        rows: &[Spec {
            name: "ping-pong-channel",
            place: 60,
            work: "ping-pong over own bounded(1) channel, a round trip",
            unit: "ns",
            aim: 50.0,
        }],
        sample: Sample::Timed,
        pinned: true,
        python: Some(50.0),
    },
    Race {
        operation: "ping_pong_slot",
        rows: &[Spec {
            name: "ping-pong-slot",
            place: 70,
            work: "ping-pong over a bare `Rc` slot that stores a `Waker` clone",
            unit: "ns",
            aim: 70.0,
        }],
        sample: Sample::Timed,
        pinned: true,
        python: None,
    },
];

fn main() {
    run(env!("CARGO_BIN_EXE_rival"), RACES);
}
