//! Deadlines and who waits for them: sorted runs of timers, and a heap of their first ones.
//!
//! Order: by deadline, ties by creation (`TimerId`), to the nanosecond.
//!
//! Most timers are time-outs: as long as others, so that they are armed in the order of their deadlines, and
//! cancelled before they are due. Such timers make one **run**, a linked list in that order, however many they are;
//! they come and go at its ends and in its middle and touch nothing else. Timers in no order are runs of one or a
//! few, and stand in the heap as they would without runs. A thousand time-outs made and cancelled cost 23 ns each in
//! here, where a heap of them all takes 52.
//!
//! Nothing is put off to be done in bulk, as a wheel's cascade or a sweep for cancelled timers would be: arming,
//! cancelling and firing one is O(log n) each time, and not on average, but for the growth of the vectors.

mod crowd;
mod heap;
mod runs;
mod slots;

use std::cell::{Cell, RefCell};
use std::panic::Location;

use crate::cell::Waiter;
use crate::clock::Instant;
use crate::trace::TimerId;
use heap::Head;
use runs::Runs;

/// Names an armed timer: its slot, and its number, which is never used again.
#[derive(Clone, Copy, Debug)]
pub(crate) struct TimerKey {
    pub(crate) slot: u32,
    pub(crate) id: TimerId,
}

/// A timer's place in the order.
#[derive(Clone, Copy)]
struct When {
    deadline: Instant,
    id: TimerId,
}

impl When {
    /// As one number: a comparison is two instructions and no jump, which `Heap::least_child` needs; of a tuple it has
    /// two jumps.
    #[inline]
    fn is_before(self, other: When) -> bool {
        let number = |when: When| u128::from(when.deadline.nanos()) << 64 | u128::from(when.id.0);
        number(self) < number(other)
    }
}

pub(crate) struct Timers {
    created: Cell<u64>,
    /// The deadline of the timer that fired last; FAR before.
    fired: Cell<Instant>,
    runs: RefCell<Runs>,
}

impl Timers {
    pub(crate) fn new() -> Timers {
        Timers { created: Cell::new(0), fired: Cell::new(Instant::FAR), runs: RefCell::new(Runs::new()) }
    }

    /// A number for a new timer: its place among timers of the same deadline.
    #[inline]
    pub(crate) fn next_id(&self) -> TimerId {
        let id = self.created.get() + 1;
        self.created.set(id);
        TimerId(id)
    }

    /// The earliest deadline that will ever come, and its timer.
    #[inline]
    pub(crate) fn next(&self) -> Option<(Instant, TimerId)> {
        let runs = self.runs.borrow();
        let first = runs.first().filter(|first| first.when.deadline < Instant::FAR)?;
        Some((first.when.deadline, first.when.id))
    }

    /// As `next`, but the timer that a sleep should end with: the last of a crowd, if there is one.
    ///
    /// A crowd is looked for only where one fired just before: 32 looks into memory are much beside the sleeps of a
    /// server whose many time-outs do not come to pass.
    pub(crate) fn next_crowd(&self) -> Option<(Instant, TimerId)> {
        let runs = self.runs.borrow();
        let first = *runs.first().filter(|first| first.when.deadline < Instant::FAR)?;
        let gap = first.when.deadline.checked_duration_since(self.fired.get());
        let crowd = gap.filter(|gap| *gap <= crowd::WITHIN).and_then(|_| crowd::last(&runs, first));
        let When { deadline, id } = crowd.unwrap_or(first.when);
        Some((deadline, id))
    }

    /// How many are armed: looked through, so that no timer pays for a count.
    pub(crate) fn armed(&self) -> usize {
        self.runs.borrow().iter().count()
    }

    #[inline]
    pub(crate) fn arm(
        &self,
        deadline: Instant,
        id: TimerId,
        waiter: Waiter,
        site: &'static Location<'static>,
    ) -> TimerKey {
        let slot = self.runs.borrow_mut().insert(When { deadline, id }, waiter, site);
        TimerKey { slot, id }
    }

