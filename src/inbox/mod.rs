//! The only way into a loop from another thread: a queue of messages, and a doorbell.
//!
//! Life of a message, each edge with the function that makes it:
//!
//! ```text
//!   other thread                              loop's thread
//!   1 send: push on the queue
//!   2 send: Doorbell::ring ──── RUNG ───────▶ 3 collect: Doorbell::answer clears RUNG, before the queue is read
//!           └─ parked? ring the bell ───────▶ 4 collect: takes what the queue held at that moment
//!           └─ closed? discard: empty the queue here, so that nothing stays in it
//! ```

mod doorbell;
#[cfg(all(test, loom))]
mod models;

use std::any::Any;
use std::collections::VecDeque;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, PoisonError};
use std::thread::ThreadId;

use crate::atomic::{Mutex, MutexGuard};
use crate::panics::guarded;
use crate::trace::RuntimeId;

pub(crate) use doorbell::Park;
use doorbell::{Doorbell, Ring};

/// Which thread sent a message: its name, if it has one and somebody observes the loop.
pub(crate) struct Origin(pub(crate) Option<Arc<str>>);

/// What other threads may leave. Erased, so that this room knows nothing of the rooms above.
pub(crate) enum Message<W> {
    /// A task to wake.
    Wake(W, Origin),
    /// Something to do on the loop's thread.
    Call(Box<dyn FnOnce() + Send>, Origin),
    /// A job of the pool that has run.
    Job(Box<dyn Work>),
}

/// A job, without its types. It is sent to a worker, which runs it and sends it back.
pub(crate) trait Work: Any + Send {
    /// Runs it, on a worker, if it has not run. No panic comes out.
    fn run(&mut self);
    /// Where it belongs, in the pool that sent it.
    fn place(&self) -> usize;
}

/// What wakes a sleeping loop: mio's waker.
pub(crate) trait Bell {
    fn wake(&self);
}

impl Bell for mio::Waker {
    fn wake(&self) {
        // The one error it can give is a full eventfd counter, which mio handles by itself.
        let _ = mio::Waker::wake(self);
    }
}

/// The runtime is gone. What was sent is gone too, or was taken just before.
#[derive(Debug)]
pub(crate) struct Closed;

pub(crate) struct Inbox<W, B = mio::Waker> {
    queue: Queue<Message<W>>,
    doorbell: Doorbell,
    bell: B,
    runtime: RuntimeId,
    /// Somebody observes the loop: threads name themselves.
    observed: bool,
    /// How many messages the owner has taken and not accepted yet. Only it reads and writes this.
    in_hand: AtomicUsize,
    /// The thread that owns the loop.
    owner: ThreadId,
    /// How many `Handle`s exist; the owner gives no deadlock verdict while any does.
    handles: AtomicUsize,
}

impl<W, B: Bell> Inbox<W, B> {
    pub(crate) fn new(bell: B, runtime: RuntimeId, observed: bool) -> Inbox<W, B> {
        Inbox {
            queue: Queue::new(),
            doorbell: Doorbell::new(),
            bell,
            runtime,
            observed,
            in_hand: AtomicUsize::new(0),
            owner: std::thread::current().id(),
            handles: AtomicUsize::new(0),
        }
    }

    pub(crate) fn runtime(&self) -> RuntimeId {
        self.runtime
    }

    pub(crate) fn owner(&self) -> ThreadId {
        self.owner
    }

    pub(crate) fn handle_made(&self) {
        self.handles.fetch_add(1, Ordering::Relaxed);
    }

    /// The last one rings: a loop that sleeps because a handle existed must think again.
    pub(crate) fn handle_gone(&self) {
        if self.handles.fetch_sub(1, Ordering::Release) == 1 {
            let _ = self.ring();
        }
    }

    /// How many `Handle`s exist. The caller orders what follows by a fence.
    pub(crate) fn handles(&self) -> usize {
        self.handles.load(Ordering::Relaxed)
    }

    /// How the calling thread signs its messages.
    pub(crate) fn sign(&self) -> Origin {
        let name = || std::thread::current().name().map(Arc::from);
        Origin(if self.observed { name() } else { None })
    }

    /// Leaves a message; from any thread. A closed inbox drops it, on a sender's thread or on the loop's.
    pub(crate) fn send(&self, message: Message<W>) -> Result<(), Closed> {
        self.queue.push(message);
        if let Ring::Closed = self.ring() {
            self.discard();
            return Err(Closed);
        }
        Ok(())
    }

    /// Wakes the owner if it sleeps, without a message.
    pub(crate) fn nudge(&self) {
        if self.doorbell.is_parked() {
            let _ = self.ring();
        }
    }

