//! Which task runs, and which live.

use std::sync::Arc;

use crate::runtime::{TaskView, dump};
use crate::trace::TaskId;
use crate::wake;

/// Names the task that runs; asyncio's `current_task`.
///
/// In a destructor, that is the task whose future is dropped.
///
/// # Panics
/// Outside of a task; see [`try_id`].
///
/// # Examples
/// ```
/// assert_eq!(glassloop::run(async { glassloop::task::id().to_string() }), "1");
/// ```
#[must_use]
#[track_caller]
#[inline]
pub fn id() -> TaskId {
    match try_id() {
        Some(id) => id,
        None => panic!("task::id was called where no task of glassloop runs; `task::try_id` asks without a panic"),
    }
}

/// Names the task that runs, if one does.
///
/// # Examples
/// ```
/// assert_eq!(glassloop::task::try_id(), None);
/// ```
#[must_use]
#[inline]
pub fn try_id() -> Option<TaskId> {
    wake::current(|state| state?.running.id())
}

/// The name of the task that runs, if it was given one. `None` outside of a task.
///
/// # Examples
/// ```
/// glassloop::run(async {
///     let task = glassloop::spawn_named("greeter", async { glassloop::task::name() });
///     assert_eq!(task.await.unwrap().as_deref(), Some("greeter"));
/// });
/// ```
#[must_use]
#[inline]
pub fn name() -> Option<Arc<str>> {
    wake::current(|state| {
        let state = state?;
        state.names.borrow().get(state.running.id()?.0).cloned()
    })
}

/// Every live task of the loop that runs on this thread, in spawn order; asyncio's `all_tasks`.
///
/// It is the list of a [`dump`](crate::dump()): each task says what it waits for.
///
/// # Panics
/// Outside of a running loop.
///
/// # Examples
/// ```
/// glassloop::run(async {
///     glassloop::spawn_named("other", std::future::pending::<()>()).detach();
///     let names: Vec<_> = glassloop::task::all().into_iter().map(|task| task.name).collect();
///     assert_eq!(names, [None, Some("other".into())]);
/// });
/// ```
#[must_use]
#[track_caller]
#[inline]
pub fn all() -> Vec<TaskView> {
    match dump() {
        Ok(dump) => dump.tasks().to_vec(),
        Err(error) => panic!("{error}"),
    }
}
