//! Jobs on the blocking pool: one at a time, there and back, and a burst; and a loop that sleeps until a thread wakes it.

use glassloop_benches::harness::{Race, Sample, Spec, run};

const RACES: &[Race] = &[
    Race {
        operation: "blocking_round_trip",
        rows: &[Spec {
            name: "blocking-round-trip",
            place: 140,
            work: "`spawn_blocking`, a round trip",
            unit: "µs",
            aim: 11.5,
        }],
        sample: Sample::Timed,
        pinned: false,
        python: None,
    },
    Race {
        operation: "blocking_burst",
        rows: &[Spec {
            name: "blocking-burst",
            place: 150,
            work: "`spawn_blocking`, bursts of 1000, a job",
            unit: "ns",
            aim: 500.0,
        }],
        sample: Sample::Timed,
        pinned: false,
        python: None,
    },
    Race {
        operation: "thread_wake",
        rows: &[Spec {
            name: "thread-wake",
            place: 160,
            work: "wake from a parked loop by a thread, a round trip",
            unit: "µs",
            aim: 5.5,
        }],
        sample: Sample::Timed,
        pinned: false,
        python: None,
    },
];

fn main() {
    run(env!("CARGO_BIN_EXE_rival"), RACES);
}
