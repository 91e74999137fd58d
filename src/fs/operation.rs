//! One call to the file system: a job, the future of its result, and the name that its error gets.

use std::error::Error;
use std::fmt;
use std::future::Future;
use std::io;
use std::panic::Location;
use std::path::Path;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::{mem, thread};

use crate::pool::Crew;
use crate::waits::note_lost;
use crate::wake;

/// One call to the file system; the future of the functions of [`fs`](crate::fs).
///
/// # Scheduling
/// At its first poll its job is queued on the blocking pool, as a task of its own, which the trace shows with the place
/// of the call. When that task has the result, it wakes whoever awaits this.
///
/// # Errors
/// What the system says, with the path in front; and outside of a running loop.
///
/// # Panics
/// When it is polled again after it gave its result; and as [`spawn_blocking`](crate::spawn_blocking) does when no
/// thread can be made.
///
/// # Cancel safety
/// Dropped before its job has begun, it does nothing; dropped later, it is done nevertheless, and its result is
/// dropped.
#[must_use = "futures do nothing unless you `.await` them"]
pub struct Operation<T> {
    /// Until the first poll.
    work: Option<Work<T>>,
    slot: Arc<Mutex<Slot<T>>>,
    site: &'static Location<'static>,
    /// Its job runs even if this is dropped: what comes after it builds on it.
    binding: bool,
}

type Work<T> = Box<dyn FnOnce() -> io::Result<T> + Send + Sync>;

/// Where the result crosses over. It keeps a waker, and no `JoinHandle`, which is not `Send`.
enum Slot<T> {
    Waiting(Option<Waker>),
    Found(io::Result<T>),
    /// Taken; or nobody wants it any more.
    Gone,
}

/// The end of the job's task. Dropped before it gave an answer, it says that there will be none.
struct Answer<T>(Arc<Mutex<Slot<T>>>);

impl<T: Send + 'static> Operation<T> {
    pub(super) fn new(
        site: &'static Location<'static>,
        work: impl FnOnce() -> io::Result<T> + Send + Sync + 'static,
    ) -> Operation<T> {
        let slot = Arc::new(Mutex::new(Slot::Waiting(None)));
        Operation { work: Some(Box::new(work)), slot, site, binding: false }
    }

    /// Its result is known already.
    pub(super) fn ready(site: &'static Location<'static>, result: io::Result<T>) -> Operation<T> {
        Operation { work: None, slot: Arc::new(Mutex::new(Slot::Found(result))), site, binding: false }
    }

    /// Queues the job at once, and lets it run whatever becomes of this future.
    ///
    /// # Errors
    /// Outside of a running loop.
    pub(super) fn bind(mut self) -> io::Result<Operation<T>> {
        self.binding = true;
        self.begin()?;
        Ok(self)
    }

    /// Queues the job, unless that was done.
    fn begin(&mut self) -> io::Result<()> {
        let Some(work) = self.work.take() else { return Ok(()) };
        let (slot, answer) = (self.slot.clone(), Answer(self.slot.clone()));
        let work = move || if matches!(*lock(&slot), Slot::Gone) { None } else { Some(work()) };
        wake::with_current("fs", |state| {
            // The job's task tells the result, and not its thread: so nobody sees it before the job's end is collected,
            // and the wake is one on the loop's own thread.
            let joined = Crew::Blocking.spawn_with(state, work, self.site, |job| async move {
                if let Some(result) = job.await {
                    answer.give(result);
                }
            });
            drop(joined);
        })?;
        Ok(())
    }
}

impl<T> Answer<T> {
    fn give(&self, result: io::Result<T>) {
        let mut slot = lock(&self.0);
        let Slot::Waiting(waker) = &mut *slot else { return }; // the result is dropped, after the lock
        let waker = waker.take();
        *slot = Slot::Found(result);
        drop(slot); // a waker is foreign code
        if let Some(waker) = waker {
            waker.wake();
        }
    }
}

impl<T> Drop for Answer<T> {
    fn drop(&mut self) {
        if !matches!(*lock(&self.0), Slot::Waiting(_)) {
            return;
        }
        let why = if thread::panicking() { "it panicked" } else { "its runtime is gone" };
        self.give(Err(io::Error::other(format!("the file operation gave no result: {why}"))));
    }
}

impl<T: Send + 'static> Future for Operation<T> {
    type Output = io::Result<T>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.begin()?;
        let new = cx.waker().clone();
        let mut slot = lock(&self.slot);
        let old = match mem::replace(&mut *slot, Slot::Gone) {
            Slot::Waiting(old) => old,
            Slot::Found(found) => return Poll::Ready(found),
            Slot::Gone => panic!("the file operation begun at {} was polled after it gave its result", self.site),
        };
        *slot = Slot::Waiting(Some(new));
        drop(slot);
        drop(old); // with no lock held, for it is foreign code
        Poll::Pending
    }
}

impl<T> Drop for Operation<T> {
    fn drop(&mut self) {
        let mut slot = lock(&self.slot);
        let unused = match &mut *slot {
            Slot::Waiting(waker) if self.binding => Slot::Waiting(waker.take()),
            other => mem::replace(other, Slot::Gone),
        };
        drop(slot);
        let is_wanting = matches!(unused, Slot::Waiting(_)) && self.work.is_none();
        drop(unused);
        if is_wanting && !self.binding {
            note_lost("fs::Operation", self.site, || "its result, if its job has begun".to_owned());
        }
    }
}

impl<T> fmt::Debug for Operation<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Operation(begun at {})", self.site)
    }
}

/// Nothing panics under this lock.
fn lock<T>(slot: &Mutex<Slot<T>>) -> MutexGuard<'_, Slot<T>> {
    slot.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What was attempted, on which path, and what the system said: the system's own errors name no path.
#[derive(Debug)]
struct Failed {
    what: String,
    error: io::Error,
}

/// Puts what was attempted in front of the system's error.
pub(super) fn named(error: io::Error, verb: &str, path: &Path) -> io::Error {
    failed(error, format!("{verb} {}", path.display()))
}

/// As [`named`], of something done with two paths.
pub(super) fn named_pair(error: io::Error, verb: &str, from: &Path, to: &Path) -> io::Error {
    failed(error, format!("{verb} {} to {}", from.display(), to.display()))
}

fn failed(error: io::Error, what: String) -> io::Error {
    io::Error::new(error.kind(), Failed { what, error })
}

impl fmt::Display for Failed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.what, self.error)
    }
}

impl Error for Failed {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&self.error)
    }
}
