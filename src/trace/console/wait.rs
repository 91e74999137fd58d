//! A wait of a task, as the console shows it: an "async op" on a resource.

use std::cell::Cell;
use std::rc::Rc;

use tracing::Span;

use super::super::{Cause, Direction, Leaf, TaskId, Via};
use super::resource::{Resource, Resources};

/// From the poll that found that it must wait to the one that need not any more.
pub(super) struct Wait {
    leaf: Leaf,
    poll: Span,
    op: Span,
    /// After its spans, which are inside of its.
    resource: Rc<Resource>,
    /// What it waits for has woken the task.
    is_given: bool,
    /// Where it waits was told.
    is_told: Cell<bool>,
}

impl Wait {
    /// What a task waits for after a poll, which may be what it waited for before.
    pub(super) fn go_on(
        before: Option<Box<Wait>>,
        on: Option<Leaf>,
        task: TaskId,
        resources: &Resources,
    ) -> Option<Box<Wait>> {
        let wait = match (before, on) {
            (Some(before), Some(leaf)) if before.leaf == leaf => before,
            (before, on) => {
                drop(before); // it left that wait
                Box::new(Wait::begin(on?, resources.of(&on?, task)))
            }
        };
        wait.tell_poll(false);
        Some(wait)
    }

    fn begin(leaf: Leaf, resource: Rc<Resource>) -> Wait {
        let op = resource.within(
            || tracing::trace_span!(target: "glassloop", "runtime.resource.async_op", source = name(&leaf)),
        );
        let poll = tracing::trace_span!(target: "glassloop", parent: &op, "runtime.resource.async_op.poll");
        resource.joined();
        Wait { leaf, poll, op, resource, is_given: false, is_told: Cell::default() }
    }

    /// A poll of it. To be inside of its span is what the console counts as one.
    fn tell_poll(&self, is_ready: bool) {
        self.resource.within(|| {
            self.op.in_scope(|| {
                if let Some(site) = self.leaf.site().filter(|_| !self.is_told.replace(true)) {
                    tracing::trace!(target: "runtime::resource::async_op::state_update", at = %site);
                }
                self.poll.in_scope(|| {
                    tracing::trace!(target: "runtime::resource::poll_op", op_name = name(&self.leaf), is_ready);
                });
            });
        });
    }

    /// The task was woken so.
    pub(super) fn woken(&mut self, cause: &Cause, via: Option<&Via>) {
        self.is_given |= match self.leaf {
            Leaf::Timer { timer, .. } => *cause == Cause::Timer(timer),
            Leaf::Source { source, direction, .. } => *cause == Cause::Source(source, direction),
            Leaf::Join { spawned: made, .. } | Leaf::Sync { made, .. } => via.is_some_and(|via| via.made == made),
        };
    }

    pub(super) fn is_given(&self) -> bool {
        self.is_given
    }

    /// What was waited for is there.
    pub(super) fn end(&self) {
        self.tell_poll(true);
    }
}

impl Drop for Wait {
    fn drop(&mut self) {
        self.resource.left();
    }
}

fn name(leaf: &Leaf) -> &'static str {
    match leaf {
        Leaf::Timer { .. } => "Sleep",
        Leaf::Source { direction: Direction::Read, .. } => "readable",
        Leaf::Source { direction: Direction::Write, .. } => "writable",
        Leaf::Join { .. } => "JoinHandle",
        Leaf::Sync { what, .. } => what,
    }
}
