//! A task as the console counts it.
//!
//! The console counts wakers, and warns of a task that waits and has none: it "has lost its waker". Here who waits is
//! mostly kept by a count that is no `Waker`. So one waker stands for all who may wake the task: cloned when a poll ends
//! that was not woken meanwhile, used up by the wake. There is none if nobody keeps the task when its poll ends, and none
//! any more once the loop has found that it is stuck.

use std::cell::Cell;
use std::panic::Location;

use tracing::Span;

use super::super::{Cause, Kind, Leaf, TaskId, Via};
use super::resource::Resources;
use super::wait::Wait;

pub(super) struct Task {
    id: TaskId,
    /// What it waits for.
    wait: Cell<Option<Box<Wait>>>, // boxed: it is taken out and put back at each wake and poll
    span: Span,
    is_entered: Cell<bool>,
    stage: Cell<Stage>,
    /// A subscriber woke it: its next poll is not told, unless something else wakes it too.
    is_hidden: Cell<bool>,
}

#[derive(Clone, Copy, PartialEq)]
enum Stage {
    /// It is new, or was woken.
    Ready,
    /// It is polled, and was not woken since that began.
    Runs,
    /// Somebody has its waker.
    Waits,
    /// Nobody has.
    Lost,
}

impl Task {
    /// `None`, if nobody wants to be told of it.
    pub(super) fn new(
        id: TaskId,
        kind: Kind,
        name: Option<&str>,
        by: Option<TaskId>,
        site: &'static Location<'static>,
    ) -> Option<Task> {
        let kind = match kind {
            Kind::Root => "block_on", // by this name the console knows it
            Kind::Task => "task",
            Kind::Blocking => "blocking",
            Kind::Cpu => "cpu",
        };
        let span = tracing::trace_span!(
            target: "tokio::task",
            parent: None,
            "runtime.spawn",
            kind = %kind, // by its `Display`, as tokio tells it: a string would be shown in quotes
            task.name = %name.unwrap_or_default(),
            task.id = id.0.get(),
            spawned.by = by.map(|by| by.0.get()),
            loc.file = site.file(),
            loc.line = site.line(),
            loc.col = site.column(),
        );
        let task = Task {
            id,
            wait: Cell::default(),
            span,
            is_entered: Cell::default(),
            stage: Cell::new(Stage::Ready),
            is_hidden: Cell::default(),
        };
        (!task.span.is_disabled()).then_some(task)
    }

    /// Something happened to its waker.
    fn tell(&self, op: &'static str) {
        if let Some(span) = self.span.id() {
            tracing::trace!(target: "tokio::task::waker", op, task.id = span.into_u64());
        }
    }

    /// It was made ready, or woken while it was. The first time is no wake to the console, as it is none to tokio.
    pub(super) fn woken(&self, cause: &Cause, via: Option<&Via>) {
        if matches!(cause, Cause::Spawned) {
            return;
        }
        if let Some(mut wait) = self.wait.take() {
            wait.woken(cause, via);
            self.wait.set(Some(wait));
        }
        self.is_hidden.set(false);
        let had_waker = self.stage.replace(Stage::Ready) == Stage::Waits;
        self.tell(if had_waker { "waker.wake" } else { "waker.wake_by_ref" });
    }

    /// A subscriber woke it.
    pub(super) fn hide(&self) {
        self.is_hidden.set(true);
    }

    /// Nobody can wake it any more.
    pub(super) fn lost(&self) {
        if self.stage.get() == Stage::Waits {
            self.stage.set(Stage::Lost);
            self.tell("waker.drop");
        }
    }

    /// Its poll begins.
    pub(super) fn enter(&self) {
        if self.is_hidden.take() {
            return;
        }
        self.drop_waker(); // it was woken by something that was not told
        self.stage.set(Stage::Runs);
        self.is_entered.set(true);
        self.span.with_subscriber(|(id, subscriber)| subscriber.enter(id));
        match self.wait.take() {
            Some(wait) if wait.is_given() => wait.end(),
            wait => self.wait.set(wait),
        }
    }

    /// Its poll ended, and it waits.
    pub(super) fn leave(&self, on: Option<Leaf>, is_held: impl FnOnce() -> bool, resources: &Resources) {
        if !self.is_entered.get() {
            return;
        }
        let wait = Wait::go_on(self.wait.take(), on, self.id, resources);
        self.wait.set(wait);
        if self.stage.get() == Stage::Runs {
            if on.is_some() || is_held() {
                self.stage.set(Stage::Waits);
                self.tell("waker.clone");
            } else {
                self.stage.set(Stage::Lost);
            }
        }
        self.exit();
    }

    fn exit(&self) {
        if self.is_entered.take() {
            self.span.with_subscriber(|(id, subscriber)| subscriber.exit(id));
        }
    }

    fn drop_waker(&self) {
        if self.stage.replace(Stage::Ready) == Stage::Waits {
            self.tell("waker.drop");
        }
    }
}

/// Its end: it is done, or nobody tells any more.
impl Drop for Task {
    fn drop(&mut self) {
        drop(self.wait.take());
        self.exit();
        self.drop_waker();
    }
}
