//! How a runtime is made: its policies and limits.

use std::cell::{Cell, RefCell};
use std::io;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use super::Runtime;
#[cfg(feature = "glass")]
use super::trace_file::TraceFile;
use crate::cell::{self, Inbox, Registry, Running};
use crate::clock::Clock;
use crate::live;
use crate::pool::{Policy, Pool};
use crate::reactor::Reactor;
use crate::ready::{Order, Ready};
use crate::state::{Extent, Looked, State, Stays};
use crate::timers::Timers;
#[cfg(feature = "glass")]
use crate::trace::FlightRecorder;
use crate::trace::{Meter, Observer, OnUnhandled, RuntimeId, Sinks, Tracer};

/// Settings for a [`Runtime`].
///
/// # Examples
/// ```
/// use std::time::Duration;
///
/// // A run that repeats exactly: virtual time, a seeded order, no threads.
/// let runtime =
///     glassloop::Builder::new().start_paused(true).seed(7).inline_blocking().build().unwrap();
/// runtime.block_on(async {
///     glassloop::time::sleep(Duration::from_secs(3600)).await; // takes no time
/// });
/// ```
#[must_use = "a builder makes nothing until `build` is called"]
pub struct Builder {
    budget: u32,
    events: usize,
    threads: usize,
    cpu_threads: Option<usize>,
    keep_alive: Duration,
    inline: bool,
    paused: bool,
    order: Order,
    observers: Vec<Rc<dyn Observer>>,
    #[cfg(feature = "console")]
    pub(super) console: bool,
    sinks: Sinks,
    track_waits: bool,
    pub(super) metrics: bool,
    pub(super) on_unhandled: OnUnhandled,
    debug: Option<bool>,
    env: bool,
    #[cfg(feature = "glass")]
    trace_to: Option<std::path::PathBuf>,
    #[cfg(feature = "glass")]
    pub(super) watching: super::watchdog::Watching,
}

impl Default for Builder {
    fn default() -> Builder {
        Builder::new()
    }
}

impl Builder {
    /// The default settings.
    pub fn new() -> Builder {
        Builder {
            budget: 128,
            events: 1024,
            threads: 64,
            cpu_threads: None,
            keep_alive: Duration::from_secs(10),
            inline: false,
            paused: false,
            order: Order::Fifo,
            observers: Vec::new(),
            #[cfg(feature = "console")]
            console: false,
            sinks: Sinks::default(),
            track_waits: false,
            metrics: false,
            on_unhandled: OnUnhandled::Report,
            debug: None,
            env: true,
            #[cfg(feature = "glass")]
            trace_to: None,
            #[cfg(feature = "glass")]
            watching: Default::default(),
        }
    }

    /// At most so many polls before timers and I/O are looked at; 128 by default.
    ///
    /// Fewer polls: timers and sockets are seen sooner while many tasks are ready. More: fewer looks at the kernel
    /// (126 ns each), which at 128 cost about 1 ns a poll.
    pub fn budget(mut self, polls: u32) -> Builder {
        self.budget = polls;
        self
    }

    /// How many events one look at the kernel may bring; 1024 by default.
    pub fn events_capacity(mut self, events: usize) -> Builder {
        self.events = events;
        self
    }

    /// How many threads the blocking pool may have at once; 64 by default. None is made before the first job.
    pub fn max_blocking_threads(mut self, threads: usize) -> Builder {
        self.threads = threads;
        self
    }

    /// How many threads [`spawn_cpu`](crate::spawn_cpu) may have at once; by default as many as the machine has
    /// processors for this process (`std::thread::available_parallelism`). They are beside those for blocking jobs.
    pub fn max_cpu_threads(mut self, threads: usize) -> Builder {
        self.cpu_threads = Some(threads);
        self
    }

    /// How long a pool thread stays without a job; 10 seconds by default.
    pub fn thread_keep_alive(mut self, time: Duration) -> Builder {
        self.keep_alive = time;
        self
    }

    /// Runs blocking and CPU jobs on the loop's thread, each in the first poll of its task, instead of on threads: for
    /// runs that must repeat exactly.
    pub fn inline_blocking(mut self) -> Builder {
        self.inline = true;
        self
    }

    /// Whether the clock starts virtual; see [`time::pause`](crate::time::pause).
    pub fn start_paused(mut self, paused: bool) -> Builder {
        self.paused = paused;
        self
    }

    /// Polls ready tasks in an order drawn from `seed` instead of first in, first out. The same seed gives the same
    /// order; a program that is right under FIFO alone shows itself under a few seeds.
    pub fn seed(mut self, seed: u64) -> Builder {
        self.order = Order::Seeded(seed);
        self
    }

