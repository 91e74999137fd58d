//! Tasks that are awaited in the order in which they end.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::fmt;
use std::future::Future;
use std::panic::{Location, resume_unwind};
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use slab::Slab;

use super::{JoinHandle, spawn, spawn_blocking, spawn_cpu, spawn_named};
use crate::cell::{JoinError, Stays};
use crate::state::{Account, End};
use crate::trace::{Class, TaskId};
use crate::waits::{Grant, Op, Place, WaitList};

static JOIN_NEXT: Op = Op::new(Class::Join, "JoinSet::join_next", "ended in the JoinSet")
    .closing("detached all tasks of the JoinSet")
    .losing("");

/// Tasks whose results are taken in the order in which they end; asyncio's `as_completed` and `wait`, tokio's
/// `JoinSet`.
///
/// Dropping it aborts every task that is left in it, in spawn order; [`detach_all`](JoinSet::detach_all) lets them
/// live.
///
/// # Scheduling
/// A member that ends notes itself in the set and wakes whoever awaits [`join_next`](JoinSet::join_next), once for all
/// that end before that task is polled. No member is looked at that has not ended: joining n of them costs at most n
/// wakes.
///
/// # Examples
/// ```
/// use glassloop::time::{pause, sleep};
/// use glassloop::JoinSet;
/// use std::time::Duration;
///
/// glassloop::run(async {
///     pause();
///     let mut set = JoinSet::new();
///     for seconds in [3, 1, 2] {
///         set.spawn(async move {
///             sleep(Duration::from_secs(seconds)).await;
///             seconds
///         });
///     }
///     let mut ended = Vec::new();
///     while let Some(result) = set.join_next().await {
///         ended.push(result.unwrap());
///     }
///     assert_eq!(ended, [1, 2, 3]);
/// });
/// ```
#[must_use = "dropping a set aborts the tasks in it"]
pub struct JoinSet<T> {
    members: Slab<JoinHandle<T>>,
    ended: Stays<Rc<Ended>>,
    /// Of whoever awaits the next.
    place: Place,
}

/// What the members share with their set.
struct Ended {
    /// The keys of members that have ended, the first to end in front.
    keys: RefCell<VecDeque<usize>>,
    waits: WaitList,
}

impl Ended {
    #[track_caller]
    fn new() -> Rc<Ended> {
        Rc::new(Ended { keys: RefCell::default(), waits: WaitList::new() })
    }
}

impl Account for Ended {
    fn ended(&self, member: usize, _: &End) {
        self.keys.borrow_mut().push_back(member);
        self.waits.grant(Grant::All);
    }
}

impl<T> JoinSet<T> {
    /// A set without tasks. Reports tell the caller's place as where it was made.
    #[track_caller]
    pub fn new() -> JoinSet<T> {
        JoinSet { members: Slab::new(), ended: Stays(Ended::new()), place: Place::NONE }
    }

    /// How many tasks are in it, those included that have ended and were not joined.
    #[must_use]
    pub fn len(&self) -> usize {
        self.members.len()
    }

    /// Whether no task is in it.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.members.is_empty()
    }

    /// Aborts every task that is in the set, in spawn order. They stay in it, and are joined as cancelled.
    ///
    /// # Scheduling
    /// As [`JoinHandle::abort`], for each.
    pub fn abort_all(&self) {
        // Keys are used again, so their order is not that of the spawns.
        let mut members: Vec<_> = self.members.iter().map(|(_, member)| member).collect();
        members.sort_unstable_by_key(|member| member.id());
        members.into_iter().for_each(JoinHandle::abort);
    }

    /// Takes all tasks out of the set, and lets them run on. A panic among them is then reported as lost.
    #[track_caller]
    pub fn detach_all(&mut self) {
        self.ended.waits.grant(Grant::Closed); // the set is empty now, which is news for whoever polled it
        self.leave();
        // Those that live note their ends in the old account, where nobody looks.
        self.ended = Stays(Ended::new());
        drop(std::mem::take(&mut self.members));
    }

    /// Nobody waits any more.
    fn leave(&mut self) {
        let _all = self.ended.waits.leave(&mut self.place); // news for all needs no passing on
    }

    /// A member that has ended, with its id.
    fn take_next(&mut self) -> Option<JoinHandle<T>> {
        let key = self.ended.keys.borrow_mut().pop_front()?;
        Some(self.members.remove(key))
    }
}

