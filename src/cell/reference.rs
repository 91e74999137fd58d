//! The references to a cell, near and far: different types, because they obey different rules.

use std::fmt::Display;
use std::future::Future;
use std::mem::ManuallyDrop;
use std::panic::Location;
use std::ptr::{self, NonNull};
use std::sync::Arc;
use std::task::{Context, Poll, RawWakerVTable, Waker};

use super::Inbox;
use super::far::Notify;
use super::header::{
    CANCEL, CANCELLED, FUTURE, HANDLE, Header, INBOX, NOTED, PANICKED, WAKER, release, release_near,
};
use super::joined::Joined;
use super::typed::{self, Cell};
use crate::inbox::{Message, Origin};
use crate::trace::{Kind, Outcome, RuntimeId, TaskId};

/// A task, on its own thread. Plain counts; never `Send`.
pub(crate) struct TaskRef {
    pub(super) cell: NonNull<Header>,
}

impl TaskRef {
    /// A cell for `future`: a reference to it, and the right to its output.
    pub(crate) fn new<F: Future + 'static>(
        future: F,
        kind: Kind,
        inbox: &Arc<Inbox>,
        id: TaskId,
        site: &'static Location<'static>,
    ) -> (TaskRef, Joined<F::Output>) {
        // SAFETY: `'static`: the future borrows nothing that could end before it.
        let cell = unsafe { typed::new(future, Cell::<F>::of(kind), inbox, id, site) };
        TaskRef::first(cell)
    }

    /// The same for a task whose error is a failure of its own, if nobody reads it.
    pub(crate) fn checked<F, T, E>(
        future: F,
        inbox: &Arc<Inbox>,
        id: TaskId,
        site: &'static Location<'static>,
    ) -> (TaskRef, Joined<Result<T, E>>)
    where
        F: Future<Output = Result<T, E>> + 'static,
        E: Display,
    {
        // SAFETY: as in `new`.
        let cell = unsafe { typed::new(future, Cell::<F>::CHECKED, inbox, id, site) };
        // SAFETY: it was made just now. Its end is looked at: its handle may want to report what it holds.
        unsafe { cell.as_ref() }.set(NOTED);
        TaskRef::first(cell)
    }

    /// The references that a new cell is born with. Its one unit becomes the group's (GROUP).
    pub(super) fn first<T>(cell: NonNull<Header>) -> (TaskRef, Joined<T>) {
        let task = TaskRef { cell };
        let joined = Joined::new(task.clone());
        (task, joined)
    }

    #[inline]
    pub(crate) fn header(&self) -> &Header {
        // SAFETY: GROUP: this reference keeps the cell. Only shared references to a header are ever made.
        unsafe { self.cell.as_ref() }
    }

    pub(crate) fn id(&self) -> TaskId {
        self.header().id()
    }

    pub(crate) fn kind(&self) -> Kind {
        self.header().birth.vtable.kind
    }

    pub(crate) fn site(&self) -> &'static Location<'static> {
        self.header().birth.site
    }

    /// Whether the future is gone.
    pub(crate) fn is_finished(&self) -> bool {
        !self.header().has(FUTURE)
    }

    /// How it ended, if it has.
    pub(crate) fn outcome(&self) -> Option<Outcome> {
        let header = self.header();
        self.is_finished().then(|| match (header.has(PANICKED), header.has(CANCELLED)) {
            (true, _) => Outcome::Panicked,
            (_, true) => Outcome::Cancelled,
            _ => Outcome::Ready,
        })
    }

    /// Whether it belongs to the loop of `inbox`.
    #[inline]
    pub(crate) fn is_of(&self, inbox: &Inbox) -> bool {
        self.knows_inbox() && ptr::eq(self.inbox_address(), inbox)
    }

    /// The runtime that it belongs, or belonged, to, while that can be said.
    pub(crate) fn runtime(&self) -> Option<RuntimeId> {
        // SAFETY: LOOP.
        self.knows_inbox().then(|| unsafe { self.header().inbox.as_ref() }.runtime())
    }

    /// Whether its inbox is there (LOOP). A finished cell without a unit may name one that is gone, and whose place
    /// another runtime's took.
    fn knows_inbox(&self) -> bool {
        self.header().has(FUTURE | INBOX)
    }

    /// How many references to it exist beyond those of the registry and of its handle, while its future is there.
    pub(crate) fn held_elsewhere(&self) -> u32 {
        let own = 1; // `self`
        self.header().local.get() - own - 1 - u32::from(self.header().has(HANDLE))
    }

    /// The task that awaits this one's output, if a task does.
    pub(crate) fn joiner(&self) -> Option<TaskRef> {
        let raw = NonNull::new(self.header().joiner.get()).filter(|raw| !is_waker(*raw))?;
        // SAFETY: JOINER: the pointer is a `TaskRef` that stays in place; the clone is counted for itself.
        Some(TaskRef::clone(&ManuallyDrop::new(TaskRef { cell: raw.cast() })))
    }

    /// Polls the future with a waker that is lent and not counted; how the task ended, if it did. Then the header may
    /// have a lost panic to take. Nothing of the loop may be borrowed (QUIET).
    ///
    /// # Safety
    /// `vtable` is that of a waker whose data are a cell's address.
    #[inline]
    pub(crate) unsafe fn poll(&self, vtable: &'static RawWakerVTable) -> Poll<Outcome> {
        // In the words of `runtime::turn::run`, and before the waker is made: so the compiler knows it already, 2
        // instructions a poll.
        if self.header().only(FUTURE | CANCEL) != FUTURE {
            self.expect_future();
        }
        // SAFETY: this function's contract. The waker is not dropped, so it owns no unit; `self` keeps the cell.
        let waker = ManuallyDrop::new(unsafe { Waker::new(self.address(), vtable) });
        let mut cx = Context::from_waker(&waker);
        // SAFETY: OWNER: a `TaskRef` is on its own thread. The future is there.
        unsafe { (self.header().birth.poll)(self.cell, &mut cx) }
    }

    /// Out of line, or the compiler would make one question of both. An observer may abort a task as its poll begins.
    #[cold]
    #[inline(never)]
    fn expect_future(&self) {
        assert!(self.header().has(FUTURE), "a finished task is never polled");
    }

    /// Drops the future instead of polling it; the rest as for `poll`.
    pub(crate) fn cancel(&self) -> Outcome {
        assert!(self.header().has(FUTURE), "a finished task is never cancelled");
        // SAFETY: as for `poll`.
        unsafe { (self.header().birth.vtable.cancel)(self.cell) }
    }

    /// The future is gone: prepares the cell for outliving its loop (LOOP), if it may.
    pub(crate) fn retire(&self) {
        let header = self.header();
        // Without a unit outside now there will never be one: `to_remote` makes none of a finished task. But the
        // handle of one that failed may ask for its `runtime`.
        if header.is_shared() || (header.has(HANDLE) && self.may_have_failed()) {
            header.keep_inbox();
        }
    }

    /// A reference for other threads; `None` once the future is gone, for then nothing can be asked of the task,
    /// and its loop may be gone too (LOOP).
    pub(crate) fn to_remote(&self) -> Option<RemoteRef> {
        if self.is_finished() {
            return None;
        }
        self.header().far.acquire();
        Some(RemoteRef { cell: self.cell })
    }

    /// The address that this task's waker carries, to compare with.
    pub(crate) fn address(&self) -> *const () {
        self.cell.as_ptr().cast_const().cast()
    }

    /// Whether `address` lies in the cell, where the future is pinned; but a root's is elsewhere.
    pub(crate) fn has_inside(&self, address: *const ()) -> bool {
        address.addr().wrapping_sub(self.address().addr()) < self.header().birth.vtable.home.size()
    }

    /// A reference to the task at `address`.
    ///
    /// # Safety
    /// `address` is that of a live cell of this thread (OWNER) whose group holds a unit.
    #[inline]
    pub(crate) unsafe fn at(address: *const ()) -> TaskRef {
        // SAFETY: this function's contract. The borrowed reference is not dropped; its clone is counted.
        TaskRef::clone(&*unsafe { TaskRef::lent(address) })
    }

    /// A reference that is not counted: to look at the task, and to clone while its future is there (LIVE).
    ///
    /// # Safety
    /// `address` is that of a cell of this thread (OWNER) that lives as long as the result.
    #[inline]
    pub(crate) unsafe fn lent(address: *const ()) -> ManuallyDrop<TaskRef> {
        // SAFETY: this function's contract; a cell's address is not null.
        ManuallyDrop::new(TaskRef { cell: unsafe { NonNull::new_unchecked(address.cast_mut().cast()) } })
    }

    /// The address of its loop's inbox, to compare with.
    pub(crate) fn inbox_address(&self) -> *const Inbox {
        self.header().inbox.as_ptr()
    }

    pub(super) fn into_cell(self) -> NonNull<Header> {
        ManuallyDrop::new(self).cell
    }

    /// # Safety
    /// `cell` came from `into_cell`, once.
    pub(super) unsafe fn from_cell(cell: NonNull<Header>) -> TaskRef {
        TaskRef { cell }
    }

    /// Who awaits the output, to be woken.
    #[inline]
    pub(crate) fn take_joiner(&self) -> Option<Waiter> {
        let raw = NonNull::new(self.header().joiner.get())?;
        self.header().joiner.set(ptr::null_mut());
        // SAFETY: JOINER: the bit says what was turned into this pointer, which is taken once.
        Some(unsafe {
            if is_waker(raw) { Waiter::Waker(unbox(raw)) } else { Waiter::Task(TaskRef::from_cell(raw.cast())) }
        })
    }

    #[cold]
    #[inline(never)]
    fn replace_joiner(&self, waiter: Waiter) {
        let before = self.take_joiner();
        self.header().joiner.set(match waiter {
            Waiter::Task(task) => task.into_cell().as_ptr().cast(),
            Waiter::Waker(waker) => {
                Box::into_raw(Box::new(waker)).cast::<()>().map_addr(|address| address | WAKER)
            }
        });
        drop(before); // a foreign waker, perhaps: when the new one stands
    }

    /// Whether the task at `address` is the one that awaits the output.
    #[inline]
    pub(crate) fn is_awaited_by(&self, address: *const ()) -> bool {
        self.header().joiner.get().cast_const() == address
    }

    /// Stores who awaits the output, and is woken when it is there.
    #[inline]
    pub(crate) fn set_awaited_by(&self, waiter: Waiter) {
        match waiter {
            Waiter::Task(task) if self.header().joiner.get().is_null() => {
                self.header().joiner.set(task.into_cell().as_ptr().cast());
            }
            other => self.replace_joiner(other),
        }
    }

    /// Whether a report would want its name, if its result were dropped unread: it panicked, or it may hold an error that
    /// must be read.
    #[inline]
    pub(crate) fn may_be_reported(&self) -> bool {
        self.header().has(NOTED) && self.may_have_failed()
    }

    fn may_have_failed(&self) -> bool {
        let header = self.header();
        header.has(PANICKED) || header.birth.vtable.unread.is_some()
    }
}

