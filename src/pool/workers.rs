//! Threads that run the jobs of one queue: none before the first job, and never more than a limit.
//!
//! Any job may wait for one behind it, so none may stay in the queue while a thread could have it. But if each job woke
//! a thread, or made one, a burst of short ones would bring them all to find nothing. So whoever leaves a job in the
//! queue, by putting it there or by taking the one before it, sees to it that *one* worker is coming, and that one, when
//! it takes a job, does the same. Then the threads multiply at the speed at which they arrive, and only while there is
//! something to arrive for: of 1000 empty jobs each costs 0.4 to 0.6 µs with 4 to 9 threads, where a wake for each cost
//! 5 to 8 µs with 64.

use std::collections::VecDeque;
use std::io;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use super::job::Work;
use super::lock;
use crate::cell::RemoteRef;
use crate::inbox::Origin;

/// A thread of ours. What it runs is of one type: for another, std's code is 3 KiB more of a binary.
pub(crate) fn begin_thread(name: String, run: Box<dyn FnOnce() + Send>) -> io::Result<JoinHandle<()>> {
    thread::Builder::new().name(name).spawn(run)
}

pub(super) struct Workers(Arc<Shared>);

struct Shared {
    /// What their names begin with.
    name: &'static str,
    /// How many may live at once; known when the first job comes.
    limit: OnceLock<usize>,
    /// Each ends after so long without a job.
    keep_alive: Duration,
    state: Mutex<State>,
    /// A sleeper is called, or the pool closes.
    called: Condvar,
    /// A worker ended.
    ended: Condvar,
}

/// What a pool has to do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Load {
    /// Its threads.
    pub threads: usize,
    /// Jobs that run.
    pub running: usize,
    /// Jobs that wait for a thread.
    pub queued: usize,
}

/// A job, and the task to wake when it has run.
type Queued = (Arc<dyn Work>, RemoteRef);

#[derive(Default)]
struct State {
    queue: VecDeque<Queued>,
    /// Workers that live, or are being made. Each runs a job, or is coming, or sleeps.
    alive: usize,
    /// Workers on their way to the queue: called, or made, or done with a job. No sleeper is called while one is.
    coming: usize,
    /// Workers that sleep and were not called.
    asleep: usize,
    /// Calls that no sleeper has answered yet; who answers one is coming.
    calls: usize,
    /// Workers made so far, for their names.
    made: usize,
    closed: bool,
    threads: Vec<JoinHandle<()>>,
}

/// Who is to come for the jobs in the queue; to be done with the lock released, or who comes would wait for it.
#[must_use]
enum Summons {
    /// Somebody comes already, or nobody can.
    None,
    /// A sleeper, to be notified.
    Sleeper,
    /// A worker with this number, to be made.
    Worker(usize),
}

impl State {
    fn summon(&mut self, limit: usize) -> Summons {
        if self.queue.is_empty() || self.coming > 0 {
            return Summons::None;
        }
        if self.asleep > 0 {
            self.asleep -= 1;
            self.calls += 1;
            self.coming += 1;
            return Summons::Sleeper;
        }
        if self.alive < limit {
            self.alive += 1;
            self.coming += 1;
            self.made += 1;
            return Summons::Worker(self.made);
        }
        Summons::None
    }
}

impl Workers {
    pub(super) fn new(name: &'static str, limit: Option<usize>, keep_alive: Duration) -> Workers {
        let limit = limit.map_or_else(OnceLock::new, OnceLock::from);
        let (called, ended) = (Condvar::new(), Condvar::new());
        Workers(Arc::new(Shared { name, limit, keep_alive, state: Mutex::default(), called, ended }))
    }

    /// At most so many threads, if no number was said before.
    pub(super) fn limit_to(&self, threads: fn() -> usize) {
        self.0.limit.get_or_init(threads);
    }

    pub(super) fn load(&self) -> Load {
        let state = lock(&self.0.state);
        let State { alive: threads, coming, asleep, .. } = *state;
        Load { threads, running: threads - coming - asleep, queued: state.queue.len() }
    }

