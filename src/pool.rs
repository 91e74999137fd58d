//! The blocking pool: threads that run closures, none before the first job.
//!
//! A job's result comes back through its task: the worker stores it and leaves a wake in the inbox, and the task's
//! poll takes it. Life of a job: Queued → Running → Done → Gone (taken); or Queued → Cancelled → Gone; or Running →
//! Abandoned → Gone (the runtime did not wait for it, and the late result is dropped on its worker).

use std::cell::RefCell;
use std::collections::{BTreeMap, VecDeque};
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::pin::Pin;
use std::rc::Rc;
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::task::{Context, Poll};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use crate::inbox::Origin;
use crate::panics::{Payload, guarded};
use crate::cell::RemoteRef;
use crate::trace::TaskId;

/// Where jobs run.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Policy {
    /// On at most `limit` threads, each of which ends after `keep_alive` without a job.
    Threads { limit: usize, keep_alive: Duration },
    /// In the poll of the job's task, on the loop's thread: for runs that must repeat exactly.
    Inline,
}

pub(crate) struct Pool {
    policy: Policy,
    shared: Arc<Shared>,
    outstanding: Rc<Outstanding>,
}

/// The jobs whose tasks are not finished.
#[derive(Default)]
struct Outstanding(RefCell<BTreeMap<TaskId, Arc<dyn Work>>>);

struct Shared {
    state: Mutex<State>,
    /// A job was queued, or the pool closes.
    work: Condvar,
    /// A worker ended.
    ended: Condvar,
}

#[derive(Default)]
struct State {
    queue: VecDeque<Arc<dyn Work>>,
    /// Workers that run no job: they wait for one, or are about to look for one.
    idle: usize,
    /// Workers that live.
    alive: usize,
    /// Workers made so far, for their names.
    made: usize,
    closed: bool,
    threads: Vec<JoinHandle<()>>,
}

/// A job, without its types.
trait Work: Send + Sync {
    /// On a worker; the task that waits for it is the caller's to wake.
    fn run(&self) -> Option<RemoteRef>;
    /// Takes a queued job back; `false` if it runs or has run.
    fn cancel(&self) -> bool;
    fn is_running(&self) -> bool;
}

struct Job<F, T> {
    stage: Mutex<Stage<F, T>>,
    task: Mutex<Option<RemoteRef>>,
}

enum Stage<F, T> {
    Queued(F),
    /// Taken back; the closure is dropped with its task, at that task's turn.
    Cancelled(F),
    Running,
    /// It runs, and nobody wants its result any more.
    Abandoned,
    Done(Result<T, Payload>),
    Gone,
}

/// No code of ours panics under a lock, and user code never runs under one; so poison carries no news.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}

impl Pool {
    pub(crate) fn new(policy: Policy) -> Pool {
        let shared = Shared { state: Mutex::default(), work: Condvar::new(), ended: Condvar::new() };
        Pool { policy, shared: Arc::new(shared), outstanding: Rc::default() }
    }

    /// Whether jobs run in their tasks' polls, so that such a task is ready at once.
    pub(crate) fn is_inline(&self) -> bool {
        matches!(self.policy, Policy::Inline)
    }

    /// How many jobs have not given their results yet.
    pub(crate) fn outstanding(&self) -> usize {
        self.outstanding.0.borrow().len()
    }

    /// The jobs that are running now, and their tasks.
    pub(crate) fn running(&self) -> Vec<(TaskId, RunningJob)> {
        let jobs = self.outstanding.0.borrow();
        let running = jobs.iter().filter(|(_, job)| job.is_running());
        running.map(|(id, job)| (*id, RunningJob(job.clone()))).collect()
    }