    /// Rings, and wakes the owner if it sleeps.
    fn ring(&self) -> Ring {
        let ring = self.doorbell.ring();
        if let Ring::Asleep = ring {
            self.bell.wake();
        }
        ring
    }

    /// Whether there is something to collect. One plain load: popping an empty queue is not free.
    #[inline]
    pub(crate) fn is_rung(&self) -> bool {
        self.doorbell.is_rung()
    }

    /// Answers the doorbell, and gives `accept` the messages that are there, in the order in which they came; how many.
    /// What comes meanwhile rings again, so a thread that never stops sending cannot hold the loop here.
    pub(crate) fn collect(&self, mut accept: impl FnMut(Message<W>)) -> usize {
        self.doorbell.answer();
        let mut messages = self.queue.take();
        let count = messages.len();
        while let Some(message) = messages.pop_front() {
            self.in_hand.store(messages.len(), Ordering::Relaxed);
            accept(message);
        }
        self.queue.give_back(messages);
        count
    }

    /// Whether the loop is gone.
    pub(crate) fn is_closed(&self) -> bool {
        self.doorbell.is_closed()
    }

    /// Whether no message is there, not even one whose sender has not rung yet. For the owner, which may be collecting.
    pub(crate) fn is_empty(&self) -> bool {
        self.in_hand.load(Ordering::Relaxed) == 0 && self.queue.is_empty()
    }

    /// Leaves the loop so that whatever is sent from now on, or was before, rings the bell.
    pub(crate) fn arm(&self, rung: bool) {
        if self.doorbell.park() == Park::Rung || rung {
            self.bell.wake();
        }
    }

    /// About to sleep; the verdict says whether that is allowed.
    pub(crate) fn park(&self) -> Park {
        self.doorbell.park()
    }

    pub(crate) fn unpark(&self) {
        self.doorbell.unpark();
    }

    /// No message will be collected any more. What is left is dropped here; what comes later, by its sender.
    pub(crate) fn close(&self) {
        self.doorbell.close();
        self.discard();
    }

    fn discard(&self) {
        // One message that panics in its destructor must not keep the others here.
        for message in self.queue.take() {
            guarded("the destructor of what was sent to a loop that is gone", || drop(message));
        }
    }
}

/// A mutex around a `VecDeque`, so that the models see the whole. The owner takes all there is at once: to lock once a
/// message would be 2 locked instructions and 60 others each. So senders wait for each other and not for it. Nothing foreign runs under a lock.
struct Queue<T> {
    sent: Mutex<VecDeque<T>>,
    /// The room of the messages before.
    spare: Mutex<VecDeque<T>>,
}

impl<T> Queue<T> {
    /// What a burst left is given back from this size on.
    const LARGE: usize = 1024;

    fn new() -> Queue<T> {
        Queue { sent: Mutex::default(), spare: Mutex::default() }
    }

    fn push(&self, value: T) {
        lock(&self.sent).push_back(value);
    }

    fn take(&self) -> VecDeque<T> {
        let spare = std::mem::take(&mut *lock(&self.spare));
        std::mem::replace(&mut *lock(&self.sent), spare)
    }

    /// What `take` gave, emptied: room for the next messages, unless a burst has made it large, for they may be hours away.
    fn give_back(&self, room: VecDeque<T>) {
        if room.capacity() <= Self::LARGE {
            *lock(&self.spare) = room;
        }
    }

    fn is_empty(&self) -> bool {
        lock(&self.sent).is_empty()
    }
}

fn lock<T>(queue: &Mutex<VecDeque<T>>) -> MutexGuard<'_, VecDeque<T>> {
    queue.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn the_room_of_a_burst_is_given_back_with_its_last_message() {
        let queue = Queue::new();
        for _ in 0..2 {
            (0..10 * Queue::<usize>::LARGE).for_each(|n| queue.push(n));
            let mut all = queue.take();
            assert!(all.drain(..).eq(0..10 * Queue::<usize>::LARGE));
            queue.give_back(all);
        }
        let room = lock(&queue.spare).capacity() + lock(&queue.sent).capacity();
        assert!(room <= Queue::<usize>::LARGE, "room for {room}");
    }

    struct Silent;

    impl Bell for Silent {
        fn wake(&self) {}
    }

    /// Or a deadlock verdict that is asked for meanwhile would forget them.
    #[test]
    fn while_a_message_is_accepted_the_inbox_holds_those_behind_it() {
        let inbox = Inbox::new(Silent, RuntimeId(1), false);
        for n in 1..=2 {
            inbox.send(Message::Wake(n, Origin(None))).unwrap();
        }
        let mut emptiness = Vec::new();
        assert_eq!(inbox.collect(|_| emptiness.push(inbox.is_empty())), 2);
        assert_eq!(emptiness, [false, true]);
    }
}
