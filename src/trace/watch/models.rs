//! Models of the pulse, for loom; `.ci/loom` runs them, and breaks the code to see them fail.

use std::num::NonZeroU64;

use loom::sync::Arc;
use loom::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use loom::thread;

use super::pulse::Pulse;
use crate::trace::TaskId;

fn id(number: u64) -> TaskId {
    TaskId(NonZeroU64::new(number).unwrap())
}

#[test]
fn a_task_is_never_seen_in_the_turn_of_another() {
    loom::model(|| {
        let pulse = Arc::new(Pulse::new());
        let watcher = {
            let pulse = pulse.clone();
            thread::spawn(move || (pulse.look(), pulse.look()))
        };
        for task in [id(7), id(8)] {
            pulse.begin(task);
            pulse.end();
        }
        let (first, second) = watcher.join().unwrap();
        // The beats of the two turns are 1 and 3.
        for at in [first, second].into_iter().flatten() {
            assert_eq!(at.task, [None, Some(id(7)), None, Some(id(8)), None][at.beat() as usize]);
        }
    });
}

#[test]
fn a_turn_that_is_seen_shows_what_was_written_before_it() {
    loom::model(|| {
        let (pulse, table) = (Arc::new(Pulse::new()), Arc::new(AtomicUsize::new(0)));
        let watcher = {
            let (pulse, table) = (pulse.clone(), table.clone());
            thread::spawn(move || {
                let at = pulse.look();
                (at.map(|at| at.beat()), table.load(Relaxed))
            })
        };
        pulse.begin(id(7));
        table.store(1, Relaxed);
        pulse.end();
        pulse.begin(id(7));
        let (beat, written) = watcher.join().unwrap();
        assert!(beat.is_none_or(|beat| beat < 2) || written == 1);
    });
}

#[test]
fn a_watcher_that_dozes_off_is_woken_by_the_next_resume() {
    loom::model(|| {
        let pulse = Arc::new(Pulse::new());
        let watcher = {
            let pulse = pulse.clone();
            // As in `runtime::watchdog`. A wake that is missing is a deadlock.
            thread::spawn(move || {
                if pulse.doze() {
                    while pulse.is_dozing() {
                        thread::park();
                    }
                }
            })
        };
        for _ in 0..2 {
            if pulse.resume() {
                watcher.thread().unpark();
            }
            pulse.rest();
        }
        if pulse.resume() {
            watcher.thread().unpark();
        }
        watcher.join().unwrap();
    });
}

#[test]
fn a_watcher_never_dozes_beside_a_loop_that_is_awake() {
    loom::model(|| {
        let pulse = Arc::new(Pulse::new());
        let watcher = {
            let pulse = pulse.clone();
            thread::spawn(move || pulse.doze())
        };
        let must_wake = pulse.resume();
        // From here on nobody would wake it.
        assert!(!pulse.is_dozing());
        let dozed = watcher.join().unwrap();
        assert_eq!(must_wake, dozed);
        assert!(!pulse.is_dozing());
    });
}
