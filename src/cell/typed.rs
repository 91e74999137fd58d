//! The typed half of a cell: what only code that knows the future's type can do.

use std::alloc::Layout;
use std::future::Future;
use std::mem::ManuallyDrop;
use std::panic::{AssertUnwindSafe, Location, catch_unwind};
use std::pin::Pin;
use std::ptr::NonNull;
use std::sync::Arc;
use std::task::{Context, Poll};

use super::Inbox;
use super::header::{CANCELLED, FUTURE, HANDLE, Header, OUTPUT, PANICKED};
use super::memory::{self, Home};
use super::outcome::JoinError;
use crate::panics::{Payload, dispose, guarded};
use crate::trace::{Kind, Outcome, TaskId};

/// The functions of one future's type. One `static` a type and kind.
pub(crate) struct Vtable {
    pub(super) kind: Kind,
    pub(super) home: Home,
    pub(super) poll: unsafe fn(NonNull<Header>, &mut Context<'_>) -> Polled,
    pub(super) cancel: unsafe fn(NonNull<Header>) -> Polled,
    /// Moves the output to the given `MaybeUninit<Result<T, JoinError>>`.
    pub(super) take_output: unsafe fn(NonNull<Header>, *mut ()),
    pub(super) drop_output: unsafe fn(NonNull<Header>) -> Failure,
}

/// A panic that came out of foreign code with nobody to hand it to.
pub(crate) type Failure = Option<Payload>;

/// What a poll, or a cancellation, made of the task.
#[must_use]
pub(crate) enum Polled {
    /// It waits.
    Pending,
    /// Its future is gone.
    Done {
        outcome: Outcome,
        /// A panic that no handle will see.
        lost: Failure,
    },
}

union Slot<F: Future> {
    /// Valid while FUTURE is set.
    future: ManuallyDrop<F>,
    /// Valid while OUTPUT is set.
    output: ManuallyDrop<Result<F::Output, JoinError>>,
}

#[repr(C)]
struct Cell<F: Future> {
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
            poll: poll::<F>,
            cancel: cancel::<F>,
            take_output: take_output::<F>,
            drop_output: drop_output::<F>,
        }
    }

    /// # Safety
    /// `cell` is a `Cell<F>`.
    unsafe fn slot(cell: NonNull<Header>) -> *mut Slot<F> {
        // SAFETY: WHOLE. A `&raw` of a field makes no reference to the header, which others may share.
        unsafe { &raw mut (*cell.cast::<Cell<F>>().as_ptr()).slot }
    }
}

/// Makes a cell with one `TaskRef`'s count and a `Joined`'s flag.
///
/// # Safety
/// The future stays valid until it is dropped by `poll` or `cancel`; the caller makes that true if `F` borrows.
#[inline]
pub(super) unsafe fn new<F: Future>(
    future: F,
    kind: Kind,
    inbox: &Arc<Inbox>,
    id: TaskId,
    site: &'static Location<'static>,
) -> NonNull<Header> {
    let vtable = match kind {
        Kind::Task => Cell::<F>::TASK,
        Kind::Root => Cell::<F>::ROOT,
        Kind::Blocking => Cell::<F>::BLOCKING,
        Kind::Cpu => Cell::<F>::CPU,
    };
    let cell = memory::take(&vtable.home).cast::<Cell<F>>();
    let header = Header::new(vtable, inbox, id, site, FUTURE | HANDLE);
    // SAFETY: fresh memory of at least this layout.
    unsafe { cell.write(Cell { header, slot: Slot { future: ManuallyDrop::new(future) } }) };
    cell.cast()
}

/// # Safety
/// `cell` is a `Cell<F>` of this thread (OWNER) with FUTURE set, and the caller holds a `TaskRef`.
unsafe fn poll<F: Future>(cell: NonNull<Header>, cx: &mut Context<'_>) -> Polled {
    // SAFETY: this function's contract. The future is never moved: it is dropped where it stands.
    let polled = catch_unwind(AssertUnwindSafe(|| unsafe {
        Pin::new_unchecked(&mut *(*Cell::<F>::slot(cell)).future).poll(cx)
    }));
    match polled {
        Ok(Poll::Pending) => Polled::Pending,
        // SAFETY: this function's contract.
        Ok(Poll::Ready(output)) => unsafe { finish::<F>(cell, Ok(output)) },
        // SAFETY: this function's contract.
        Err(payload) => unsafe {
            let id = cell.as_ref().id();
            finish::<F>(cell, Err(JoinError::panicked(id, payload)))
        },
    }
}

