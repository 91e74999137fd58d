//! One child of a group: as the group sees it, whatever its output is, and as whoever awaits it does.

use std::cell::{Cell, RefCell};
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use super::Failure;
use crate::cell::Stays;
use crate::join::JoinHandle;
use crate::join::handle::wait_for;
use crate::state::End;
use crate::trace::TaskId;
use crate::wake;

/// A child as its group sees it.
pub(super) trait Child<E> {
    fn id(&self) -> TaskId;
    fn abort(&self);
    /// The task has ended: its output is kept for the handle, its failure goes to the group.
    fn settle(&self, end: &End) -> Option<Failure<E>>;
}

/// A child as its handle sees it.
trait Awaited<T> {
    fn id(&self) -> TaskId;
    fn abort(&self);
    fn is_finished(&self) -> bool;
    fn poll(&self, cx: &mut Context<'_>) -> Poll<Result<T, ChildError>>;
}

/// The one value behind both. The handle of the task is the group's, so that no panic of it is lost.
pub(super) struct Member<T, E> {
    task: JoinHandle<Result<T, E>>,
    ended: Cell<Option<How>>,
    output: RefCell<Option<T>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum How {
    Well,
    Failed,
    Cancelled,
}

impl<T, E> Member<T, E> {
    pub(super) fn new(task: JoinHandle<Result<T, E>>) -> Member<T, E> {
        Member { task, ended: Cell::new(None), output: RefCell::new(None) }
    }

    pub(super) fn task(&self) -> &JoinHandle<Result<T, E>> {
        &self.task
    }
}

impl<T: 'static, E: 'static> Child<E> for Member<T, E> {
    fn id(&self) -> TaskId {
        self.task.id()
    }

    fn abort(&self) {
        self.task.abort();
    }

    fn settle(&self, end: &End) -> Option<Failure<E>> {
        let task = self.task.joined().task();
        let result = self.task.joined().take()?;
        let (how, failure) = match result {
            Ok(Ok(output)) => {
                *self.output.borrow_mut() = Some(output); // `None` was there
                (How::Well, None)
            }
            Ok(Err(error)) => (How::Failed, Some(Failure::failed(task, end, error))),
            Err(error) if error.is_panic() => {
                // Its name was kept for a report that is not needed now.
                wake::with_loop_of(task, |state| state.names.borrow_mut().remove(task.id().0));
                (How::Failed, Some(Failure::panicked(task, end, error)))
            }
            Err(_) => (How::Cancelled, None),
        };
        self.ended.set(Some(how));
        failure
    }
}

impl<T: 'static, E: 'static> Awaited<T> for Member<T, E> {
    fn id(&self) -> TaskId {
        self.task.id()
    }

    fn abort(&self) {
        self.task.abort();
    }

    fn is_finished(&self) -> bool {
        self.task.is_finished()
    }

    fn poll(&self, cx: &mut Context<'_>) -> Poll<Result<T, ChildError>> {
        let Some(how) = self.ended.get() else {
            if self.task.is_finished() {
                cx.waker().wake_by_ref(); // an observer asks, who hears of the end before the group
            } else {
                // As the joiner of the task itself: so a dump knows whom this task waits for.
                wait_for(self.task.joined().task(), cx);
            }
            return Poll::Pending;
        };
        let output = self.output.take();
        Poll::Ready(output.ok_or(ChildError { id: self.task.id(), how }))
    }
}

/// The right to the output of a child of a [`TaskGroup`](crate::TaskGroup). It need not be awaited, and dropping it
/// changes nothing.
///
/// # Scheduling
/// As [`JoinHandle`]. The group hears of the child's end first.
///
/// # Cancel safety
/// Await it by reference and drop that future: nothing is lost.
///
/// # Panics
/// When it is polled again after it gave its output.
///
/// # Examples
/// ```
/// let sum = glassloop::run(glassloop::TaskGroup::<()>::run(async |group| {
///     let parts = [1, 2, 3].map(|n| group.spawn(async move { Ok(n * 10) }));
///     let mut sum = 0;
///     for part in parts {
///         sum += part.await.unwrap();
///     }
///     Ok(sum)
/// }));
/// assert_eq!(sum.unwrap(), 60);
/// ```
pub struct GroupHandle<T> {
    child: Stays<Rc<dyn Awaited<T>>>,
    taken: bool,
}

impl<T: 'static> GroupHandle<T> {
    pub(super) fn new<E: 'static>(child: Rc<Member<T, E>>) -> GroupHandle<T> {
        GroupHandle { child: Stays(child), taken: false }
    }

    /// Names the task.
    #[must_use]
    pub fn id(&self) -> TaskId {
        self.child.id()
    }

    /// Whether the task's future is gone.
    #[must_use]
    pub fn is_finished(&self) -> bool {
        self.child.is_finished()
    }

    /// Cancels this child alone, as [`JoinHandle::abort`] does. The group goes on.
    pub fn abort(&self) {
        self.child.abort();
    }
}

impl<T> Future for GroupHandle<T> {
    type Output = Result<T, ChildError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        assert!(
            !self.taken,
            "the GroupHandle of task {} was polled again after it gave its output; a handle gives it once",
            self.child.id()
        );
        let output = self.child.poll(cx);
        self.taken = output.is_ready();
        output
    }
}

impl<T> fmt::Debug for GroupHandle<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "GroupHandle(task {})", self.child.id())
    }
}

/// Why a child of a group gave no output. What it failed with was given to its group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChildError {
    id: TaskId,
    how: How,
}

impl ChildError {
    /// The task that gave no output.
    #[must_use]
    pub fn id(&self) -> TaskId {
        self.id
    }

    /// Whether it was cancelled. If not, it failed: it returned an error or panicked.
    #[must_use]
    pub fn is_cancelled(&self) -> bool {
        self.how == How::Cancelled
    }
}

impl fmt::Display for ChildError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_cancelled() {
            write!(f, "task {} was cancelled", self.id)
        } else {
            write!(f, "task {} failed; what it failed with is in the error of its group", self.id)
        }
    }
}

impl std::error::Error for ChildError {}
