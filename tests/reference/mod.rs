//! The scheduling contract as a program: what `src/lib.rs` promises, in the plainest code that keeps the promise.
//!
//! It runs real futures with real wakers, but it has no unsafe and counts nothing: a task is a key of a slab and an
//! id, so whoever comes late finds another id there. Without timers and sockets, three of the five phases are left:
//! collect, run and park. Its trace is line for line that of glassloop's `Recorder::order`.
//!
//! Where it asks `self.has(Bug::…)`, it can be told to break a promise.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::rc::Rc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Wake, Waker};

use super::Bug;
use slab::Slab;

type Task = Pin<Box<dyn Future<Output = ()>>>;

/// A live task. It leaves the slab just before its future is dropped: from then on nothing can wake or abort it.
struct Entry {
    name: Arc<Name>,
    /// `None` while it is polled.
    future: Option<Task>,
    queued: bool,
    aborted: bool,
    end: Rc<End>,
}

/// What a waker and an abort handle are: which task, and where to leave a message for its loop.
pub(crate) struct Name {
    key: usize,
    id: u64,
    /// A wake lies in the inbox.
    notified: AtomicBool,
    inbox: Arc<Inbox>,
}

/// What other threads left, in arrival order: a task, and why it is woken, or `None` to abort it. When the loop is
/// gone, so is the queue.
type Inbox = Mutex<Option<VecDeque<(Arc<Name>, Option<String>)>>>;

/// How a task ended, and who waits to hear it.
#[derive(Default)]
struct End {
    outcome: Cell<Option<&'static str>>,
    joiner: Cell<Option<Waker>>,
}

/// A task's handle. It gives the outcome.
pub(crate) struct Join {
    pub(crate) name: Arc<Name>,
    end: Rc<End>,
}

#[derive(Default)]
pub(crate) struct Reference {
    tasks: RefCell<Slab<Entry>>,
    ready: RefCell<VecDeque<Arc<Name>>>,
    inbox: Arc<Inbox>,
    running: Cell<Option<u64>>,
    /// The root's id; 0 when it has finished: then nobody is polled, and what is ready stays ready.
    root: Cell<u64>,
    closing: Cell<bool>,
    spawned: Cell<u64>,
    turns: Cell<u64>,
    budget: usize,
    bug: Option<Bug>,
    pub(crate) trace: RefCell<Vec<String>>,
}

thread_local! {
    static CURRENT: RefCell<Option<Rc<Reference>>> = const { RefCell::new(None) };
}

/// Makes a task on the loop that runs on this thread.
pub(crate) fn spawn(future: impl Future<Output = ()> + 'static) -> Join {
    let here = CURRENT.with_borrow(Clone::clone).expect("a loop runs");
    here.begin(Box::pin(future))
}

impl Reference {
    pub(crate) fn new(budget: usize, bug: Option<Bug>) -> Rc<Reference> {
        let inbox = Arc::new(Mutex::new(Some(VecDeque::new())));
        Rc::new(Reference { inbox, budget, bug, ..Reference::default() })
    }

    /// Turns the loop until the root has finished. The root is a task like any other.
    pub(crate) fn block_on(self: &Rc<Self>, root: impl Future<Output = ()> + 'static) {
        let before = CURRENT.replace(Some(self.clone()));
        self.root.set(self.spawned.get() + 1);
        drop(self.begin(Box::pin(root)));
        while self.root.get() != 0 {
            self.turn();
            let idle = self.ready.borrow().is_empty() && self.inbox.lock().unwrap().iter().all(VecDeque::is_empty);
            if idle && self.root.get() != 0 {
                self.emit("deadlock".into()); // park: nothing could ever end the sleep
                break;
            }
        }
        CURRENT.set(before);
    }