    /// The future of a job for task `id`, which `submit` must be told of when it has its cell.
    pub(crate) fn prepare<F, T>(&self, work: F, id: TaskId) -> (JobFuture<F, T>, Submission)
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static,
    {
        let job = Arc::new(Job { stage: Mutex::new(Stage::Queued(work)), task: Mutex::new(None) });
        let work: Arc<dyn Work> = job.clone();
        self.outstanding.0.borrow_mut().insert(id, work.clone());
        let future =
            JobFuture { job: job.clone(), id, inline: self.is_inline(), outstanding: self.outstanding.clone() };
        let link = Box::new(move |task| *lock(&job.task) = Some(task));
        (future, Submission { work, link })
    }

    /// Queues a job; `task` is woken when it has run.
    ///
    /// # Errors
    /// If no thread runs and none can be made.
    pub(crate) fn submit(&self, job: Submission, task: RemoteRef) -> std::io::Result<()> {
        let Policy::Threads { limit, keep_alive } = self.policy else { return Ok(()) };
        (job.link)(task);
        let mut state = lock(&self.shared.state);
        state.queue.push_back(job.work);
        // A worker counts as idle until it takes a job, so a burst must not count on one worker twice.
        if state.queue.len() <= state.idle {
            self.shared.work.notify_one();
        } else if state.alive < limit {
            let made = self.start_worker(&mut state, keep_alive);
            if state.alive == 0 {
                state.queue.pop_back();
                return made;
            }
        }
        Ok(())
    }

    fn start_worker(&self, state: &mut State, keep_alive: Duration) -> std::io::Result<()> {
        let shared = self.shared.clone();
        let name = format!("glassloop-job-{}", state.made + 1);
        let thread = thread::Builder::new().name(name).spawn(move || shared.work(keep_alive))?;
        state.threads.retain(|thread| !thread.is_finished());
        state.threads.push(thread);
        state.made += 1;
        state.alive += 1;
        state.idle += 1;
        Ok(())
    }

    /// Takes a queued job back. `Some(false)`: it runs or has run. `None`: no job of this task is outstanding.
    pub(crate) fn cancel(&self, id: TaskId) -> Option<bool> {
        let job = self.outstanding.0.borrow().get(&id).cloned();
        job.map(|job| job.cancel())
    }

    /// Ends the workers. Waits for those that run a job until `deadline`, or for ever; whether all ended.
    pub(crate) fn close(&self, deadline: Option<Instant>) -> bool {
        let mut state = lock(&self.shared.state);
        state.closed = true;
        let unrun = std::mem::take(&mut state.queue);
        self.shared.work.notify_all();
        while state.alive > 0 {
            let Some(deadline) = deadline else {
                state = self.shared.ended.wait(state).unwrap_or_else(std::sync::PoisonError::into_inner);
                continue;
            };
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                break;
            }
            state = match self.shared.ended.wait_timeout(state, left) {
                Ok((state, _)) => state,
                Err(poison) => poison.into_inner().0,
            };
        }
        let all = state.alive == 0;
        let threads = std::mem::take(&mut state.threads);
        drop(state);
        drop(unrun);
        if all {
            for thread in threads {
                let _ = thread.join(); // it has left `work`, where panics were caught
            }
        }
        all
    }
}

/// A job that was running when it was asked for.
pub(crate) struct RunningJob(Arc<dyn Work>);

impl RunningJob {
    pub(crate) fn is_running(&self) -> bool {
        self.0.is_running()
    }
}

/// A job that waits for its task's cell.
pub(crate) struct Submission {
    work: Arc<dyn Work>,
    link: Box<dyn FnOnce(RemoteRef)>,
}

