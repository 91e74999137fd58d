//! Tasks made and awaited: in batches, without waiting, and one by one; and what a task that waits holds in memory.

use glassloop_benches::harness::{Race, Sample, Spec, run};

const RACES: &[Race] = &[
    Race {
        operation: "spawn_join",
        rows: &[Spec {
            name: "spawn-join",
            place: 10,
            work: "spawn + join, batches of 1000",
            unit: "ns",
            aim: 30.0,
        }],
        sample: Sample::Timed,
        pinned: true,
        python: Some(50.0),
    },
    Race {
        operation: "spawn_detached",
        rows: &[Spec { name: "spawn-detached", place: 20, work: "spawn, detached", unit: "ns", aim: 25.0 }],
        sample: Sample::Timed,
        pinned: true,
        python: None,
    },
    Race {
        operation: "spawn_await_one",
        rows: &[Spec { name: "spawn-await-one", place: 30, work: "spawn and await one", unit: "ns", aim: 35.0 }],
        sample: Sample::Timed,
        pinned: true,
        python: None,
    },
    Race {
        operation: "waiting_bytes",
        rows: &[Spec {
            name: "waiting-bytes",
            place: 20_000,
            work: "memory of a waiting task with a 64-byte future",
            unit: "bytes",
            aim: 128.0,
        }],
        sample: Sample::Fresh(100_000),
        pinned: true,
        python: None,
    },
];

fn main() {
    run(env!("CARGO_BIN_EXE_rival"), RACES);
}
