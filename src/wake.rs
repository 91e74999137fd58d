//! Which loop this thread runs, the one rule by which a task is woken, and the `std::task::Waker` made of a task.
//!
//! A wake travels: `Waker` or [`wake`] → [`make_ready`] → `ready.push` → the run phase → [`poll`] → the cell.
//! From another thread it makes a detour: `RemoteRef::notify` → inbox → the collect phase → [`make_ready`].
//!
//! # Invariants
//! - **CURRENT**: the thread-local points to a state exactly while `enter`, which borrows that state, is on the
//!   stack. A cell whose inbox is CURRENT's inbox belongs to this thread (this proves OWNER).
#![allow(unsafe_code)]

use std::cell::Cell;
use std::fmt;
use std::mem::ManuallyDrop;
use std::ptr;
use std::sync::Arc;
use std::task::{Context, Poll, RawWaker, RawWakerVTable, Waker};

use crate::cell::{FUTURE, Inbox, QUEUED, RemoteRef, TaskRef, Waiter};
use crate::live;
use crate::panics::guarded;
use crate::state::State;
use crate::trace::{Event, Found, Leaf, Outcome, RuntimeId, Via, Way, Why};

struct Current {
    state: Cell<*const State>,
    /// The same state's inbox: a wake compares with it, and needs nothing else when the task is another loop's.
    inbox: Cell<*const Inbox>,
}

thread_local! {
    static CURRENT: Current = const { Current { state: Cell::new(ptr::null()), inbox: Cell::new(ptr::null()) } };
}

/// Runs `body` with `state` as this thread's loop.
pub(crate) fn enter<R>(state: &State, body: impl FnOnce() -> R) -> R {
    struct Leave {
        before: (*const State, *const Inbox),
    }
    impl Drop for Leave {
        fn drop(&mut self) {
            CURRENT.with(|current| {
                current.state.set(self.before.0);
                current.inbox.set(self.before.1);
            });
        }
    }
    let before =
        CURRENT.with(|current| (current.state.replace(state), current.inbox.replace(Arc::as_ptr(&state.inbox))));
    let _leave = Leave { before };
    body()
}

/// Gives `look` this thread's loop, if it runs one.
#[inline]
pub(crate) fn current<R>(look: impl FnOnce(Option<&State>) -> R) -> R {
    let state = CURRENT.with(|current| current.state.get());
    // SAFETY: CURRENT: `enter` is below us on the stack and borrows the state.
    look(unsafe { state.as_ref() })
}

/// The task that is being polled on this thread.
#[inline]
pub(crate) fn running() -> Option<TaskRef> {
    current(|state| state?.running.task())
}

#[inline]
pub(crate) fn is_running(task: &TaskRef) -> bool {
    is_at(task.address())
}

/// Gives `act` this thread's loop.
///
/// # Errors
/// If it runs none; `what` names what was attempted.
#[inline]
pub(crate) fn with_current<R>(what: &'static str, act: impl FnOnce(&State) -> R) -> Result<R, NoRuntime> {
    current(|state| state.map(act)).ok_or(NoRuntime { what })
}

/// Something that needs a running loop was used where none runs.
///
/// # Examples
/// ```
/// let error = glassloop::try_spawn(async {}).unwrap_err();
/// assert!(error.to_string().starts_with("spawn was used outside of a glassloop runtime"));
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NoRuntime {
    what: &'static str,
}

impl fmt::Display for NoRuntime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} was used outside of a glassloop runtime; use it inside a future that `glassloop::run` or \
             `Runtime::block_on` drives, as in `run(async {{ … }})`, or send work to a loop on another thread through \
             its `Handle`",
            self.what
        )
    }
}

impl std::error::Error for NoRuntime {}

impl From<NoRuntime> for std::io::Error {
    fn from(error: NoRuntime) -> std::io::Error {
        std::io::Error::other(error)
    }
}

/// Gives `act` this thread's loop, if it is `owner`.
///
/// # Errors
/// If another loop runs here, or none; `what` names the thing that was used.
#[inline]
pub(crate) fn with_own<R>(
    what: &'static str,
    owner: RuntimeId,
    act: impl FnOnce(&State) -> R,
) -> Result<R, Elsewhere> {
    own(owner, act).ok_or_else(|| elsewhere(what, owner))
}

