//! The pool: threads that run closures, none before the first job. Two crews of them, for work that waits and for
//! work that computes, each with a queue and a limit of its own, so that neither can starve the other; and one list
//! of the jobs of both, so that the rest of the loop need not know that there are two.
//!
//! A job goes to its worker and comes back, with its result in the closure's place, as one box that changes hands: by
//! the crew's queue, and by the inbox. The loop keeps a place for it meanwhile, where the task that is to be woken is.
//! Life of a job: Waiting → Running → Ended → taken by its task's poll; or taken back while it waits in the queue, and
//! dropped with its task; or it ends when its runtime is gone or ending, and the late result is dropped on its worker.

mod job;
mod workers;

use std::cell::RefCell;
use std::marker::PhantomData;
use std::num::NonZeroUsize;
use std::rc::Rc;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use slab::Slab;

use crate::cell::{Inbox, TaskRef};
use crate::inbox::Work;
use crate::trace::{Kind, TaskId};
pub(crate) use job::JobFuture;
use job::{Job, Stage};
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

/// The jobs whose tasks are not finished, each in its place.
#[derive(Default)]
struct Outstanding(RefCell<Slab<Place>>);

struct Place {
    /// Who is to be woken when the job is back.
    task: Option<TaskRef>,
    /// The job, unless it is in a queue or on a worker.
    job: Option<Box<dyn Work>>,
}

/// No code of ours panics under a lock, and user code never runs under one; so poison carries no news.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Outstanding {
    fn with<R>(&self, place: usize, act: impl FnOnce(&mut Place) -> R) -> R {
        act(&mut self.0.borrow_mut()[place])
    }

    fn put(&self, job: Box<dyn Work>) {
        self.with(job.place(), |place| place.job = Some(job));
    }

    fn take(&self, place: usize) -> Option<Box<dyn Work>> {
        self.with(place, |place| place.job.take())
    }

    /// What was there, to be dropped when nothing is borrowed.
    fn remove(&self, place: usize) -> Place {
        self.0.borrow_mut().remove(place)
    }
}

impl Pool {
    /// Workers send what they are done with to `inbox`.
    pub(crate) fn new(policy: Policy, inbox: &Arc<Inbox>) -> Pool {
        let crews = match policy {
            Policy::Inline => None,
            Policy::Threads { blocking, cpu, keep_alive } => Some(Crews {
                blocking: Workers::new("glassloop-job", Some(blocking), keep_alive, inbox.clone()),
                cpu: Workers::new("glassloop-cpu", cpu, keep_alive, inbox.clone()),
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

    /// The jobs that workers run now, in the order in which they were made.
    pub(crate) fn running(&self) -> Vec<TaskId> {
        let Some(Crews { blocking, cpu }) = &self.crews else { return Vec::new() };
        let mut running = blocking.running();
        running.append(&mut cpu.running());
        running.sort_unstable();
        running
    }

    /// The future of a job, which `submit` must be told of when its task has its cell.
    pub(crate) fn prepare<F, T>(&self, crew: Crew, work: F) -> (JobFuture<F, T>, Submission)
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static,
    {
        let mut places = self.outstanding.0.borrow_mut();
        let place = places.vacant_key();
        let job = Box::new(Job::<F, T> { place, stage: Stage::Waiting(work) });
        places.insert(Place { task: None, job: Some(job) });
        let future = JobFuture { place, outstanding: self.outstanding.clone(), types: PhantomData };
        (future, Submission { crew, place })
    }

    /// Queues a job; `task`, which has not finished, is what `ended` gives when it has run.
    ///
    /// # Errors
    /// If no thread runs and none can be made. The job is taken back then.
    pub(crate) fn submit(&self, Submission { crew, place }: Submission, task: TaskRef) -> std::io::Result<()> {
        let Some(crews) = &self.crews else { return Ok(()) };
        let id = task.id();
        let job = self.outstanding.with(place, |place| {
            place.task = Some(task);
            place.job.take()
        });
        let Some(job) = job else { return Ok(()) };
        let workers = match crew {
            Crew::Blocking => &crews.blocking,
            Crew::Cpu(processors) => {
                crews.cpu.limit_to(processors);
                &crews.cpu
            }
        };
        workers.submit(id, job).inspect_err(|_| {
            self.take_back(workers, id);
        })
    }

    /// A job came back; its task, to be woken.
    pub(crate) fn ended(&self, job: Box<dyn Work>) -> Option<TaskRef> {
        self.outstanding.with(job.place(), |place| {
            place.job = Some(job);
            place.task.take()
        })
    }

    /// Takes the job of this task back, if it has one; `false` if it runs or has run. An inline one runs in its task's
    /// poll and not before.
    pub(crate) fn cancel(&self, kind: Kind, id: TaskId) -> bool {
        match (&self.crews, kind) {
            (Some(crews), Kind::Blocking) => self.take_back(&crews.blocking, id),
            (Some(crews), Kind::Cpu) => self.take_back(&crews.cpu, id),
            _ => true,
        }
    }

    fn take_back(&self, workers: &Workers, id: TaskId) -> bool {
        workers.take_back(id).map(|job| self.outstanding.put(job)).is_some()
    }

    /// No job begins from now on, and the workers end when they have none.
    pub(crate) fn stop(&self) {
        let Some(Crews { blocking, cpu }) = &self.crews else { return };
        for job in blocking.close().chain(cpu.close()) {
            self.outstanding.put(job); // it is dropped with its task
        }
    }

    /// Waits for the end of all workers until `deadline`, or for ever.
    pub(crate) fn wait(&self, deadline: Option<Instant>) {
        let Some(Crews { blocking, cpu }) = &self.crews else { return };
        blocking.wait(deadline);
        cpu.wait(deadline);
    }
}

/// A job that waits for its task's cell.
pub(crate) struct Submission {
    crew: Crew,
    place: usize,
}