/// # Safety
/// JOINER: `joiner` is a boxed `Waker`'s, and is taken with this.
#[cold]
#[inline(never)]
unsafe fn unbox(joiner: NonNull<()>) -> Waker {
    let boxed = joiner.as_ptr().map_addr(|address| address & !WAKER).cast::<Waker>();
    // SAFETY: this function's contract.
    *unsafe { Box::from_raw(boxed) }
}

#[inline]
fn is_waker(joiner: NonNull<()>) -> bool {
    joiner.addr().get() & WAKER != 0
}

impl Clone for TaskRef {
    #[inline]
    fn clone(&self) -> TaskRef {
        let local = &self.header().local;
        local.set(local.get().wrapping_add(1));
        if local.get() == 0 {
            std::process::abort(); // as `Rc` does: four milliards were leaked
        }
        TaskRef { cell: self.cell }
    }
}

impl Drop for TaskRef {
    #[inline]
    fn drop(&mut self) {
        let local = &self.header().local;
        let left = local.get() - 1;
        local.set(left);
        if left == 0 {
            // SAFETY: GROUP: the last of the group owns its unit. OWNER: near.
            unsafe { release_near(self.cell) };
        }
    }
}

/// A task, from any thread: one unit of the atomic count.
pub(crate) struct RemoteRef {
    cell: NonNull<Header>,
}