/// Gives `act` this thread's loop, if it is `owner`.
#[inline]
pub(crate) fn own<R>(owner: RuntimeId, act: impl FnOnce(&State) -> R) -> Option<R> {
    current(|state| state.filter(|state| state.id == owner).map(act))
}

/// What is to be said where `owner` is not this thread's loop.
#[cold]
pub(crate) fn elsewhere(what: &'static str, owner: RuntimeId) -> Elsewhere {
    Elsewhere { what, owner, here: current(|state| state.map(|state| state.id)) }
}

/// Something that belongs to one loop was used on another, or outside of any.
#[derive(Debug)]
pub(crate) struct Elsewhere {
    what: &'static str,
    owner: RuntimeId,
    here: Option<RuntimeId>,
}

impl fmt::Display for Elsewhere {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "this {} belongs to glassloop runtime {} and was used ", self.what, self.owner)?;
        match self.here {
            Some(here) => write!(f, "on runtime {here}")?,
            None => write!(f, "outside of any running loop")?,
        }
        write!(f, "; it stays with the loop it was made on")
    }
}

impl std::error::Error for Elsewhere {}

impl From<Elsewhere> for std::io::Error {
    fn from(error: Elsewhere) -> std::io::Error {
        std::io::Error::other(error)
    }
}

/// Does something in a runtime: at once on its own thread while it runs, else at its next collect. If the runtime is
/// gone, `act` is dropped.
pub(crate) fn on_loop(runtime: RuntimeId, act: impl FnOnce(&State) + Send + 'static) {
    let mut act = Some(act);
    current(|state| {
        if let Some(state) = state.filter(|state| state.id == runtime)
            && let Some(act) = act.take()
        {
            act(state);
        }
    });
    if let Some(act) = act {
        live::leave(runtime, Box::new(move || current(|state| state.map(act).unwrap_or_default())));
    }
}

/// Makes a task of `state`, which is this thread's loop, ready: once in the queue, at the back.
#[inline]
pub(crate) fn make_ready(state: &State, task: TaskRef, why: impl FnOnce() -> Why) {
    if is_admitted(&task) {
        state.ready.push(task, &state.trace, why);
    } else {
        merge_owned(state, task, why);
    }
}

/// Makes a task ready that no wake can have reached yet. Who observes was told.
#[inline]
pub(crate) fn make_ready_first(state: &State, task: TaskRef) {
    task.header().set(QUEUED);
    state.ready.push_first(task);
}

/// THE wake rule: a task whose future is there goes to the back of the queue, unless it stands there already. After a
/// yes the caller pushes it.
#[inline]
fn is_admitted(task: &TaskRef) -> bool {
    let header = task.header();
    let is_admitted = header.only(FUTURE | QUEUED) == FUTURE;
    if is_admitted {
        header.set(QUEUED);
    }
    is_admitted
}

#[cold]
#[inline(never)]
fn merge_owned(state: &State, task: TaskRef, why: impl FnOnce() -> Why) {
    merge(state, &task, why);
}

/// A wake that changes nothing: the task is ready already, or finished.
#[cold]
#[inline(never)]
fn merge(state: &State, task: &TaskRef, why: impl FnOnce() -> Why) {
    if !task.is_finished() {
        state.trace.emit(|| {
            let Why { cause, via } = why();
            Event::Merge { task: task.id(), cause, via }
        });
    }
}

/// Wakes whoever waited; the cause is whoever runs.
pub(crate) fn wake(waiter: Waiter) {
    match waiter {
        Waiter::Task(task) => wake_task(task, || None),
        // Foreign code, called by the loop itself: its panic must not unwind through a phase.
        Waiter::Waker(waker) => guarded("a foreign waker", || waker.wake()),
    }
}

/// Wakes whoever waited, on behalf of the loop itself, which knows the cause.
#[inline]
pub(crate) fn wake_because(state: &State, waiter: Waiter, why: impl FnOnce() -> Why) {
    match waiter {
        Waiter::Task(task) if task.is_of(&state.inbox) => make_ready(state, task, why),
        other => wake_foreign(state, other, why),
    }
}

/// What a foreign waker wakes in its turn has the same cause.
#[cold]
#[inline(never)]
fn wake_foreign(state: &State, waiter: Waiter, why: impl FnOnce() -> Why) {
    if state.trace.tells_events() {
        state.running.on_behalf_of(why().cause, || wake(waiter));
    } else {
        wake(waiter);
    }
}

