//! Circles of tasks that wait for each other.

use std::collections::HashSet;

use super::dump::{TaskView, Waits};
use crate::trace::TaskId;

/// The circles of tasks that await each other's output or locks, each once, from its task of the lowest id.
pub(super) fn of(tasks: &[TaskView]) -> Vec<Vec<TaskId>> {
    let awaits = |id: TaskId| {
        let at = tasks.binary_search_by_key(&id, |task| task.id).ok();
        at.map_or(&[][..], |at| &tasks[at].waits).iter().flat_map(blockers)
    };
    let mut circles = Vec::new();
    let mut done = HashSet::new();
    for start in tasks.iter().map(|task| task.id) {
        // Depth first; the path is the chain of awaits from `start`.
        let mut path = vec![(start, awaits(start))];
        while let Some((_, nexts)) = path.last_mut() {
            match nexts.next() {
                Some(next) if next == start => circles.push(path.iter().map(|(id, _)| *id).collect()),
                Some(next) if done.insert((start, next)) => path.push((next, awaits(next))),
                Some(_) => {}
                None => drop(path.pop()),
            }
        }
    }
    circles.retain(|circle: &Vec<TaskId>| circle.iter().min() == circle.first());
    circles
}

/// The tasks that alone can end a wait, where that is known.
pub(super) fn blockers(waits: &Waits) -> Vec<TaskId> {
    match waits {
        Waits::Join(task) => vec![*task],
        Waits::Sync { held_by, .. } => held_by.iter().filter_map(|holder| holder.task).collect(),
        _ => Vec::new(),
    }
}

/// A circle in words.
pub(super) fn told(circle: &[TaskId]) -> String {
    let awaits: String = circle.iter().map(|id| format!("task {id} awaits ")).collect();
    format!("{awaits}task {}", circle[0])
}
