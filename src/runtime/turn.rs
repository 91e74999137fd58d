//! One turn of the loop, in five phases.
//!
//! Their order is the contract: what other threads and timers made ready stands in the queue before anything runs,
//! so a turn's polls see all news that the turn began with; and the kernel is asked last, when it is known whether
//! there is time to sleep.

use std::task::Poll;
use std::time::Duration;

use super::{Deadlock, deadlock, start, stuck};
use crate::cell::{CANCEL, FUTURE, RemoteRef, TaskRef};
use crate::clock::Instant;
use crate::inbox::{Message, Park};
use crate::panics::guarded;
use crate::state::State;
use crate::trace::{Cause, Event, Phase, TimerId, Wait};
use crate::wake;

/// Who the loop parks for.
#[derive(Clone, Copy)]
pub(super) enum Host {
    /// Itself: it sleeps as long as need be, or no longer than this, and gives the deadlock verdict.
    Own(Option<Duration>),
    /// A foreign loop, which can always wake it, and lets it sleep no longer than this.
    Guest(Option<Duration>),
}

impl Host {
    fn may_wait(self) -> bool {
        !matches!(self, Host::Guest(Some(Duration::ZERO)))
    }
}

/// What a turn did.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Did {
    pub(super) collected: usize,
    pub(super) fired: usize,
    pub(super) polled: usize,
    pub(super) dispatched: usize,
}

/// One turn. The error: nothing can ever wake the loop again.
pub(super) fn turn(state: &State, host: Host) -> Result<Did, Deadlock> {
    let collected = collect(state);
    let fired = fire(state);
    let polled = run(state);
    park(state, host)?;
    let dispatched = dispatch(state);
    Ok(Did { collected, fired, polled, dispatched })
}

/// Takes what other threads left, in arrival order; how many messages.
fn collect(state: &State) -> usize {
    state.turns.set(state.turns.get() + 1);
    state.trace.emit(|| Event::Turn(state.turns.get()));
    if !state.inbox.is_rung() {
        return 0;
    }
    state.trace.emit(|| Event::Phase(Phase::Collect));
    state.inbox.collect(|message| accept(state, message))
}

/// Does what a message asks for.
fn accept(state: &State, message: Message<RemoteRef>) {
    match message {
        Message::Wake(task, origin) => {
            task.collected();
            wake::make_ready(state, wake::near(state, task), || Cause::Thread(origin.0).into());
        }
        Message::Call(call, origin) => state.running.on_behalf_of(Cause::Thread(origin.0), || {
            guarded("a closure sent to the loop from a thread", call);
        }),
        Message::Job(job) => {
            if let Some(task) = state.pool.ended(job) {
                wake::make_ready(state, task, || Cause::Job.into());
            }
        }
    }
}

/// Wakes those whose timers are due; how many. The clock is read here, once a turn, and only if a timer is armed.
fn fire(state: &State) -> usize {
    let Some((deadline, _)) = state.timers.next() else { return 0 };
    let now = state.clock.now();
    if deadline > now {
        return 0;
    }
    state.trace.emit(|| Event::Phase(Phase::Fire));
    let mut fired = 0;
    while let Some((timer, waiter)) = state.timers.pop_due(now) {
        wake::wake_because(state, waiter, || Cause::Timer(timer).into());
        fired += 1;
    }
    fired
}

/// Polls ready tasks, at most `budget` of them, so that a task that is always ready starves nobody; how many polls.
#[inline(never)] // by itself the loop fits into registers: 6 instructions fewer a poll
fn run(state: &State) -> usize {
    if !state.ready.is_idle() {
        state.trace.emit(|| Event::Phase(Phase::Run));
        state.trace.turns_begin();
    }
    let mut left = state.budget;
    while left > 0 {
        let Some(task) = state.ready.pop() else { break };
        let had_its_turn = state.running.during(&task, || {
            // Asked in here, and by `if` with a `return`, so that the compiler still knows the answer at the poll, and
            // needs no register for it: 3 instructions a poll.
            let flags = task.header().leave_queue(FUTURE | CANCEL);
            if flags == FUTURE {
                step(state, &task);
                return true;
            }
            if flags == CANCELLED {
                start::cancel(state, &task);
                return true;
            }
            false // it had finished
        });
        if had_its_turn {
            left -= 1;
        }
    }
    state.budget - left
}

/// The flags of a task whose future is to be dropped.
const CANCELLED: u64 = FUTURE | CANCEL;

/// A task's turn in the queue.
#[inline]
fn step(state: &State, task: &TaskRef) {
    if state.trace.is_on() {
        return if state.trace.is_alone() { step_recorded(state, task) } else { step_told(state, task) };
    }
    if let Poll::Ready(outcome) = wake::poll(task) {
        start::finish(state, task, outcome);
    }
}

/// As `step`, where sinks alone are told: 114 instructions a poll that ends no task, and 135 as `step_told`.
#[cold]
#[inline(never)]
fn step_recorded(state: &State, task: &TaskRef) {
    let id = task.id();
    state.trace.poll_lean(id);
    match wake::poll_told(task) {
        Poll::Pending => state.trace.pending_lean(id),
        Poll::Ready(outcome) => start::finish_recorded(state, task, outcome),
    }
}

