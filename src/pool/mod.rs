//! The pool: threads that run closures, none before the first job. Two crews of them, for work that waits and for
//! work that computes, each with a queue and a limit of its own, so that neither can starve the other; and one list
//! of the jobs of both, so that the rest of the loop need not know that there are two.
//!
//! A job's result comes back through its task: the worker stores it and leaves a wake in the inbox, and the task's
//! poll takes it. Life of a job: Queued → Running → Done → Gone (taken); or Queued → Cancelled → Gone; or Running →
//! Abandoned → Gone (the runtime did not wait for it, and the late result is dropped on its worker).

mod job;
mod workers;

use std::cell::RefCell;
use std::num::NonZeroUsize;
use std::rc::Rc;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use crate::by_id::ById;
use crate::cell::RemoteRef;
use crate::trace::TaskId;
pub(crate) use job::JobFuture;
use job::{Job, Work};
pub use workers::Load;
use workers::Workers;
#[cfg(feature = "glass")]
pub(crate) use workers::begin_thread;

/// Where jobs run.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Policy {
    /// On threads, each of which ends after `keep_alive` without a job.
    Threads {
        /// At most so many for work that waits.
        blocking: usize,
        /// At most so many for work that computes; as many as there are processors, if it is not said.
        cpu: Option<usize>,
        keep_alive: Duration,
    },
    /// In the poll of the job's task, on the loop's thread: for runs that must repeat exactly.
    Inline,
}

/// Which threads run a job.
#[derive(Clone, Copy)]
pub(crate) enum Crew {
    /// Those for work that waits: files, names, what the system makes us wait for.
    Blocking,
    /// Those for work that computes; as many, if no number was said, as this gives. It comes with the job, so that only
    /// a program with such jobs has it in it: `std` reads files for it, and it is 14 KiB of a binary.
    Cpu(fn() -> usize),
}

impl Crew {
    pub(crate) const CPU: Crew = Crew::Cpu(processors);
}

/// How many processors there are for us. Asked for once, at the first CPU job of the process: the answer costs the
/// system some file reads.
fn processors() -> usize {
    static PROCESSORS: OnceLock<usize> = OnceLock::new();
    *PROCESSORS.get_or_init(|| thread::available_parallelism().map_or(1, NonZeroUsize::get))
}

pub(crate) struct Pool {
    /// `None`: jobs run inline.
    crews: Option<Crews>,
    outstanding: Rc<Outstanding>,
}

struct Crews {
    blocking: Workers,
    cpu: Workers,
}

/// The jobs whose tasks are not finished.
#[derive(Default)]
struct Outstanding(RefCell<ById<Arc<dyn Work>>>);

/// No code of ours panics under a lock, and user code never runs under one; so poison carries no news.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Pool {
    pub(crate) fn new(policy: Policy) -> Pool {
        let crews = match policy {
            Policy::Inline => None,
            Policy::Threads { blocking, cpu, keep_alive } => Some(Crews {
                blocking: Workers::new("glassloop-job", Some(blocking), keep_alive),
                cpu: Workers::new("glassloop-cpu", cpu, keep_alive),
            }),
        };
        Pool { crews, outstanding: Rc::default() }
    }

    /// Whether jobs run in their tasks' polls, so that such a task is ready at once.
    pub(crate) fn is_inline(&self) -> bool {
        self.crews.is_none()
    }

    /// What the threads for blocking jobs have to do, and those for computations. Inline jobs are not counted.
    pub(crate) fn load(&self) -> (Load, Load) {
        self.crews.as_ref().map(|crews| (crews.blocking.load(), crews.cpu.load())).unwrap_or_default()
    }

    /// How many jobs have not given their results yet.
    pub(crate) fn outstanding(&self) -> usize {
        self.outstanding.0.borrow().len()
    }

    /// The jobs that have not given their results yet, and their tasks.
    pub(crate) fn jobs(&self) -> Vec<(TaskId, AnyJob)> {
        self.outstanding.0.borrow().iter().map(|(id, job)| (TaskId(id), AnyJob(job.clone()))).collect()
    }

    /// The future of a job for task `id`, which `submit` must be told of when it has its cell.
    pub(crate) fn prepare<F, T>(&self, crew: Crew, work: F, id: TaskId) -> (JobFuture<F, T>, Submission)
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static,
    {
        let job = Arc::new(Job::new(work));
        self.outstanding.0.borrow_mut().insert(id.0, job.clone());
        let submission = Submission { crew, work: job.clone() };
        (JobFuture { job, id, inline: self.is_inline(), outstanding: self.outstanding.clone() }, submission)
    }

    /// Queues a job; `task` is woken when it has run.
    ///
    /// # Errors
    /// If no thread runs and none can be made.
    pub(crate) fn submit(&self, job: Submission, task: RemoteRef) -> std::io::Result<()> {
        let Some(crews) = &self.crews else { return Ok(()) };
        match job.crew {
            Crew::Blocking => crews.blocking.submit(job.work, task),
            Crew::Cpu(processors) => {
                crews.cpu.limit_to(processors);
                crews.cpu.submit(job.work, task)
            }
        }
    }

    /// Takes a queued job back. `Some(false)`: it runs or has run. `None`: no job of this task is outstanding.
    pub(crate) fn cancel(&self, id: TaskId) -> Option<bool> {
        let job = self.outstanding.0.borrow().get(id.0).cloned();
        job.map(|job| job.cancel())
    }

    /// No job begins from now on, and the workers end when they have none.
    pub(crate) fn stop(&self) {
        let Some(Crews { blocking, cpu }) = &self.crews else { return };
        blocking.close();
        cpu.close();
    }

    /// Waits for the end of all workers until `deadline`, or for ever.
    pub(crate) fn wait(&self, deadline: Option<Instant>) {
        let Some(Crews { blocking, cpu }) = &self.crews else { return };
        blocking.wait(deadline);
        cpu.wait(deadline);
    }
}

/// A job, to be asked whether it runs.
pub(crate) struct AnyJob(Arc<dyn Work>);

impl AnyJob {
    pub(crate) fn is_running(&self) -> bool {
        self.0.is_running()
    }
}

/// A job that waits for its task's cell.
pub(crate) struct Submission {
    crew: Crew,
    work: Arc<dyn Work>,
}
