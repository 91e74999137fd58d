//! The run of a group: its body, then the wait for its children.

use std::future::Future;
use std::panic::{AssertUnwindSafe, Location, catch_unwind, resume_unwind};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use pin_project_lite::pin_project;

use super::{Failure, GroupError, Shared, Stage, TaskGroup};
use crate::cell::Stays;
use crate::panics::{Payload, dispose, message_of, say};
use crate::trace::Class;
use crate::waits::{Op, Place};

/// So that a dump, and whoever looks for circles, knows that a failure may end what the body waits for.
static FAILURE: Op = Op::new(Class::Join, "TaskGroup::run, for a failure", "failed in the TaskGroup").losing("");
static LEAVE: Op = Op::new(Class::Join, "TaskGroup::run", "ended as the last of the TaskGroup")
    .losing("its children, which are aborted");

impl<E: 'static> TaskGroup<E> {
    /// Opens a group, runs `body` with it in the running task, and leaves it: gives the body's output when the body
    /// and every child have ended.
    ///
    /// # Scheduling
    /// The task that runs the group is woken when the last child has ended, and by the first failure; no other end of
    /// a child wakes it. At the first failure, in the turn of the child that failed, the others are aborted in spawn
    /// order and then that task is woken: its body is dropped instead of polled.
    ///
    /// # Errors
    /// [`GroupError`]: what failed first, and whatever failed while the rest was cancelled.
    ///
    /// # Panics
    /// With the body's own panic, when all children are gone. Panics among them are reported on standard error then.
    ///
    /// # Cancel safety
    /// Dropped, it drops its body and aborts every child in spawn order: each future is dropped at its turn in the
    /// queue, none is polled again, and none can be spawned any more. They are dropped before any task runs that
    /// becomes ready later. Of groups in their bodies and futures the same holds in turn, a queue's round later for
    /// each level.
    ///
    /// # Examples
    /// ```
    /// use glassloop::TaskGroup;
    ///
    /// let lines = glassloop::run(TaskGroup::run(async |group| {
    ///     let lines = std::rc::Rc::new(std::cell::Cell::new(0));
    ///     for name in ["a", "b"] {
    ///         let lines = lines.clone();
    ///         let siblings = group.clone();
    ///         group.spawn(async move {
    ///             siblings.spawn(async move {
    ///                 lines.set(lines.get() + name.len());
    ///                 Ok::<(), std::io::Error>(())
    ///             });
    ///             Ok(())
    ///         });
    ///     }
    ///     Ok(lines)
    /// }));
    /// assert_eq!(lines.unwrap().get(), 2); // read after the group was left
    /// ```
    #[track_caller]
    pub fn run<R, B>(body: B) -> impl Future<Output = Result<R, GroupError<E>>>
    where
        B: AsyncFnOnce(TaskGroup<E>) -> Result<R, E>,
    {
        let site = Location::caller();
        let shared = Shared::new();
        async move {
            // Made first, for the call may panic.
            let guard = Guard { shared: Stays(shared.clone()), place: Place::NONE, site, panic: None };
            let body = body(TaskGroup { shared: Stays(shared) });
            Run { body: Some(body), output: None, guard }.await
        }
    }
}

pin_project! {
    struct Run<B, R, E: 'static> {
        #[pin]
        body: Option<B>,
        output: Option<R>,
        // Behind the body, so that it is dropped after it: the body may spawn to its last.
        guard: Guard<E>,
    }
}

/// Holds a group open; dropped, the group is left.
struct Guard<E: 'static> {
    shared: Stays<Rc<Shared<E>>>,
    place: Place,
    site: &'static Location<'static>,
    /// What the body, or its destructor, panicked with.
    panic: Option<Payload>,
}

impl<E: 'static> Drop for Guard<E> {
    fn drop(&mut self) {
        let _all = self.shared.line.leave(&mut self.place); // news for all needs no passing on
        self.shared.cancel(Stage::Left);
        self.shared.failures.take().into_iter().for_each(Failure::report);
        if let Some(payload) = self.panic.take() {
            let (site, words) = (self.site, message_of(payload.as_ref()));
            say(format_args!(
                "the body of the group at {site} panicked, and the group has nobody to tell: {words}"
            ));
            dispose(payload);
        }
    }
}

impl<B, R, E> Run<B, R, E>
where
    B: Future<Output = Result<R, E>>,
{
    /// Polls the body, or drops it if a child has failed. `Ready` when it is gone.
    fn poll_body(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let mut this = self.project();
        let Guard { shared, place, site, panic } = this.guard;
        let Some(body) = this.body.as_mut().as_pin_mut() else { return Poll::Ready(()) };
        if shared.stage.get() == Stage::Open {
            match catch_unwind(AssertUnwindSafe(|| body.poll(cx))) {
                Ok(Poll::Pending) => {
                    if shared.line.poll(place, cx, &FAILURE, site, 1).is_pending() {
                        return Poll::Pending;
                    }
                }
                Ok(Poll::Ready(Ok(output))) => *this.output = Some(output),
                Ok(Poll::Ready(Err(error))) => shared.fail(Failure::body(error)),
                Err(payload) => {
                    *panic = Some(payload);
                    shared.cancel(Stage::Failing);
                }
            }
        }
        if let Err(payload) = catch_unwind(AssertUnwindSafe(|| this.body.set(None))) {
            match panic {
                Some(_) => dispose(payload),
                None => *panic = Some(payload),
            }
            shared.cancel(Stage::Failing);
        }
        shared.has_body.set(false);
        let _all = shared.line.leave(place);
        Poll::Ready(())
    }
}

impl<B, R, E> Future for Run<B, R, E>
where
    B: Future<Output = Result<R, E>>,
{
    type Output = Result<R, GroupError<E>>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        if self.as_mut().poll_body(cx).is_pending() {
            return Poll::Pending;
        }
        let this = self.project();
        let Guard { shared, place, site, panic } = this.guard;
        while !shared.children.borrow().is_empty() {
            // Granted and not empty: a child was spawned between; wait anew.
            if shared.line.poll(place, cx, &LEAVE, site, 1).is_pending() {
                return Poll::Pending;
            }
        }
        let _all = shared.line.leave(place);
        shared.stage.set(Stage::Left);
        let failures = shared.failures.take();
        if let Some(payload) = panic.take() {
            failures.into_iter().for_each(Failure::report);
            resume_unwind(payload);
        }
        if failures.is_empty() {
            Poll::Ready(Ok(this.output.take().expect("a body that did not fail has an output")))
        } else {
            Poll::Ready(Err(GroupError::new(failures)))
        }
    }
}
