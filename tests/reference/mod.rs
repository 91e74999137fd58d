//! The scheduling contract as a program: what `src/lib.rs` promises, in the plainest code that keeps the promise.
//!
//! It runs real futures and gives real wakers, but it has no unsafe and counts nothing: a task is a key of a slab
//! and an id, so whoever comes late finds that the id is another. It has no timers and no sockets; of the five
//! phases it has collect, run and park. Its trace is line for line what glassloop's `Recorder::order` gives.
//!
//! A [`Bug`] breaks one promise, to show that the comparison in `against_reference.rs` would notice.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::rc::Rc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Wake, Waker};

use slab::Slab;

/// One broken promise each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Bug {
    Lifo,
    WakeAtFront,
    SecondWakeMovesToBack,
    DoubleQueue,
    WakeDuringPollLost,
    SpawnInline,
    AbortInline,
    RootAtFront,
    NoBudget,
    FinishedEntryUsesBudget,
    CollectBackwards,
    ThreadWakesNotMerged,
    LateWakeFindsNewTask,
    JoinerNotWoken,
    LeftoversBackwards,
}

impl Bug {
    #[rustfmt::skip]
    pub(crate) const ALL: [Bug; 15] = [
        Bug::Lifo, Bug::WakeAtFront, Bug::SecondWakeMovesToBack, Bug::DoubleQueue, Bug::WakeDuringPollLost,
        Bug::SpawnInline, Bug::AbortInline, Bug::RootAtFront, Bug::NoBudget, Bug::FinishedEntryUsesBudget,
        Bug::CollectBackwards, Bug::ThreadWakesNotMerged, Bug::LateWakeFindsNewTask, Bug::JoinerNotWoken,
        Bug::LeftoversBackwards,
    ];
}

type Task = Pin<Box<dyn Future<Output = ()>>>;

/// A live task. It leaves the slab just before its future is dropped, so from then on nothing can wake or abort it.
struct Entry {
    name: Arc<Name>,
    /// `None` while it is polled.
    future: Option<Task>,
    queued: bool,
    aborted: bool,
    end: Rc<End>,
}

/// What a waker is: it says which task, and where to leave a message for its loop.
pub(crate) struct Name {
    key: usize,
    id: u64,
    /// A wake lies in the inbox.
    notified: AtomicBool,
    inbox: Arc<Inbox>,
}

/// What other threads left, in arrival order; `None` when the loop is gone.
type Inbox = Mutex<Option<VecDeque<Message>>>;

enum Message {
    /// With its cause.
    Wake(Arc<Name>, String),
    Abort(Arc<Name>),
}

/// Where a task's end is told, and who waits for it.
#[derive(Default)]
struct End {
    outcome: Cell<Option<&'static str>>,
    joiner: RefCell<Option<Waker>>,
}

struct Loop {
    tasks: RefCell<Slab<Entry>>,
    ready: RefCell<VecDeque<Arc<Name>>>,
    inbox: Arc<Inbox>,
    running: Cell<Option<u64>>,
    /// The root has finished: what is ready stays ready.
    halted: Cell<bool>,
    closing: Cell<bool>,
    spawned: Cell<u64>,
    turns: Cell<u64>,
    budget: usize,
    bug: Option<Bug>,
    trace: RefCell<Vec<String>>,
}

thread_local! {
    static CURRENT: RefCell<Option<Rc<Loop>>> = const { RefCell::new(None) };
}

impl Loop {
    fn emit(&self, line: String) {
        self.trace.borrow_mut().push(line);
    }

    fn has(&self, bug: Bug) -> bool {
        self.bug == Some(bug)
    }

    /// Gives `act` a task, if it lives.
    fn task<R>(&self, name: &Name, act: impl FnOnce(&mut Entry) -> R) -> Option<R> {
        let mut tasks = self.tasks.borrow_mut();
        let entry = tasks.get_mut(name.key)?;
        (entry.name.id == name.id || self.has(Bug::LateWakeFindsNewTask)).then(|| act(entry))
    }

    /// The wake rule: once in the queue, at the back. A late wake does nothing.
    fn make_ready(&self, name: &Arc<Name>, cause: &str) {
        if self.has(Bug::WakeDuringPollLost) && self.running.get() == Some(name.id) {
            return;
        }
        let Some(was_queued) = self.task(name, |task| std::mem::replace(&mut task.queued, true)) else { return };
        let mut ready = self.ready.borrow_mut();
        if was_queued && !self.has(Bug::DoubleQueue) {
            if self.has(Bug::SecondWakeMovesToBack) {
                ready.retain(|other| other.id != name.id);
                ready.push_back(name.clone());
            }
            return self.emit(format!("wake {} again: {cause}", name.id));
        }
        let at_front = match cause {
            "spawned" => self.has(Bug::RootAtFront) && self.running.get().is_none(),
            _ => self.has(Bug::WakeAtFront),
        };
        if at_front { ready.push_front(name.clone()) } else { ready.push_back(name.clone()) }
        self.emit(format!("wake {}: {cause}", name.id));
    }

