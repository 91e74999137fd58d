//! Threads that run the jobs of one queue: none before the first job, and never more than a limit.

use std::collections::VecDeque;
use std::io;
use std::num::NonZeroUsize;
use std::sync::{Arc, Condvar, Mutex, OnceLock, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use super::job::Work;
use super::lock;
use crate::inbox::Origin;

pub(super) struct Workers {
    /// What their names begin with.
    name: &'static str,
    /// How many may live at once. `None`: as many as the machine has processors for us.
    limit: Option<usize>,
    /// Each ends after so long without a job.
    keep_alive: Duration,
    shared: Arc<Shared>,
}

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

impl Workers {
    pub(super) fn new(name: &'static str, limit: Option<usize>, keep_alive: Duration) -> Workers {
        let shared = Shared { state: Mutex::default(), work: Condvar::new(), ended: Condvar::new() };
        Workers { name, limit, keep_alive, shared: Arc::new(shared) }
    }

    /// Queues a job.
    ///
    /// # Errors
    /// If no thread runs and none can be made.
    pub(super) fn submit(&self, job: Arc<dyn Work>) -> io::Result<()> {
        let mut state = lock(&self.shared.state);
        state.queue.push_back(job);
        // A worker counts as idle until it takes a job, so a burst must not count on one worker twice.
        if state.queue.len() <= state.idle {
            self.shared.work.notify_one();
        } else if state.alive < self.limit.unwrap_or_else(processors) {
            let made = self.start(&mut state);
            if state.alive == 0 {
                state.queue.pop_back();
                return made;
            }
        }
        Ok(())
    }

    fn start(&self, state: &mut State) -> io::Result<()> {
        let (shared, keep_alive) = (self.shared.clone(), self.keep_alive);
        let name = format!("{}-{}", self.name, state.made + 1);
        let thread = thread::Builder::new().name(name).spawn(move || shared.work(keep_alive))?;
        state.threads.retain(|thread| !thread.is_finished());
        state.threads.push(thread);
        state.made += 1;
        state.alive += 1;
        state.idle += 1;
        Ok(())
    }

    /// Tells the workers to end when they have no job, and drops the jobs that wait.
    pub(super) fn close(&self) {
        let mut state = lock(&self.shared.state);
        state.closed = true;
        let unrun = std::mem::take(&mut state.queue);
        drop(state);
        self.shared.work.notify_all();
        drop(unrun);
    }

    /// Waits for the end of all workers until `deadline`, or for ever.
    pub(super) fn wait(&self, deadline: Option<Instant>) {
        let mut state = lock(&self.shared.state);
        while state.alive > 0 {
            let Some(deadline) = deadline else {
                state = self.shared.ended.wait(state).unwrap_or_else(PoisonError::into_inner);
                continue;
            };
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return;
            }
            state = match self.shared.ended.wait_timeout(state, left) {
                Ok((state, _)) => state,
                Err(poison) => poison.into_inner().0,
            };
        }
        let threads = std::mem::take(&mut state.threads);
        drop(state);
        for thread in threads {
            let _ = thread.join(); // it has left `work`, where panics were caught
        }
    }
}

/// Asked for once, at the first CPU job of the process: the answer costs the system some file reads.
fn processors() -> usize {
    static PROCESSORS: OnceLock<usize> = OnceLock::new();
    *PROCESSORS.get_or_init(|| thread::available_parallelism().map_or(1, NonZeroUsize::get))
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