/// # Safety
/// As for `poll`.
unsafe fn cancel<F: Future>(cell: NonNull<Header>) -> Polled {
    // SAFETY: this function's contract.
    unsafe { finish::<F>(cell, Err(JoinError::cancelled(cell.as_ref().id()))) }
}

/// Drops the future, then stores its result for the handle, or drops that too.
///
/// # Safety
/// As for `poll`.
unsafe fn finish<F: Future>(cell: NonNull<Header>, mut result: Result<F::Output, JoinError>) -> Polled {
    // SAFETY: the caller's `TaskRef` keeps the cell, which is a `Cell<F>`.
    let (header, slot) = unsafe { (cell.as_ref(), Cell::<F>::slot(cell)) };
    header.clear(FUTURE);
    // SAFETY: FUTURE was set, and is not any more, so this runs once.
    let dropped = catch_unwind(AssertUnwindSafe(|| unsafe { ManuallyDrop::drop(&mut (*slot).future) }));
    if let Err(payload) = dropped {
        // A destructor's panic is the task's, unless its poll had panicked before.
        let was_panic = matches!(&result, Err(error) if error.is_panic());
        if was_panic {
            dispose(payload); // it may panic in its own destructor
        } else {
            let failed = Err(JoinError::panicked(header.id(), payload));
            let unused = std::mem::replace(&mut result, failed);
            guarded("the destructor of a task's output", || drop(unused));
        }
    }
    let (outcome, flag) = match &result {
        Ok(_) => (Outcome::Ready, 0),
        Err(error) if error.is_panic() => (Outcome::Panicked, PANICKED),
        Err(_) => (Outcome::Cancelled, CANCELLED),
    };
    header.set(flag);
    if header.has(HANDLE) {
        // SAFETY: the slot is empty since the future was dropped.
        unsafe { (*slot).output = ManuallyDrop::new(result) };
        header.set(OUTPUT);
        return Polled::Done { outcome, lost: None };
    }
    let lost = match result {
        Err(error) => error.try_into_panic().ok(),
        Ok(output) => catch_unwind(AssertUnwindSafe(|| drop(output))).err(),
    };
    Polled::Done { outcome, lost }
}

/// # Safety
/// `cell` is a `Cell<F>` of this thread with OUTPUT set; `to` is writable as a `Result<F::Output, JoinError>`.
unsafe fn take_output<F: Future>(cell: NonNull<Header>, to: *mut ()) {
    // SAFETY: this function's contract; clearing OUTPUT makes it happen once.
    unsafe {
        cell.as_ref().clear(OUTPUT);
        let output = ManuallyDrop::take(&mut (*Cell::<F>::slot(cell)).output);
        to.cast::<Result<F::Output, JoinError>>().write(output);
    }
}

/// # Safety
/// `cell` is a `Cell<F>` of this thread with OUTPUT set. The failure is a panic that nobody will see: the task's
/// own, or its output's destructor's.
unsafe fn drop_output<F: Future>(cell: NonNull<Header>) -> Failure {
    // SAFETY: this function's contract; clearing OUTPUT makes it happen once.
    let output = unsafe {
        cell.as_ref().clear(OUTPUT);
        ManuallyDrop::take(&mut (*Cell::<F>::slot(cell)).output)
    };
    match output {
        Err(error) => error.try_into_panic().ok(),
        Ok(output) => catch_unwind(AssertUnwindSafe(|| drop(output))).err(),
    }
}

#[cfg(not(loom))] // whose atomics are larger
const _: () = assert!(size_of::<Header>() == 64, "a header is one cache line; see ARCHITECTURE.md");
