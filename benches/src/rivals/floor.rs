//! The floor: tasks on one thread, and nothing else. A queue of `Rc`s, a wake without atomics, plain malloc,
//! and timers in a binary heap; no sockets, no other threads, no budget, no panics caught, no cancelling.
//!
//! It is **not sound** as a library: its `Waker` claims to be `Send`, and is an `Rc`. It stays inside the benches.
// Its wakers are what has to be unsafe; the library has the same in `wake`, and pays there for being sound.
#![allow(unsafe_code)]

use std::cell::{Cell, RefCell, UnsafeCell};
use std::collections::VecDeque;
use std::future::{Future, poll_fn};
use std::mem::ManuallyDrop;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, RawWaker, RawWakerVTable, Waker};
use std::time::Duration;

use super::{Channels, Rival, Sleeps};

mod timers;

/// The hand-written loop.
pub(crate) struct Floor;

thread_local! {
    static READY: RefCell<VecDeque<Rc<dyn Run>>> = const { RefCell::new(VecDeque::new()) };
}

trait Run {
    fn run(self: Rc<Self>);
}

trait Finish<T> {
    fn take(&self) -> Option<T>;
    fn waiter(&self) -> &Cell<Option<Waker>>;
}

struct Task<F: Future> {
    ready: Cell<bool>,
    finished: Cell<bool>,
    waiter: Cell<Option<Waker>>,
    /// The future is reached by `run` alone, and what is there after it only if `finished`.
    stage: UnsafeCell<Stage<F>>,
}

enum Stage<F: Future> {
    Future(F),
    Output(F::Output),
    Taken,
}

impl<F: Future + 'static> Task<F> {
    const VTABLE: &'static RawWakerVTable =
        &RawWakerVTable::new(Self::clone, Self::wake, Self::wake_by_ref, Self::forget);

    fn make_ready(self: Rc<Self>) {
        if !self.ready.replace(true) {
            READY.with(|ready| ready.borrow_mut().push_back(self));
        }
    }

    // SAFETY, of all four: the data is what `Rc::into_raw` gave, and each waker owns one count of it, but the one that
    // `run` lends. Nobody takes one to another thread.
    unsafe fn clone(data: *const ()) -> RawWaker {
        unsafe { Rc::increment_strong_count(data.cast::<Self>()) };
        RawWaker::new(data, Self::VTABLE)
    }

    unsafe fn wake(data: *const ()) {
        unsafe { Rc::from_raw(data.cast::<Self>()) }.make_ready();
    }

    unsafe fn wake_by_ref(data: *const ()) {
        let task = ManuallyDrop::new(unsafe { Rc::from_raw(data.cast::<Self>()) });
        if !task.ready.get() {
            Rc::clone(&task).make_ready();
        }
    }

    unsafe fn forget(data: *const ()) {
        drop(unsafe { Rc::from_raw(data.cast::<Self>()) });
    }
}

impl<F: Future + 'static> Run for Task<F> {
    fn run(self: Rc<Self>) {
        self.ready.set(false);
        // SAFETY: only `run` reaches the stage before `finished`, and it is not called while it runs: the loop alone
        // calls it, and is not nested.
        let stage = unsafe { &mut *self.stage.get() };
        let Stage::Future(future) = stage else { return };
        // SAFETY: it lends the count of `self`, which outlives it.
        let waker = ManuallyDrop::new(unsafe { Waker::new(Rc::as_ptr(&self).cast(), Self::VTABLE) });
        // SAFETY: the future stays in its `Rc` until it is overwritten, in place.
        let future = unsafe { Pin::new_unchecked(future) };
        if let Poll::Ready(output) = future.poll(&mut Context::from_waker(&waker)) {
            *stage = Stage::Output(output);
            self.finished.set(true);
            if let Some(waiter) = self.waiter.take() {
                waiter.wake();
            }
        }
    }
}

impl<F: Future> Finish<F::Output> for Task<F> {
    fn take(&self) -> Option<F::Output> {
        if !self.finished.get() {
            return None;
        }
        // SAFETY: `run` is done with it.
        let stage = unsafe { &mut *self.stage.get() };
        match std::mem::replace(stage, Stage::Taken) {
            Stage::Output(output) => Some(output),
            _ => unreachable!("the output is taken once"),
        }
    }

    fn waiter(&self) -> &Cell<Option<Waker>> {
        &self.waiter
    }
}

/// The right to an output.
pub(crate) struct Handle<T>(Rc<dyn Finish<T>>);

impl<T> Future for Handle<T> {
    type Output = T;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<T> {
        match self.0.take() {
            Some(output) => Poll::Ready(output),
            None => {
                self.0.waiter().set(Some(cx.waker().clone()));
                Poll::Pending
            }
        }
    }
}

impl Rival for Floor {
    fn block_on<F: Future<Output: 'static> + 'static>(future: F) -> F::Output {
        let root = Self::spawn(future);
        loop {
            let next = READY.with(|ready| ready.borrow_mut().pop_front());
            match next {
                Some(task) => task.run(),
                None if timers::fire() => {}
                // Whoever is still waiting is leaked, in a circle with its waker at worst.
                None => break root.0.take().expect("a task that nobody can wake"),
            }
        }
    }

    type Handle<T: 'static> = Handle<T>;
    type Joined<T: 'static> = T;

    fn spawn<F: Future<Output: 'static> + 'static>(future: F) -> Handle<F::Output> {
        let task = Rc::new(Task {
            ready: Cell::new(true),
            finished: Cell::new(false),
            waiter: Cell::new(None),
            stage: UnsafeCell::new(Stage::Future(future)),
        });
        READY.with(|ready| ready.borrow_mut().push_back(task.clone()));
        Handle(task)
    }

    fn output<T: 'static>(joined: T) -> T {
        joined
    }

    fn detach<T: 'static>(handle: Handle<T>) {
        drop(handle);
    }

    fn yield_now() -> impl Future {
        crate::operations::wake_oneself()
    }
}

impl Sleeps for Floor {
    fn sleep(time: Duration) -> impl Future + 'static {
        timers::Sleep::new(time)
    }
}

/// Room for one value, and for one who waits at either end.
#[derive(Default)]
pub(crate) struct Slot {
    value: Cell<Option<u64>>,
    sender: Cell<Option<Waker>>,
    receiver: Cell<Option<Waker>>,
}

fn wake(waiter: &Cell<Option<Waker>>) {
    if let Some(waiter) = waiter.take() {
        waiter.wake();
    }
}

impl Channels for Floor {
    type Sender = Rc<Slot>;
    type Receiver = Rc<Slot>;

    fn bounded(room: usize) -> (Rc<Slot>, Rc<Slot>) {
        assert_eq!(room, 1);
        let slot = Rc::<Slot>::default();
        (slot.clone(), slot)
    }

    fn send(slot: &Rc<Slot>, value: u64) -> impl Future {
        poll_fn(move |cx| {
            if let Some(before) = slot.value.replace(Some(value)) {
                slot.value.set(Some(before));
                slot.sender.set(Some(cx.waker().clone()));
                return Poll::Pending;
            }
            wake(&slot.receiver);
            Poll::Ready(())
        })
    }

    fn receive(slot: &mut Rc<Slot>) -> impl Future<Output = Option<u64>> {
        poll_fn(|cx| match slot.value.take() {
            Some(value) => {
                wake(&slot.sender);
                Poll::Ready(Some(value))
            }
            None => {
                slot.receiver.set(Some(cx.waker().clone()));
                Poll::Pending
            }
        })
    }
}
