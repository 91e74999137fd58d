//! The runtime: builds the state, turns the loop, starts and ends tasks, and shuts down.

#[cfg(feature = "glass")]
#[cfg_attr(not(all(unix, feature = "signal")), allow(dead_code))]
mod asker;
mod builder;
mod circles;
#[cfg(feature = "console")]
mod console;
mod deadlock;
mod drain;
mod dump;
#[cfg(feature = "glass")]
mod dump_now;
#[cfg(unix)]
mod guest;
mod handle;
mod lost;
mod metrics;
mod shutdown;
mod start;
#[cfg(feature = "sync")]
mod stuck;
#[cfg(not(feature = "sync"))]
#[path = "never_stuck.rs"]
mod stuck;
#[cfg(feature = "glass")]
mod trace_file;
mod turn;
#[cfg(feature = "glass")]
mod watchdog;

use std::future::Future;
use std::panic::{Location, resume_unwind};
use std::pin::{Pin, pin};
use std::rc::Rc;

pub use crate::pool::Load;
#[cfg(all(feature = "glass", any(feature = "macros", all(unix, feature = "signal"))))]
pub(crate) use asker::Asker;
pub use builder::Builder;
pub use deadlock::Deadlock;
pub use dump::{Dump, Holder, Outlook, TaskState, TaskView, Waits, dump};
#[cfg(feature = "glass")]
pub use dump_now::{DumpNow, TableDump};
#[cfg(unix)]
pub use guest::{Guest, Next, Turn};
pub use handle::{Handle, RuntimeGone};
pub use metrics::{Metrics, metrics};
pub use shutdown::{Unfinished, UnfinishedJob};
#[cfg(feature = "glass")]
pub use watchdog::StuckPoll;

pub(crate) use lost::{Lost, report_lost};
pub(crate) use shutdown::end_stay;
pub(crate) use start::{abort, spawn_blocking_on, spawn_checked_on, spawn_on};

use crate::cell::with_root;
use crate::state::{Extent, State};
use crate::trace::{Cause, RuntimeId};
use crate::wake;
use turn::Host;

/// A loop, its tasks, timers, sockets and blocking pool, on the thread that built it.
///
/// It is neither `Send` nor `Sync`, and so are its tasks: they may hold `Rc` and `RefCell` across `.await`. Another
/// thread reaches it through a [`Handle`].
///
/// Dropping it drops every task that is left, on this thread and in spawn order, and waits for blocking jobs that
/// run; [`shutdown`](Runtime::shutdown) waits no longer than it is told to.
///
/// # Examples
/// ```
/// use std::rc::Rc;
///
/// let runtime = glassloop::Runtime::new().unwrap();
/// let shared = Rc::new(5);
/// let lent = &shared; // the root may borrow from the stack
/// let sum = runtime.block_on(async {
///     let task = runtime.spawn({
///         let shared = shared.clone(); // a spawned task owns what it uses
///         async move { *shared + 1 }
///     });
///     task.await.unwrap() + **lent
/// });
/// assert_eq!(sum, 11);
/// ```
///
/// It never leaves its thread:
/// ```compile_fail,E0277
/// let runtime = glassloop::Runtime::new().unwrap();
/// std::thread::spawn(move || drop(runtime));
/// ```
pub struct Runtime {
    state: Rc<State>,
    #[cfg(feature = "glass")]
    watchers: watchdog::Watchers,
    /// Dropped last, when every task has ended; then it writes.
    #[cfg(feature = "glass")]
    _ending: Option<trace_file::Ending>,
}

impl Runtime {
    /// A runtime with the default settings of [`Builder`].
    ///
    /// # Errors
    /// If the system gives no descriptors for the poll and its waker.
    pub fn new() -> std::io::Result<Runtime> {
        Builder::new().build()
    }

    /// Names this runtime within the process.
    #[must_use]
    pub fn id(&self) -> RuntimeId {
        self.state.id
    }

    /// Turns the loop until `future` is ready, and returns its output. The future may borrow from the stack.
    ///
    /// # Scheduling
    /// The future is a task like any other: it is made ready at once, at the back of the queue, behind what an
    /// earlier `block_on` left there. When it has finished, no other task is polled: what is ready stays ready for
    /// the next `block_on`, and tasks live on until the runtime is dropped.
    ///
    /// # Panics
    /// - With the future's own panic, if it panics.
    /// - Inside a running loop, this one or another.
    /// - With a report (a `String`), when nothing can ever wake the loop again: see
    ///   [`try_block_on`](Runtime::try_block_on).
    /// - With a report, when a task has failed unseen, if the runtime was told so by
    ///   [`OnUnhandled::Shutdown`](crate::trace::OnUnhandled::Shutdown).
    ///
    /// # Examples
    /// ```
    /// let runtime = glassloop::Runtime::new().unwrap();
    /// let mut text = String::from("a");
    /// runtime.block_on(async { text.push('b') });
    /// assert_eq!(text, "ab");
    /// ```
    #[track_caller]
    pub fn block_on<F: Future>(&self, future: F) -> F::Output {
        match self.drive(future, Location::caller()) {
            Ok(output) => output,
            Err(deadlock) => panic!("{deadlock}"),
        }
    }

