//! How tasks begin and end.

use std::fmt::Display;
use std::future::Future;
use std::panic::{AssertUnwindSafe, Location, catch_unwind};
use std::sync::Arc;

use super::report_lost;
use crate::cell::{CANCEL, HANDLE, Joined, NOTED, PANICKED, TaskRef, Waiter};
use crate::panics::{dispose, message_of, say};
use crate::pool::{Crew, JobFuture};
use crate::state::{End, Ending, State};
use crate::trace::{Cause, Event, Kind, Outcome, TaskId, Way, Why};
use crate::wake;

pub(super) fn next_id(state: &State) -> TaskId {
    let number = state.spawned.get() + 1;
    state.spawned.set(number);
    TaskId(number.try_into().expect("counted from 1"))
}

pub(super) fn announce(state: &State, task: &TaskRef, name: Option<Arc<str>>) {
    introduce(state, task, name.as_ref());
    state.trace.emit(|| Event::Spawn {
        task: task.id(),
        kind: task.kind(),
        name,
        by: state.running.id(),
        site: task.site(),
    });
}

#[inline]
fn introduce(state: &State, task: &TaskRef, name: Option<&Arc<str>>) {
    if let Some(name) = name {
        task.header().set(NOTED);
        state.names.borrow_mut().insert(task.id().0, name.clone());
    }
    state.trace.made(task.id(), task.kind(), task.site(), name);
}

/// Lists a root as live (LIVE) until it has finished, or until the guard is dropped: then it is cancelled.
pub(super) fn enrol<'a>(state: &'a State, task: &'a TaskRef) -> impl Drop + 'a {
    struct Leave<'a>(&'a State, &'a TaskRef);
    impl Drop for Leave<'_> {
        fn drop(&mut self) {
            if !self.1.is_finished() {
                cancel(self.0, self.1);
            }
        }
    }
    task.header().set(NOTED);
    state.tasks.insert(task.clone());
    Leave(state, task)
}

/// A task of `state`'s loop, ready at once, at the back of the queue. Never polls inline.
#[inline]
pub(crate) fn spawn_on<F: Future + 'static>(
    state: &State,
    future: F,
    name: Option<Arc<str>>,
    site: &'static Location<'static>,
) -> Joined<F::Output> {
    let id = next_id(state);
    let (task, joined) = TaskRef::new(future, Kind::Task, &state.inbox, id, site);
    begin(state, task, name, true);
    joined
}

/// As `spawn_on`; an error that nobody reads is the task's failure.
pub(crate) fn spawn_checked_on<F, T, E>(
    state: &State,
    future: F,
    name: Option<Arc<str>>,
    site: &'static Location<'static>,
) -> Joined<Result<T, E>>
where
    F: Future<Output = Result<T, E>> + 'static,
    E: Display,
{
    let (task, joined) = TaskRef::checked(future, &state.inbox, next_id(state), site);
    begin(state, task, name, true);
    joined
}

/// A blocking job, and the task that gives its result; see [`Crew::spawn_on`].
pub(crate) fn spawn_blocking_on<F, T>(state: &State, work: F, site: &'static Location<'static>) -> Joined<T>
where
    F: FnOnce() -> T + Send + 'static,
    T: Send + 'static,
{
    Crew::Blocking.spawn_on(state, work, site)
}

impl Crew {
    /// A job for these threads, and the task that gives its result. The task is ready when the job has ended.
    ///
    /// # Panics
    /// If no thread runs and none can be made.
    pub(crate) fn spawn_on<F, T>(self, state: &State, work: F, site: &'static Location<'static>) -> Joined<T>
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static,
    {
        self.spawn_with(state, work, site, |job| job)
    }

    /// As `spawn_on`; but the task is what `then` makes of the job's future, and must not wait for anything else.
    pub(crate) fn spawn_with<F, T, J>(
        self,
        state: &State,
        work: F,
        site: &'static Location<'static>,
        then: impl FnOnce(JobFuture<F, T>) -> J,
    ) -> Joined<J::Output>
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static,
        J: Future + 'static,
    {
        let id = next_id(state);
        let (future, job) = state.pool.prepare(self, work);
        let kind = match self {
            Crew::Blocking => Kind::Blocking,
            Crew::Cpu(_) => Kind::Cpu,
        };
        let (task, joined) = TaskRef::new(then(future), kind, &state.inbox, id, site);
        begin(state, task.clone(), None, state.pool.is_inline());
        if !task.is_finished()
            && let Err(error) = state.pool.submit(job, task.clone())
        {
            cancel_at_its_turn(state, &task);
            panic!("the job spawned at {site} did not begin: no thread could be made for it: {error}");
        }
        joined
    }
}

fn begin(state: &State, task: TaskRef, name: Option<Arc<str>>, ready: bool) {
    if !ready || name.is_some() || state.closing.get() || state.trace.is_on() {
        return begin_told(state, task, name, ready);
    }
    state.tasks.insert(task.clone());
    wake::make_ready_first(state, task);
}

/// As `begin`, for a task that waits for its job, has a name or is observed, or whose runtime is being dropped.
#[inline(never)]
fn begin_told(state: &State, task: TaskRef, name: Option<Arc<str>>, ready: bool) {
    if state.closing.get() {
        announce(state, &task, name);
        return cancel(state, &task);
    }
    // Listed before it is announced: an observer may spawn, and the list is in the order of ids.
    state.tasks.insert(task.clone());
    if ready && state.trace.is_lean() {
        introduce(state, &task, name.as_ref());
        state.trace.spawn_ready(task.id(), task.kind(), name, state.running.id(), task.site());
        return wake::make_ready_first(state, task); // told with its spawn: apart, 90 instructions a task
    }
    announce(state, &task, name);
    if ready {
        wake::make_ready(state, task, || Cause::Spawned.into());
    }
}

