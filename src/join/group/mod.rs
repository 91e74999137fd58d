//! Tasks that none outlives: whoever opens a group leaves it when all of its children have ended.
//!
//! ```text
//!            body: Err or panic,
//!            or a child fails            the last child has ended, and the body too
//!   Open ───────────────────────▶ Failing ─────────────────────▶ Left: `run` gives Err
//!    │                               │
//!    │ the body and all              │ `run` is dropped: the children that live are aborted
//!    │ children have ended           ▼
//!    └──▶ Left: `run` gives Ok     Left
//! ```

mod child;
mod error;
mod run;

pub use child::{ChildError, GroupHandle};
pub use error::{Failure, GroupError};

use std::cell::{Cell, RefCell};
use std::fmt;
use std::future::Future;
use std::rc::Rc;
use std::sync::Arc;

use slab::Slab;

use super::{JoinHandle, spawn, spawn_blocking, spawn_cpu, spawn_named};
use crate::cell::Stays;
use crate::panics::guarded;
use crate::state::{Account, End};
use crate::waits::{Grant, WaitList};
use child::{Child, Member};

/// A group of tasks, as its body and its children see it; asyncio's `TaskGroup`, trio's nursery.
///
/// [`run`](TaskGroup::run) opens one and leaves it when the body and every child have ended. The first failure, an
/// error or a panic, of a child or of the body, cancels all others; `run` waits until they are gone, and gives it
/// with whatever failed after it. A clone of the group may be given to a child, which may spawn siblings.
///
/// A child that is merely cancelled is no failure, as in asyncio.
///
/// # Examples
/// ```
/// use glassloop::time::{Instant, pause, sleep};
/// use glassloop::{GroupError, TaskGroup};
/// use std::time::Duration;
///
/// glassloop::run(async {
///     pause();
///     let start = Instant::now();
///     let result: Result<u32, GroupError<String>> = TaskGroup::run(async |group| {
///         let slow = group.spawn(async {
///             sleep(Duration::from_secs(60)).await;
///             Ok(1)
///         });
///         group.spawn_named("fetch", async {
///             sleep(Duration::from_secs(1)).await;
///             Err::<(), _>("no route".to_owned())
///         });
///         Ok(slow.await.unwrap_or(0)) // not reached: the body is cancelled as well
///     })
///     .await;
///     let error = result.unwrap_err();
///     assert_eq!(error.first().error().unwrap(), "no route");
///     assert_eq!(error.first().name(), Some("fetch"));
///     assert_eq!(start.elapsed(), Duration::from_secs(1)); // `slow` is gone
/// });
/// ```
pub struct TaskGroup<E> {
    shared: Stays<Rc<Shared<E>>>,
}

/// What the run of a group shares with its children.
struct Shared<E> {
    stage: Cell<Stage>,
    children: RefCell<Slab<Rc<dyn Child<E>>>>,
    /// In the order in which they happened.
    failures: RefCell<Vec<Failure<E>>>,
    /// The body is driven: whoever runs the group waits for a failure. After it, for the last child to end.
    has_body: Cell<bool>,
    /// Where whoever runs the group waits.
    line: WaitList,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Stage {
    Open,
    /// Something has failed: the children are cancelled, and so is whoever is spawned now.
    Failing,
    /// Nobody waits for children any more: who is spawned now is cancelled.
    Left,
}

impl<E: 'static> TaskGroup<E> {
    /// Makes a task of `future` in the group.
    ///
    /// Into a group that is failing, or was left, a child is spawned and aborted in one: its future is dropped
    /// unpolled, and its handle says cancelled. (asyncio raises `RuntimeError`; here a child need not know whether a
    /// sibling has just failed.)
    ///
    /// # Scheduling
    /// As [`spawn`]: ready at once, at the back of the queue.
    ///
    /// # Panics
    /// Outside of a running loop.
    #[track_caller]
    pub fn spawn<F, T>(&self, future: F) -> GroupHandle<T>
    where
        F: Future<Output = Result<T, E>> + 'static,
        T: 'static,
    {
        self.insert(spawn(future))
    }

