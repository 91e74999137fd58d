//! Waiting, under a lock, for what the lock guards to become so.

use std::fmt;
use std::future::Future;
use std::panic::Location;
use std::pin::Pin;
use std::ptr;
use std::task::{Context, Poll, ready};

use super::mutex::Guard;
use crate::cell::Cell;
use crate::trace::Class;
use crate::waits::{Grant, Op, Place, WaitList};

static WAIT: Op = Op::new(Class::Signal, "Condition::wait", "notified the Condition");

/// Lets a task that holds a [`Mutex`](super::Mutex) wait until another, with the lock, says that something changed;
/// asyncio's `Condition`. Several conditions may go with one mutex.
///
/// asyncio refuses to notify without the lock; here the guard is asked for. So nothing can change, and be told,
/// between a look at the value and the wait.
///
/// # Scheduling
/// First come, first served. Whoever is notified is made ready, and then waits for the lock like any other: others may
/// have it in between, so look again at what was waited for, or use [`wait_for`](Condition::wait_for).
///
/// # Examples
/// ```
/// use glassloop::{spawn, sync::{Condition, Mutex}};
/// use std::rc::Rc;
///
/// glassloop::run(async {
///     let shared = Rc::new((Mutex::new(Vec::new()), Condition::new()));
///     let taker = spawn({
///         let shared = shared.clone();
///         async move {
///             let (items, changed) = &*shared;
///             let mut items = changed.wait_for(items.lock().await, |items| !items.is_empty()).await;
///             items.pop()
///         }
///     });
///     let (items, changed) = &*shared;
///     let mut items = items.lock().await;
///     items.push(7);
///     changed.notify(&items, 1);
///     drop(items);
///     assert_eq!(taker.await.unwrap(), Some(7));
/// });
/// ```
pub struct Condition {
    line: WaitList,
    /// Whose guards wait here, while any do.
    mutex: Cell<*const ()>,
}

impl Condition {
    /// Goes with the mutex whose guard is given first, until nobody waits.
    #[must_use]
    #[track_caller]
    pub const fn new() -> Condition {
        Condition { line: WaitList::new(), mutex: Cell::new(ptr::null()) }
    }

    /// Gives the lock back, waits to be notified, and takes the lock again.
    ///
    /// The lock is given back in the first poll, in which this joins the line: a notice after it is not missed.
    ///
    /// # Panics
    /// When it is polled while others wait here with guards of another mutex.
    ///
    /// # Cancel safety
    /// Dropped, it is over: the lock is not taken again. A [`notify`](Condition::notify) that it was given goes to the
    /// next, even if it was on its way back to the lock; so that one may be woken for nothing.
    #[track_caller]
    pub fn wait<G: Guard>(&self, guard: G) -> impl Future<Output = G> {
        Waiting::new(self, guard, Location::caller())
    }

    /// Waits until `predicate` says so of the value; ready at once if it does.
    ///
    /// # Panics
    /// As [`wait`](Condition::wait).
    ///
    /// # Cancel safety
    /// As [`wait`](Condition::wait).
    #[track_caller]
    pub fn wait_for<G: Guard>(
        &self,
        mut guard: G,
        mut predicate: impl FnMut(&mut G::Target) -> bool,
    ) -> impl Future<Output = G>
    where
        G::Target: Sized,
    {
        let site = Location::caller();
        async move {
            while !predicate(&mut guard) {
                guard = Waiting::new(self, guard, site).await;
            }
            guard
        }
    }

    /// Notifies the first `n` who wait, or as many as do. `guard` shows that the lock is held.
    ///
    /// # Panics
    /// If others wait here with guards of another mutex.
    #[track_caller]
    pub fn notify<G: Guard>(&self, guard: &G, n: usize) {
        self.check(guard);
        for _ in 0..n {
            if !self.line.grant(Grant::Turn) {
                break;
            }
        }
    }

    /// Notifies all who wait. `guard` shows that the lock is held.
    ///
    /// # Panics
    /// As [`notify`](Condition::notify).
    #[track_caller]
    pub fn notify_all<G: Guard>(&self, guard: &G) {
        self.check(guard);
        self.line.grant_all(Grant::All);
    }

    #[track_caller]
    fn check<G: Guard>(&self, guard: &G) {
        let mutex = guard.address();
        let before = self.mutex.replace(mutex);
        if !self.line.is_empty() && before != mutex {
            self.mutex.set(before);
            panic!("a Condition was used with guards of two mutexes at once; give each mutex its own");
        }
    }
}

impl Default for Condition {
    #[track_caller]
    fn default() -> Condition {
        Condition::new()
    }
}

impl fmt::Debug for Condition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Condition").finish_non_exhaustive()
    }
}

/// The future of a notice, and of the lock after it.
#[must_use = "futures do nothing unless you `.await` them"]
struct Waiting<'a, G: Guard> {
    condition: &'a Condition,
    stage: Stage<G>,
    place: Place,
    site: &'static Location<'static>,
}

enum Stage<G: Guard> {
    New(G),
    /// In the condition's line.
    Waits(G::Locking),
    /// Notified, and on its way back to the lock.
    Returns(G::Locking, Grant),
    Done,
}

impl<'a, G: Guard> Waiting<'a, G> {
    fn new(condition: &'a Condition, guard: G, site: &'static Location<'static>) -> Waiting<'a, G> {
        Waiting { condition, stage: Stage::New(guard), place: Place::NONE, site }
    }
}

// Nothing in it is pinned.
impl<G: Guard> Unpin for Waiting<'_, G> {}

impl<G: Guard> Future for Waiting<'_, G> {
    type Output = G;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<G> {
        let this = &mut *self;
        let line = &this.condition.line;
        match std::mem::replace(&mut this.stage, Stage::Done) {
            Stage::New(guard) => {
                this.condition.check(&guard);
                // First into the line, then out of the lock: whoever has it next may notify at once.
                let joined = line.poll(&mut this.place, cx, &WAIT, this.site, 1);
                debug_assert!(joined.is_pending());
                this.stage = Stage::Waits(guard.unlock(this.site));
                return Poll::Pending;
            }
            Stage::Waits(locking) => match line.poll(&mut this.place, cx, &WAIT, this.site, 1) {
                Poll::Ready(grant) => this.stage = Stage::Returns(locking, grant),
                Poll::Pending => this.stage = Stage::Waits(locking),
            },
            other => this.stage = other,
        }
        let Stage::Returns(locking, _) = &mut this.stage else {
            assert!(!matches!(this.stage, Stage::Done), "a wait was polled again after it was ready");
            return Poll::Pending;
        };
        let guard = ready!(Pin::new(locking).poll(cx));
        this.stage = Stage::Done;
        Poll::Ready(guard)
    }
}

impl<G: Guard> Drop for Waiting<'_, G> {
    fn drop(&mut self) {
        let notice = match &self.stage {
            Stage::Returns(_, grant) => Some(*grant),
            _ => self.condition.line.leave(&mut self.place),
        };
        if notice == Some(Grant::Turn) {
            self.condition.line.grant(Grant::Turn);
        }
    }
}
