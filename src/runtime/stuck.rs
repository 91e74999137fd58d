//! Tasks that locks have brought to a stand while others live: looked for when the loop is about to sleep.
//!
//! Two things are found, each told once, on standard error and to observers. A circle: tasks that hold locks and
//! wait for each other's. And a lock, a permit or a place handed to a future that its task left unpolled, while others
//! wait behind it.
//! Neither is guessed: where anything else could end a wait, nothing is said. Two things cannot be seen, and are told
//! with it: who may abort a task by its handle, and a guard that borrows its lock and was given to another task.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use super::dump::{self, Dump, Holder, TaskState, TaskView, Waits};
use super::{circles, deadlock};
use crate::cell::{QUEUED, TaskRef, Waiter};
use crate::panics::say;
use crate::state::State;
use crate::trace::{Event, TaskId};
use crate::waits::{self, Stand, Standing};

/// Nothing is ready and the loop is about to sleep: every task that was woken has been polled since.
#[inline]
pub(super) fn look(state: &State) {
    if waits::may_be_stuck() && is_due(state) && !deadlock::is_certain(state) {
        look_at_all(state);
    }
}

/// What is long for a loop to sleep, so that it has the time for a look.
const LONG: Duration = Duration::from_millis(100);

/// A look visits every task. So where locks are busy and nothing is found, ever more parks pass until the next one;
/// but a loop that is about to sleep for long has the time. Where there are many tasks it has not: then a look is owed,
/// and the loop sleeps no longer than `LONG` before it.
#[cold]
fn is_due(state: &State) -> bool {
    const MOST: usize = 64;
    let looked = &state.looked;
    looked.parks.set(looked.parks.get() + 1);
    let was_owed = looked.is_owed.replace(false);
    let parks = looked.parks.get();
    let crowd = state.tasks.len() / 256;
    let news = waits::news();
    if news == looked.news.get() {
        return parks >= MOST + crowd; // a circle may have been closed by awaiting a handle
    }
    let sleeps_long = || state.timers.next().is_none_or(|(deadline, _)| deadline - state.clock.now() > LONG);
    let has_slept = was_owed && looked.has_slept.get();
    looked.has_slept.set(false);
    if parks < looked.rest.get() + crowd && !has_slept && !(crowd == 0 && sleeps_long()) {
        looked.is_owed.set(crowd > 0);
        return false;
    }
    looked.news.set(news);
    looked.rest.set((looked.rest.get() * 2).clamp(1, MOST));
    true
}

/// How long the loop may sleep before it looks; `None` for ever.
pub(super) fn patience(state: &State) -> Option<Duration> {
    state.looked.is_owed.get().then_some(LONG)
}

#[cold]
fn look_at_all(state: &State) {
    state.looked.parks.set(0);
    let stands = waits::stands();
    tell_untaken(state, &stands);
    if may_be_circle(state, &stands) {
        tell_circles(state, &stands);
    }
}

/// What was handed over, and its task was polled, and left it, while others wait for the same.
fn tell_untaken(state: &State, stands: &[Stand]) {
    let untaken = stands.iter().filter(|stand| {
        stand.stage == Standing::Granted && !stand.is_reported && stand.task_of(&state.inbox).is_some()
    });
    let mut lines: HashMap<u32, bool> = HashMap::new();
    for stand in untaken {
        // One report a line: a hundred permits left lying have the same tasks behind them.
        if let Some(was_told) = lines.get(&stand.list) {
            if *was_told {
                waits::mark_reported(stand);
            }
            continue;
        }
        let behind: Vec<&Stand> =
            stands.iter().filter(|other| other.list == stand.list && other.stage == Standing::Waits).collect();
        lines.insert(stand.list, !behind.is_empty());
        if behind.is_empty() {
            continue;
        }
        waits::mark_reported(stand);
        let tasks: Vec<TaskId> = behind.iter().filter_map(|other| other.task_of(&state.inbox)).collect();
        let owner = stand.task_of(&state.inbox).map(|task| format!("task {task}")).unwrap_or_default();
        let Stand { op, site, made, .. } = stand;
        let why = format!(
            "{} at {site} was handed to {owner}, which was polled since and did not poll this future, while others \
             wait behind it for the same (made at {made}); await a future that was begun, or drop it",
            op.what.name
        );
        tell(state, tasks, why);
    }
}

