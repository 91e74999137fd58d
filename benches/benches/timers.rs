//! Timers that are made and dropped, as most time-outs are; many that fire; and how late a short sleep is.

use glassloop_benches::harness::{Race, Sample, Spec, run};

const RACES: &[Race] = &[
    Race {
        operation: "timer_make_drop",
        rows: &[Spec {
            name: "timer-make-drop",
            place: 80,
            work: "a 30 s sleep made, polled once, dropped",
            unit: "ns",
            aim: 55.0,
        }],
        sample: Sample::Timed,
        pinned: true,
        python: None,
    },
    Race {
        operation: "timer_make_drop_1000",
        rows: &[Spec {
            name: "timer-make-drop-1000",
            place: 90,
            work: "1000 sleeps made and cancelled, each",
            unit: "ns",
            aim: 120.0,
        }],
        sample: Sample::Timed,
        pinned: true,
        python: None,
    },
    Race {
        operation: "timers_fire",
        rows: &[
            Spec {
                name: "timers-fire",
                place: 100,
                work: "100,000 random timers fire: CPU each, spawning its task included",
                unit: "ns",
                aim: 800.0,
            },
            Spec {
                name: "timers-fire-late",
                place: 110,
                work: "100,000 random timers fire: late, p99",
                unit: "µs",
                aim: 1000.0,
            },
        ],
        sample: Sample::Fixed(100_000, 10_000),
        pinned: true,
        python: None,
    },
    Race {
        operation: "sleep_late",
        rows: &[
            Spec { name: "sleep-late-p50", place: 120, work: "sleep(100 µs) late, p50", unit: "µs", aim: 7.0 },
            Spec { name: "sleep-late-p99", place: 130, work: "sleep(100 µs) late, p99", unit: "µs", aim: 15.0 },
        ],
        sample: Sample::Fixed(400, 50),
        pinned: true,
        python: None,
    },
];

fn main() {
    run(env!("CARGO_BIN_EXE_rival"), RACES);
}