    /// As [`spawn`](TaskGroup::spawn), with a name that traces, reports and the group's error show.
    ///
    /// # Panics
    /// Outside of a running loop.
    #[track_caller]
    pub fn spawn_named<F, T>(&self, name: impl Into<Arc<str>>, future: F) -> GroupHandle<T>
    where
        F: Future<Output = Result<T, E>> + 'static,
        T: 'static,
    {
        self.insert(spawn_named(name, future))
    }

    /// Runs `work` on a thread of the blocking pool, and its task in the group; see [`spawn_blocking`]. A job that
    /// runs cannot be cancelled: leaving the group waits for it.
    ///
    /// # Panics
    /// Outside of a running loop, and if no thread runs and none can be made.
    #[track_caller]
    pub fn spawn_blocking<F, T>(&self, work: F) -> GroupHandle<T>
    where
        F: FnOnce() -> Result<T, E> + Send + 'static,
        T: Send + 'static,
        E: Send,
    {
        self.insert(spawn_blocking(work))
    }

    /// As [`spawn_blocking`](TaskGroup::spawn_blocking), on a thread of the CPU pool; see [`spawn_cpu`].
    ///
    /// # Panics
    /// As there.
    #[track_caller]
    pub fn spawn_cpu<F, T>(&self, work: F) -> GroupHandle<T>
    where
        F: FnOnce() -> Result<T, E> + Send + 'static,
        T: Send + 'static,
        E: Send,
    {
        self.insert(spawn_cpu(work))
    }

    /// How many children live.
    #[must_use]
    pub fn len(&self) -> usize {
        self.shared.children.borrow().len()
    }

    /// Whether no child lives.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn insert<T: 'static>(&self, task: JoinHandle<Result<T, E>>) -> GroupHandle<T> {
        let child = Rc::new(Member::new(task));
        let key = self.shared.children.borrow_mut().insert(child.clone());
        child.task().enlist(self.shared.0.clone(), key);
        if self.shared.stage.get() != Stage::Open {
            child.task().abort();
        }
        GroupHandle::new(child)
    }
}

impl<E: 'static> Shared<E> {
    #[track_caller]
    fn new() -> Rc<Shared<E>> {
        Rc::new(Shared {
            stage: Cell::new(Stage::Open),
            children: RefCell::default(),
            failures: RefCell::default(),
            has_body: Cell::new(true),
            line: WaitList::new(),
        })
    }

    /// The first failure cancels the children, in spawn order; those that follow are kept beside it.
    fn fail(&self, failure: Failure<E>) {
        self.failures.borrow_mut().push(failure);
        self.cancel(Stage::Failing);
    }

    /// Aborts every child, once.
    fn cancel(&self, stage: Stage) {
        if self.stage.replace(stage) != Stage::Open {
            return;
        }
        let mut children: Vec<_> = self.children.borrow().iter().map(|(_, child)| child.clone()).collect();
        children.sort_unstable_by_key(|child| child.id()); // keys are used again: they are not in spawn order
        children.iter().for_each(|child| child.abort());
    }
}

impl<E: 'static> Account for Shared<E> {
    fn ended(&self, member: usize, end: &End) {
        let child = self.children.borrow_mut().remove(member);
        match child.settle(end) {
            // The error's destructor is the user's.
            Some(failure) if self.stage.get() == Stage::Left => {
                guarded("the destructor of the error of a group's child", || failure.report());
            }
            Some(failure) => {
                self.fail(failure);
                if self.has_body.get() {
                    self.line.grant(Grant::All);
                }
            }
            None => {}
        }
        if !self.has_body.get() && self.children.borrow().is_empty() {
            self.line.grant(Grant::All);
        }
        // An output without a handle goes with it, and its destructor is the user's.
        guarded("the destructor of the output of a group's child", || drop(child));
    }
}

impl<E> Clone for TaskGroup<E> {
    fn clone(&self) -> TaskGroup<E> {
        TaskGroup { shared: self.shared.clone() }
    }
}

impl<E> fmt::Debug for TaskGroup<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let failures = self.shared.failures.borrow().len();
        let children = self.shared.children.borrow().len();
        f.debug_struct("TaskGroup").field("children", &children).field("failures", &failures).finish()
    }
}
