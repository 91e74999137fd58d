//! The watchdog: a thread that sees when one poll holds the loop for too long, while it still does.
//!
//! It looks at the loop's pulse four times a limit. A turn that it finds at two looks, the limit apart, is reported; so
//! no report is false, and each comes within one and a half limits of the turn's begin. While the loop sleeps, so does
//! the watchdog: the loop wakes it.
//!
//! **No stack of the stuck thread.** Nobody but a handler on that thread could walk it from inside the process, and the
//! unwinders take locks and allocate, while the interrupted code may hold those very locks: the process could hang for
//! being looked at. From outside it is sound and one command, for the report gives the thread's number: `gdb -p TID -batch -ex bt`,
//! `eu-stack -1 -p TID`, or `perf record -g -t TID`.

use std::any::Any;
use std::cell::Cell;
use std::fmt;
use std::io;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use super::asker::{Asker, Attach};
use super::{Builder, Runtime};
use crate::panics::{guarded, say};
use crate::pool::begin_thread;
use crate::trace::{At, RuntimeId, SlowPoll, SlowPolls, TellSlow, Turns, Watched, WatchedTask};

/// A poll that holds its loop, told by the watchdog; see [`Builder::watchdog`].
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct StuckPoll {
    /// Whose loop.
    pub runtime: RuntimeId,
    /// The task, as it was when its poll began: `last` is the await that it went on from.
    pub task: WatchedTask,
    /// How long the poll has held the loop: at least so long, and at most a quarter of the limit longer. Of a poll that
    /// is over, how long in all, to a quarter of the limit more or less.
    pub elapsed: Duration,
    /// Whether it has ended meanwhile.
    pub is_over: bool,
    /// The number of the loop's thread, on Linux: `gdb -p`, `eu-stack -1 -p` and `perf record -g -t` show with it what
    /// the thread is at.
    pub thread: Option<u32>,
}

impl fmt::Display for StuckPoll {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let WatchedTask { id, kind, name, site, last } = &self.task;
        write!(f, "task {id} ({kind})")?;
        if let Some(name) = name {
            write!(f, " {name:?}")?;
        }
        let elapsed = Duration::from_millis(self.elapsed.as_millis() as u64);
        if self.is_over {
            return write!(f, ", spawned at {site}, held the loop for {elapsed:?} in all");
        }
        write!(f, ", spawned at {site}, has held the loop for {elapsed:?} and still does")?;
        match last {
            Some(leaf) => write!(f, "; before, it waited for {leaf}")?,
            None => f.write_str("; no wait of it is known before")?,
        }
        self.thread.map_or(Ok(()), |thread| write!(f, "; it runs on thread {thread}"))
    }
}

/// What asyncio calls slow, by default.
const SLOW: Duration = Duration::from_millis(100);

type Report = Box<dyn FnMut(&StuckPoll) + Send>;

/// What a builder was told to watch.
#[derive(Default)]
pub(super) struct Watching {
    stuck: Option<(Duration, Option<Report>)>,
    slow: Option<(Duration, TellSlow)>,
    pub(super) attached: Vec<Attach>,
}

impl Builder {
    /// Watches the loop from a thread: a poll that takes longer than `limit` is reported on standard error **while it
    /// still runs**, and again when it has ended, with the time that it took. 100 milliseconds are what asyncio calls
    /// slow.
    ///
    /// The report names the task, where it was spawned, and the await that it went on from. A poll pays 100 to 180
    /// instructions for it and no clock reading; see `docs/GLASS.md`. While the loop sleeps the thread sleeps too. Time
    /// is the system's, also under a virtual clock. Besides, [`Handle::dump_now`](crate::Handle::dump_now) can answer
    /// while a poll is stuck.
    ///
    /// The thread, `glassloop-watchdog`, ends with the runtime. It is no reason to give no verdict of a deadlock.
    ///
    /// What a poll is stuck at, no library can tell soundly from within the process; the report gives the number of the
    /// thread (on Linux), for `gdb -p`, `eu-stack -1 -p` or `perf record -g -t`.
    ///
    /// # Examples
    /// ```
    /// use std::time::Duration;
    ///
    /// let runtime = glassloop::Builder::new().watchdog(Duration::from_millis(100)).build().unwrap();
    /// runtime.block_on(async {
    ///     // std::thread::sleep(Duration::from_secs(1)); // would be told after 100 ms
    /// });
    /// ```
    pub fn watchdog(mut self, limit: Duration) -> Builder {
        let report = self.watching.stuck.take().and_then(|(_, report)| report);
        self.watching.stuck = Some((limit, report));
        self
    }

