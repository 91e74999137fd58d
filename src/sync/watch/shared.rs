//! The value of a watch channel, and what borrows it.

use std::fmt;
use std::marker::PhantomData;
use std::ops::Deref;
use std::panic::Location;
use std::rc::Rc;

use crate::cell::{Cell, RefCell, Stays};
use crate::waits::{Grant, WaitList};

pub(super) struct Shared<T> {
    /// Counted, so that a `Ref` borrows nothing. `None` while a closure of the sender's changes it.
    pub(super) value: RefCell<Option<Rc<T>>>,
    pub(super) version: Cell<u64>,
    pub(super) senders: Cell<usize>,
    pub(super) receivers: Cell<usize>,
    pub(super) changed: WaitList,
    /// Senders that wait for the last receiver to go.
    pub(super) closed: WaitList,
    /// Where the last `Ref` was made.
    pub(super) borrowed: Cell<&'static Location<'static>>,
}

pub(super) const IN_CLOSURE: &str =
    "a watch channel was used by the closure that is changing its value; let the closure only change the value";

impl<T> Shared<T> {
    pub(super) fn borrow<'a>(&self, has_changed: bool, site: &'static Location<'static>) -> Ref<'a, T> {
        self.borrowed.set(site);
        let value = self.value.borrow().clone().expect(IN_CLOSURE);
        Ref { value: Stays(value), has_changed, borrows: PhantomData }
    }

    /// Lets `change` have the value alone, with no borrow of ours.
    #[track_caller]
    pub(super) fn change<R>(&self, change: impl FnOnce(&mut T) -> R) -> R {
        struct PutBack<'a, T>(&'a Shared<T>, Option<Rc<T>>);
        impl<T> Drop for PutBack<'_, T> {
            fn drop(&mut self) {
                *self.0.value.borrow_mut() = self.1.take();
            }
        }
        let value = self.value.borrow_mut().take().expect(IN_CLOSURE);
        let mut taken = PutBack(self, Some(value));
        let alone = taken.1.as_mut().and_then(Rc::get_mut);
        let Some(value) = alone else {
            panic!(
                "the value of a watch channel was to be changed in place while it was borrowed (last at {}); drop \
                 the `Ref` before the next `.await`, or use `send`, which does not need the value alone",
                self.borrowed.get()
            );
        };
        change(value)
    }

    /// A new value is in its place.
    pub(super) fn tell(&self) {
        self.version.set(self.version.get() + 1);
        self.changed.grant_all(Grant::All);
    }
}

impl<T: fmt::Debug> fmt::Debug for Shared<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let value = self.value.borrow().clone();
        let mut f = f.debug_struct("Shared");
        match value {
            Some(value) => f.field("value", &*value),
            None => f.field("value", &format_args!("<being changed>")),
        };
        f.field("version", &self.version.get()).finish_non_exhaustive()
    }
}

/// The value, borrowed; made by [`Receiver::borrow`](super::Receiver::borrow) and others. See [the module](super) on holding it.
#[must_use = "look at the value, or let it go"]
pub struct Ref<'a, T> {
    value: Stays<Rc<T>>,
    pub(super) has_changed: bool,
    borrows: PhantomData<&'a T>,
}

impl<T> Ref<'_, T> {
    /// Whether the receiver had not seen this value when it borrowed it. For a sender, `false`.
    #[must_use]
    pub fn has_changed(&self) -> bool {
        self.has_changed
    }
}

impl<T> Deref for Ref<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.value
    }
}

impl<T: fmt::Debug> fmt::Debug for Ref<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Ref { value: Stays(value), has_changed, .. } = self;
        f.debug_struct("Ref").field("value", value).field("has_changed", has_changed).finish()
    }
}
