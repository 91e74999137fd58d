//! The header of a task cell: 56 bytes, the same for every future.

use std::cell::Cell;
use std::num::NonZeroU64;
use std::ptr::{self, NonNull};
use std::sync::Arc;

use super::birth::Birth;
use super::far::{Far, Release};
use super::{Inbox, memory};
use crate::panics::Payload;
use crate::trace::TaskId;

/// A future is in the slot. Set by `new`, cleared by `poll` or `cancel` just before the future is dropped.
pub(crate) const FUTURE: u64 = 1;
/// An output is in the slot. Set when the future is gone and HANDLE is set; cleared with HANDLE.
pub(crate) const OUTPUT: u64 = 1 << 1;
/// The task stands in the FIFO. Set by the wake rule, cleared when run takes it; so one entry at most.
pub(crate) const QUEUED: u64 = 1 << 2;
/// The future is to be dropped at the task's turn. Set by abort, never cleared.
pub(crate) const CANCEL: u64 = 1 << 3;
/// The output may yet be taken. Set by `new`, cleared by the `Joined` that takes it or gives it up.
pub(crate) const HANDLE: u64 = 1 << 4;
/// Something beside the cell is kept for this task, and is looked at when it ends: a name, a hook, a set that it is a
/// member of; or it is a root, or its error must be read, or it left a failure that no handle will see. Never cleared.
pub(crate) const NOTED: u64 = 1 << 5;
/// The cell holds a unit of its inbox. Set at finish, never cleared.
pub(super) const INBOX: u64 = 1 << 6;
/// The task panicked. Set at its end, never cleared; excludes CANCELLED.
pub(crate) const PANICKED: u64 = 1 << 7;
/// The task was cancelled. Set at its end, never cleared; excludes PANICKED.
pub(super) const CANCELLED: u64 = 1 << 8;

const FLAG_BITS: u32 = 9;

/// In a joiner's address: it is that of a boxed `Waker`.
pub(super) const WAKER: usize = 1;
/// In a joiner's address: it is that of a boxed failure that no handle will see.
const LOST: usize = 1 << 1;

/// `repr(C)`; the slot follows it.
#[repr(C)]
pub(crate) struct Header {
    pub(super) birth: &'static Birth,
    /// Which loop the task belongs to. Valid by LOOP.
    pub(super) inbox: NonNull<Inbox>,
    /// The id in the upper 55 bits (36 years of a spawn every 32 ns), the flags in the lower 9.
    tag: Cell<u64>,
    /// How many `TaskRef`s exist.
    pub(super) local: Cell<u32>,
    pub(super) far: Far,
    /// Neighbours in the registry, which is in spawn order.
    pub(super) previous: Cell<Option<NonNull<Header>>>,
    pub(super) next: Cell<Option<NonNull<Header>>>,
    /// Who awaits the output: null, or a pointer whose lowest bits say what it is (JOINER).
    pub(super) joiner: Cell<*mut ()>,
}

impl Header {
    pub(super) fn new(birth: &'static Birth, inbox: &Arc<Inbox>, id: TaskId, flags: u64) -> Header {
        Header {
            birth,
            inbox: NonNull::new(Arc::as_ptr(inbox).cast_mut()).expect("an Arc points somewhere"),
            tag: Cell::new(id.0.get() << FLAG_BITS | flags),
            local: Cell::new(1),
            far: Far::new(),
            previous: Cell::new(None),
            next: Cell::new(None),
            joiner: Cell::new(ptr::null_mut()),
        }
    }

    #[inline]
    pub(crate) fn id(&self) -> TaskId {
        // SAFETY: TAG: the upper bits are a `TaskId`'s. A check here would stand in every poll.
        TaskId(unsafe { NonZeroU64::new_unchecked(self.tag.get() >> FLAG_BITS) })
    }

    #[inline]
    pub(crate) fn has(&self, flag: u64) -> bool {
        self.tag.get() & flag != 0
    }

    /// Which of these flags are set.
    #[inline]
    pub(crate) fn only(&self, flags: u64) -> u64 {
        self.tag.get() & flags
    }

