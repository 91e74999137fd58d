//! The typed half of a cell: what only code that knows the future's type can do.

use std::alloc::Layout;
use std::fmt::Display;
use std::future::Future;
use std::mem::{ManuallyDrop, needs_drop};
use std::panic::{AssertUnwindSafe, Location, catch_unwind};
use std::pin::Pin;
use std::ptr::NonNull;
use std::sync::Arc;
use std::task::{Context, Poll};

use super::Inbox;
use super::birth::Birth;
use super::header::{CANCELLED, FUTURE, HANDLE, Header, OUTPUT, PANICKED};
use super::memory::{self, Home};
use super::outcome::JoinError;
use crate::panics::{Payload, UnreadError, dispose, guarded};
use crate::trace::{Kind, Outcome, TaskId};

/// What one future's type needs: functions, and where things are. One `static` a type and kind.
pub(crate) struct Vtable {
    pub(super) kind: Kind,
    pub(super) home: Home,
    /// Where the slot is in the cell, in bytes.
    slot: usize,
    pub(super) poll: unsafe fn(NonNull<Header>, &mut Context<'_>) -> Poll<Outcome>,
    pub(super) cancel: unsafe fn(NonNull<Header>) -> Outcome,
    /// Of a task whose errors must be read: what is lost when its result, at this address, is dropped.
    pub(super) unread: Option<unsafe fn(NonNull<()>) -> Failure>,
}

/// A panic that came out of foreign code with nobody to hand it to; or an [`UnreadError`].
pub(crate) type Failure = Option<Payload>;

#[repr(C)] // both at the same place, whatever they are
union Slot<F: Future> {
    /// Valid while FUTURE is set.
    future: ManuallyDrop<F>,
    /// Valid while OUTPUT is set.
    output: ManuallyDrop<Result<F::Output, JoinError>>,
}

#[repr(C)]
pub(super) struct Cell<F: Future> {
    header: Header,
    slot: Slot<F>,
}

impl<F: Future> Cell<F> {
    const TASK: &'static Vtable = &Cell::<F>::vtable(Kind::Task);
    const ROOT: &'static Vtable = &Cell::<F>::vtable(Kind::Root);
    const BLOCKING: &'static Vtable = &Cell::<F>::vtable(Kind::Blocking);
    const CPU: &'static Vtable = &Cell::<F>::vtable(Kind::Cpu);

    const fn vtable(kind: Kind) -> Vtable {
        Vtable {
            kind,
            home: Home::new(Layout::new::<Cell<F>>()),
            slot: std::mem::offset_of!(Cell<F>, slot),
            poll: poll::<F, false>,
            cancel: cancel::<F, false>,
            unread: None,
        }
    }

    /// The table of a future that is made into a task of this kind.
    pub(super) const fn of(kind: Kind) -> &'static Vtable {
        match kind {
            Kind::Task => Cell::<F>::TASK,
            Kind::Root => Cell::<F>::ROOT,
            Kind::Blocking => Cell::<F>::BLOCKING,
            Kind::Cpu => Cell::<F>::CPU,
        }
    }

    /// # Safety
    /// `cell` is a `Cell<F>`.
    unsafe fn slot(cell: NonNull<Header>) -> *mut Slot<F> {
        // SAFETY: WHOLE. A `&raw` of a field makes no reference to the header, which others may share.
        unsafe { &raw mut (*cell.cast::<Cell<F>>().as_ptr()).slot }
    }
}

impl<F, T, E> Cell<F>
where
    F: Future<Output = Result<T, E>>,
    E: Display,
{
    /// The table of a task whose errors must be read.
    pub(super) const CHECKED: &'static Vtable = &Vtable {
        poll: poll::<F, true>,
        cancel: cancel::<F, true>,
        unread: Some(unread::<T, E>),
        ..Cell::<F>::vtable(Kind::Task)
    };
}