// SAFETY: OWNER: through a `RemoteRef` only `far`, `inbox` and `birth` are reached, which are atomic or never
// change. By EMPTY the last one may free the memory on any thread.
unsafe impl Send for RemoteRef {}
// SAFETY: as for Send.
unsafe impl Sync for RemoteRef {}

impl RemoteRef {
    /// A reference to the cell at `address`, counted anew.
    ///
    /// # Safety
    /// The caller knows of a unit that keeps the cell alive during the call.
    pub(crate) unsafe fn at(address: *const ()) -> RemoteRef {
        // SAFETY: this function's contract.
        RemoteRef::clone(&ManuallyDrop::new(unsafe { RemoteRef::owning(address) }))
    }

    /// The reference whose unit a waker's data pointer owns.
    ///
    /// # Safety
    /// `address` is a live cell's, and one unit of it passes to the result.
    pub(crate) unsafe fn owning(address: *const ()) -> RemoteRef {
        // SAFETY: this function's contract: a live cell's address is not null.
        RemoteRef { cell: unsafe { NonNull::new_unchecked(address.cast_mut().cast()) } }
    }

    /// The address that a waker carries; the unit goes with it.
    pub(crate) fn into_address(self) -> *const () {
        ManuallyDrop::new(self).cell.as_ptr().cast_const().cast()
    }

