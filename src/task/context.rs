//! The values that task-local keys have now: one list for all keys, never changed, only replaced.
//!
//! So a poll enters a scope by setting one pointer, and inheriting every value at once is to clone one.

use std::any::Any;
use std::cell::Cell;
use std::mem;
use std::ptr;
use std::rc::Rc;

use crate::cell::Stays;

/// The values at one moment. `None`: no key has one.
pub(super) type Context = Stays<Option<Rc<Vec<Binding>>>>;

/// A key and its value. A key is named by its address: every `static` has its own.
#[derive(Clone)]
pub(super) struct Binding {
    pub(super) key: *const (),
    pub(super) value: Rc<dyn Any>,
}

thread_local! {
    static NOW: Cell<Context> = const { Cell::new(Stays(None)) };
}

/// What holds now. `None` as well while the thread ends.
pub(super) fn now() -> Context {
    let copy = |now: &Cell<Context>| {
        let context = now.take();
        now.set(context.clone());
        context
    };
    NOW.try_with(copy).unwrap_or_default()
}

/// The value of `key`, if it has one now.
pub(super) fn value_of(key: *const ()) -> Option<Rc<dyn Any>> {
    let context = now().0?;
    let binding = context.iter().find(|binding| ptr::eq(binding.key, key))?;
    Some(binding.value.clone())
}

/// `context`, but for one key. It copies the list, which is as long as there are keys with values: so it does not
/// grow with the depth of scopes, nor along tasks that inherit from one another.
pub(super) fn with(context: &Context, binding: Binding) -> Context {
    let mut bindings = context.as_deref().cloned().unwrap_or_default();
    match bindings.iter_mut().find(|other| ptr::eq(other.key, binding.key)) {
        Some(other) => *other = binding,
        None => bindings.push(binding),
    }
    Stays(Some(Rc::new(bindings)))
}

/// Runs `act` where `context` holds; then what held before holds again, also when it panics.
pub(super) fn enter<R>(context: Context, act: impl FnOnce() -> R) -> R {
    struct Leave(Context);
    impl Drop for Leave {
        fn drop(&mut self) {
            // What is replaced is dropped outside of the cell: it may hold the last reference to a user's value.
            let before = mem::take(&mut self.0);
            drop(NOW.try_with(|now| now.replace(before)));
        }
    }
    let before = NOW.try_with(|now| now.replace(context)).unwrap_or_default();
    let _leave = Leave(before);
    act()
}

/// Whether both are the same list.
pub(super) fn same(one: &Context, other: &Context) -> bool {
    match (&one.0, &other.0) {
        (Some(one), Some(other)) => Rc::ptr_eq(one, other),
        (None, None) => true,
        _ => false,
    }
}
