//! What tasks wait for, as resources of the console.
//!
//! A timer, or another task's end, is one for as long as a task waits for it. A lock or a channel is known by where it
//! was made, from the first wait for it to the runtime's end: two that were made by the same line are one. A socket is
//! known from the first wait too; of its end no event tells, so it ends with the task that used it last.

use std::cell::{Cell, OnceCell, RefCell};
use std::collections::{HashMap, VecDeque};
use std::panic::Location;
use std::rc::Rc;
use std::sync::Arc;

use tracing::Span;

use super::super::{Class, Leaf, SourceId, TaskId};

/// So many sockets at most are kept for one task that waits for them no more: it may open others for ever.
const MOST: usize = 64;

/// What can be waited for, shown from its first wait on.
pub(super) struct Resource {
    span: Span,
    /// Who waits for it, where that may be many.
    line: Option<Cell<u64>>,
}

impl Resource {
    fn new(leaf: &Leaf, concrete_type: &str, site: &'static Location<'static>) -> Rc<Resource> {
        let kind = match leaf.class() {
            Class::Timer => "timer", // the one kind that the console knows by its name
            Class::Socket => "io",
            Class::Join => "task",
            Class::Pool => "pool",
            Class::Lock | Class::Channel | Class::Signal | Class::Other => "Sync",
        };
        let span = tracing::trace_span!(
            target: "glassloop",
            parent: None,
            "runtime.resource",
            concrete_type,
            kind,
            loc.file = site.file(),
            loc.line = site.line(),
            loc.col = site.column(),
        );
        let line = matches!(leaf, Leaf::Sync { .. }).then(Cell::default);
        Rc::new(Resource { span, line })
    }

    /// What is told by `tell` is of this resource.
    pub(super) fn within<R>(&self, tell: impl FnOnce() -> R) -> R {
        self.span.in_scope(tell)
    }

    /// A task waits for it.
    pub(super) fn joined(&self) {
        self.stand_in_line(|waiters| waiters + 1);
    }

    /// A task waits for it no more.
    pub(super) fn left(&self) {
        self.stand_in_line(|waiters| waiters - 1);
    }

    fn stand_in_line(&self, change: impl FnOnce(u64) -> u64) {
        let Some(line) = &self.line else { return };
        let waiters = change(line.get());
        line.set(waiters);
        self.within(|| {
            tracing::trace!(
                target: "runtime::resource::state_update",
                waiters,
                waiters.op = "override",
            );
        });
    }

    fn tell_address(&self, address: &str) {
        self.within(|| tracing::trace!(target: "runtime::resource::state_update", address));
    }
}

/// A socket, or something else that the kernel reports.
struct Source {
    thing: &'static str,
    address: RefCell<Option<Arc<str>>>,
    /// The task that registered it, or has waited for it since.
    user: Cell<Option<TaskId>>,
    resource: OnceCell<Rc<Resource>>,
}

/// All that outlive the waits for them.
#[derive(Default)]
pub(super) struct Resources {
    made: RefCell<HashMap<(&'static Location<'static>, &'static str), Rc<Resource>>>,
    sources: RefCell<HashMap<SourceId, Rc<Source>>>,
    /// By their users, the last used at the back.
    used: RefCell<HashMap<Option<TaskId>, VecDeque<SourceId>>>,
}

impl Resources {
    /// What `task` waits for.
    pub(super) fn of(&self, leaf: &Leaf, task: TaskId) -> Rc<Resource> {
        match *leaf {
            Leaf::Timer { site, .. } => Resource::new(leaf, "Sleep", site),
            Leaf::Join { task: awaited, spawned } => {
                let resource = Resource::new(leaf, "JoinHandle", spawned);
                resource.within(|| {
                    let id = awaited.0.get();
                    tracing::trace!(target: "runtime::resource::state_update", task = id, task.op = "override");
                });
                resource
            }
            Leaf::Sync { what, made, .. } => {
                let of_type = what.split_once("::").map_or(what, |(of_type, _)| of_type);
                let known = self.made.borrow().get(&(made, of_type)).cloned();
                known.unwrap_or_else(|| {
                    let new = Resource::new(leaf, of_type, made);
                    self.made.borrow_mut().insert((made, of_type), new.clone());
                    new
                })
            }
            Leaf::Source { source, site, .. } => self.source(leaf, source, site, task),
        }
    }

    fn source(&self, leaf: &Leaf, id: SourceId, site: &'static Location<'static>, task: TaskId) -> Rc<Resource> {
        let source = self.source_used_by(id, "source", Some(task));
        if let Some(known) = source.resource.get() {
            return known.clone();
        }
        let new = Resource::new(leaf, source.thing, site);
        let address = source.address.borrow().clone();
        if let Some(address) = address {
            new.tell_address(&address);
        }
        source.resource.get_or_init(|| new).clone()
    }

    /// It is new, or has new addresses.
    pub(super) fn register(
        &self,
        id: SourceId,
        thing: &'static str,
        address: Option<Arc<str>>,
        by: Option<TaskId>,
    ) {
        let source = self.source_used_by(id, thing, by);
        if let (Some(resource), Some(address)) = (source.resource.get(), &address) {
            resource.tell_address(address);
        }
        source.address.replace(address);
    }

    fn source_used_by(&self, id: SourceId, thing: &'static str, user: Option<TaskId>) -> Rc<Source> {
        let known = self.sources.borrow().get(&id).cloned();
        let source = known.unwrap_or_else(|| {
            let new =
                Source { thing, address: RefCell::default(), user: Cell::new(user), resource: OnceCell::new() };
            let new = Rc::new(new);
            self.sources.borrow_mut().insert(id, new.clone());
            new
        });
        let before = source.user.replace(user);
        let oldest = {
            let mut used = self.used.borrow_mut();
            if let Some(others) = used.get_mut(&before) {
                others.retain(|other| *other != id);
            }
            let mine = used.entry(user).or_default();
            mine.push_back(id);
            if mine.len() > MOST { mine.pop_front() } else { None }
        };
        if let Some(oldest) = oldest {
            self.end(oldest);
        }
        source
    }

    /// A task is done.
    pub(super) fn let_go(&self, task: TaskId) {
        let sources = self.used.borrow_mut().remove(&Some(task));
        for source in sources.into_iter().flatten() {
            self.end(source);
        }
    }

    /// A source is shown no more, unless somebody waits for it: then until that ends.
    fn end(&self, source: SourceId) {
        let gone = self.sources.borrow_mut().remove(&source);
        drop(gone);
    }
}