    #[inline]
    pub(crate) fn set(&self, flag: u64) {
        self.tag.set(self.tag.get() | flag);
    }

    /// The task leaves the queue. Which of these flags are set.
    #[inline]
    pub(crate) fn leave_queue(&self, flags: u64) -> u64 {
        let tag = self.tag.get();
        self.tag.set(tag & !QUEUED);
        tag & flags
    }

    #[inline]
    pub(crate) fn clear(&self, flag: u64) {
        self.tag.set(self.tag.get() & !flag);
    }

    /// Keeps a failure that no handle will see. Without a handle nobody awaits, so the place is free.
    #[cold]
    pub(super) fn keep_lost(&self, payload: Payload) {
        debug_assert!(self.joiner.get().is_null(), "JOINER");
        let boxed = Box::into_raw(Box::new(payload)).cast::<()>();
        self.joiner.set(boxed.map_addr(|address| address | LOST));
        self.set(NOTED);
    }

    /// Takes the failure that no handle will see.
    pub(crate) fn take_lost(&self) -> Option<Payload> {
        if self.joiner.get().addr() & LOST == 0 {
            return None;
        }
        let boxed = self.joiner.replace(ptr::null_mut()).map_addr(|address| address & !LOST);
        // SAFETY: JOINER: `keep_lost` boxed it, and it is taken once.
        Some(*unsafe { Box::from_raw(boxed.cast::<Payload>()) })
    }

    /// Whether a waker or a remote reference exists that may wake this task from anywhere.
    pub(crate) fn is_shared(&self) -> bool {
        self.far.is_shared()
    }

    /// Takes a unit of the inbox for a cell that may outlive its loop: once, when it finishes.
    pub(super) fn keep_inbox(&self) {
        debug_assert!(!self.has(INBOX), "a task finishes once");
        self.set(INBOX);
        // SAFETY: LOOP. The pointer came from an `Arc`, which the loop still holds.
        unsafe { Arc::increment_strong_count(self.inbox.as_ptr()) };
    }
}

/// Releases one unit of `cell`, and frees the cell if it was the last: into this thread's lists when `near`.
///
/// # Safety
/// The caller owns the unit and does not use `cell` any more. `near` only on the owner's thread.
#[inline]
pub(super) unsafe fn release(cell: NonNull<Header>, near: bool) {
    // SAFETY: the caller's unit keeps the cell alive until here.
    if unsafe { cell.as_ref() }.far.release() == Release::Last {
        // SAFETY: nobody else has a unit; by EMPTY the slot holds nothing.
        unsafe { free(cell, near) };
    }
}

/// The same, near. Out of line: it happens once a task, and references are dropped in many places.
///
/// # Safety
/// As for `release`, on the owner's thread.
#[inline(never)]
pub(super) unsafe fn release_near(cell: NonNull<Header>) {
    // SAFETY: this function's contract.
    unsafe { release(cell, true) };
}

/// # Safety
/// No reference to `cell` exists; its slot is empty.
#[inline]
unsafe fn free(cell: NonNull<Header>, near: bool) {
    // SAFETY: the last unit is gone, so this is the only access (OWNER), and it happens after all others.
    let header = unsafe { cell.as_ref() };
    debug_assert!(!header.has(FUTURE | OUTPUT), "EMPTY");
    let home = &header.birth.vtable.home;
    // SAFETY: WHOLE. `cell` is the pointer that `memory::take(home)` gave, and nobody uses it any more.
    unsafe {
        if near && !header.has(INBOX) {
            memory::give(cell.cast(), home);
        } else {
            free_from_afar(cell);
        }
    }
}

/// # Safety
/// As for `free`.
#[cold]
#[inline(never)]
unsafe fn free_from_afar(cell: NonNull<Header>) {
    // SAFETY: as in `free`.
    let header = unsafe { cell.as_ref() };
    if header.has(INBOX) {
        // SAFETY: LOOP. INBOX says that this cell owns one unit of the `Arc`.
        drop(unsafe { Arc::from_raw(header.inbox.as_ptr()) });
    }
    // SAFETY: as in `free`.
    unsafe { memory::free(cell.cast(), &header.birth.vtable.home) };
}