    /// The runtime that the task belongs, or belonged, to.
    pub(crate) fn runtime(&self) -> RuntimeId {
        // SAFETY: LOOP; this unit keeps the cell.
        unsafe { self.cell.as_ref().inbox.as_ref() }.runtime()
    }

    /// The address of its loop's inbox, to compare with.
    pub(crate) fn inbox_address(&self) -> *const Inbox {
        // SAFETY: this unit keeps the cell; `inbox` never changes.
        unsafe { self.cell.as_ref() }.inbox.as_ptr()
    }

    /// A wake from another thread: one inbox entry, however often it is called before the entry is collected.
    pub(crate) fn notify(&self, origin: impl FnOnce(&Inbox) -> Origin) {
        // SAFETY: this unit keeps the cell, and until `send` returned it keeps the inbox too (LOOP): while it is
        // out, the owner finds the cell shared when the task finishes, and then the cell holds the inbox.
        let (far, inbox) = unsafe { (&self.cell.as_ref().far, self.cell.as_ref().inbox.as_ref()) };
        if far.notify() == Notify::Send {
            // FLAG: `notify` took the unit that this entry owns.
            let entry = RemoteRef { cell: self.cell };
            let _ = inbox.send(Message::Wake(entry, origin(inbox))); // closed: the task is gone
        }
    }

    /// The near reference to the same task.
    ///
    /// # Safety
    /// This is the owner's thread (OWNER).
    pub(crate) unsafe fn into_task(self) -> TaskRef {
        let cell = self.cell;
        // SAFETY: this function's contract.
        let local = unsafe { &cell.as_ref().local };
        if local.get() == 0 {
            local.set(1);
            std::mem::forget(self); // GROUP: its unit becomes the new group's
            return TaskRef { cell };
        }
        // SAFETY: OWNER; the group keeps the cell.
        unsafe { TaskRef::at(cell.as_ptr().cast_const().cast()) }
    }

    /// The owner took this reference out of its inbox (FLAG).
    pub(crate) fn collected(&self) {
        // SAFETY: this unit keeps the cell.
        unsafe { self.cell.as_ref() }.far.collected();
    }
}

impl Clone for RemoteRef {
    fn clone(&self) -> RemoteRef {
        // SAFETY: this unit keeps the cell.
        unsafe { self.cell.as_ref() }.far.acquire();
        RemoteRef { cell: self.cell }
    }
}

impl Drop for RemoteRef {
    fn drop(&mut self) {
        // SAFETY: this value owns one unit, and ends here.
        unsafe { release(self.cell, false) };
    }
}

/// Who waits for something: a task of this loop, or whatever a foreign waker stands for.
pub(crate) enum Waiter {
    Task(TaskRef),
    Waker(Waker),
}

impl Waiter {
    /// Whether both would wake the same.
    pub(crate) fn is_same(&self, other: &Waiter) -> bool {
        match (self, other) {
            (Waiter::Task(a), Waiter::Task(b)) => a.cell == b.cell,
            (Waiter::Waker(a), Waiter::Waker(b)) => a.will_wake(b),
            _ => false,
        }
    }
}
