//! Threads that run the jobs of one queue: none before the first job, and never more than a limit.
//!
//! Any job may wait for one behind it, so none may stay in the queue while a thread could have it. But if each job woke
//! a thread, or made one, a burst of short ones would bring them all to find nothing. So whoever leaves a job in the
//! queue, by putting it there or by taking the one before it, sees to it that *one* worker is coming, and that one, when
//! it takes a job, does the same. Then the threads multiply at the speed at which they arrive, and only while there is
//! something to arrive for: of 1000 empty jobs each costs 0.4 µs with 4 to 9 threads, where a wake for each cost 5 to
//! 8 µs with 64.
//!
//! Where threads share little else, what a short job costs is locked instructions, and lines of memory that two
//! processors want: so a job is one box, which moves; a worker locks the queue once a job; and nobody but the loop
//! touches the task. 10 locked instructions and 1030 in all, on both sides, where a job behind a mutex and an atomic
//! reference to its task took 34 and 1420.

use std::collections::VecDeque;
use std::io;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use slab::Slab;

use super::lock;
use crate::cell::Inbox;
use crate::inbox::{Message, Work};
use crate::panics::guarded;
use crate::trace::TaskId;

/// A thread of ours. What it runs is of one type: with one for the pool and one for the watchdog, a binary with `glass`
/// was 5 KiB larger.
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
    /// Where jobs go back to.
    inbox: Arc<Inbox>,
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

#[derive(Default)]
struct State {
    /// Jobs and their tasks, in the order in which they were made, so by id. `None`: it was taken back; never the last.
    queue: VecDeque<(TaskId, Option<Box<dyn Work>>)>,
    /// What each worker runs.
    running: Slab<Option<TaskId>>,
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
    fn push(&mut self, id: TaskId, job: Box<dyn Work>) {
        match self.queue.back() {
            // An observer heard of this task and has spawned another job: see `runtime::begin_told`.
            Some((last, _)) if *last > id => {
                let (Ok(at) | Err(at)) = self.find(id);
                self.queue.insert(at, (id, Some(job)));
            }
            _ => self.queue.push_back((id, Some(job))),
        }
    }

    fn find(&self, id: TaskId) -> Result<usize, usize> {
        self.queue.binary_search_by_key(&id, |(id, _)| *id)
    }

    /// The next job, for a worker that is coming.
    fn take(&mut self, worker: usize) -> Option<Box<dyn Work>> {
        while let Some((id, job)) = self.queue.pop_front() {
            if job.is_some() {
                self.coming -= 1;
                self.running[worker] = Some(id);
                return job;
            }
        }
        None
    }

    fn take_back(&mut self, id: TaskId) -> Option<Box<dyn Work>> {
        let at = self.find(id).ok()?;
        let job = self.queue[at].1.take();
        while let Some((_, None)) = self.queue.back() {
            self.queue.pop_back();
        }
        job
    }
}

impl Workers {
    pub(super) fn new(
        name: &'static str,
        limit: Option<usize>,
        keep_alive: Duration,
        inbox: Arc<Inbox>,
    ) -> Workers {
        Workers(Arc::new(Shared {
            name,
            limit: limit.map_or_else(OnceLock::new, OnceLock::from),
            keep_alive,
            state: Mutex::default(),
            inbox,
            called: Condvar::new(),
            ended: Condvar::new(),
        }))
    }

    /// At most so many threads, if no number was said before.
    pub(super) fn limit_to(&self, threads: fn() -> usize) {
        self.0.limit.get_or_init(threads);
    }

    pub(super) fn load(&self) -> Load {
        let state = lock(&self.0.state);
        Load {
            threads: state.alive,
            running: state.alive - state.coming - state.asleep,
            queued: state.queue.iter().filter(|(_, job)| job.is_some()).count(),
        }
    }

    /// What the workers run now.
    pub(super) fn running(&self) -> Vec<TaskId> {
        lock(&self.0.state).running.iter().filter_map(|(_, id)| *id).collect()
    }

    /// Queues the job of task `id`.
    ///
    /// # Errors
    /// If no thread runs and none can be made. The job stays in the queue.
    pub(super) fn submit(&self, id: TaskId, job: Box<dyn Work>) -> io::Result<()> {
        let shared = &self.0;
        let mut state = lock(&shared.state);
        state.push(id, job);
        let summons = shared.summon(&mut state, shared.limit());
        drop(state);
        shared.bring(summons).or_else(|error| {
            // One that lives will come, when it has ended its job.
            if lock(&shared.state).alive > 0 { Ok(()) } else { Err(error) }
        })
    }

    /// Takes a job out of the queue, if it is there.
    pub(super) fn take_back(&self, id: TaskId) -> Option<Box<dyn Work>> {
        lock(&self.0.state).take_back(id)
    }

    /// Tells the workers to end when they have no job, and hands out the jobs that wait.
    pub(super) fn close(&self) -> impl Iterator<Item = Box<dyn Work>> {
        let mut state = lock(&self.0.state);
        state.closed = true;
        let unrun = std::mem::take(&mut state.queue);
        drop(state);
        self.0.called.notify_all();
        unrun.into_iter().filter_map(|(_, job)| job)
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
    fn limit(&self) -> usize {
        *self.limit.get().expect("said before the first job")
    }

    /// Sees to it that a worker is coming, if there is a job.
    fn summon(&self, state: &mut State, limit: usize) -> Summons {
        if state.queue.is_empty() || state.coming > 0 {
            return Summons::None;
        }
        if state.asleep > 0 {
            state.asleep -= 1;
            state.calls += 1;
            state.coming += 1;
            return Summons::Sleeper;
        }
        if state.alive < limit {
            state.alive += 1;
            state.coming += 1;
            state.made += 1;
            return Summons::Worker(state.made);
        }
        Summons::None
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
                let summons = self.summon(&mut state, 0);
                drop(state);
                self.bring(summons)?;
                Err(error)
            }
        }
    }

    /// A worker's life. It is coming when it begins.
    fn work(self: &Arc<Self>) {
        // What it ran last is sent back when it has looked for the next job, or it would lock twice a job, and no later,
        // for the next may wait for it. Where no job waits, this worker counts as coming before it sends the result, so that
        // the job which may be queued in answer finds it.
        let mut done = None;
        let mut state = lock(&self.state);
        let worker = state.running.insert(None);
        loop {
            if let Some(mut job) = state.take(worker) {
                let summons = self.summon(&mut state, self.limit());
                drop(state);
                self.give_back(done.take()); // before a thread is made, which takes long
                let _ = self.bring(summons); // if none can be made, those that live do it all
                job.run();
                done = Some(job);
                state = lock(&self.state);
                state.coming += 1;
            } else if done.is_some() {
                drop(state);
                self.give_back(done.take());
                state = lock(&self.state);
            } else {
                state.running[worker] = None;
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
        }
        state.running.remove(worker);
        state.alive -= 1;
        drop(state);
        self.ended.notify_all();
    }

    fn give_back(&self, job: Option<Box<dyn Work>>) {
        let Some(job) = job else { return };
        if self.inbox.is_closed() {
            guarded("the destructor of a late job's result", || drop(job));
        } else {
            let _ = self.inbox.send(Message::Job(job)); // closed meanwhile: it is gone
        }
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