    /// As [`block_on`](Runtime::block_on), but a deadlock is returned, and the runtime stays usable: the future
    /// given here is dropped, all other tasks stay as they were.
    ///
    /// The verdict is reached when the loop would sleep and no task is ready, no timer is armed, no socket or
    /// blocking job is waited for, and no [`Handle`], [`AbortHandle`](crate::AbortHandle) or `Waker` of a live task
    /// exists. It is never false. A waker that lives anywhere, even inside a task that itself waits, counts as
    /// "somebody may wake", and the loop waits.
    ///
    /// # Errors
    /// [`Deadlock`], if nothing can ever wake the loop again.
    ///
    /// # Panics
    /// As [`block_on`](Runtime::block_on), but for deadlocks.
    ///
    /// # Examples
    /// ```
    /// let runtime = glassloop::Runtime::new().unwrap();
    /// let deadlock = runtime.try_block_on(std::future::pending::<()>()).unwrap_err();
    /// assert!(deadlock.to_string().starts_with("deadlock: nothing can ever wake this loop again"));
    /// assert_eq!(runtime.block_on(async { 1 }), 1);
    /// ```
    #[track_caller]
    pub fn try_block_on<F: Future>(&self, future: F) -> Result<F::Output, Deadlock> {
        self.drive(future, Location::caller())
    }

    /// `site` is where it is said to be spawned.
    #[track_caller]
    pub(crate) fn drive<F: Future>(
        &self,
        future: F,
        site: &'static Location<'static>,
    ) -> Result<F::Output, Deadlock> {
        refuse_nesting("block_on", site);
        let state = &*self.state;
        lost::refuse_if_stopped(state);
        #[cfg(unix)]
        let own = guest::Own::new(state);
        let mut output = None;
        let awake = turn::Awake::new(state);
        let ended = wake::enter(state, || {
            let root = pin!(async { output = Some(future.await) });
            state.root.set(Extent::of(&*root));
            turn_to_end(state, root, site)
        });
        drop(awake);
        state.trace.stop();
        #[cfg(unix)]
        drop(own);
        if let Some(payload) = state.root_panic.take() {
            resume_unwind(payload);
        }
        lost::refuse_if_stopped(state);
        ended.map(|()| output.expect("a root that finished and did not panic has an output"))
    }

    /// A handle for other threads. While one exists anywhere, the loop never reaches a deadlock verdict.
    ///
    /// # Examples
    /// ```
    /// let runtime = glassloop::Runtime::new().unwrap();
    /// let handle = runtime.handle();
    /// let thread = std::thread::spawn(move || handle.call_soon(|| println!("on the loop's thread")));
    /// thread.join().unwrap().unwrap();
    /// runtime.block_on(glassloop::yield_now());
    /// ```
    #[must_use]
    pub fn handle(&self) -> Handle {
        Handle::new(&self.state)
    }

    pub(crate) fn state(&self) -> &State {
        &self.state
    }
}

/// Turns the loop until `root` has finished. It knows no type of a root, so it stands once in a program.
fn turn_to_end(
    state: &State,
    root: Pin<&mut (dyn Future<Output = ()> + '_)>,
    site: &'static Location<'static>,
) -> Result<(), Deadlock> {
    with_root(root, &state.inbox, start::next_id(state), site, |task| {
        state.ready.halt(false); // first: an observer may let go of a failure that stops the loop
        let _leave = start::enrol(state, task);
        start::announce(state, task, None);
        wake::make_ready(state, task.clone(), || Cause::Spawned.into());
        // Until the root has finished, or a failure that nobody sees has stopped the loop.
        while !state.ready.is_halted() {
            turn::turn(state, Host::Own(None))?;
        }
        Ok(())
    })
}

impl std::fmt::Debug for Runtime {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Runtime")
            .field("id", &self.state.id)
            .field("live_tasks", &self.state.tasks.len())
            .field("turns", &self.state.turns.get())
            .finish()
    }
}

/// Makes a runtime with the default settings, runs `future` on it, and drops it.
///
/// # Panics
/// As [`Runtime::block_on`], and if the system gives no descriptors for the runtime.
///
/// # Examples
/// ```
/// assert_eq!(glassloop::run(async { 6 * 7 }), 42);
/// ```
#[track_caller]
pub fn run<F: Future>(future: F) -> F::Output {
    refuse_nesting("run", Location::caller());
    match Runtime::new() {
        Ok(runtime) => runtime.block_on(future),
        Err(error) => panic!("no glassloop runtime could be made: {error}"),
    }
}

#[track_caller]
fn refuse_nesting(what: &str, site: &Location<'_>) {
    wake::current(|state| {
        if let Some(state) = state {
            panic!(
                "{what} was called at {site} inside the running loop of glassloop runtime {}; a loop cannot run inside \
                 a loop. Inside, `.await` the future, or `spawn` it and await its handle; for a loop of its own, give \
                 it a thread (`spawn_blocking` or `std::thread::spawn`) and a runtime there",
                state.id
            );
        }
    });
}
