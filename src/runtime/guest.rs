//! A loop inside another loop: the host says when to turn, and the descriptor says when that is worth while.

use std::io;
use std::ops::Deref;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::Duration;

use super::turn::{self, Host};
use super::{Runtime, deadlock, lost, refuse_nesting};
use crate::clock::Instant;
use crate::state::State;
use crate::wake;

/// A runtime that a foreign loop drives: a GUI, a game, another runtime, a `poll(2)` loop.
///
/// The host calls [`turn`](Guest::turn), and does what the turn says is [`next`](Turn::next). [`Next::Now`]: it turns
/// again, after a look at its own affairs, and waits for nothing. Anything else: it waits for the guest's descriptor
/// to be readable, among its own, and for no longer than until [`next_deadline`](Guest::next_deadline); then it turns
/// again. On Linux the descriptor is also readable when that deadline has come, to the microsecond, so there it alone
/// is enough.
///
/// While the host waits nothing is lost: wakes, spawns and drops, from this thread or another, make the descriptor
/// readable.
///
/// # Examples
/// ```
/// use glassloop::{Guest, Next, Runtime};
/// use std::time::Duration;
///
/// let guest = Guest::new(Runtime::new().unwrap()).unwrap();
/// let task = guest.spawn(async {
///     glassloop::time::sleep(Duration::from_millis(1)).await;
///     42
/// });
/// while !task.is_finished() {
///     let turn = guest.turn(Some(Duration::ZERO));
///     if turn.next != Next::Now {
///         // A host would draw, or wait for `guest.as_fd()` among its other descriptors.
///         std::thread::yield_now();
///     }
/// }
/// ```
#[derive(Debug)]
pub struct Guest {
    runtime: Runtime,
    /// A second name for the poll's descriptor, because mio lends its own to nobody for long.
    descriptor: OwnedFd,
}

/// What one [`turn`](Guest::turn) did, and what is next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Turn {
    /// Messages from other threads that were taken.
    pub collected: usize,
    /// Timers that fired.
    pub fired: usize,
    /// Tasks that were polled, or dropped at their turn.
    pub polled: usize,
    /// Events of the kernel that were dispatched.
    pub dispatched: usize,
    /// When to turn again.
    pub next: Next,
}

/// When a guest wants its next turn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Next {
    /// At once: tasks are ready, or messages wait. The descriptor does not tell of them.
    Now,
    /// When the descriptor is readable, and at the latest at this moment of the system's clock, which
    /// [`Instant::now`] reads outside of the guest.
    At(Instant),
    /// When the descriptor is readable.
    OnEvent,
    /// Idle: nothing can wake the loop but its host, by a spawn. Beside more than 1,000 tasks this is looked for ten times
    /// a second at most; until then the answer is [`At`](Next::At).
    Idle,
}

impl Guest {
    /// Makes a guest of a runtime. Opens one descriptor more: a duplicate of the poll's.
    ///
    /// # Errors
    /// If the system gives no descriptor.
    pub fn new(runtime: Runtime) -> io::Result<Guest> {
        let descriptor = runtime.state().reactor.descriptor()?;
        runtime.state().guest.set(true);
        rearm(runtime.state());
        Ok(Guest { runtime, descriptor })
    }

    /// The runtime, to be driven by itself again.
    #[must_use]
    pub fn into_runtime(self) -> Runtime {
        self.runtime.state().guest.set(false);
        self.runtime.state().inbox.unpark();
        self.runtime
    }

    /// One turn of the loop: collect, fire, run, park, dispatch. It parks for no longer than `max_wait`: zero lets it
    /// only look at I/O, `None` lets it sleep until there is something to do.
    ///
    /// With `None`, mind that a turn parks after it ran: the turn that finishes the last task sleeps until the next
    /// event, if there is one.
    ///
    /// It gives no deadlock verdict, for its host can always wake it; [`Next::Idle`] says that nobody else can.
    ///
    /// # Scheduling
    /// As a turn of `block_on`: at most `budget` polls.
    ///
    /// # Panics
    /// - Inside a running loop of glassloop, this one or another.
    /// - With a report, when a task has failed unseen, if the runtime was told so by
    ///   [`OnUnhandled::Shutdown`](crate::trace::OnUnhandled::Shutdown).
    #[track_caller]
    pub fn turn(&self, max_wait: Option<Duration>) -> Turn {
        refuse_nesting("Guest::turn", std::panic::Location::caller());
        let state = self.runtime.state();
        lost::refuse_if_stopped(state);
        state.inbox.unpark();
        state.ready.halt(false);
        state.trace.returned();
        let awake = turn::Awake::new(state);
        let turn = wake::enter(state, || {
            let Ok(did) = turn::turn(state, Host::Guest(max_wait)) else {
                unreachable!("a guest gives no verdict")
            };
            let next = rest(state);
            let turn::Did { collected, fired, polled, dispatched } = did;
            Turn { collected, fired, polled, dispatched, next }
        });
        drop(awake);
        state.trace.stop();
        lost::refuse_if_stopped(state);
        turn
    }

