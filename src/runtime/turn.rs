//! One turn of the loop, in five phases.
//!
//! Their order is the contract: what other threads and timers made ready stands in the queue before anything runs,
//! so a turn's polls see all news that the turn began with; and the kernel is asked last, when it is known whether
//! there is time to sleep.

use std::panic::{AssertUnwindSafe, catch_unwind};

use super::{Deadlock, deadlock, start};
use crate::inbox::{Message, Origin, Park};
use crate::state::State;
use crate::task::{CANCEL, FUTURE, QUEUED, TaskRef, message_of};
use crate::trace::{Cause, Event, Phase, Wait};
use crate::wake;

/// One turn. The error: nothing can ever wake the loop again.
pub(super) fn turn(state: &State) -> Result<(), Deadlock> {
    collect(state);
    fire(state);
    run(state);
    park(state)?;
    dispatch(state);
    Ok(())
}

/// Takes what other threads left, in arrival order.
fn collect(state: &State) {
    state.turns.set(state.turns.get() + 1);
    state.trace.emit(|| Event::Turn(state.turns.get()));
    if !state.inbox.is_rung() {
        return;
    }
    state.trace.emit(|| Event::Phase(Phase::Collect));
    for _ in 0..state.inbox.answer() {
        match state.inbox.take() {
            Some(Message::Wake(task, origin)) => {
                task.collected();
                wake::make_ready(state, wake::near(state, task), || origin.into());
            }
            Some(Message::Call(call, origin)) => state.running.on_behalf_of(origin.into(), || {
                if let Err(payload) = catch_unwind(AssertUnwindSafe(call)) {
                    let words = message_of(payload.as_ref());
                    eprintln!("glassloop: a closure sent to the loop from a thread panicked: {words}");
                }
            }),
            None => break,
        }
    }
}

impl From<Origin> for Cause {
    fn from(origin: Origin) -> Cause {
        match origin {
            Origin::Thread(name) => Cause::Thread(name),
            Origin::Job => Cause::Job,
        }
    }
}

/// Wakes those whose timers are due. The clock is read here, once a turn, and only if a timer is armed.
fn fire(state: &State) {
    let Some((deadline, _)) = state.timers.next() else { return };
    let now = state.clock.now();
    if deadline > now {
        return;
    }
    state.trace.emit(|| Event::Phase(Phase::Fire));
    while let Some((timer, waiter)) = state.timers.pop_due(now) {
        wake::wake_because(state, waiter, || Cause::Timer(timer));
    }
}

/// Polls ready tasks, at most `budget` of them, so that a task that is always ready starves nobody.
fn run(state: &State) {
    if !state.ready.is_idle() {
        state.trace.emit(|| Event::Phase(Phase::Run));
    }
    let mut polls = 0;
    while polls < state.budget {
        let Some(task) = state.ready.pop() else { break };
        polls += u32::from(step(state, &task));
    }
}

/// A task's turn in the queue: polls it, or drops its future if it was aborted. `false` if it had finished.
#[inline]
fn step(state: &State, task: &TaskRef) -> bool {
    let header = task.header();
    header.clear(QUEUED);
    if !header.has(FUTURE) {
        return false;
    }
    let polled = if header.has(CANCEL) {
        state.running.set(std::ptr::null(), task.id());
        task.cancel()
    } else {
        state.trace.emit(|| Event::Poll(task.id()));
        wake::poll(state, task)
    };
    start::ended(state, task, polled);
    state.running.clear();
    true
}

/// Sleeps until there is news; only looks while a task is ready. The error: there can be no news.
fn park(state: &State) -> Result<(), Deadlock> {
    if state.ready.is_halted() {
        return Ok(());
    }
    if !state.ready.is_idle() || state.inbox.is_rung() {
        look(state);
    } else if state.clock.is_paused() {
        park_virtual(state)?;
    } else {
        deadlock::check(state)?;
        sleep(state, true);
    }
    Ok(())
}

/// Asks the kernel without waiting, if it could have anything to say.
fn look(state: &State) -> usize {
    if state.reactor.is_empty() {
        return 0;
    }
    state.trace.emit(|| Event::Phase(Phase::Park));
    state.trace.emit(|| Event::Park(Wait::Look));
    expect_kernel(state.reactor.look(&state.trace))
}

/// Sleeps; with `timed`, until the next deadline at most.
fn sleep(state: &State, timed: bool) {
    let next = state.timers.next().filter(|_| timed);
    state.trace.emit(|| Event::Phase(Phase::Park));
    state.trace.emit(|| Event::Park(next.map_or(Wait::Forever, |(_, timer)| Wait::Timer(timer))));
    if !state.ready.is_idle() {
        return; // an observer of these events woke somebody
    }
    if state.inbox.park() == Park::Sleep {
        let until = state.timers.next().filter(|_| timed).map(|(deadline, _)| deadline);
        expect_kernel(state.reactor.park(until, &state.clock, &state.trace));
    }
    state.inbox.unpark();
}

/// A virtual clock jumps to the next deadline, once nothing else can happen first: the kernel has nothing, no other
/// thread left a message, and no job is out.
fn park_virtual(state: &State) -> Result<(), Deadlock> {
    if look(state) > 0 || state.inbox.is_rung() {
        return Ok(());
    }
    match state.timers.next() {
        Some((deadline, timer)) if state.pool.outstanding() == 0 => {
            state.trace.emit(|| Event::Park(Wait::Timer(timer)));
            state.trace.emit(|| Event::Jump(deadline - state.clock.now()));
            state.clock.jump(deadline);
        }
        _ => {
            deadlock::check(state)?;
            sleep(state, false);
        }
    }
    Ok(())
}

#[track_caller]
fn expect_kernel(result: std::io::Result<usize>) -> usize {
    result.unwrap_or_else(|error| panic!("the kernel refused to wait for events: {error}"))
}

/// Wakes those whose sockets the kernel reported, in its order.
fn dispatch(state: &State) {
    if !state.reactor.has_news() {
        return;
    }
    state.trace.emit(|| Event::Phase(Phase::Dispatch));
    state.reactor.dispatch(|waiter, source, direction| {
        wake::wake_because(state, waiter, || Cause::Source(source, direction));
    });
}
