//! A crowd of timers shares a sleep of the loop.
//!
//! To sleep for a timer costs 23 to 35 µs of the processor on a virtual machine: the kernel's alarm, its wait, the way
//! back. Where timers come due about as often as that, the loop sleeps on until some are due together, and fires them
//! in their order: a hundred a millisecond cost a fifth of what they do one by one.
//!
//! The rule looks at nothing but deadlines. So it needs no clock; a timer without many neighbours is as exact as ever,
//! however often one follows on another; and one in a crowd is later by `WITHIN` at most. So to sleep takes a twentieth
//! of the processor there, whatever comes due.

use std::time::Duration;

use super::When;
use super::heap::Head;
use super::runs::Runs;

/// How long after its first deadline a sleep may end: with what the kernel is late and the crowd takes, no later than
/// a loop that ticks by the millisecond. With 500 µs a hundred a millisecond cost a quarter more.
pub(super) const WITHIN: Duration = Duration::from_micros(800);

/// Fewer timers in that time are no crowd: a handful stays exact, whatever it costs.
pub(super) const FEW: usize = 12;

/// So many are looked at, for a sleep must not cost more beside more timers. The last of these is nearly as late as the
/// last of all.
pub(super) const MOST: usize = 32;

/// The timer that a sleep for `first` may end with; `None` if there is no crowd.
pub(super) fn last(runs: &Runs, first: Head) -> Option<When> {
    let until = first.when.deadline.saturating_add(WITHIN);
    let mut crowd = [first; MOST];
    let mut found = 1;
    let mut asked = 0;
    while asked < found && found < MOST {
        let near = runs.after(crowd[asked].slot).filter(|timer| timer.when.deadline <= until);
        for (place, timer) in crowd[found..].iter_mut().zip(near) {
            *place = timer;
            found += 1;
        }
        asked += 1;
    }
    let crowd = crowd[..found].iter().map(|timer| timer.when);
    crowd.reduce(|a, b| if a.is_before(b) { b } else { a }).filter(|_| found >= FEW)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::panic::Location;
    use std::task::Waker;

    use super::*;
    use crate::cell::Waiter;
    use crate::clock::Instant;
    use crate::timers::Timers;

    fn arm(timers: &Timers, at: Instant) {
        timers.arm(at, timers.next_id(), Waiter::Waker(Waker::noop().clone()), Location::caller());
    }

    /// Timers in runs of some, in a heap of many, `spread` apart on average: the answer for each as the first.
    fn compare_with_a_sorted_set(count: u64, spread: u64) {
        let timers = Timers::new();
        let start = Instant::real();
        let mut seed = spread;
        let mut model: BTreeSet<_> = (0..count)
            .map(|n| {
                seed = seed.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
                let at = if n % 3 == 0 { n } else { (seed >> 33) % count };
                let at = start + Duration::from_nanos(at * spread);
                arm(&timers, at);
                (at, n + 1)
            })
            .collect();
        while let Some((first, _)) = model.first().copied() {
            let near: Vec<_> = model.iter().take_while(|(at, _)| *at <= first + WITHIN).copied().collect();
            let last = timers.runs.borrow().first().and_then(|first| last(&timers.runs.borrow(), *first));
            let last = last.map(|last| (last.deadline, last.id.0));
            match near.len() {
                ..FEW => assert_eq!(last, None),
                FEW..=MOST => assert_eq!(last, near.last().copied()),
                _ => assert!(near[MOST - 1..].contains(&last.unwrap())),
            }
            timers.pop_due(first).unwrap();
            model.pop_first();
        }
    }

    #[test]
    fn a_crowd_ends_with_the_last_of_those_near_its_first() {
        for spread in [1, 5, 20, 40, 60, 100, 1000] {
            compare_with_a_sorted_set(600, spread * 1000);
        }
    }

    #[test]
    fn a_crowd_is_looked_for_only_just_after_a_timer_fired() {
        let timers = Timers::new();
        let start = Instant::real();
        let deadlines = [0, 900, 910, 920, 930, 940, 950, 960, 970, 980, 990, 1000, 1010]
            .map(|micros| start + Duration::from_micros(micros));
        for deadline in deadlines {
            arm(&timers, deadline);
        }
        let wanted = || timers.next_crowd().map(|(deadline, _)| deadline);
        assert_eq!(wanted(), Some(deadlines[0]), "none has fired");
        timers.pop_due(deadlines[0]);
        assert_eq!(wanted(), Some(deadlines[1]), "one fired long before");
        arm(&timers, deadlines[12]);
        timers.pop_due(deadlines[1]);
        assert_eq!(wanted(), Some(deadlines[12]));
    }
}