impl<T: 'static> JoinSet<T> {
    /// Makes a task of `future` in the set. The handle that is lent gives its id, and may abort it.
    ///
    /// # Scheduling
    /// As [`spawn`]: ready at once, at the back of the queue.
    ///
    /// # Panics
    /// Outside of a running loop.
    #[track_caller]
    pub fn spawn<F>(&mut self, future: F) -> &JoinHandle<T>
    where
        F: Future<Output = T> + 'static,
    {
        self.insert(spawn(future))
    }

    /// As [`spawn`](JoinSet::spawn), with a name that traces and reports show.
    ///
    /// # Panics
    /// Outside of a running loop.
    #[track_caller]
    pub fn spawn_named<F>(&mut self, name: impl Into<Arc<str>>, future: F) -> &JoinHandle<T>
    where
        F: Future<Output = T> + 'static,
    {
        self.insert(spawn_named(name, future))
    }

    /// Runs `work` on a thread of the blocking pool, and its task in the set; see [`spawn_blocking`].
    ///
    /// # Panics
    /// Outside of a running loop, and if no thread runs and none can be made.
    #[track_caller]
    pub fn spawn_blocking<F>(&mut self, work: F) -> &JoinHandle<T>
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send,
    {
        self.insert(spawn_blocking(work))
    }

    /// Computes on a thread of the CPU pool, and puts its task in the set; see [`spawn_cpu`].
    ///
    /// # Panics
    /// As [`spawn_blocking`](JoinSet::spawn_blocking).
    #[track_caller]
    pub fn spawn_cpu<F>(&mut self, work: F) -> &JoinHandle<T>
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send,
    {
        self.insert(spawn_cpu(work))
    }

    fn insert(&mut self, member: JoinHandle<T>) -> &JoinHandle<T> {
        let entry = self.members.vacant_entry();
        member.enlist(self.ended.0.clone(), entry.key());
        entry.insert(member)
    }

    /// Waits for the next task that ends, and gives its result. `None` if no task is in the set.
    ///
    /// # Cancel safety
    /// Dropped, it has taken no task out of the set.
    #[track_caller]
    pub fn join_next(&mut self) -> JoinNext<'_, T> {
        JoinNext { next: self.join_next_with_id() }
    }

    /// As [`join_next`](JoinSet::join_next), with the task's id; a [`JoinError`] knows it itself.
    ///
    /// # Cancel safety
    /// As [`join_next`](JoinSet::join_next).
    #[track_caller]
    pub fn join_next_with_id(&mut self) -> JoinNextWithId<'_, T> {
        JoinNextWithId { set: self, site: Location::caller() }
    }

    /// The result of a task that has ended, if one has that was not joined. `None` as well if the set is empty.
    pub fn try_join_next(&mut self) -> Option<Result<T, JoinError>> {
        without_id(self.try_join_next_with_id())
    }

    /// As [`try_join_next`](JoinSet::try_join_next), with the task's id.
    pub fn try_join_next_with_id(&mut self) -> Option<Result<(TaskId, T), JoinError>> {
        let mut member = self.take_next()?;
        let id = member.id();
        match Pin::new(&mut member).poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(result) => Some(result.map(|output| (id, output))),
            Poll::Pending => unreachable!("task {id} noted its end after its output was stored"),
        }
    }

    /// The poll of [`join_next`](JoinSet::join_next): pending while no member has ended, and the task of `cx` is then
    /// woken by the next that does. One task may wait: the last that polled.
    #[track_caller]
    pub fn poll_join_next(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<T, JoinError>>> {
        self.poll_next(cx, Location::caller()).map(without_id)
    }

    /// As [`poll_join_next`](JoinSet::poll_join_next), with the task's id.
    #[track_caller]
    pub fn poll_join_next_with_id(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<(TaskId, T), JoinError>>> {
        self.poll_next(cx, Location::caller())
    }

    fn poll_next(
        &mut self,
        cx: &mut Context<'_>,
        site: &'static Location<'static>,
    ) -> Poll<Option<Result<(TaskId, T), JoinError>>> {
        let next = self.try_join_next_with_id();
        if next.is_some() || self.is_empty() {
            self.leave();
            return Poll::Ready(next);
        }
        // Granted, and its news were taken by `try_join_next` since: it waits anew.
        if self.ended.waits.poll(&mut self.place, cx, &JOIN_NEXT, site, 1).is_ready() {
            let _pending = self.ended.waits.poll(&mut self.place, cx, &JOIN_NEXT, site, 1);
        }
        Poll::Pending
    }

    /// Waits for all tasks, and gives their outputs in the order in which they ended.
    ///
    /// # Panics
    /// With a task's own panic, and if a task was cancelled. The tasks that are left are then aborted.
    ///
    /// # Cancel safety
    /// Dropped, it drops the outputs it has, and aborts the tasks that are left.
    pub async fn join_all(mut self) -> Vec<T> {
        let mut outputs = Vec::with_capacity(self.len());
        while let Some(result) = self.join_next().await {
            match result {
                Ok(output) => outputs.push(output),
                Err(error) if error.is_panic() => resume_unwind(error.into_panic()),
                Err(error) => panic!("JoinSet::join_all needs every output, but {error}"),
            }
        }
        outputs
    }

    /// Aborts all tasks, and waits until the last is gone. Their results are dropped; a panic among them is not
    /// reported.
    ///
    /// # Cancel safety
    /// Dropped, the tasks stay aborted, and those that were not waited for stay in the set.
    pub async fn shutdown(&mut self) {
        self.abort_all();
        while self.join_next().await.is_some() {}
    }
}

impl<T> Drop for JoinSet<T> {
    fn drop(&mut self) {
        self.leave();
        self.abort_all();
    }
}

fn without_id<T>(next: Option<Result<(TaskId, T), JoinError>>) -> Option<Result<T, JoinError>> {
    Some(next?.map(|(_, output)| output))
}

impl<T> Default for JoinSet<T> {
    fn default() -> JoinSet<T> {
        JoinSet::new()
    }
}

impl<T> fmt::Debug for JoinSet<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ended = self.ended.keys.borrow().len();
        f.debug_struct("JoinSet").field("len", &self.len()).field("ended", &ended).finish()
    }
}

