//! Hearing of a task's end without awaiting it.

use std::panic::Location;
use std::rc::Rc;
use std::sync::Arc;

use super::JoinHandle;
use crate::cell::NOTED;
use crate::panics::guarded;
use crate::state::{Account, End};
use crate::trace::{Outcome, TaskId};
use crate::wake;

/// A task that has ended, as a hook on its end is told of it.
#[derive(Debug, Clone)]
pub struct Finished {
    id: TaskId,
    name: Option<Arc<str>>,
    site: &'static Location<'static>,
    outcome: Outcome,
}

impl Finished {
    /// Names the task.
    #[must_use]
    pub fn id(&self) -> TaskId {
        self.id
    }

    /// Its name, if it was given one. A task that had ended before the hook was made has lost its name.
    #[must_use]
    pub fn name(&self) -> Option<&str> {
        self.name.as_deref()
    }

    /// Where it was spawned.
    #[must_use]
    pub fn site(&self) -> &'static Location<'static> {
        self.site
    }

    /// How it ended.
    #[must_use]
    pub fn outcome(&self) -> Outcome {
        self.outcome
    }
}

impl<T> JoinHandle<T> {
    /// Calls `hook` when the task has ended: it returned, panicked, or was cancelled; asyncio's `add_done_callback`.
    ///
    /// The handle need not be kept. If the task has ended already, the hook is called at once, in this call.
    ///
    /// # Scheduling
    /// The hook is called on the loop's thread, in the turn of the task that ends: its future is gone by then, and
    /// whoever awaits the handle is woken after. Several hooks are called in the order in which they were given. A
    /// [`JoinSet`](crate::JoinSet) or [`TaskGroup`](crate::TaskGroup) hears of its member's end before them.
    ///
    /// # Panics
    /// While the task lives and its loop does not run on this thread. A panic of the hook itself is reported on
    /// standard error; the loop lives.
    ///
    /// # Examples
    /// ```
    /// use std::{cell::RefCell, rc::Rc};
    ///
    /// let log = Rc::new(RefCell::new(Vec::new()));
    /// glassloop::run(async {
    ///     let task = glassloop::spawn_named("greeter", async { "hello" });
    ///     let heard = log.clone();
    ///     task.on_finish(move |finished| heard.borrow_mut().push(finished.name().unwrap().to_owned()));
    ///     assert_eq!(task.await.unwrap(), "hello");
    /// });
    /// assert_eq!(*log.borrow(), ["greeter"]);
    /// ```
    #[track_caller]
    pub fn on_finish(&self, hook: impl FnOnce(&Finished) + 'static) {
        let task = self.joined().task();
        let (id, site) = (task.id(), task.site());
        if let Some(outcome) = task.outcome() {
            let finished = Finished { id, name: None, site, outcome };
            return guarded("a hook on the end of a task that has ended", || hook(&finished));
        }
        let hook = Box::new(move |end: &End| {
            hook(&Finished { id, name: end.name.clone(), site, outcome: end.outcome });
        });
        let hooked = wake::with_loop_of(task, |state| {
            task.header().set(NOTED);
            state.endings.borrow_mut().get_or_default(id.0).hooks.push(hook);
        });
        assert!(
            hooked.is_some(),
            "on_finish was called for task {id} where its loop does not run; call it from a task of that loop"
        );
    }

    /// Makes the task a member of a set or group; one that has ended already (its runtime is being dropped) is told
    /// of at once.
    pub(super) fn enlist(&self, account: Rc<dyn Account>, member: usize) {
        let task = self.joined().task();
        if task.is_finished() {
            return account.ended(member, &End { outcome: Outcome::Cancelled, name: None });
        }
        wake::with_loop_of(task, |state| {
            task.header().set(NOTED);
            state.endings.borrow_mut().get_or_default(self.id().0).account = Some((account, member));
        });
    }
}