/// Whether there is a circle, with one look at each task and stand: most looks end here, before the dump, which is
/// larger than they are. It takes every writer in a line to be before every reader in it, so it may say yes too often.
fn may_be_circle(state: &State, stands: &[Stand]) -> bool {
    /// A line, and those who hold it up as far as they are not known to go on.
    #[derive(Default)]
    struct Line {
        holders: usize,
        waiters: Vec<usize>,
    }
    let tasks = state.tasks.all();
    let at = |id: TaskId| tasks.binary_search_by_key(&id, |task| task.id()).ok();
    let near = |stand: &Stand| stand.task_of(&state.inbox).and_then(at);
    let (mut waits, mut holds) = (vec![false; tasks.len()], vec![Vec::new(); tasks.len()]);
    let mut go_on: Vec<usize> = Vec::new(); // ways on that are no task's of a circle
    state.timers.each(|waiter, _, _, _| {
        if let Waiter::Task(task) = waiter {
            go_on.extend(at(task.id()));
        }
    });
    state.reactor.each(|task, _, _, _, _| go_on.extend(at(task.id())));
    let mut joiners = vec![None; tasks.len()];
    for (task, joiner) in tasks.iter().zip(&mut joiners) {
        *joiner = task.joiner().filter(|joiner| joiner.is_of(&state.inbox)).and_then(|joiner| at(joiner.id()));
        joiner.iter().for_each(|joiner| waits[*joiner] = true);
    }
    let written: HashSet<u32> = stands
        .iter()
        .filter(|stand| stand.op.is_lock && !stand.op.is_shared && stand.stage != Standing::Waits)
        .map(|stand| stand.list)
        .collect();
    // A line of readers behind writers, while readers have the lock, is another than that of all the rest.
    let mut lines: HashMap<(u32, bool), Line> = HashMap::new();
    let mut open: HashSet<(u32, bool)> = HashSet::new(); // not all who hold it up are known
    for stand in stands {
        let is_waiting = stand.stage == Standing::Waits;
        let task = near(stand);
        if is_waiting && !stand.op.is_lock {
            go_on.extend(task);
        }
        if !stand.op.is_lock {
            continue;
        }
        if is_waiting && let Some(task) = task {
            waits[task] = true;
            let is_behind = stand.op.is_shared && !written.contains(&stand.list);
            lines.entry((stand.list, is_behind)).or_default().waiters.push(task);
        }
        let held_up = (stand.list, is_waiting);
        match task {
            _ if is_waiting && stand.op.is_shared => {}
            Some(task) if !stand.may_have_moved(state) => {
                lines.entry(held_up).or_default().holders += 1;
                holds[task].push(held_up);
            }
            _ => drop(open.insert(held_up)),
        }
    }
    let is_free =
        |(at, task): (usize, &TaskRef)| !waits[at] || task.header().has(QUEUED) || task.header().is_shared();
    go_on.extend(tasks.iter().enumerate().filter(|task| is_free(*task)).map(|(at, _)| at));
    for (key, line) in &lines {
        if line.holders == 0 || open.contains(key) {
            go_on.extend(&line.waiters);
        }
    }
    let mut is_stuck = vec![true; tasks.len()];
    while let Some(task) = go_on.pop() {
        if !std::mem::replace(&mut is_stuck[task], false) {
            continue;
        }
        go_on.extend(joiners[task]);
        for held_up in &holds[task] {
            let line = lines.get_mut(held_up).expect("its holders were counted");
            line.holders -= 1;
            if line.holders == 0 {
                go_on.append(&mut line.waiters);
            }
        }
    }
    is_stuck.contains(&true)
}

fn tell_circles(state: &State, stands: &[Stand]) {
    let dump = dump::take(state);
    let stuck = stuck(&dump);
    for circle in circles::of(dump.tasks()) {
        let members: HashSet<TaskId> = circle.iter().copied().collect();
        let in_it = |stand: &&Stand| {
            stand.stage == Standing::Waits
                && stand.op.is_lock
                && stand.task_of(&state.inbox).is_some_and(|task| members.contains(&task))
        };
        let waiting: Vec<&Stand> = stands.iter().filter(in_it).collect();
        let is_news = waiting.iter().any(|stand| !stand.is_reported);
        if !is_news || !circle.iter().all(|task| stuck.contains(task)) {
            continue;
        }
        waiting.into_iter().for_each(waits::mark_reported);
        let views = dump.tasks().iter().filter(|task| members.contains(&task.id));
        let lines: String = views.map(|task| format!("\n  {task}")).collect();
        tell(
            state,
            circle.clone(),
            format!(
                "{}; none of them can ever go on, unless one is aborted, or gave its guard away{lines}",
                circles::told(&circle)
            ),
        );
    }
}

/// The tasks whose every way on goes through one of themselves. Whoever waits for anything else may go on.
fn stuck(dump: &Dump) -> HashSet<TaskId> {
    let is_bound = |task: &&TaskView| {
        task.state == TaskState::Waiting
            && !task.has_wakers
            && !task.waits.is_empty()
            && task.waits.iter().all(|waits| !circles::blockers(waits).is_empty() && is_told_whole(waits))
    };
    let mut stuck: HashSet<TaskId> = dump.tasks().iter().filter(is_bound).map(|task| task.id).collect();
    loop {
        // A wait for a lock of several holders needs all of them: one that is stuck is enough to hold it up.
        let is_held = |waits: &Waits| circles::blockers(waits).iter().any(|task| stuck.contains(task));
        let free = |task: &&TaskView| stuck.contains(&task.id) && !task.waits.iter().all(is_held);
        let freed: HashSet<TaskId> = dump.tasks().iter().filter(free).map(|task| task.id).collect();
        if freed.is_empty() {
            return stuck;
        }
        stuck.retain(|task| !freed.contains(task));
    }
}

/// Whether each holder of what is waited for is a task of this loop, and has it still.
fn is_told_whole(waits: &Waits) -> bool {
    let is_unknown = |holder: &Holder| holder.task.is_none() || holder.may_have_moved;
    !matches!(waits, Waits::Sync { held_by, .. } if held_by.iter().any(is_unknown))
}

fn tell(state: &State, tasks: Vec<TaskId>, why: String) {
    let event = Event::Stuck { tasks: tasks.into(), why: why.into() };
    say(format_args!("{event}"));
    state.trace.emit(|| event);
}