/// Whether `task` belongs to the loop that runs on this thread; then gives it to `act` with that loop.
pub(crate) fn with_loop_of<R>(task: &TaskRef, act: impl FnOnce(&State) -> R) -> Option<R> {
    current(|state| state.filter(|state| task.is_of(&state.inbox)).map(act))
}

/// Wakes a task that waited; the cause is whoever runs, by way of `via`.
#[inline]
pub(crate) fn wake_task(task: TaskRef, via: impl FnOnce() -> Option<Way>) {
    let (state, inbox) = CURRENT.with(|current| (current.state.get(), current.inbox.get()));
    // A task may name an inbox that is gone, and whose place this one took; but not while its future is there (LOOP).
    if !ptr::eq(task.inbox_address(), inbox) || !is_admitted(&task) {
        return wake_otherwise(task, via);
    }
    // SAFETY: CURRENT: an inbox that is a task's, and so not null, is current only with its state.
    let state = unsafe { &*state };
    state.ready.push_by(task, &state.trace, &state.running, via);
}

/// As `wake_task`, for a task that is ready already, finished, or another loop's. Apart, and called last, it leaves a
/// wake without a stack frame: one by a channel takes 32 instructions, and took 48.
#[cold]
#[inline(never)]
fn wake_otherwise(task: TaskRef, via: impl FnOnce() -> Option<Way>) {
    current(|state| match state.filter(|state| task.is_of(&state.inbox)) {
        Some(state) => merge(state, &task, || Why { cause: state.running.cause(), via: via().map(Via::from) }),
        None => {
            if let Some(remote) = task.to_remote() {
                remote.notify(Inbox::sign);
            }
        }
    });
}

/// The near form of a remote reference that belongs to `state`'s loop.
pub(crate) fn near(state: &State, remote: RemoteRef) -> TaskRef {
    let is_here = ptr::eq(remote.inbox_address(), &raw const *state.inbox);
    assert!(is_here && CURRENT.with(|current| ptr::eq(current.state.get(), state)), "a task of another loop");
    // SAFETY: OWNER, by CURRENT.
    unsafe { remote.into_task() }
}

/// A future that was polled to no avail is gone.
pub(crate) fn forget_leaf(is: impl FnOnce(&Leaf) -> bool) {
    current(|state| state.map(|state| state.trace.forget_leaf(is)));
}

/// Whoever `cx` stands for: the running task itself, uncounted by atomics, or else a clone of its waker. What it waits
/// for, `leaf` says, if somebody observes: so in all three.
#[inline]
pub(crate) fn waiter<L: Into<Found>>(cx: &Context<'_>, leaf: impl FnOnce() -> L) -> Waiter {
    waiter_at(cx, address(cx, leaf))
}

/// The running task, if `cx` has its plain waker: so it is in nearly all waits, if nobody observes.
#[inline]
pub(crate) fn plain_waiter(cx: &Context<'_>) -> Option<TaskRef> {
    let waker = cx.waker();
    // SAFETY: RUNNING, as in `waiter_at`.
    (is_own(waker) && is_at(waker.data())).then(|| unsafe { TaskRef::at(waker.data()) })
}

/// As `waiter`; but `None` if `cx` stands for the running task and that, by its address, waits already.
#[inline]
pub(crate) fn new_waiter(
    cx: &Context<'_>,
    leaf: impl FnOnce() -> Leaf,
    waits: impl FnOnce(*const ()) -> bool,
) -> Option<Waiter> {
    let address = address(cx, leaf);
    (address.is_null() || !waits(address)).then(|| waiter_at(cx, address))
}

#[inline]
fn waiter_at(cx: &Context<'_>, address: *const ()) -> Waiter {
    if address.is_null() {
        return Waiter::Waker(cx.waker().clone());
    }
    // SAFETY: RUNNING (see `cell::Running`): a live cell's of this thread, for `address` compared it with the one that
    // runs. It comes from a waker with a table of ours, and so was made from that cell.
    Waiter::Task(unsafe { TaskRef::at(address) })
}

/// The running task's address if `cx` stands for it; else null.
#[inline]
pub(crate) fn address<L: Into<Found>>(cx: &Context<'_>, leaf: impl FnOnce() -> L) -> *const () {
    let waker = cx.waker();
    if is_own(waker) && is_at(waker.data()) { waker.data() } else { other_address(waker, leaf) }
}