    /// Cancels the tasks that are left, in spawn order.
    pub(crate) fn close(self: &Rc<Self>) {
        let before = CURRENT.replace(Some(self.clone()));
        self.closing.set(true);
        drop(self.inbox.lock().unwrap().take());
        let age = |name: &Arc<Name>| if self.has(Bug::LeftoversBackwards) { u64::MAX - name.id } else { name.id };
        let oldest = || self.tasks.borrow().iter().map(|(_, task)| task.name.clone()).min_by_key(age);
        while let Some(name) = oldest() {
            self.running.set(Some(name.id));
            self.finish(&name, "cancelled");
            self.running.set(None);
        }
        self.ready.take();
        CURRENT.set(before);
    }

    fn turn(&self) {
        self.turns.set(self.turns.get() + 1);
        self.emit(format!("turn {}", self.turns.get()));
        self.collect();
        self.run();
    }

    fn collect(&self) {
        let mut messages = self.inbox.lock().unwrap().replace(VecDeque::new()).unwrap_or_default();
        if !messages.is_empty() {
            self.emit("collect".into());
        }
        if self.has(Bug::CollectBackwards) {
            messages.make_contiguous().reverse();
        }
        for (name, message) in messages {
            let Some(cause) = message else {
                self.abort(&name);
                continue;
            };
            name.notified.store(self.has(Bug::OneThreadWakeOnly), Ordering::Relaxed); // the inbox's lock orders it
            self.make_ready(&name, &cause);
        }
    }

    /// At most `budget` polls. A task that finished while it stood in the queue does not count.
    fn run(&self) {
        if !self.ready.borrow().is_empty() {
            self.emit("run".into());
        }
        let next = || {
            let mut ready = self.ready.borrow_mut();
            if self.has(Bug::Lifo) { ready.pop_back() } else { ready.pop_front() }
        };
        let mut polls = 0;
        while self.root.get() != 0 && (polls < self.budget || self.has(Bug::NoBudget)) {
            let Some(name) = next() else { break };
            polls += usize::from(self.step(&name) || self.has(Bug::FinishedUsesBudget));
        }
    }

    /// A task's turn in the queue: it is polled, or dropped if it was aborted. `false` if it had finished.
    fn step(&self, name: &Arc<Name>) -> bool {
        let found = self.task(name, |task| (std::mem::take(&mut task.queued), task.name.clone(), task.aborted));
        let Some((_, name, aborted)) = found else { return false };
        self.running.set(Some(name.id));
        if aborted {
            self.finish(&name, "cancelled")
        } else {
            self.poll(&name)
        }
        self.running.set(None);
        true
    }

    fn poll(&self, name: &Arc<Name>) {
        self.emit(format!("poll {}", name.id));
        let mut future = self.task(name, |task| task.future.take()).flatten().expect("polls do not nest");
        let waker = Waker::from(name.clone());
        let polled = catch_unwind(AssertUnwindSafe(|| future.as_mut().poll(&mut Context::from_waker(&waker))));
        self.task(name, |task| task.future = Some(future));
        match polled {
            Ok(Poll::Pending) => self.emit(format!("pending {}", name.id)),
            Ok(Poll::Ready(())) => self.finish(name, "ready"),
            Err(_) => self.finish(name, "panicked"),
        }
    }

    /// Drops the future, with nothing borrowed. Then whoever awaits the task goes to the back of the queue.
    fn finish(&self, name: &Name, outcome: &'static str) {
        let Entry { future, end, .. } = self.tasks.borrow_mut().remove(name.key);
        drop(future);
        self.emit(format!("done {} {outcome}", name.id));
        if self.root.get() == name.id {
            self.root.set(0);
        }
        end.outcome.set(Some(outcome));
        if let Some(joiner) = end.joiner.take().filter(|_| !self.has(Bug::JoinerNotWoken)) {
            joiner.wake();
        }
    }

    /// A new task is ready at once, and never polled here. While the loop closes, it is cancelled at once.
    fn begin(&self, future: Task) -> Join {
        self.spawned.set(self.spawned.get() + 1);
        let (key, id) = (self.tasks.borrow().vacant_key(), self.spawned.get());
        let name = Arc::new(Name { key, id, notified: AtomicBool::new(false), inbox: self.inbox.clone() });
        let join = Join { name: name.clone(), end: Rc::default() };
        let entry = Entry { name, future: Some(future), queued: false, aborted: false, end: join.end.clone() };
        self.tasks.borrow_mut().insert(entry);
        if self.closing.get() {
            self.finish(&join.name, "cancelled");
        } else if self.has(Bug::SpawnInline) && id != self.root.get() {
            let spawner = self.running.get();
            self.step(&join.name);
            self.running.set(spawner);
        } else {
            self.make_ready(&join.name, "spawned");
        }
        join
    }

