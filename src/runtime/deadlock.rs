//! The verdict that nothing can ever wake a loop again, and its report.

use std::fmt;
use std::sync::atomic::{Ordering, fence};

use super::dump::{self, Outlook, Sentences};
use super::turn::Host;
use crate::cell::TaskRef;
use crate::state::State;

/// Nothing can ever wake the loop: every task waits, and nobody is left who could end a wait.
///
/// Its `Display` is the report: every task, where it was spawned, and what it is known to wait for.
///
/// # Examples
/// ```
/// use std::{cell::Cell, rc::Rc};
///
/// // A task that awaits its own handle.
/// let place = Rc::new(Cell::new(None::<glassloop::JoinHandle<()>>));
/// let runtime = glassloop::Runtime::new().unwrap();
/// let deadlock = runtime
///     .try_block_on(async {
///         let own = place.clone();
///         place.set(Some(glassloop::spawn(async move { own.take().unwrap().await.unwrap() })));
///         std::future::pending::<()>().await
///     })
///     .unwrap_err();
/// assert!(deadlock.to_string().contains("a circle: task 2 awaits task 2"));
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct Deadlock {
    report: String,
}

impl fmt::Display for Deadlock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.report)
    }
}

impl fmt::Debug for Deadlock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.report)
    }
}

impl std::error::Error for Deadlock {}

/// Gives the verdict when the loop is about to sleep with nothing ready. A guest's host can always wake it.
pub(super) fn check(state: &State, host: Host) -> Result<(), Deadlock> {
    if matches!(host, Host::Own(_)) && is_certain(state) {
        Err(Deadlock { report: report(state) })
    } else {
        Ok(())
    }
}

/// Never true while anything could wake a task; may be false for ever where a foreign waker is kept somewhere.
pub(super) fn is_certain(state: &State) -> bool {
    outlook(state) == Outlook::Deadlock
}

/// What can be said of a loop, without guessing.
pub(super) fn outlook(state: &State) -> Outlook {
    if goes_on(state) {
        return Outlook::GoesOn;
    }
    // Where the key of a stay is, nobody knows; what its drop drops may wake anybody.
    let nobody = state.inbox.handles() == 0 && state.stays.is_empty() && state.tasks.none(|task| task.is_shared());
    // Whoever held a handle or a waker may have used it just before letting go. The counts were read first; this
    // pairs with the release by which they let go, so what they sent before is visible now.
    fence(Ordering::Acquire);
    if !nobody || state.inbox.is_rung() || !state.inbox.is_empty() {
        return Outlook::Unknown;
    }
    // A guest's tasks may be held by another loop of this thread, or by a local primitive that its host keeps.
    if state.guest.get() && !tasks_are_held_here_alone(state) {
        return Outlook::Unknown;
    }
    // An observer is being told of an event, and what the event is about comes after it.
    if state.trace.is_delivering() { Outlook::GoesOn } else { Outlook::Deadlock }
}

/// Whether the loop itself knows of something that will wake it.
pub(super) fn goes_on(state: &State) -> bool {
    state.reactor.waiting() > 0 // first, because before most sleeps it is so
        || state.running.id().is_some()
        || !state.ready.is_idle()
        || state.timers.next().is_some()
        || state.pool.outstanding() > 0
}

/// Whether each task is held by its own loop, its handle, and the tasks of its loop that await it, and by nobody else.
fn tasks_are_held_here_alone(state: &State) -> bool {
    let tasks = state.tasks.all();
    let mut awaiting = vec![0; tasks.len()];
    for task in &tasks {
        if let Some(joiner) = task.joiner()
            && joiner.is_of(&state.inbox)
            && let Ok(at) = tasks.binary_search_by_key(&joiner.id(), TaskRef::id)
        {
            awaiting[at] += 1;
        }
    }
    tasks.iter().zip(awaiting).all(|(task, awaiting)| task.held_elsewhere() as usize == awaiting)
}

fn report(state: &State) -> String {
    let dump = dump::take(state);
    format!(
        "deadlock: nothing can ever wake this loop again\n\
         no task is ready, no timer is armed, no socket or blocking job is waited for,\n\
         and no Handle, AbortHandle or Waker of these {} tasks exists:\n{}",
        dump.tasks().len(),
        Sentences(&dump)
    )
}