/// As `address`, where the waker is no plain one of ours: notes the leaf, if somebody observes. Whatever waker was given,
/// the task that runs waits for it.
#[cold]
#[inline(never)]
fn other_address<L: Into<Found>>(waker: &Waker, leaf: impl FnOnce() -> L) -> *const () {
    current(|state| {
        let Some(state) = state else { return ptr::null() };
        let running = state.running.address();
        let is_told = ptr::eq(waker.vtable(), &TOLD) && running == waker.data();
        state.trace.note_leaf(leaf);
        if is_told { running } else { ptr::null() }
    })
}

/// Whether the task at this address, which is not null, is the one that runs.
#[inline]
fn is_at(address: *const ()) -> bool {
    current(|state| state.is_some_and(|state| state.running.address() == address))
}

#[inline]
fn is_own(waker: &Waker) -> bool {
    ptr::eq(waker.vtable(), &VTABLE)
}

/// Polls a task with a waker that is lent and not counted.
#[inline]
pub(crate) fn poll(task: &TaskRef) -> Poll<Outcome> {
    poll_with(task, &VTABLE)
}

/// As `poll`, where somebody observes.
pub(crate) fn poll_told(task: &TaskRef) -> Poll<Outcome> {
    poll_with(task, &TOLD)
}

#[inline]
fn poll_with(task: &TaskRef, vtable: &'static RawWakerVTable) -> Poll<Outcome> {
    // SAFETY: both tables fit a cell's address; the waker is lent, and `task` keeps the cell.
    unsafe { task.poll(vtable) }
}

static VTABLE: RawWakerVTable = RawWakerVTable::new(clone_waker, wake_waker, wake_waker_by_ref, drop_waker);

/// The same, in a poll that is observed: so a leaf that must tell what it waits for finds no plain waker, and looks
/// further; one that is not observed pays nothing (a test in each leaf: 6 to 9 instructions a sleep, 8 a message).
static TOLD: RawWakerVTable = RawWakerVTable::new(clone_told, wake_waker, wake_waker_by_ref, drop_waker);

/// # Safety
/// `data` is the address of a cell of which the waker owns, or was lent, a unit. So for all five.
unsafe fn clone_waker(data: *const ()) -> RawWaker {
    // SAFETY: this function's contract; a lent waker's unit is the group's.
    let counted = unsafe { RemoteRef::at(data) };
    RawWaker::new(counted.into_address(), &VTABLE)
}

/// # Safety
/// See `clone_waker`.
unsafe fn clone_told(data: *const ()) -> RawWaker {
    // SAFETY: this function's contract. A clone has its original's table, or `will_wake` would tell them apart.
    let counted = unsafe { RemoteRef::at(data) };
    RawWaker::new(counted.into_address(), &TOLD)
}

/// # Safety
/// See `clone_waker`.
unsafe fn wake_waker(data: *const ()) {
    // SAFETY: this function's contract. The unit is let go last: it keeps cell and inbox until then (LOOP).
    unsafe {
        wake_waker_by_ref(data);
        drop_waker(data);
    }
}

/// # Safety
/// See `clone_waker`.
unsafe fn wake_waker_by_ref(data: *const ()) {
    // SAFETY: this function's contract; the unit stays the waker's.
    let remote = ManuallyDrop::new(unsafe { RemoteRef::owning(data) });
    let (state, inbox) = CURRENT.with(|current| (current.state.get(), current.inbox.get()));
    if !ptr::eq(inbox, remote.inbox_address()) {
        return wake_afar(&remote);
    }
    // SAFETY: CURRENT: an inbox that is a task's, and so not null, is current only with its state. OWNER likewise.
    let (state, task) = unsafe { (&*state, TaskRef::lent(data)) };
    if is_admitted(&task) {
        state.ready.push_by(TaskRef::clone(&task), &state.trace, &state.running, || None);
    } else {
        merge(state, &task, || state.running.cause().into());
    }
}

#[cold]
#[inline(never)]
fn wake_afar(remote: &RemoteRef) {
    remote.notify(Inbox::sign);
}

/// # Safety
/// See `clone_waker`.
unsafe fn drop_waker(data: *const ()) {
    // SAFETY: this function's contract: the unit ends here.
    drop(unsafe { RemoteRef::owning(data) });
}