    /// Queues a job; `task` is woken when it has run.
    ///
    /// # Errors
    /// If no thread runs and none can be made.
    pub(super) fn submit(&self, job: Arc<dyn Work>, task: RemoteRef) -> io::Result<()> {
        let shared = &self.0;
        let mut state = lock(&shared.state);
        state.queue.push_back((job, task));
        let summons = shared.summon(&mut state);
        drop(state);
        shared.bring(summons).or_else(|error| {
            let mut state = lock(&shared.state);
            if state.alive > 0 {
                return Ok(()); // one of them will come, when it has ended its job
            }
            let unrun = state.queue.pop_back();
            drop(state);
            drop(unrun);
            Err(error)
        })
    }

    /// Tells the workers to end when they have no job, and drops the jobs that wait.
    pub(super) fn close(&self) {
        let mut state = lock(&self.0.state);
        state.closed = true;
        let unrun = std::mem::take(&mut state.queue);
        drop(state);
        self.0.called.notify_all();
        drop(unrun);
    }

    /// Waits for the end of all workers until `deadline`, or for ever.
    pub(super) fn wait(&self, deadline: Option<Instant>) {
        let mut state = lock(&self.0.state);
        while state.alive > 0 {
            let Some(deadline) = deadline else {
                state = self.0.ended.wait(state).unwrap_or_else(PoisonError::into_inner);
                continue;
            };
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return;
            }
            state = wait_timeout(&self.0.ended, state, left).0;
        }
        let threads = std::mem::take(&mut state.threads);
        drop(state);
        for thread in threads {
            let _ = thread.join(); // it has left `work`, where panics were caught
        }
    }
}

fn wait_timeout<'a, T>(news: &Condvar, guard: MutexGuard<'a, T>, most: Duration) -> (MutexGuard<'a, T>, bool) {
    let (guard, timeout) = news.wait_timeout(guard, most).unwrap_or_else(PoisonError::into_inner);
    (guard, timeout.timed_out())
}

impl Shared {
    fn summon(&self, state: &mut State) -> Summons {
        state.summon(*self.limit.get().expect("said before the first job"))
    }

    fn bring(self: &Arc<Self>, summons: Summons) -> io::Result<()> {
        match summons {
            Summons::None => Ok(()),
            Summons::Sleeper => {
                self.called.notify_one();
                Ok(())
            }
            Summons::Worker(number) => self.make(number),
        }
    }

    fn make(self: &Arc<Self>, number: usize) -> io::Result<()> {
        let shared = self.clone();
        let made = begin_thread(format!("{}-{number}", self.name), Box::new(move || shared.work()));
        let mut state = lock(&self.state);
        match made {
            Ok(thread) => {
                state.threads.retain(|thread| !thread.is_finished());
                state.threads.push(thread);
                Ok(())
            }
            Err(error) => {
                state.alive -= 1;
                state.coming -= 1;
                // Meanwhile a job may have come, and a worker fallen asleep: each counted on the one that is not made.
                let summons = state.summon(0);
                drop(state);
                self.bring(summons)?;
                Err(error)
            }
        }
    }

    /// A worker's life. It is coming when it begins.
    fn work(self: &Arc<Self>) {
        let mut state = lock(&self.state);
        loop {
            if let Some((job, task)) = state.queue.pop_front() {
                state.coming -= 1;
                let summons = self.summon(&mut state);
                drop(state);
                let _ = self.bring(summons); // if none can be made, those that live do it all
                let is_wanted = job.run();
                drop(job);
                // Before the task is woken, so that the job which it may queue next finds this worker.
                lock(&self.state).coming += 1;
                if is_wanted {
                    task.notify(|_| Origin::Job);
                }
                drop(task);
                state = lock(&self.state);
                continue;
            }
            state.coming -= 1;
            if state.closed {
                break;
            }
            let is_called;
            (state, is_called) = self.sleep(state);
            if !is_called {
                break;
            }
        }
        state.alive -= 1;
        drop(state);
        self.ended.notify_all();
    }

    /// Sleeps until it is called, which is then answered; `false`: its time without a job is over, or the pool closes.
    fn sleep<'a>(&self, mut state: MutexGuard<'a, State>) -> (MutexGuard<'a, State>, bool) {
        state.asleep += 1;
        loop {
            let is_late;
            (state, is_late) = wait_timeout(&self.called, state, self.keep_alive);
            // Whoever wakes may answer: the system does not say for whom the notice was.
            if state.calls > 0 {
                state.calls -= 1;
                return (state, true);
            }
            if is_late || state.closed {
                state.asleep -= 1;
                return (state, false);
            }
        }
    }
}