/// Drops a task's future unpolled.
#[cold]
#[inline(never)] // the end of a task is 1.5 KiB of code
pub(super) fn cancel(state: &State, task: &TaskRef) {
    state.trace.cancel_begins(task.id());
    finish(state, task, task.cancel());
}

/// The future is gone: strikes the task off, tells those who asked to hear of it, and wakes whoever awaits it.
#[inline(always)] // into the run phase: 9 instructions a task
pub(super) fn finish(state: &State, task: &TaskRef, outcome: Outcome) {
    state.tasks.remove(task);
    // Set aside, what only some tasks have costs the others 30 instructions less.
    if has_more_to_tell(task) {
        finish_told(state, task, outcome);
    } else if state.trace.is_on() {
        finish_observed(state, task, outcome);
    } else {
        wake_joiner(state, task, task.take_joiner());
    }
}

/// Whether it is a task for `finish_told`.
#[inline(always)]
fn has_more_to_tell(task: &TaskRef) -> bool {
    let header = task.header();
    header.has(NOTED | PANICKED) || header.is_shared()
}

#[inline]
fn wake_joiner(state: &State, task: &TaskRef, joiner: Option<Waiter>) {
    if let Some(joiner) = joiner {
        let via = || Some(Way::ended(task.site()).into());
        wake::wake_because(state, joiner, || Why { cause: state.running.cause(), via: via() });
    }
}

/// As `finish`, where sinks alone are told.
#[cold]
#[inline(never)] // or a poll that does not end a task would have its frame
pub(super) fn finish_recorded(state: &State, task: &TaskRef, outcome: Outcome) {
    state.tasks.remove(task);
    if has_more_to_tell(task) {
        return finish_told(state, task, outcome);
    }
    state.trace.done_lean(task.id(), outcome);
    wake_joiner(state, task, task.take_joiner());
}

/// As `finish`, for a task that has nothing else for which `finish_told` looks: 60 instructions fewer.
#[cold]
#[inline(never)]
fn finish_observed(state: &State, task: &TaskRef, outcome: Outcome) {
    if state.trace.calls_observers() {
        return finish_told(state, task, outcome); // an observer may do anything to the task
    }
    state.trace.done_lean(task.id(), outcome);
    wake_joiner(state, task, task.take_joiner());
    state.trace.turn_ends(task.id(), outcome, || (task.kind(), None, task.site()));
}

/// As `finish`, for a task that references may outlive, that panicked or left a lost panic, that has
/// a name or an ending that somebody hears of, or that is a root.
#[inline(never)]
fn finish_told(state: &State, task: &TaskRef, outcome: Outcome) {
    task.retire();
    let lost = task.header().take_lost(); // it stood in the joiner's place
    // Before foreign code, which may drop the handle: who awaited it is woken all the same.
    let joiner = task.take_joiner();
    state.trace.emit(|| Event::Done { task: task.id(), outcome });
    // Who asked to hear of it noted that, too: to look for what nobody left took 45 instructions.
    let ending = if task.header().has(NOTED) { take_ending(state, task, outcome) } else { None };
    let name = if state.trace.tells_names() { state.names.borrow().get(task.id().0).cloned() } else { None };
    if let Some(payload) = lost {
        match task.kind() {
            Kind::Root => state.root_panic.set(Some(payload)),
            _ => report_lost(Some(state), task, payload),
        }
    }
    // The name is wanted once more, if a handle is dropped with a failure unread.
    if task.header().has(NOTED) && !(task.header().has(HANDLE) && task.may_be_reported()) {
        state.names.borrow_mut().remove(task.id().0);
    }
    if task.kind() == Kind::Root {
        state.ready.halt(true);
    }
    if let Some((ending, end)) = ending {
        tell(task, ending, &end);
    }
    wake_joiner(state, task, joiner);
    state.trace.turn_ends(task.id(), outcome, || (task.kind(), name, task.site()));
}

fn take_ending(state: &State, task: &TaskRef, outcome: Outcome) -> Option<(Ending, End)> {
    let ending = state.endings.borrow_mut().remove(task.id().0)?;
    let name = state.names.borrow().get(task.id().0).cloned();
    Some((ending, End { outcome, name }))
}

/// The task's set or group hears of it first, then the hooks in their order; a hook's panic must not end the loop.
fn tell(task: &TaskRef, ending: Ending, end: &End) {
    if let Some((account, member)) = ending.account {
        account.ended(member, end);
    }
    for hook in ending.hooks {
        if let Err(payload) = catch_unwind(AssertUnwindSafe(|| hook(end))) {
            let (id, site, words) = (task.id(), task.site(), message_of(payload.as_ref()));
            say(format_args!("a hook on the end of task {id}, spawned at {site}, panicked: {words}"));
            dispose(payload);
        }
    }
}

/// Marks a task of `state`'s loop for cancellation and makes it ready: at its turn its future is dropped instead of
/// polled. Nothing happens to a task that has finished, is marked already, or whose blocking job runs.
pub(crate) fn abort(state: &State, task: &TaskRef) {
    if task.is_finished() || task.header().has(CANCEL) {
        return;
    }
    // A job's task that is polled has its result, or runs its job inline.
    let waits_for_job = matches!(task.kind(), Kind::Blocking | Kind::Cpu);
    if waits_for_job && (wake::is_running(task) || !state.pool.cancel(task.kind(), task.id())) {
        return;
    }
    cancel_at_its_turn(state, task);
}

fn cancel_at_its_turn(state: &State, task: &TaskRef) {
    task.header().set(CANCEL);
    state.trace.emit(|| Event::Abort { task: task.id(), by: state.running.id() });
    wake::make_ready(state, task.clone(), || Cause::Aborted.into());
}