/// The words of an error that nobody reads: `{:#}`, by which error types with a chain of causes show all of it.
///
/// # Safety
/// At `result` is a valid `Result<Result<T, E>, JoinError>`.
#[cold]
unsafe fn unread<T, E: Display>(result: NonNull<()>) -> Failure {
    // SAFETY: this function's contract.
    let Ok(Err(error)) = (unsafe { result.cast::<Result<Result<T, E>, JoinError>>().as_ref() }) else {
        return None;
    };
    let words = catch_unwind(AssertUnwindSafe(|| format!("{error:#}")));
    Some(words.map_or_else(|payload| payload, |words| Box::new(UnreadError(words))))
}

/// Makes a cell with one `TaskRef`'s count and a `Joined`'s flag.
///
/// # Safety
/// The future stays valid until it is dropped by `poll` or `cancel`; the caller makes that true if `F` borrows.
/// `vtable` is one of `Cell<F>`.
#[inline]
pub(super) unsafe fn new<F: Future>(
    future: F,
    vtable: &'static Vtable,
    inbox: &Arc<Inbox>,
    id: TaskId,
    site: &'static Location<'static>,
) -> NonNull<Header> {
    let birth = Birth::of(vtable, site);
    let cell = memory::take(&vtable.home).cast::<Cell<F>>();
    let header = Header::new(birth, inbox, id, FUTURE | HANDLE);
    // SAFETY: fresh memory of at least this layout.
    unsafe { cell.write(Cell { header, slot: Slot { future: ManuallyDrop::new(future) } }) };
    cell.cast()
}

/// `CHECKED`: its errors must be read. Other tasks have code without a look for that: asked for at run time, it would
/// cost each detached task 18 instructions.
///
/// # Safety
/// `cell` is a `Cell<F>` of this thread (OWNER) with FUTURE set, and the caller holds a `TaskRef`.
unsafe fn poll<F: Future, const CHECKED: bool>(cell: NonNull<Header>, cx: &mut Context<'_>) -> Poll<Outcome> {
    // SAFETY: this function's contract. The future is never moved: it is dropped where it stands.
    let polled = catch_unwind(AssertUnwindSafe(|| unsafe {
        Pin::new_unchecked(&mut *(*Cell::<F>::slot(cell)).future).poll(cx)
    }));
    match polled {
        Ok(Poll::Pending) => Poll::Pending,
        // SAFETY: this function's contract.
        Ok(Poll::Ready(output)) => Poll::Ready(unsafe { finish::<F, CHECKED>(cell, Ok(output)) }),
        // SAFETY: this function's contract.
        Err(payload) => Poll::Ready(unsafe {
            let panicked = JoinError::panicked(cell.as_ref().id(), payload);
            fail::<F, CHECKED>(cell, panicked)
        }),
    }
}

/// # Safety
/// As for `poll`.
unsafe fn cancel<F: Future, const CHECKED: bool>(cell: NonNull<Header>) -> Outcome {
    // SAFETY: this function's contract.
    unsafe { fail::<F, CHECKED>(cell, JoinError::cancelled(cell.as_ref().id())) }
}

/// # Safety
/// As for `poll`.
#[cold]
#[inline(never)]
unsafe fn fail<F: Future, const CHECKED: bool>(cell: NonNull<Header>, error: JoinError) -> Outcome {
    // SAFETY: this function's contract.
    unsafe { finish::<F, CHECKED>(cell, Err(error)) }
}

/// Drops the future, then stores its result for the handle, or drops that too; then a panic may be lost.
///
/// # Safety
/// As for `poll`.
#[inline(always)] // into `poll`, for which the result is never an error: 30 instructions a task with all that is cold
unsafe fn finish<F: Future, const CHECKED: bool>(
    cell: NonNull<Header>,
    mut result: Result<F::Output, JoinError>,
) -> Outcome {
    // SAFETY: the caller's `TaskRef` keeps the cell, which is a `Cell<F>`.
    let (header, slot) = unsafe { (cell.as_ref(), Cell::<F>::slot(cell)) };
    header.clear(FUTURE);
    // SAFETY: FUTURE was set, and is not any more, so this runs once.
    let dropped = catch_unwind(AssertUnwindSafe(|| unsafe { ManuallyDrop::drop(&mut (*slot).future) }));
    if let Err(payload) = dropped {
        failed_to_drop(&mut result, header.id(), payload);
    }
    let outcome = match &result {
        Ok(_) => Outcome::Ready,
        Err(error) if error.is_panic() => Outcome::Panicked,
        Err(_) => Outcome::Cancelled,
    };
    match outcome {
        Outcome::Ready => {}
        Outcome::Panicked => header.set(PANICKED),
        Outcome::Cancelled => header.set(CANCELLED),
    }
    if header.has(HANDLE) {
        // SAFETY: the slot is empty since the future was dropped.
        unsafe { (*slot).output = ManuallyDrop::new(result) };
        header.set(OUTPUT);
    } else if CHECKED || needs_drop::<F::Output>() || result.is_err() {
        // (Asked, though the optimizer could see it: 22 instructions a detached task whose output is plain.)
        // SAFETY: `cell` is a `Cell<F>`.
        unsafe { drop_unseen::<_, CHECKED>(header, result) };
    }
    outcome
}

