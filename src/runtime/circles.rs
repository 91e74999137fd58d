//! Circles of tasks that wait for each other.

use std::collections::VecDeque;

use super::dump::{TaskView, Waits};
use crate::trace::TaskId;

/// Circles of tasks that await each other's output or locks: of each task that is in any, a shortest one; each once,
/// from its task of the lowest id.
pub(super) fn of(tasks: &[TaskView]) -> Vec<Vec<TaskId>> {
    let at = |id: &TaskId| tasks.binary_search_by_key(id, |task| task.id).ok();
    let nexts = |task: &TaskView| task.waits.iter().flat_map(blockers).filter_map(|id| at(&id)).collect();
    let nexts: Vec<Vec<usize>> = tasks.iter().map(nexts).collect();
    // A chain that ends, however long, is in no circle.
    let loose = ends(&nexts);
    let has_one_way = |task: &usize| nexts[*task].iter().filter(|next| !loose[**next]).count() == 1;
    let mut circles = Vec::new();
    let mut is_told = vec![false; tasks.len()];
    for start in 0..tasks.len() {
        if loose[start] || is_told[start] {
            continue;
        }
        let Some(mut circle) = shortest(&nexts, &loose, start) else { continue };
        // The one circle of each of them: a search for each would be quadratic, and such circles may be long.
        if circle.iter().all(has_one_way) {
            circle.iter().for_each(|task| is_told[*task] = true);
        }
        let lowest = (0..circle.len()).min_by_key(|n| circle[*n]).unwrap_or_default();
        circle.rotate_left(lowest);
        let circle: Vec<TaskId> = circle.into_iter().map(|task| tasks[task].id).collect();
        // Nearly always at the end. To sort them afterwards is 7 KiB more of a binary.
        if let Err(at) = circles.binary_search(&circle) {
            circles.insert(at, circle);
        }
    }
    circles
}

/// The tasks from which every way ends.
fn ends(nexts: &[Vec<usize>]) -> Vec<bool> {
    let mut waiters = vec![Vec::new(); nexts.len()];
    let mut open: Vec<usize> = nexts.iter().map(Vec::len).collect();
    for (task, nexts) in nexts.iter().enumerate() {
        nexts.iter().for_each(|next| waiters[*next].push(task));
    }
    let mut ended: Vec<usize> = (0..nexts.len()).filter(|task| open[*task] == 0).collect();
    let mut is_loose = vec![false; nexts.len()];
    while let Some(task) = ended.pop() {
        is_loose[task] = true;
        for waiter in &waiters[task] {
            open[*waiter] -= 1;
            if open[*waiter] == 0 {
                ended.push(*waiter);
            }
        }
    }
    is_loose
}

/// A shortest way from `start` back to it.
fn shortest(nexts: &[Vec<usize>], loose: &[bool], start: usize) -> Option<Vec<usize>> {
    let mut before = vec![None; nexts.len()];
    let mut queue = VecDeque::from([start]);
    while let Some(task) = queue.pop_front() {
        for next in nexts[task].iter().copied().filter(|next| !loose[*next]) {
            if next == start {
                let mut circle: Vec<usize> = std::iter::successors(Some(task), |task| before[*task]).collect();
                circle.reverse();
                return Some(circle);
            }
            if before[next].is_none() {
                before[next] = Some(task);
                queue.push_back(next);
            }
        }
    }
    None
}

/// The tasks that alone can end a wait, where that is known.
pub(super) fn blockers(waits: &Waits) -> Vec<TaskId> {
    match waits {
        Waits::Join(task) => vec![*task],
        Waits::Sync { held_by, .. } => {
            held_by.iter().filter(|holder| !holder.may_have_moved).filter_map(|holder| holder.task).collect()
        }
        _ => Vec::new(),
    }
}

/// A circle in words.
pub(super) fn told(circle: &[TaskId]) -> String {
    let awaits: String = circle.iter().map(|id| format!("task {id} awaits ")).collect();
    format!("{awaits}task {}", circle[0])
}