    /// As [`watchdog`](Builder::watchdog), but it is `report` that hears of stuck polls, on the watchdog's thread: once
    /// while one is stuck, and once when it is over.
    ///
    /// A panic in it is told on standard error, and the watchdog lives. The end of the runtime waits for a report that
    /// is being given, [`shutdown`](crate::Runtime::shutdown) for no longer than its limit.
    ///
    /// # Examples
    /// ```
    /// use std::sync::mpsc;
    /// use std::time::Duration;
    ///
    /// let (tell, told) = mpsc::channel();
    /// let runtime = glassloop::Builder::new()
    ///     .on_stuck_poll(Duration::from_millis(10), move |stuck| drop(tell.send(stuck.clone())))
    ///     .build()
    ///     .unwrap();
    /// runtime.block_on(async {
    ///     let stuck = told.recv().unwrap(); // blocks the loop, until the watchdog says so
    ///     assert!(!stuck.is_over && stuck.elapsed >= Duration::from_millis(10));
    /// });
    /// drop(runtime);
    /// assert!(told.recv().unwrap().is_over);
    /// ```
    pub fn on_stuck_poll(mut self, limit: Duration, report: impl FnMut(&StuckPoll) + Send + 'static) -> Builder {
        self.watching.stuck = Some((limit, Some(Box::new(report))));
        self
    }

    /// Tells `call` of each poll that took `limit` or longer, when it is over, on the loop's thread; no thread is made
    /// for it. It costs a clock reading a poll. Time is the system's, also under a virtual clock.
    ///
    /// Nothing of the loop is borrowed during the call: it may spawn, wake, or ask for a dump. A panic in it is told on
    /// standard error. Its own time counts as no task's.
    ///
    /// # Examples
    /// ```
    /// use std::{cell::Cell, rc::Rc, thread, time::Duration};
    ///
    /// let slow = Rc::new(Cell::new(0));
    /// let count = slow.clone();
    /// let runtime = glassloop::Builder::new()
    ///     .on_slow_poll(Duration::from_millis(5), move |poll| {
    ///         println!("{poll}");
    ///         count.set(count.get() + 1);
    ///     })
    ///     .build()
    ///     .unwrap();
    /// runtime.block_on(async { thread::sleep(Duration::from_millis(5)) });
    /// assert_eq!(slow.get(), 1);
    /// ```
    pub fn on_slow_poll(mut self, limit: Duration, call: impl FnMut(&SlowPoll) + 'static) -> Builder {
        self.watching.slow = Some((limit, Box::new(call)));
        self
    }
}

impl Watching {
    /// Starts what sees turns.
    pub(super) fn begin(self, runtime: RuntimeId) -> io::Result<(Option<Turns>, Watchers)> {
        let watchdog = match self.stuck {
            Some((limit, report)) => Some(Watchdog::begin(runtime, limit, report)?),
            None => None,
        };
        let slow = self.slow.map(|(limit, call)| SlowPolls::new(limit, call));
        let turns = Turns::new(watchdog.as_ref().map(|dog| dog.watched.clone()), slow);
        let (to_attach, attached) = (Cell::new(self.attached), Cell::default());
        Ok((turns, Watchers { watchdog, to_attach, attached }))
    }

    /// In debug mode there is a watchdog, where none was asked for.
    pub(super) fn watch_anyway(&mut self) {
        self.stuck.get_or_insert((SLOW, None));
    }

    /// A limit that no poll could keep.
    pub(super) fn zero_limit(&self) -> Option<&'static str> {
        let is_zero = |limit: Option<Duration>| limit == Some(Duration::ZERO);
        if is_zero(self.stuck.as_ref().map(|stuck| stuck.0)) {
            return Some("watchdog");
        }
        is_zero(self.slow.as_ref().map(|slow| slow.0)).then_some("on_slow_poll")
    }
}

/// What looks at a runtime from threads of its own; ends when it is dropped.
pub(super) struct Watchers {
    watchdog: Option<Watchdog>,
    to_attach: Cell<Vec<Attach>>,
    attached: Cell<Vec<Box<dyn Any>>>,
}

impl Watchers {
    /// Starts what asks the runtime, when it is there to be asked.
    pub(super) fn attach(&self, runtime: &Runtime) -> io::Result<()> {
        let begun = self.to_attach.take().into_iter().map(|begin| begin(Asker::new(runtime)));
        self.attached.set(begun.collect::<io::Result<_>>()?);
        Ok(())
    }

    pub(super) fn end(&self, deadline: Option<Instant>) {
        if let Some(watchdog) = &self.watchdog {
            watchdog.end(deadline);
        }
    }
}

/// The thread, and what it watches.
struct Watchdog {
    watched: Arc<Watched>,
    /// A child that was forked has no such thread, and must not wait for its end.
    process: u32,
    was_ended: Cell<bool>,
    ended: Arc<Ended>,
}

