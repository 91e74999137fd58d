//! A task that steps back in the queue: alone by the runtime's own way, and a thousand in turn by a wake of themselves.

use glassloop_benches::harness::{Race, Sample, Spec, run};

const RACES: &[Race] = &[
    Race {
        operation: "self_wake_1000",
        rows: &[Spec {
            name: "wake-poll",
            place: 40,
            work: "wake + poll, 1000 tasks in turn",
            unit: "ns",
            aim: 10.0,
        }],
        sample: Sample::Timed,
        pinned: true,
        python: None,
    },
    Race {
        operation: "yield_alone",
        rows: &[Spec { name: "yield-alone", place: 50, work: "yield, 1 task alone", unit: "ns", aim: 12.0 }],
        sample: Sample::Timed,
        pinned: true,
        python: None,
    },
];

fn main() {
    run(env!("CARGO_BIN_EXE_rival"), RACES);
}