    /// Shows every event to `observer`; may be called for several.
    pub fn observer(mut self, observer: Rc<dyn Observer>) -> Builder {
        self.observers.push(observer);
        self
    }

    /// Keeps the newest events in `recorder`, at a price at which it can stay on: see there. A recorder keeps the
    /// events of one runtime; `build` refuses one that was given to another.
    #[cfg(feature = "glass")]
    pub fn flight_recorder(mut self, recorder: &FlightRecorder) -> Builder {
        self.sinks.flight = Some(recorder.clone());
        self
    }

    /// Lets a [`dump`](crate::dump), and the report of a deadlock, say for how long each task has waited. It costs a
    /// clock reading an event, as an observer does; with an observer it is on anyway.
    pub fn track_waits(mut self, track: bool) -> Builder {
        self.track_waits = track;
        self
    }

    /// Debug mode: says on standard error what is allowed, but seldom meant; what asyncio's debug mode is for. It turns
    /// on, where it was not asked for already:
    ///
    /// - A pending future of glassloop's that is dropped tells what was lost with it: a place in a line, bytes that were
    ///   read. Observers are told by [`Event::Lost`](crate::trace::Event::Lost).
    /// - A runtime that ends says which tasks it cuts short, and what each waited for; asyncio's "Task was destroyed but
    ///   it is pending".
    /// - A failure that nobody sees is said even where [`on_unhandled`](Builder::on_unhandled) was told to ignore it.
    /// - [`track_waits`](Builder::track_waits): dumps, and the reports of deadlocks, say for how long each task has
    ///   waited.
    /// - With the feature `glass`, `Builder::watchdog` with a limit of 100 milliseconds: a poll that holds
    ///   the loop is told while it still does.
    ///
    /// The last two are what it costs: a clock reading and an entry in a table for each event, a store a poll, and a
    /// thread. The others cost nothing until there is something to say.
    ///
    /// The variable `GLASSLOOP_DEBUG=1` turns it on too, where neither this nor [`env(false)`](Builder::env) was
    /// called.
    ///
    /// # Examples
    /// ```
    /// use glassloop::trace::Recorder;
    ///
    /// let recorder = Recorder::new();
    /// let runtime = glassloop::Builder::new().debug(true).observer(recorder.observer()).build().unwrap();
    /// # #[cfg(feature = "sync")]
    /// runtime.block_on(async {
    ///     let mutex = glassloop::sync::Mutex::new(());
    ///     let _guard = mutex.lock().await;
    ///     let second = glassloop::time::timeout(std::time::Duration::ZERO, mutex.lock()).await;
    ///     assert!(second.is_err());
    ///     assert!(recorder.text().contains("lost by 1: its place in the line, of Mutex::lock"));
    /// });
    /// ```
    pub fn debug(mut self, debug: bool) -> Builder {
        self.debug = Some(debug);
        self
    }

    /// Records what happens, and writes it to a file when the runtime ends: is dropped, or shut down, also by a panic
    /// that unwinds. The file's ending says what it becomes: `.txt` a log, `.json` trace events for Perfetto, `.html` a
    /// page. [`build`](Builder::build) makes the file, and fails if it cannot. A process that is ended by
    /// `std::process::exit` or a signal leaves it empty.
    ///
    /// The variable `GLASSLOOP_TRACE=path` asks for the same, where neither this nor [`env(false)`](Builder::env) was
    /// called, and a line on standard error says at the end what was written. The second runtime of a process that
    /// reads the variable writes to `name-2.html` beside `name.html`, the third to `name-3.html`.
    ///
    /// # Examples
    /// ```
    /// # let path = std::env::temp_dir().join(format!("glassloop-doc-{}.txt", std::process::id()));
    /// let runtime = glassloop::Builder::new().trace_to(&path).build().unwrap();
    /// runtime.block_on(async {});
    /// drop(runtime);
    /// assert!(std::fs::read_to_string(&path).unwrap().ends_with(" done 1 ready\n"));
    /// # std::fs::remove_file(path).unwrap();
    /// ```
    #[cfg(feature = "glass")]
    pub fn trace_to(mut self, path: impl Into<std::path::PathBuf>) -> Builder {
        self.trace_to = Some(path.into());
        self
    }

    /// Whether [`build`](Builder::build) reads the environment: `GLASSLOOP_DEBUG` and `GLASSLOOP_TRACE`. It does by
    /// default.
    pub fn env(mut self, read: bool) -> Builder {
        self.env = read;
        self
    }