impl Shared {
    /// A worker's life.
    fn work(&self, keep_alive: Duration) {
        let mut state = lock(&self.state);
        loop {
            if let Some(job) = state.queue.pop_front() {
                state.idle -= 1;
                drop(state);
                let task = job.run();
                drop(job);
                // Before the task is woken, so that the job which it may queue next finds this worker.
                lock(&self.state).idle += 1;
                if let Some(task) = task {
                    task.notify(|_| Origin::Job);
                }
                state = lock(&self.state);
                continue;
            }
            if state.closed {
                break;
            }
            let (guard, timeout) = match self.work.wait_timeout(state, keep_alive) {
                Ok(woken) => woken,
                Err(poison) => poison.into_inner(),
            };
            state = guard;
            if timeout.timed_out() && state.queue.is_empty() {
                break;
            }
        }
        state.idle -= 1;
        state.alive -= 1;
        drop(state);
        self.ended.notify_all();
    }
}

impl<F, T> Job<F, T>
where
    F: FnOnce() -> T + Send,
    T: Send,
{
    /// Takes the closure, if it has not begun.
    fn begin(&self) -> Option<F> {
        let mut stage = lock(&self.stage);
        match std::mem::replace(&mut *stage, Stage::Running) {
            Stage::Queued(work) => Some(work),
            other => {
                *stage = other;
                None
            }
        }
    }

    /// The task is gone. Hands out what the job still held, to be dropped outside of the lock.
    fn forget(&self) -> (Stage<F, T>, Option<RemoteRef>) {
        let mut stage = lock(&self.stage);
        let after = if matches!(*stage, Stage::Running) { Stage::Abandoned } else { Stage::Gone };
        let before = std::mem::replace(&mut *stage, after);
        drop(stage);
        (before, lock(&self.task).take())
    }
}

impl<F, T> Work for Job<F, T>
where
    F: FnOnce() -> T + Send,
    T: Send,
{
    fn run(&self) -> Option<RemoteRef> {
        let work = self.begin()?;
        let result = catch_unwind(AssertUnwindSafe(work));
        let late = {
            let mut stage = lock(&self.stage);
            if matches!(*stage, Stage::Running) {
                *stage = Stage::Done(result);
                None
            } else {
                Some(result)
            }
        };
        let task = lock(&self.task).take();
        // A panic here would end the worker; the value has nobody to tell.
        if late.is_some() {
            guarded("the destructor of a late job's result", || drop(late));
            *lock(&self.stage) = Stage::Gone;
        }
        task
    }

    fn cancel(&self) -> bool {
        let mut stage = lock(&self.stage);
        match std::mem::replace(&mut *stage, Stage::Gone) {
            Stage::Queued(work) | Stage::Cancelled(work) => {
                *stage = Stage::Cancelled(work);
                true
            }
            other => {
                *stage = other;
                false
            }
        }
    }

    fn is_running(&self) -> bool {
        matches!(&*lock(&self.stage), Stage::Running | Stage::Abandoned)
    }
}

/// The result of a job, as its task awaits it. Dropped before, it takes a queued job back.
pub(crate) struct JobFuture<F, T>
where
    F: FnOnce() -> T + Send,
    T: Send,
{
    job: Arc<Job<F, T>>,
    id: TaskId,
    inline: bool,
    outstanding: Rc<Outstanding>,
}

impl<F, T> Future for JobFuture<F, T>
where
    F: FnOnce() -> T + Send,
    T: Send,
{
    type Output = T;

    /// Stores no waker: the worker wakes the task that was given to `submit`.
    fn poll(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<T> {
        if self.inline
            && let Some(work) = self.job.begin()
        {
            return Poll::Ready(work());
        }
        let mut stage = lock(&self.job.stage);
        if !matches!(*stage, Stage::Done(_)) {
            return Poll::Pending;
        }
        let Stage::Done(result) = std::mem::replace(&mut *stage, Stage::Gone) else { unreachable!() };
        drop(stage);
        Poll::Ready(result.unwrap_or_else(|payload| resume_unwind(payload)))
    }
}

impl<F, T> Drop for JobFuture<F, T>
where
    F: FnOnce() -> T + Send,
    T: Send,
{
    fn drop(&mut self) {
        let listed = self.outstanding.0.borrow_mut().remove(&self.id);
        drop(listed);
        drop(self.job.forget());
    }
}