impl Watchdog {
    fn begin(runtime: RuntimeId, limit: Duration, report: Option<Report>) -> io::Result<Watchdog> {
        let report =
            report.unwrap_or_else(|| Box::new(|stuck| say(format_args!("{stuck} (runtime {})", stuck.runtime))));
        let watched = Arc::new(Watched::new(runtime, thread_number(), limit));
        let ended = Arc::new(Ended::default());
        let (shared, tell) = (watched.clone(), TellEnd(ended.clone()));
        let run = move || {
            watch(&shared, report);
            drop(tell);
        };
        let thread = begin_thread("glassloop-watchdog".into(), Box::new(run))?;
        let _ = watched.watcher.set(thread.thread().clone());
        Ok(Watchdog { watched, process: std::process::id(), was_ended: Cell::new(false), ended })
    }

    /// Ends it, and waits for that until `deadline`, or as long as a report takes; once.
    fn end(&self, deadline: Option<Instant>) {
        if self.was_ended.replace(true) {
            return;
        }
        self.watched.end();
        if self.process != std::process::id() {
            return;
        }
        self.ended.wait(deadline);
    }
}

/// Whether the thread has ended. A channel's end, which says the same, is 16 KiB more of a binary.
#[derive(Default)]
struct Ended {
    has: Mutex<bool>,
    told: Condvar,
}

impl Ended {
    fn wait(&self, deadline: Option<Instant>) {
        let mut has = self.has.lock().unwrap_or_else(PoisonError::into_inner);
        while !*has {
            let left =
                deadline.map_or(Duration::MAX, |deadline| deadline.saturating_duration_since(Instant::now()));
            if left.is_zero() {
                return;
            }
            has = self.told.wait_timeout(has, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }
}

/// Tells of the thread's end, also of one by a panic.
struct TellEnd(Arc<Ended>);

impl Drop for TellEnd {
    fn drop(&mut self) {
        *self.0.has.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.0.told.notify_all();
    }
}

impl Drop for Watchdog {
    fn drop(&mut self) {
        self.end(None);
    }
}

/// The number by which the system's tools know this thread.
fn thread_number() -> Option<u32> {
    let link = std::fs::read_link("/proc/thread-self").ok()?; // «1234/task/1240»
    link.file_name()?.to_str()?.parse().ok()
}

/// What the watchdog found the loop at.
struct Held {
    at: At,
    since: Instant,
    told: Option<StuckPoll>,
}

fn watch(watched: &Watched, mut report: Report) {
    let mut tell = |stuck: &StuckPoll| guarded("a report of a stuck poll", || report(stuck));
    let pause = (watched.limit / 4).max(Duration::from_micros(100)); // what is shorter would be a loop of its own
    let mut held: Option<Held> = None;
    loop {
        let is_last = watched.is_over(); // asked before the look, which then sees the end of every turn
        let (now, at) = (Instant::now(), watched.pulse.look());
        match &mut held {
            Some(held) if at == Some(held.at) => {
                if held.told.is_none() && now - held.since >= watched.limit {
                    held.told = stuck(watched, held.at, now - held.since);
                    held.told.iter().for_each(&mut tell);
                }
            }
            _ => {
                if let Some(Held { since, told: Some(told), .. }) = held.take() {
                    tell(&StuckPoll { elapsed: now - since, is_over: true, ..told });
                }
                held = at.map(|at| Held { at, since: now, told: None });
                watched.set_seen(at.map(|at| (at, now)));
            }
        }
        if is_last {
            return;
        }
        thread::park_timeout(pause);
        // One pause at least between two naps: a loop that sleeps briefly and often need not wake it each time.
        let must_tell_end = held.as_ref().is_some_and(|held| held.told.is_some());
        if !must_tell_end && watched.pulse.doze() {
            while watched.pulse.is_dozing() && !watched.is_over() {
                thread::park();
            }
        }
    }
}

/// The turn that the loop is at, and has been for so long.
fn stuck(watched: &Watched, at: At, elapsed: Duration) -> Option<StuckPoll> {
    let task = watched.table.get(at.task?)?;
    // Read while the turn lasted?
    let is_same = watched.pulse.look() == Some(at);
    let (runtime, thread) = (watched.runtime, watched.thread);
    is_same.then_some(StuckPoll { runtime, task, elapsed, is_over: false, thread })
}

/// As `stuck`, for whoever asks from another thread.
pub(super) fn stuck_now(watched: &Watched) -> Option<StuckPoll> {
    let at = watched.pulse.look()?;
    stuck(watched, at, watched.held_for(at))
}