    /// When the earliest timer is due, by the system's clock, also where the guest's own was once paused. `None`
    /// while the guest's clock stands: then no time that passes makes a timer due, only a turn.
    #[must_use]
    pub fn next_deadline(&self) -> Option<Instant> {
        let state = self.runtime.state();
        state.timers.next().and_then(|(deadline, _)| state.clock.on_system(deadline))
    }
}

/// While it exists a guest is none: `block_on` has the thread, so no host can act, and a verdict is due as ever.
/// Dropped, also by a panic on its way out, it makes it a guest again, and arms its descriptor.
pub(super) struct Own<'a> {
    state: &'a State,
    was_guest: bool,
}

impl Own<'_> {
    pub(super) fn new(state: &State) -> Own<'_> {
        Own { state, was_guest: state.guest.replace(false) }
    }
}

impl Drop for Own<'_> {
    fn drop(&mut self) {
        self.state.guest.set(self.was_guest);
        rearm(self.state);
    }
}

/// After the loop ran by itself: the descriptor tells its host of all that is left, and of what comes.
fn rearm(state: &State) {
    if state.guest.get() {
        state.inbox.arm(!state.ready.is_idle() || state.timers.next().is_some());
    }
}

/// Leaves the loop so that the descriptor tells of all that may happen between turns.
fn rest(state: &State) -> Next {
    if !state.ready.is_idle() || state.inbox.park() == crate::inbox::Park::Rung {
        state.inbox.unpark();
        return Next::Now;
    }
    let Some((deadline, _)) = state.timers.next() else { return outlook(state) };
    let now = state.clock.now();
    if deadline <= now {
        return Next::Now;
    }
    match at(state, deadline, now) {
        Some(next) => next,
        None if state.pool.outstanding() == 0 => Next::Now, // the clock will jump
        None => Next::OnEvent,
    }
}

/// What a guest without timers waits for. Whether that is nothing takes a look at each task: where they are many it is
/// asked ten times a second at most, and the guest's next turn is then.
fn outlook(state: &State) -> Next {
    const MANY: usize = 1000;
    const REST: Duration = Duration::from_millis(100);
    if state.tasks.len() > MANY && !deadlock::goes_on(state) && !state.clock.is_paused() {
        let (now, due) = (state.clock.now(), state.looked.guest_due.get());
        if let Some(due) = due.filter(|due| now < *due) {
            return at(state, due, now).unwrap_or(Next::OnEvent);
        }
        state.looked.guest_due.set(Some(now + REST));
    }
    if deadlock::is_certain(state) { Next::Idle } else { Next::OnEvent }
}

/// At this moment, of which the descriptor tells; `None` while the clock stands.
fn at(state: &State, moment: Instant, now: Instant) -> Option<Next> {
    let on_system = state.clock.on_system(moment)?;
    state.reactor.set_alarm(moment, now);
    Some(Next::At(on_system))
}

impl Deref for Guest {
    type Target = Runtime;

    fn deref(&self) -> &Runtime {
        &self.runtime
    }
}

impl AsFd for Guest {
    /// The poll's descriptor. Wait for it; never read from it.
    ///
    /// After a turn it is readable as soon as there is anything new: a wake, a spawn or a message from any thread, a
    /// socket's news, and on Linux the next deadline; so it is before the first turn and after a `block_on`, if
    /// anything is left to do. After a turn that said [`Next::Now`] it tells nothing, for what is to be done is known
    /// already, and telling it would cost a system call a turn.
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.descriptor.as_fd()
    }
}