/// Spawns every future, in their order.
impl<T: 'static, F> FromIterator<F> for JoinSet<T>
where
    F: Future<Output = T> + 'static,
{
    #[track_caller]
    fn from_iter<I: IntoIterator<Item = F>>(futures: I) -> JoinSet<T> {
        let mut set = JoinSet::new();
        set.extend(futures);
        set
    }
}

/// Spawns every future, in their order.
impl<T: 'static, F> Extend<F> for JoinSet<T>
where
    F: Future<Output = T> + 'static,
{
    #[track_caller]
    fn extend<I: IntoIterator<Item = F>>(&mut self, futures: I) {
        for future in futures {
            self.spawn(future);
        }
    }
}

/// The results, as [`join_next`](JoinSet::join_next) gives them. A set that gave `None` and was given a task since
/// gives results again.
#[cfg(feature = "stream")]
impl<T: 'static> futures_lite::Stream for JoinSet<T> {
    type Item = Result<T, JoinError>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.poll_join_next(cx)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.len(), Some(self.len()))
    }
}

/// The future of [`JoinSet::join_next`].
#[must_use = "futures do nothing unless you `.await` them"]
#[derive(Debug)]
pub struct JoinNext<'a, T> {
    next: JoinNextWithId<'a, T>,
}

impl<T: 'static> Future for JoinNext<'_, T> {
    type Output = Option<Result<T, JoinError>>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        Pin::new(&mut self.next).poll(cx).map(without_id)
    }
}

/// The future of [`JoinSet::join_next_with_id`].
#[must_use = "futures do nothing unless you `.await` them"]
#[derive(Debug)]
pub struct JoinNextWithId<'a, T> {
    set: &'a mut JoinSet<T>,
    site: &'static Location<'static>,
}

impl<T: 'static> Future for JoinNextWithId<'_, T> {
    type Output = Option<Result<(TaskId, T), JoinError>>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let site = self.site;
        self.set.poll_next(cx, site)
    }
}

impl<T> Drop for JoinNextWithId<'_, T> {
    fn drop(&mut self) {
        self.set.leave();
    }
}