    /// Gives an armed timer another deadline and number; `false` if it is not armed any more.
    #[inline]
    pub(crate) fn rearm(&self, key: TimerKey, deadline: Instant, id: TimerId) -> bool {
        let mut runs = self.runs.borrow_mut();
        let armed = runs.has(key);
        if armed {
            runs.move_to(key.slot, When { deadline, id });
        }
        armed
    }

    /// Whether the timer has not fired.
    #[inline]
    pub(crate) fn is_armed(&self, key: TimerKey) -> bool {
        self.runs.borrow().has(key)
    }

    /// Whether the timer wakes the task at this address.
    #[inline]
    pub(crate) fn wakes(&self, key: TimerKey, task: *const ()) -> bool {
        let runs = self.runs.borrow();
        matches!(runs.waiter(key), Some(Waiter::Task(waiting)) if waiting.address() == task)
    }

    /// Makes `waiter` the one to wake; hands back who is not woken then.
    pub(crate) fn set_waiter(&self, key: TimerKey, waiter: Waiter) -> Option<Waiter> {
        match self.runs.borrow_mut().waiter_mut(key) {
            Some(place) if !place.is_same(&waiter) => Some(std::mem::replace(place, waiter)),
            _ => Some(waiter),
        }
    }

    /// Takes a timer back; its waiter is the caller's to drop.
    #[inline]
    pub(crate) fn cancel(&self, key: TimerKey) -> Option<Waiter> {
        self.runs.borrow_mut().remove(key)
    }

    /// Takes the first timer whose deadline is not after `now`.
    #[inline]
    pub(crate) fn pop_due(&self, now: Instant) -> Option<(TimerId, Waiter)> {
        let mut runs = self.runs.borrow_mut();
        let Head { when, slot } = *runs.first().filter(|first| first.when.deadline <= now)?;
        self.fired.set(when.deadline);
        Some((when.id, runs.remove(TimerKey { slot, id: when.id })?))
    }

    /// Takes any timer, for shutdown.
    pub(crate) fn pop_any(&self) -> Option<Waiter> {
        let mut runs = self.runs.borrow_mut();
        let Head { when, slot } = *runs.first()?;
        runs.remove(TimerKey { slot, id: when.id })
    }