/// As `step`, where somebody observes.
#[cold]
#[inline(never)]
fn step_told(state: &State, task: &TaskRef) {
    state.trace.poll(task.id());
    state.trace.turn_begins(task.id());
    let polled = wake::poll_told(task);
    match polled {
        Poll::Pending => {
            state.trace.pending(task.id());
            let name = || state.names.borrow().get(task.id().0).cloned();
            state.trace.turn_pends(task.id(), || (task.kind(), name(), task.site()));
        }
        Poll::Ready(outcome) => start::finish(state, task, outcome),
    }
}

/// While it exists the loop has its thread.
pub(super) struct Awake<'a>(&'a State);

impl Awake<'_> {
    pub(super) fn new(state: &State) -> Awake<'_> {
        state.trace.resume();
        Awake(state)
    }
}

impl Drop for Awake<'_> {
    fn drop(&mut self) {
        self.0.trace.rest();
    }
}

/// Sleeps until there is news; only looks while a task is ready. The error: there can be no news.
fn park(state: &State, host: Host) -> Result<(), Deadlock> {
    if state.ready.is_halted() {
        return Ok(());
    }
    if !state.ready.is_idle() || state.inbox.is_rung() {
        look(state, host);
        return Ok(());
    }
    stuck::look(state);
    if state.clock.is_paused() {
        return park_virtual(state, host);
    }
    deadlock::check(state, host)?;
    if host.may_wait() {
        let next = match host {
            Host::Own(_) => state.timers.next_crowd(),
            Host::Guest(_) => state.timers.next(), // the moment that its host was told
        };
        sleep(state, next, host);
    } else {
        look(state, host);
    }
    Ok(())
}

/// Asks the kernel without waiting, if it could have anything to say; whether it had news of a source.
fn look(state: &State, host: Host) -> bool {
    // A guest's descriptor is readable until what made it so, a wake perhaps, was asked for.
    if state.reactor.is_empty() && matches!(host, Host::Own(_)) {
        return false;
    }
    state.trace.emit(|| Event::Park(Wait::Look));
    expect_kernel(state.reactor.look(&state.trace))
}

/// Sleeps until `next`, if that is given, but no longer than the host lets it.
fn sleep(state: &State, next: Option<(Instant, TimerId)>, host: Host) {
    let most = match host {
        Host::Guest(most) => most,
        Host::Own(most) => most.or_else(|| stuck::patience(state)),
    };
    let limit = most.map_or(Instant::FAR, |most| state.clock.ticking().saturating_add(most));
    let until = next.map_or(Instant::FAR, |(deadline, _)| deadline);
    state.trace.emit(|| {
        Event::Park(match (next, most) {
            (Some((_, timer)), _) if until <= limit => Wait::Timer(timer),
            (_, Some(most)) if limit < Instant::FAR => Wait::AtMost(most),
            _ => Wait::Forever,
        })
    });
    if !state.ready.is_idle() {
        return; // an observer of these events woke somebody
    }
    if state.inbox.park() == Park::Sleep {
        let until = Some(until.min(limit)).filter(|until| *until < Instant::FAR);
        state.trace.rest();
        let slept = state.reactor.park(until, || state.inbox.is_rung(), &state.clock, &state.trace);
        state.trace.resume();
        expect_kernel(slept);
    }
    state.inbox.unpark();
    if limit < Instant::FAR {
        state.looked.has_slept.set(state.clock.ticking() >= limit);
    }
}

/// A virtual clock jumps to the next deadline, once nothing else can happen first: the kernel has nothing, no other
/// thread left a message, and no job is out.
fn park_virtual(state: &State, host: Host) -> Result<(), Deadlock> {
    if look(state, host) || state.inbox.is_rung() {
        return Ok(());
    }
    match state.timers.next() {
        Some((deadline, _)) if deadline <= state.clock.now() => {} // `time::advance` has jumped
        Some((deadline, timer)) if state.pool.outstanding() == 0 => {
            state.trace.emit(|| Event::Park(Wait::Timer(timer)));
            if !state.ready.is_idle() || state.inbox.is_rung() {
                return Ok(()); // an observer woke somebody
            }
            state.trace.emit(|| Event::Jump(deadline - state.clock.now()));
            state.clock.jump(deadline);
        }
        _ => {
            deadlock::check(state, host)?;
            if host.may_wait() {
                sleep(state, None, host);
            }
        }
    }
    Ok(())
}

#[track_caller]
fn expect_kernel(result: std::io::Result<bool>) -> bool {
    result.unwrap_or_else(|error| panic!("the kernel refused to wait for events: {error}"))
}

/// Wakes those whose sockets the kernel reported, in its order; how many events.
fn dispatch(state: &State) -> usize {
    if !state.reactor.has_news() {
        return 0;
    }
    state.trace.emit(|| Event::Phase(Phase::Dispatch));
    state.reactor.dispatch(|waiter, source, direction| {
        wake::wake_because(state, waiter, || Cause::Source(source, direction).into());
    })
}