    /// The wake rule: once in the queue, at the back. A late wake does nothing.
    fn make_ready(&self, name: &Arc<Name>, cause: &str) {
        if self.has(Bug::WakeDuringPollLost) && self.running.get() == Some(name.id) {
            return;
        }
        let Some(was_queued) = self.task(name, |task| std::mem::replace(&mut task.queued, true)) else { return };
        let mut ready = self.ready.borrow_mut();
        if was_queued && self.has(Bug::SecondWakeMovesToBack) {
            ready.retain(|other| other.id != name.id);
            ready.push_back(name.clone());
        }
        if was_queued && !self.has(Bug::DoubleQueue) {
            return self.emit(format!("wake {} again: {cause}", name.id));
        }
        let front = if cause == "spawned" { Bug::SpawnAtFront } else { Bug::WakeAtFront };
        if self.has(front) {
            ready.push_front(name.clone())
        } else {
            ready.push_back(name.clone())
        }
        self.emit(format!("wake {}: {cause}", name.id));
    }

    /// Marks a task, once, and wakes it: at its turn its future is dropped instead of polled.
    fn abort(&self, name: &Arc<Name>) {
        if self.task(name, |task| std::mem::replace(&mut task.aborted, true)) != Some(false) {
            return;
        }
        let by = self.running.get().map(|id| format!(" by {id}")).unwrap_or_default();
        self.emit(format!("abort {}{by}", name.id));
        if self.has(Bug::AbortInline) && self.running.get() != Some(name.id) {
            return self.finish(name, "cancelled");
        }
        self.make_ready(name, "aborted");
    }

    /// Gives `act` a task, if it lives.
    fn task<R>(&self, name: &Name, act: impl FnOnce(&mut Entry) -> R) -> Option<R> {
        let mut tasks = self.tasks.borrow_mut();
        let entry = tasks.get_mut(name.key)?;
        (entry.name.id == name.id || self.has(Bug::LateWakeFindsNewTask)).then(|| act(entry))
    }

    fn has(&self, bug: Bug) -> bool {
        self.bug == Some(bug)
    }

    fn emit(&self, line: String) {
        self.trace.borrow_mut().push(line);
    }
}

impl Name {
    /// The task's loop, if it runs on this thread now.
    fn here(&self) -> Option<Rc<Reference>> {
        CURRENT.with_borrow(Clone::clone).filter(|here| Arc::ptr_eq(&here.inbox, &self.inbox))
    }

    fn send(self: &Arc<Self>, message: Option<String>) {
        if let Some(inbox) = &mut *self.inbox.lock().unwrap() {
            inbox.push_back((self.clone(), message));
        }
    }

    pub(crate) fn abort(self: &Arc<Self>) {
        match self.here() {
            Some(here) => here.abort(self),
            None => self.send(None),
        }
    }
}

impl Wake for Name {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    /// Counts at once on the loop's thread. Elsewhere it is left in the inbox, once until it is collected.
    fn wake_by_ref(self: &Arc<Self>) {
        if let Some(here) = self.here() {
            let cause = here.running.get().map_or("outside".into(), |id| format!("task {id}"));
            here.make_ready(self, &cause);
        } else if !self.notified.swap(true, Ordering::Relaxed) {
            self.send(Some(format!("thread {:?}", std::thread::current().name().expect("threads have names"))));
        }
    }
}

impl Future for Join {
    type Output = &'static str;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<&'static str> {
        self.end.joiner.set(Some(cx.waker().clone()));
        self.end.outcome.get().map_or(Poll::Pending, Poll::Ready)
    }
}

impl Drop for Join {
    fn drop(&mut self) {
        self.end.joiner.take();
    }
}
