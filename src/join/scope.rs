//! Concurrency inside one task, which may borrow from its stack.

use std::cell::{Cell, RefCell};
use std::convert::Infallible;
use std::fmt;
use std::future::{Future, pending};
use std::panic::Location;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use pin_project_lite::pin_project;

use crate::cell::Stays;
use crate::trace::Class;
use crate::waits::{Grant, Op, Place, WaitList};

static AWAIT: Op = Op::new(Class::Join, "ScopeHandle", "ended in the scope").losing("");

/// Runs `body`, and beside it, in the same task, the futures that it gives to [`Scope::spawn`]. These may borrow
/// whatever lives longer than the scope. Leaving waits for all of them.
///
/// No task is made, so nothing in here can be aborted alone or outlive the scope, and nothing needs `'static`.
///
/// # Scheduling
/// Each poll of the task polls the body and then every child that has not ended, in the order in which they were
/// given: children see their task's own waker, so a dump and a deadlock report know what they wait for. So a wake
/// costs a look at each, as in [`join_all`](crate::join_all); for thousands of them, spawn tasks. A child given during
/// the poll is polled in it too.
///
/// # Panics
/// With the panic of the body or of a child; the others are dropped by the unwinding.
///
/// # Cancel safety
/// Dropped, it drops the body and then the children in their order.
///
/// # Examples
/// ```
/// use glassloop::{scope, yield_now};
/// use std::cell::Cell;
///
/// glassloop::run(async {
///     let words = vec!["a".to_owned(), "bcd".to_owned()];
///     let letters = Cell::new(0);
///     scope(async |scope| {
///         for word in &words {
///             let letters = &letters;
///             scope.spawn(async move {
///                 yield_now().await;
///                 letters.set(letters.get() + word.len());
///             });
///         }
///     })
///     .await;
///     assert_eq!(letters.get(), 4);
/// });
/// ```
///
/// What the body itself owns ends before its children might, and cannot be lent to them:
/// ```compile_fail,E0597
/// glassloop::run(glassloop::scope(async |scope| {
///     let own = String::from("a");
///     scope.spawn(async { println!("{own}") });
/// }));
/// ```
pub async fn scope<'env, R, B>(body: B) -> R
where
    B: AsyncFnOnce(Scope<'env, R>) -> R,
{
    let scope = Scope {
        shared: Stays(Rc::new(Shared {
            children: RefCell::default(),
            left: Cell::new(false),
            ended: RefCell::new(None),
        })),
    };
    let children = Children(scope.clone());
    Running { body: Some(body(scope)), children, output: None }.await
}

/// Where the children of a [`scope`] are given. Clones of it may be given to the children.
pub struct Scope<'env, R> {
    shared: Stays<Rc<Shared<'env, R>>>,
}

type Child<'env> = Pin<Box<dyn Future<Output = ()> + 'env>>;

struct Shared<'env, R> {
    /// In their order; `None` while one is polled, and when it has ended.
    children: RefCell<Vec<Option<Child<'env>>>>,
    /// It was left: what is given to it now is dropped.
    left: Cell<bool>,
    /// What the scope ends with, before its body has ended.
    ended: RefCell<Option<R>>,
}

impl<'env, R> Scope<'env, R> {
    /// Drives `future` beside the body, also if nobody awaits what is returned.
    ///
    /// # Scheduling
    /// It is first polled later in the poll that runs, never in this call. If the scope is not being polled, nothing
    /// wakes its task for the new child. Once the scope was left, `future` is dropped unpolled, and the handle is
    /// never ready.
    #[track_caller]
    pub fn spawn<F>(&self, future: F) -> ScopeHandle<F::Output>
    where
        F: Future + 'env,
        F::Output: 'env,
    {
        let slot = Rc::new(Slot { output: RefCell::new(None), line: WaitList::new() });
        let to = slot.clone();
        let child = async move {
            let output = future.await;
            *to.output.borrow_mut() = Some(output); // `None` was there: nothing is dropped under the borrow
            to.line.grant(Grant::All);
        };
        if !self.shared.left.get() {
            self.shared.children.borrow_mut().push(Some(Box::pin(child)));
        }
        ScopeHandle { slot: Stays(slot), place: Place::NONE, taken: false }
    }

