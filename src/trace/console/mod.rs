//! What tokio-console reads: spans and events of `tracing`, made from ours. Their names, targets and fields are
//! console-subscriber's contract.
//!
//! | told | from |
//! |---|---|
//! | span `runtime.spawn`, entered for each poll | `Spawn` to `Done`; `Poll`, `Pending` |
//! | `tokio::task::waker` | `Wake`, `Merge`, `Pending`, `Stuck`: see `task` |
//! | span `runtime.resource` | what a poll waits for: see `resource` |
//! | spans `runtime.resource.async_op`, `….poll`; `runtime::resource::poll_op` | a wait for it: see `wait` |
//!
//! A subscriber is foreign code: it may spawn and wake here, and what it causes comes back as an echo. That is not told,
//! or a subscriber that acts on all that it is told would be told for ever.

mod resource;
mod task;
mod wait;

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use self::resource::Resources;
use self::task::Task;
use super::{Cause, Event, Leaf, Observer, TaskId, Via};
use crate::by_id::ById;
use crate::clock::Instant;

/// Tells `tracing` what happens in one runtime. No table is borrowed while it does.
pub(crate) struct Console {
    /// Whether anybody has a waker of the task whose poll ends.
    is_held: fn() -> bool,
    tasks: RefCell<ById<Rc<Task>>>,
    /// The task that is being polled.
    running: Cell<Option<TaskId>>,
    resources: Resources,
}

impl Console {
    pub(crate) fn new(is_held: fn() -> bool) -> Console {
        Console { is_held, tasks: RefCell::default(), running: Cell::default(), resources: Resources::default() }
    }

    /// A task that the subscriber was told of.
    fn task(&self, id: TaskId) -> Option<Rc<Task>> {
        self.tasks.borrow().get(id.0).cloned()
    }

    fn woken(&self, id: TaskId, cause: &Cause, via: Option<&Via>) {
        if let Some(task) = self.task(id) {
            task.woken(cause, via);
        }
    }

    fn polled(&self, id: TaskId) {
        self.running.set(Some(id));
        if let Some(task) = self.task(id) {
            task.enter();
        }
    }

    fn pending(&self, id: TaskId, on: Option<Leaf>) {
        self.running.set(None);
        if let Some(task) = self.task(id) {
            task.leave(on, self.is_held, &self.resources);
        }
    }

    fn done(&self, id: TaskId) {
        if self.running.get() == Some(id) {
            self.running.set(None);
        }
        let task = self.tasks.borrow_mut().remove(id.0);
        drop(task); // says so
        self.resources.let_go(id);
    }
}

impl Observer for Console {
    fn event(&self, _at: Instant, event: &Event) {
        match event {
            Event::Spawn { task, kind, name, by, site } => {
                if let Some(new) = Task::new(*task, *kind, name.as_deref(), *by, site) {
                    self.tasks.borrow_mut().insert(task.0, Rc::new(new));
                }
            }
            Event::Wake { task, cause, via } | Event::Merge { task, cause, via } => {
                self.woken(*task, cause, via.as_ref());
            }
            Event::Poll(task) => self.polled(*task),
            Event::Pending { task, on } => self.pending(*task, *on),
            Event::Done { task, .. } => self.done(*task),
            Event::Register { source, thing, address } => {
                self.resources.register(*source, thing, address.clone(), self.running.get());
            }
            Event::Stuck { tasks, .. } => {
                tasks.iter().filter_map(|id| self.task(*id)).for_each(|task| task.lost());
            }
            _ => {}
        }
    }

    fn echo(&self, _at: Instant, event: &Event) {
        match event {
            Event::Wake { task, .. } => {
                if let Some(task) = self.task(*task) {
                    task.hide();
                }
            }
            Event::Done { task, .. } => self.done(*task),
            _ => {}
        }
    }
}
