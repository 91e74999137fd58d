//! A root: the header on the heap like any task's, the future on the caller's stack.

use std::future::Future;
use std::panic::Location;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use super::typed::{self, Cell};
use super::{Inbox, TaskRef};
use crate::trace::{Kind, TaskId};

/// A borrowed future whose lifetime was forgotten.
struct Borrowed(*mut (dyn Future<Output = ()> + 'static));

impl Future for Borrowed {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        // SAFETY: `with_root` keeps the future pinned and borrowed while this value is in its slot.
        unsafe { Pin::new_unchecked(&mut *self.0) }.poll(cx)
    }
}

/// Runs `body` with a task whose future is `future`. When this returns, or unwinds, the task no longer refers to
/// the future, whoever still holds the task or its wakers: late wakes do nothing.
pub(crate) fn with_root<R>(
    future: Pin<&mut (dyn Future<Output = ()> + '_)>,
    inbox: &Arc<Inbox>,
    id: TaskId,
    site: &'static Location<'static>,
    body: impl FnOnce(&TaskRef) -> R,
) -> R {
    struct Clear(TaskRef);
    impl Drop for Clear {
        fn drop(&mut self) {
            if !self.0.is_finished() {
                self.0.cancel();
                drop(self.0.header().take_lost());
            }
        }
    }

    // SAFETY: the pointee is not moved, only polled through a pin and forgotten.
    let future: *mut (dyn Future<Output = ()> + '_) = unsafe { Pin::get_unchecked_mut(future) };
    // SAFETY: only the lifetime changes. `Clear` empties the slot before the borrow ends, also when unwinding.
    let future = unsafe {
        std::mem::transmute::<*mut (dyn Future<Output = ()> + '_), *mut (dyn Future<Output = ()> + 'static)>(
            future,
        )
    };
    // SAFETY: as above: valid until `Clear` has run.
    let cell = unsafe { typed::new(Borrowed(future), Cell::<Borrowed>::of(Kind::Root), inbox, id, site) };
    let (task, joined) = TaskRef::first::<()>(cell);
    drop(joined); // a root's result is on the stack as well
    let clear = Clear(task);
    body(&clear.0)
}