    /// Ends the whole scope with `output`: the body and all children are dropped when the poll that awaits this has
    /// returned. Of two that ask for it, the first counts.
    ///
    /// # Examples
    /// ```
    /// let found = glassloop::run(glassloop::scope(async |scope| {
    ///     let inside = scope.clone();
    ///     scope.spawn(async move { inside.terminate("found").await });
    ///     std::future::pending().await // it never comes to an end of its own
    /// }));
    /// assert_eq!(found, "found");
    /// ```
    pub async fn terminate(&self, output: R) -> Infallible {
        let late = {
            let mut ended = self.shared.ended.borrow_mut();
            if ended.is_none() { ended.replace(output) } else { Some(output) }
        };
        drop(late);
        pending().await
    }
}

impl<R> Clone for Scope<'_, R> {
    fn clone(&self) -> Self {
        Scope { shared: self.shared.clone() }
    }
}

impl<R> fmt::Debug for Scope<'_, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Scope").field("children", &self.shared.children.borrow().len()).finish()
    }
}

/// The scope's own reference. A child may hold a [`Scope`], which holds the children: dropping this breaks the circle.
struct Children<'env, R>(Scope<'env, R>);

impl<R> Children<'_, R> {
    /// Polls every child, in their order. `Ready`: none is left, or the scope was ended.
    fn poll(&self, cx: &mut Context<'_>) -> Poll<()> {
        let children = &self.0.shared.children;
        let mut at = 0;
        loop {
            let child = match children.borrow_mut().get_mut(at) {
                Some(child) => child.take(),
                None => break,
            };
            if let Some(mut child) = child
                && child.as_mut().poll(cx).is_pending()
            {
                children.borrow_mut()[at] = Some(child); // the list only grows meanwhile
            }
            if self.is_ended() {
                return Poll::Ready(());
            }
            at += 1;
        }
        let mut children = children.borrow_mut();
        children.retain(Option::is_some);
        if children.is_empty() { Poll::Ready(()) } else { Poll::Pending }
    }

    fn is_ended(&self) -> bool {
        self.0.shared.ended.borrow().is_some()
    }
}

impl<R> Drop for Children<'_, R> {
    fn drop(&mut self) {
        self.0.shared.left.set(true); // destructors may want to give the scope new children
        drop(self.0.shared.children.take());
    }
}

pin_project! {
    struct Running<'env, R, B> {
        #[pin]
        body: Option<B>,
        children: Children<'env, R>,
        output: Option<R>,
    }
}

impl<R, B: Future<Output = R>> Future for Running<'_, R, B> {
    type Output = R;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<R> {
        let mut this = self.project();
        if let Some(body) = this.body.as_mut().as_pin_mut()
            && let Poll::Ready(output) = body.poll(cx)
        {
            *this.output = Some(output);
            this.body.set(None);
        }
        if !this.children.is_ended() && this.children.poll(cx).is_pending() {
            return Poll::Pending;
        }
        let ended = this.children.0.shared.ended.take();
        match ended.or_else(|| this.output.take()) {
            Some(output) => Poll::Ready(output),
            None => Poll::Pending, // the children have ended before the body
        }
    }
}

struct Slot<T> {
    output: RefCell<Option<T>>,
    line: WaitList,
}

/// The output of a child of a [`scope`]. Dropping it does not cancel the child.
///
/// # Cancel safety
/// Await it by reference and drop that future: nothing is lost.
///
/// # Panics
/// When it is polled again after it gave its output.
pub struct ScopeHandle<T> {
    slot: Stays<Rc<Slot<T>>>,
    place: Place,
    taken: bool,
}

impl<T> Unpin for ScopeHandle<T> {}

impl<T> Drop for ScopeHandle<T> {
    fn drop(&mut self) {
        let _all = self.slot.line.leave(&mut self.place); // news for all needs no passing on
    }
}

impl<T> Future for ScopeHandle<T> {
    type Output = T;

    #[track_caller]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<T> {
        assert!(!self.taken, "a ScopeHandle was polled again after it gave its output; a handle gives it once");
        let this = &mut *self;
        let output = this.slot.output.take();
        match output {
            Some(_) => this.taken = true,
            // Granted only when the output is there.
            None => drop(this.slot.line.poll(&mut this.place, cx, &AWAIT, Location::caller(), 1)),
        }
        output.map_or(Poll::Pending, Poll::Ready)
    }
}

impl<T> fmt::Debug for ScopeHandle<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ScopeHandle").finish_non_exhaustive()
    }
}