/// A destructor's panic is the task's, unless its poll had panicked before.
#[cold]
fn failed_to_drop<T>(result: &mut Result<T, JoinError>, id: TaskId, payload: Payload) {
    if matches!(result, Err(error) if error.is_panic()) {
        return dispose(payload); // it may panic in its own destructor
    }
    let unused = std::mem::replace(result, Err(JoinError::panicked(id, payload)));
    guarded("the destructor of a task's output", || drop(unused));
}

/// Drops a result that nobody will take. The failure is a panic that nobody will see: the task's own, or its output's
/// destructor's.
fn drop_result<T>(result: Result<T, JoinError>) -> Failure {
    match result {
        Err(error) => error.try_into_panic().ok(),
        Ok(output) => catch_unwind(AssertUnwindSafe(|| drop(output))).err(),
    }
}

/// The same for a task that may be one whose error must be read; then that is a failure too.
///
/// # Safety
/// `header` is of a cell whose future gives a `T`.
unsafe fn drop_checked<T>(header: &Header, result: Result<T, JoinError>) -> Failure {
    // SAFETY: this function's contract.
    let unread = header.birth.vtable.unread.and_then(|unread| unsafe { unread(NonNull::from(&result).cast()) });
    match (unread, drop_result(result)) {
        (Some(unread), Some(second)) => {
            dispose(second);
            Some(unread)
        }
        (unread, panicked) => unread.or(panicked),
    }
}

/// The same, at the end of a task without a handle; its cell keeps the failure.
///
/// # Safety
/// As for `drop_checked`.
#[inline(never)]
unsafe fn drop_unseen<T, const CHECKED: bool>(header: &Header, result: Result<T, JoinError>) {
    // SAFETY: this function's contract.
    let failure = if CHECKED { unsafe { drop_checked(header, result) } } else { drop_result(result) };
    if let Some(failure) = failure {
        header.keep_lost(failure);
    }
}

/// Takes the output out of the slot. Not by the table: the handle knows its type.
///
/// # Safety
/// `cell` is of this thread (OWNER), its future gives a `T`, and OUTPUT is set.
#[inline]
pub(super) unsafe fn take_output<T>(cell: NonNull<Header>) -> Result<T, JoinError> {
    // SAFETY: this function's contract; clearing OUTPUT makes it happen once. WHOLE: `cell` spans the slot.
    unsafe {
        let header = cell.as_ref();
        header.clear(OUTPUT | HANDLE);
        cell.byte_add(header.birth.vtable.slot).cast::<Result<T, JoinError>>().read()
    }
}

/// Drops the output in the slot. The failure is what nobody will see.
///
/// # Safety
/// As for `take_output`.
pub(super) unsafe fn drop_output<T>(cell: NonNull<Header>) -> Failure {
    // SAFETY: this function's contract.
    unsafe { drop_checked(cell.as_ref(), take_output::<T>(cell)) }
}

#[cfg(not(loom))] // whose atomics are larger
const _: () = {
    assert!(size_of::<Header>() == 56, "see `birth`");
    let waiting = Home::new(Layout::new::<Cell<std::future::Ready<[u64; 7]>>>());
    assert!(waiting.size() == 120, "a future of 64 bytes makes a block of 128, with malloc's 8; see `memory`");
};