    /// With all that debug mode asks for beside `State::debug`.
    fn with_debug(mut self) -> Builder {
        self.track_waits = true;
        #[cfg(feature = "glass")]
        self.watching.watch_anyway();
        if let OnUnhandled::Ignore = self.on_unhandled {
            self.on_unhandled = OnUnhandled::Report;
        }
        self
    }

    pub(crate) fn is_debug(&self) -> bool {
        self.debug.unwrap_or_else(|| self.env && std::env::var_os("GLASSLOOP_DEBUG").is_some_and(|on| on == "1"))
    }

    /// Makes the runtime, on this thread. It starts no thread that was not asked for (a watchdog's), and opens two
    /// descriptors: the poll's and its waker's.
    ///
    /// # Errors
    /// - `InvalidInput`, if a limit is 0; the error names it.
    /// - What the system says when it gives no descriptors.
    /// - If the trace cannot be written to the file that was asked for; the error names it.
    pub fn build(mut self) -> io::Result<Runtime> {
        static MADE: AtomicU64 = AtomicU64::new(0);

        let debug = self.is_debug();
        if debug {
            self = self.with_debug();
        }
        #[cfg(feature = "console")]
        if self.console {
            self.observers.push(super::console::observer());
        }
        at_least_one("budget", self.budget as usize, "polls before timers and I/O are looked at")?;
        at_least_one("events_capacity", self.events, "events a look at the kernel may bring")?;
        at_least_one("max_blocking_threads", self.threads, "threads; to run without any, use inline_blocking")?;
        let cpu_threads = self.cpu_threads.unwrap_or(1);
        at_least_one("max_cpu_threads", cpu_threads, "threads; to run without any, use inline_blocking")?;
        #[cfg(feature = "glass")]
        if let Some(setting) = self.watching.zero_limit() {
            let words =
                format!("Builder::{setting} was given a limit of 0, which every poll exceeds; give it more");
            return Err(io::Error::new(io::ErrorKind::InvalidInput, words));
        }
        let policy = if self.inline {
            Policy::Inline
        } else {
            Policy::Threads { blocking: self.threads, cpu: self.cpu_threads, keep_alive: self.keep_alive }
        };
        let (reactor, bell) = Reactor::new(self.events)?;
        let id = RuntimeId(MADE.fetch_add(1, Ordering::Relaxed) + 1);
        #[cfg(feature = "glass")]
        let (turns, watchers) = std::mem::take(&mut self.watching).begin(id)?;
        let clock = Rc::new(Clock::new(self.paused));
        self.sinks.attach(id, clock.now())?;
        // After what may fail: it empties the file.
        #[cfg(feature = "glass")]
        let trace_file = TraceFile::open(self.trace_to.take(), self.env, &mut self.sinks, (id, clock.now()))?;
        let inbox = Arc::new(Inbox::new(bell, id, !self.observers.is_empty() || self.sinks.are_any()));
        live::announce(&inbox);
        cell::open();
        let trace = Tracer::new(clock.clone(), self.observers, self.track_waits, self.sinks)
            .metered(self.metrics.then(Meter::default));
        #[cfg(feature = "glass")]
        let trace = trace.with_turns(turns);
        let state = State {
            id,
            debug,
            on_unhandled: self.on_unhandled,
            stopped: RefCell::default(),
            looked: Looked::default(),
            pool: Pool::new(policy, &inbox),
            inbox,
            trace,
            clock,
            ready: Ready::new(self.order),
            timers: Timers::new(),
            reactor,
            tasks: Registry::new(),
            names: RefCell::default(),
            endings: RefCell::default(),
            stays: Stays::default(),
            running: Running::new(),
            turns: Cell::new(0),
            spawned: Cell::new(0),
            budget: self.budget as usize,
            closing: Cell::new(false),
            guest: Cell::new(false),
            root: Cell::new(Extent::of(&())),
            root_panic: Cell::new(None),
        };
        let runtime = Runtime {
            state: Rc::new(state),
            #[cfg(feature = "glass")]
            watchers,
            #[cfg(feature = "glass")]
            _ending: trace_file.map(|file| file.of(id)),
        };
        #[cfg(feature = "glass")]
        runtime.watchers.attach(&runtime)?;
        Ok(runtime)
    }
}

fn at_least_one(setting: &str, value: usize, of_what: &str) -> io::Result<()> {
    if value > 0 {
        return Ok(());
    }
    let words = format!("Builder::{setting} is 0, and the loop could never go on; give it at least 1 ({of_what})");
    Err(io::Error::new(io::ErrorKind::InvalidInput, words))
}