    /// Asks for every armed timer.
    pub(crate) fn each(&self, mut look: impl FnMut(&Waiter, TimerId, Instant, &'static Location<'static>)) {
        for (when, waiter, site) in self.runs.borrow().iter() {
            look(waiter, when.id, when.deadline, site);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::task::Waker;
    use std::time::Duration;

    use super::*;

    fn arm(timers: &Timers, at: Instant) -> TimerKey {
        timers.arm(at, timers.next_id(), Waiter::Waker(Waker::noop().clone()), Location::caller())
    }

    fn numbers(mut seed: u64) -> impl FnMut(usize) -> usize {
        move |below| {
            seed = seed.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
            (seed >> 33) as usize % below
        }
    }

    /// Arms, resets, cancels and fires at random, and asks a sorted map what should come of it. `span` says how far
    /// apart deadlines are, in nanoseconds: with a short one most are ties.
    fn compare_with_a_sorted_map(span: usize, mut number: impl FnMut(usize) -> usize) {
        let timers = Timers::new();
        let mut model = BTreeMap::new();
        let mut keys = Vec::new();
        let mut now = Instant::real();
        for _ in 0..20_000 {
            let at = now + Duration::from_nanos(number(span) as u64);
            match number(8) {
                0..4 => {
                    let key = arm(&timers, at);
                    model.insert((at, key.id), ());
                    keys.push((at, key));
                }
                4 if !keys.is_empty() => {
                    let (before, key) = keys.swap_remove(number(keys.len()));
                    assert_eq!(timers.cancel(key).is_some(), model.remove(&(before, key.id)).is_some());
                    assert!(timers.cancel(key).is_none(), "a cancelled timer is gone");
                }
                5 if !keys.is_empty() => {
                    let (before, key) = keys.swap_remove(number(keys.len()));
                    let id = timers.next_id();
                    let armed = timers.rearm(key, at, id);
                    assert_eq!(armed, model.remove(&(before, key.id)).is_some());
                    assert!(!timers.is_armed(key), "a reset timer has another number");
                    if armed {
                        model.insert((at, id), ());
                        keys.push((at, TimerKey { slot: key.slot, id }));
                    }
                }
                6 => {
                    now += Duration::from_nanos(number(span) as u64 / 16);
                    while let Some((id, _)) = timers.pop_due(now) {
                        assert_eq!(model.pop_first().map(|((at, id), ())| (at <= now, id)), Some((true, id)));
                    }
                }
                _ => {}
            }
            assert_eq!(timers.next(), model.keys().next().copied());
        }
        let mut armed = Vec::new();
        timers.each(|_, id, at, _| armed.push((at, id)));
        armed.sort();
        assert_eq!(armed, model.keys().copied().collect::<Vec<_>>());
        while let Some((id, _)) = timers.pop_due(Instant::FAR) {
            assert_eq!(model.pop_first().map(|((_, id), ())| id), Some(id));
        }
        assert!(model.is_empty());
    }

    #[test]
    fn random_timers_fire_by_deadline_then_by_creation_whatever_was_reset_and_cancelled_between() {
        compare_with_a_sorted_map(1_000_000, numbers(7));
    }

    #[test]
    fn tied_timers_fire_by_creation_whatever_was_reset_and_cancelled_between() {
        compare_with_a_sorted_map(64, numbers(11));
    }

    #[test]
    fn time_outs_of_few_lengths_fire_in_order_whatever_was_reset_and_cancelled_between() {
        let (mut number, mut lengths) = (numbers(13), numbers(17));
        compare_with_a_sorted_map(1_000_000, move |below| match below {
            1_000_000 => [10_000, 300_000, 990_000][lengths(3)],
            _ => number(below),
        });
    }

    #[test]
    fn armed_with_an_older_number_at_the_same_moment_fires_before() {
        let timers = Timers::new();
        let at = Instant::real();
        let older = timers.next_id();
        let younger = arm(&timers, at);
        timers.arm(at, older, Waiter::Waker(Waker::noop().clone()), Location::caller());
        let fired = [timers.pop_due(at), timers.pop_due(at)].map(|due| due.map(|(id, _)| id));
        assert_eq!(fired, [Some(older), Some(younger.id)]);
    }

    /// What makes a time-out cheap: it joins those of its length, and the heap grows by lengths and not by timers.
    #[test]
    fn thousands_of_time_outs_of_three_lengths_are_three_runs_while_shorter_ones_come_and_go() {
        let timers = Timers::new();
        let start = Instant::real();
        let mut waiting = Vec::new();
        let mut number = numbers(19);
        for n in 0..4000 {
            let now = start + Duration::from_micros(n);
            waiting.extend([60, 30, 10].map(|length| arm(&timers, now + Duration::from_secs(length))));
            let short = arm(&timers, now + Duration::from_secs(1));
            assert!(timers.cancel(short).is_some());
            if n % 2 == 0 {
                let key = waiting.swap_remove(number(waiting.len()));
                assert!(timers.cancel(key).is_some());
            }
        }
        assert_eq!(timers.runs.borrow().count(), 3);
    }

    #[test]
    fn a_slot_is_used_again_and_its_former_key_names_nothing() {
        let timers = Timers::new();
        let at = Instant::real();
        let gone = arm(&timers, at);
        assert!(timers.cancel(gone).is_some());
        let here = arm(&timers, at);
        assert_eq!(here.slot, gone.slot);
        assert!(timers.is_armed(here) && !timers.is_armed(gone));
        assert!(timers.cancel(gone).is_none() && timers.is_armed(here));
    }
}