    /// A new task is ready at once, and never polled inline. While the loop closes, it is cancelled at once.
    fn spawn(&self, future: Task) -> Join {
        self.spawned.set(self.spawned.get() + 1);
        let (id, end) = (self.spawned.get(), Rc::<End>::default());
        let key = self.tasks.borrow().vacant_key();
        let name = Arc::new(Name { key, id, notified: AtomicBool::new(false), inbox: self.inbox.clone() });
        let entry =
            Entry { name: name.clone(), future: Some(future), queued: false, aborted: false, end: end.clone() };
        self.tasks.borrow_mut().insert(entry);
        match self.running.get() {
            _ if self.closing.get() => self.cancel(&name),
            Some(spawner) if self.has(Bug::SpawnInline) => {
                self.step(&name);
                self.running.set(Some(spawner));
            }
            _ => self.make_ready(&name, "spawned"),
        }
        Join { name, end }
    }

    /// Marks a task, once, and wakes it: at its turn its future is dropped instead of polled.
    fn abort(&self, name: &Arc<Name>) {
        if self.task(name, |task| std::mem::replace(&mut task.aborted, true)) != Some(false) {
            return;
        }
        let by = self.running.get().map(|id| format!(" by {id}")).unwrap_or_default();
        self.emit(format!("abort {}{by}", name.id));
        if self.has(Bug::AbortInline) && self.running.get() != Some(name.id) {
            return self.cancel(name);
        }
        self.make_ready(name, "aborted");
    }

    /// One turn; `false` if nothing can ever happen again.
    fn turn(&self) -> bool {
        self.turns.set(self.turns.get() + 1);
        self.emit(format!("turn {}", self.turns.get()));
        self.collect();
        self.run();
        self.halted.get() || !self.ready.borrow().is_empty() || !lock(&self.inbox).iter().all(VecDeque::is_empty)
    }

    fn collect(&self) {
        let mut messages = lock(&self.inbox).replace(VecDeque::new()).unwrap_or_default();
        if self.has(Bug::CollectBackwards) {
            messages.make_contiguous().reverse();
        }
        if !messages.is_empty() {
            self.emit("collect".into());
        }
        for message in messages {
            match message {
                Message::Wake(name, cause) => {
                    name.notified.store(false, Ordering::Relaxed); // the inbox's lock orders it
                    self.make_ready(&name, &cause);
                }
                Message::Abort(name) => self.abort(&name),
            }
        }
    }

    /// At most `budget` polls. What finished while it stood in the queue is no poll.
    fn run(&self) {
        if !self.ready.borrow().is_empty() {
            self.emit("run".into());
        }
        let mut polls = 0;
        while (polls < self.budget || self.has(Bug::NoBudget)) && !self.halted.get() {
            let mut ready = self.ready.borrow_mut();
            let next = if self.has(Bug::Lifo) { ready.pop_back() } else { ready.pop_front() };
            drop(ready);
            let Some(name) = next else { break };
            polls += usize::from(self.step(&name) || self.has(Bug::FinishedEntryUsesBudget));
        }
    }

    /// A task's turn in the queue; `false` if it has finished.
    fn step(&self, name: &Arc<Name>) -> bool {
        let Some((name, aborted)) = self.task(name, |task| {
            task.queued = false;
            (task.name.clone(), task.aborted)
        }) else {
            return false;
        };
        self.running.set(Some(name.id));
        if aborted {
            self.cancel(&name);
        } else {
            self.poll(&name);
        }
        self.running.set(None);
        true
    }

    fn poll(&self, name: &Arc<Name>) {
        self.emit(format!("poll {}", name.id));
        let mut future = self.task(name, |task| task.future.take()).flatten().expect("polls do not nest");
        let waker = Waker::from(name.clone());
        let polled = catch_unwind(AssertUnwindSafe(|| future.as_mut().poll(&mut Context::from_waker(&waker))));
        if let Ok(Poll::Pending) = polled {
            self.task(name, |task| task.future = Some(future));
            return self.emit(format!("pending {}", name.id));
        }
        self.finish(name, Some(future), if polled.is_ok() { "ready" } else { "panicked" });
    }

