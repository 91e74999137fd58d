//! A future that stays with its loop, and the key to it, which may go anywhere.

use std::any::Any;
use std::fmt;
use std::future::Future;
use std::marker::PhantomData;
use std::num::NonZeroU64;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use crate::runtime::end_stay;
use crate::state::{State, Stayed};
use crate::trace::RuntimeId;
use crate::wake;

/// Leaves `future` with the loop that runs on this thread, and gives a future that is `Send` and has its output.
///
/// So what is not `Send` gets into a place that asks for it, such as a handler of axum: awaited locks of
/// `glassloop::sync`, a [`JoinHandle`](crate::JoinHandle), an `Rc`. That nothing is sent after all is checked at
/// each poll. What must cross is moved in, and the output out.
///
/// # Scheduling
/// It is no task: it is polled in place, whenever the result is, by whoever awaits that. As long as the result is
/// kept, the loop is not found to be in a [`Deadlock`](crate::Deadlock), for another thread may drop it.
///
/// While its runtime is being dropped, a destructor that leaves a future sees it dropped before `stay` returns, as a task
/// that is spawned there is cancelled.
///
/// # Panics
/// Outside of a running loop. The result panics when it is polled elsewhere than on the loop it was made on, again after
/// it gave its output, or by a destructor when the end of its runtime has dropped its future.
///
/// # Cancel safety
/// Dropping the result drops `future`: at once where its loop runs; elsewhere at that loop's next collect, or its end.
///
/// # Examples
/// ```
/// use glassloop::{spawn, stay};
/// use std::rc::Rc;
///
/// async fn handler() -> u32 {
///     let task = spawn(async { *Rc::new(6) * 7 });
///     stay(task).await.unwrap()
/// }
///
/// fn ask_for_send<T: Send>(it: T) -> T {
///     it
/// }
///
/// assert_eq!(glassloop::run(async { ask_for_send(handler()).await }), 42);
/// ```
///
/// Without it, the handler is refused:
/// ```compile_fail,E0277
/// # use glassloop::spawn;
/// async fn handler() -> u32 {
///     let task = spawn(async { 6 * 7 });
///     task.await.unwrap()
/// }
/// # fn ask_for_send<T: Send>(it: T) -> T {
/// #     it
/// # }
/// # glassloop::run(async { ask_for_send(handler()).await });
/// ```
#[track_caller]
pub fn stay<F>(future: F) -> Stay<F::Output>
where
    F: Future + 'static,
    F::Output: 'static,
{
    let future = Box::pin(future);
    let keep = |state: &State| {
        let key = state.stays.keep(future);
        if state.closing.get() {
            end_stay(state, key);
        }
        (key, state.id)
    };
    match wake::with_current("stay", keep) {
        Ok((key, runtime)) => Stay { key: Some(key), runtime, output: PhantomData },
        Err(error) => panic!("{error}"),
    }
}

impl<F> Stayed for F
where
    F: Future + 'static,
    F::Output: 'static,
{
    fn poll_into(self: Pin<&mut Self>, cx: &mut Context<'_>, output: &mut dyn Any) -> Poll<()> {
        let ready = ready!(self.poll(cx));
        *output.downcast_mut().expect("a `Stay` has the type of its future's output") = Some(ready);
        Poll::Ready(())
    }
}

/// The future of [`stay`]: a key, so that it is `Send` and `Sync` whatever it stands for.
#[must_use = "futures do nothing unless you `.await` them"]
pub struct Stay<T> {
    /// `None` once the future has begun its last poll.
    key: Option<NonZeroU64>,
    runtime: RuntimeId,
    output: PhantomData<fn() -> T>,
}

impl<T: 'static> Future for Stay<T> {
    type Output = T;

    #[track_caller]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<T> {
        let (runtime, Some(key)) = (self.runtime, self.key) else {
            panic!("a `Stay` was polled again after its future had ended; it gives its output once")
        };
        let taken = match wake::with_own("future", runtime, |state| state.stays.take(key)) {
            Ok(taken) => taken,
            Err(elsewhere) => panic!("{elsewhere}"),
        };
        let mut future = taken.expect("only the end of its runtime takes a future from its key");
        let mut output = None;
        // Out of its place: the poll is foreign code, and may make and drop other stays.
        self.key = None;
        if future.as_mut().poll_into(cx, &mut output).is_pending() {
            self.key = Some(key);
            wake::own(runtime, |state| state.stays.put_back(key, future));
            return Poll::Pending;
        }
        drop(future); // here, as an `.await` does
        Poll::Ready(output.expect("a ready future leaves its output"))
    }
}

impl<T> Drop for Stay<T> {
    fn drop(&mut self) {
        if let Some(key) = self.key {
            wake::on_loop(self.runtime, move |state| drop(state.stays.take(key)));
        }
    }
}

impl<T> fmt::Debug for Stay<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Stay(runtime {})", self.runtime)
    }
}
