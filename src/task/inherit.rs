//! Giving a task's values to another.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context as Waking, Poll};

use pin_project_lite::pin_project;

use super::context::{self, Context};

/// Drives `future` with the values that all task-local keys have now, in whatever task it is polled; asyncio's
/// `contextvars`, which every child task inherits. Here a child asks for it.
///
/// The values are shared, not cloned: what a child changes inside one, in a `Cell`, all see. A scope that the child
/// opens is its own.
///
/// For one key alone: `KEY.scope(KEY.get(), future)`.
///
/// # Cancel safety
/// That of `future`.
///
/// # Examples
/// ```
/// use glassloop::{spawn, task, task_local};
///
/// task_local! {
///     static REQUEST: u32;
/// }
///
/// glassloop::run(REQUEST.scope(7, async {
///     let heir = spawn(task::inherit(async { REQUEST.get() }));
///     let other = spawn(async { REQUEST.try_get().is_ok() });
///     assert_eq!(heir.await.unwrap(), 7);
///     assert!(!other.await.unwrap());
/// }));
/// ```
pub fn inherit<F: Future>(future: F) -> Inherit<F> {
    Inherit { future: Some(future), context: context::now() }
}

pin_project! {
    /// The future of [`inherit`].
    #[must_use = "futures do nothing unless you `.await` them"]
    pub struct Inherit<F> {
        #[pin]
        future: Option<F>,
        context: Context,
    }

    impl<F> PinnedDrop for Inherit<F> {
        fn drop(this: Pin<&mut Self>) {
            let mut this = this.project();
            context::enter(this.context.clone(), || this.future.set(None));
        }
    }
}

impl<F: Future> Future for Inherit<F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Waking<'_>) -> Poll<F::Output> {
        let mut this = self.project();
        context::enter(this.context.clone(), || {
            let future =
                this.future.as_mut().as_pin_mut().expect("a future is not polled again after it is ready");
            let output = future.poll(cx);
            if output.is_ready() {
                this.future.set(None);
            }
            output
        })
    }
}

impl<F> std::fmt::Debug for Inherit<F> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let values = self.context.as_ref().map_or(0, |context| context.len());
        f.debug_struct("Inherit").field("values", &values).finish_non_exhaustive()
    }
}