    fn cancel(&self, name: &Name) {
        let future = self.task(name, |task| task.future.take()).flatten();
        self.finish(name, future, "cancelled");
    }

    /// Drops the future, with nothing borrowed; then whoever awaits the task goes to the back of the queue.
    fn finish(&self, name: &Name, future: Option<Task>, outcome: &'static str) {
        let end = self.tasks.borrow_mut().remove(name.key).end;
        drop(future);
        self.emit(format!("done {} {outcome}", name.id));
        end.outcome.set(Some(outcome));
        let joiner = end.joiner.take();
        if let Some(joiner) = joiner.filter(|_| !self.has(Bug::JoinerNotWoken)) {
            joiner.wake();
        }
    }

    /// Cancels what is left, in spawn order.
    fn close(&self) {
        self.closing.set(true);
        drop(lock(&self.inbox).take());
        loop {
            let tasks = self.tasks.borrow();
            let names = tasks.iter().map(|(_, task)| &task.name);
            let backwards = self.has(Bug::LeftoversBackwards);
            let next = names.min_by_key(|name| if backwards { u64::MAX - name.id } else { name.id }).cloned();
            drop(tasks);
            let Some(name) = next else { break };
            self.running.set(Some(name.id));
            self.cancel(&name);
            self.running.set(None);
        }
        self.ready.take();
    }
}

/// No code panics under this lock.
fn lock(inbox: &Inbox) -> std::sync::MutexGuard<'_, Option<VecDeque<Message>>> {
    inbox.lock().unwrap()
}

impl Name {
    /// The task's loop, if it runs on this thread now.
    fn here(&self) -> Option<Rc<Loop>> {
        CURRENT.with_borrow(|current| current.clone()).filter(|it| Arc::ptr_eq(&it.inbox, &self.inbox))
    }

    pub(crate) fn abort(self: &Arc<Self>) {
        match (self.here(), &mut *lock(&self.inbox)) {
            (Some(here), _) => here.abort(self),
            (None, Some(inbox)) => inbox.push_back(Message::Abort(self.clone())),
            (None, None) => {}
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
            return here.make_ready(self, &cause);
        }
        let thread = std::thread::current().name().map_or("a thread".into(), |name| format!("thread {name:?}"));
        if let Some(inbox) = &mut *lock(&self.inbox)
            && !self.notified.swap(true, Ordering::Relaxed)
        {
            inbox.push_back(Message::Wake(self.clone(), thread));
        }
    }
}

/// A task's handle: gives its outcome.
pub(crate) struct Join {
    name: Arc<Name>,
    end: Rc<End>,
}

impl Join {
    pub(crate) fn name(&self) -> &Arc<Name> {
        &self.name
    }
}

impl Future for Join {
    type Output = &'static str;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<&'static str> {
        let Some(outcome) = self.end.outcome.get() else {
            self.end.joiner.replace(Some(cx.waker().clone()));
            return Poll::Pending;
        };
        Poll::Ready(outcome)
    }
}

impl Drop for Join {
    fn drop(&mut self) {
        self.end.joiner.take();
    }
}

/// Makes a task on the loop that runs on this thread.
pub(crate) fn spawn(future: impl Future<Output = ()> + 'static) -> Join {
    let here = CURRENT.with_borrow(|current| current.clone()).expect("a loop runs");
    here.spawn(Box::pin(future))
}

pub(crate) struct Reference(Rc<Loop>);

impl Reference {
    pub(crate) fn new(budget: usize, bug: Option<Bug>) -> Reference {
        Reference(Rc::new(Loop {
            tasks: RefCell::default(),
            ready: RefCell::default(),
            inbox: Arc::new(Mutex::new(Some(VecDeque::new()))),
            running: Cell::new(None),
            halted: Cell::new(false),
            closing: Cell::new(false),
            spawned: Cell::new(0),
            turns: Cell::new(0),
            budget,
            bug,
            trace: RefCell::default(),
        }))
    }

    /// Turns the loop until the root has finished. It is a task like any other.
    pub(crate) fn block_on(&self, root: impl Future<Output = ()> + 'static) {
        self.enter(|it| {
            it.halted.set(false);
            let root = it.spawn(Box::pin(root));
            while root.end.outcome.get().is_none() {
                if !it.turn() {
                    return it.emit("deadlock".into());
                }
            }
        });
    }

    pub(crate) fn trace(&self) -> Vec<String> {
        self.0.trace.borrow().clone()
    }

    fn enter(&self, act: impl FnOnce(&Loop)) {
        let before = CURRENT.replace(Some(self.0.clone()));
        act(&self.0);
        CURRENT.set(before);
    }
}
