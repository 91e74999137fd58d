//! The references to a cell, near and far: different types, because they obey different rules.

use std::future::Future;
use std::marker::PhantomData;
use std::mem::{ManuallyDrop, MaybeUninit};
use std::panic::Location;
use std::ptr::NonNull;
use std::sync::Arc;
use std::task::{Context, Waker};

use super::far::Notify;
use super::header::{
    CANCELLED, FUTURE, HANDLE, Header, INBOX, JOINER_TASK, JOINER_WAKER, OUTPUT, PANICKED, release,
};
use super::typed::{self, Failure, Polled};
use super::{Inbox, JoinError};
use crate::inbox::{Message, Origin};
use crate::trace::{Kind, Outcome, RuntimeId, TaskId};

/// A task, on its own thread. Plain counts; never `Send`.
pub(crate) struct TaskRef {
    cell: NonNull<Header>,
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
        let cell = unsafe { typed::new(future, kind, inbox, id, site) };
        TaskRef::first(cell)
    }

    /// The references that a new cell is born with. Its one unit becomes the group's (GROUP).
    pub(super) fn first<T>(cell: NonNull<Header>) -> (TaskRef, Joined<T>) {
        let task = TaskRef { cell };
        let joined = Joined { task: task.clone(), output: PhantomData };
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
        self.header().vtable.kind
    }

    pub(crate) fn site(&self) -> &'static Location<'static> {
        self.header().site
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
        self.knows_inbox() && std::ptr::eq(self.inbox_address(), inbox)
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

    /// How many references to it exist beyond those of the registry and of its handle.
    pub(crate) fn held_elsewhere(&self) -> u32 {
        let own = 1; // `self`
        self.header().local.get() - own - 1 - u32::from(self.header().has(HANDLE))
    }

    /// The task that awaits this one's output, if a task does.
    pub(crate) fn joiner(&self) -> Option<TaskRef> {
        let header = self.header();
        let cell = NonNull::new(header.joiner.get())?.cast::<Header>();
        if !header.has(JOINER_TASK) {
            return None;
        }
        // SAFETY: JOINER_TASK: the pointer is a `TaskRef` that stays in place; the clone is counted for itself.
        Some(TaskRef::clone(&ManuallyDrop::new(TaskRef { cell })))
    }

    /// Polls the future. Nothing of the loop may be borrowed (QUIET).
    #[inline]
    pub(crate) fn poll(&self, cx: &mut Context<'_>) -> Polled {
        assert!(self.header().has(FUTURE), "a finished task is never polled");
        // SAFETY: OWNER: a `TaskRef` is on its own thread. The future is there.
        unsafe { (self.header().vtable.poll)(self.cell, cx) }
    }

    /// Drops the future instead of polling it. Nothing of the loop may be borrowed (QUIET).
    pub(crate) fn cancel(&self) -> Polled {
        assert!(self.header().has(FUTURE), "a finished task is never cancelled");
        // SAFETY: as for `poll`.
        unsafe { (self.header().vtable.cancel)(self.cell) }
    }

    /// The future is gone: prepares the cell for outliving its loop (LOOP), and hands out who awaits it.
    pub(crate) fn retire(&self) -> Option<Waiter> {
        let header = self.header();
        // Without a unit outside now there will never be one: `to_remote` makes none of a finished task. But the
        // handle of a panicked one may ask for its `runtime`.
        let is_asked_for = header.has(PANICKED) && header.has(HANDLE);
        if header.is_shared() || is_asked_for {
            header.keep_inbox();
        }
        self.take_joiner()
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

    /// A reference to the task at `address`.
    ///
    /// # Safety
    /// `address` is that of a live cell of this thread (OWNER) whose group holds a unit.
    #[inline]
    pub(crate) unsafe fn at(address: *const ()) -> TaskRef {
        let cell = NonNull::new(address.cast_mut().cast::<Header>()).expect("a cell has an address");
        // SAFETY: this function's contract. The borrowed reference is not dropped; its clone is counted.
        TaskRef::clone(&ManuallyDrop::new(TaskRef { cell }))
    }

    /// The same, if its future is still there. Then its loop lives too (LOOP), and so does the group (LIVE).
    ///
    /// # Safety
    /// `address` is that of a live cell of this thread (OWNER).
    #[inline]
    pub(crate) unsafe fn live_at(address: *const ()) -> Option<TaskRef> {
        // SAFETY: this function's contract.
        unsafe {
            let has_future = (*address.cast::<Header>()).has(FUTURE);
            has_future.then(|| TaskRef::at(address))
        }
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

    #[inline]
    fn take_joiner(&self) -> Option<Waiter> {
        let raw = NonNull::new(self.header().joiner.get())?;
        Some(self.take_joiner_at(raw))
    }

    fn take_joiner_at(&self, raw: NonNull<()>) -> Waiter {
        let header = self.header();
        header.joiner.set(std::ptr::null_mut());
        let is_task = header.has(JOINER_TASK);
        header.clear(JOINER_TASK | JOINER_WAKER);
        // SAFETY: the flag says what `set_joiner` turned into this pointer; taking it cleared both.
        unsafe {
            if is_task {
                Waiter::Task(TaskRef::from_cell(raw.cast()))
            } else {
                Waiter::Waker(*Box::from_raw(raw.cast::<Waker>().as_ptr()))
            }
        }
    }

    /// Stores who awaits the output, and hands back who did before.
    #[inline]
    fn set_joiner(&self, waiter: Waiter) -> Option<Waiter> {
        let before = self.take_joiner();
        let (raw, flag) = match waiter {
            Waiter::Task(task) => (task.into_cell().as_ptr().cast(), JOINER_TASK),
            Waiter::Waker(waker) => (Box::into_raw(Box::new(waker)).cast(), JOINER_WAKER),
        };
        self.header().joiner.set(raw);
        self.header().set(flag);
        before
    }

    /// Whether the stored joiner would do for the caller, so that a new one need not be made.
    fn is_joined_by(&self, address: *const ()) -> bool {
        self.header().has(JOINER_TASK) && self.header().joiner.get().cast_const() == address
    }
}

impl Clone for TaskRef {
    #[inline]
    fn clone(&self) -> TaskRef {
        let local = &self.header().local;
        let Some(count) = local.get().checked_add(1) else { std::process::abort() };
        local.set(count);
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
            unsafe { release(self.cell, true) };
        }
    }
}

/// The right to a task's output: what a `JoinHandle` holds.
pub(crate) struct Joined<T> {
    task: TaskRef,
    output: PhantomData<T>,
}

impl<T> Joined<T> {
    pub(crate) fn task(&self) -> &TaskRef {
        &self.task
    }

    /// The output, once, if it is there.
    #[inline]
    pub(crate) fn take(&self) -> Option<Result<T, JoinError>> {
        let header = self.task.header();
        if !header.has(OUTPUT) {
            return None;
        }
        let mut output = MaybeUninit::<Result<T, JoinError>>::uninit();
        // SAFETY: `T` is the output of this cell's future (`TaskRef::first` is called with it), OUTPUT is set.
        Some(unsafe {
            (header.vtable.take_output)(self.task.cell, output.as_mut_ptr().cast());
            output.assume_init()
        })
    }

    /// Whether the task at `address` is the one that awaits the output.
    #[inline]
    pub(crate) fn is_awaited_by(&self, address: *const ()) -> bool {
        self.task.is_joined_by(address)
    }

    /// Stores who awaits the output, and is woken when it is there.
    #[inline]
    pub(crate) fn set_awaited_by(&self, waiter: Waiter) {
        let before = self.task.set_joiner(waiter);
        drop(before);
    }

    /// Gives up the output, dropping it if it is there. The failure is a panic that nobody saw.
    #[inline]
    pub(crate) fn give_up(&self) -> Failure {
        let header = self.task.header();
        let left = header.has(OUTPUT | JOINER_TASK | JOINER_WAKER);
        header.clear(HANDLE);
        if left { self.give_up_what_is_left() } else { None }
    }

    fn give_up_what_is_left(&self) -> Failure {
        let header = self.task.header();
        drop(self.task.take_joiner());
        // SAFETY: HELD, OWNER: the output is there, and this is its thread.
        if header.has(OUTPUT) { unsafe { (header.vtable.drop_output)(self.task.cell) } } else { None }
    }
}

impl<T> Drop for Joined<T> {
    #[inline]
    fn drop(&mut self) {
        // HELD, whatever the owner of this value did. A `JoinHandle` calls `give_up` itself, to report its failure.
        drop(self.give_up());
    }
}

/// A task, from any thread: one unit of the atomic count.
pub(crate) struct RemoteRef {
    cell: NonNull<Header>,
}

// SAFETY: OWNER: through a `RemoteRef` only `far`, `inbox` and `vtable` are reached, which are atomic or never
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
        RemoteRef { cell: NonNull::new(address.cast_mut().cast()).expect("a cell has an address") }
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
