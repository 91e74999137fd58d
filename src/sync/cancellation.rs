//! A wish that work should end, told to whoever does it, and down a tree.

use std::collections::BTreeMap;
use std::fmt;
use std::future::{Future, poll_fn};
use std::ops::Deref;
use std::panic::Location;
use std::pin::pin;
use std::rc::{Rc, Weak};
use std::task::Poll;

use super::Event;
use super::event::Happening;
use crate::cell::{Cell, RefCell, Stays};
use crate::trace::Class;
use crate::waits::Op;

static CANCELLED: Op =
    Op::new(Class::Signal, "CancellationToken::cancelled", "cancelled the CancellationToken").losing("");

/// Tells tasks to end, where [`abort`](crate::JoinHandle::abort) would drop them: each sees it where it asks, and may
/// await while it cleans up. Clones are one token; a child is cancelled with its parent, never the parent with it.
///
/// # Scheduling
/// [`cancel`](CancellationToken::cancel) first marks the token and all below it, then makes those who wait ready:
/// the token's own, in the order in which they came, then those of each child, with all below it, in the order in
/// which the children were made.
///
/// # Examples
/// ```
/// use glassloop::{spawn, sync::CancellationToken};
///
/// glassloop::run(async {
///     let token = CancellationToken::new();
///     let worker = spawn({
///         let token = token.child_token();
///         async move {
///             token.cancelled().await;
///             glassloop::yield_now().await; // there is time to say goodbye
///             "goodbye"
///         }
///     });
///     token.cancel();
///     assert_eq!(worker.await.unwrap(), "goodbye");
/// });
/// ```
#[derive(Clone)]
pub struct CancellationToken {
    node: Stays<Rc<Node>>,
}

struct Node {
    cancelled: Event,
    /// Which child of its parent it is. It keeps its parent, and not the other way round: who drops a child leaves
    /// nothing behind.
    parent: RefCell<Option<(Rc<Node>, u64)>>,
    /// By the order in which they were made.
    children: RefCell<BTreeMap<u64, Weak<Node>>>,
    made: Cell<u64>,
}

impl CancellationToken {
    /// A token without a parent.
    #[must_use]
    #[track_caller]
    pub fn new() -> CancellationToken {
        CancellationToken { node: Stays(Rc::new(Node::new())) }
    }

    /// A token that is cancelled when this one is, or by itself. Of a cancelled token, a cancelled one.
    #[must_use]
    #[track_caller]
    pub fn child_token(&self) -> CancellationToken {
        let child = CancellationToken::new();
        if self.is_cancelled() {
            child.node.cancelled.mark();
            return child;
        }
        let number = self.node.made.get();
        self.node.made.set(number + 1);
        self.node.children.borrow_mut().insert(number, Rc::downgrade(&child.node));
        child.node.parent.replace(Some((Rc::clone(&self.node), number)));
        child
    }

    /// Cancels this token, its children, and theirs. A second time does nothing.
    pub fn cancel(&self) {
        if self.is_cancelled() {
            return;
        }
        self.node.detach();
        // All are marked before anybody is woken: whoever then looks finds the whole tree cancelled.
        let mut order = Vec::new();
        let mut next = vec![Rc::clone(&self.node)];
        while let Some(node) = next.pop() {
            node.cancelled.mark();
            let children = node.children.take();
            for child in children.into_values().rev().filter_map(|child| child.upgrade()) {
                child.parent.take();
                next.push(child);
            }
            order.push(node);
        }
        for node in order {
            node.cancelled.wake();
        }
    }

    /// Whether it was cancelled.
    #[must_use]
    pub fn is_cancelled(&self) -> bool {
        self.node.cancelled.is_set()
    }

    /// Waits until it is cancelled. If it is, this is ready at once.
    ///
    /// # Cancel safety
    /// Dropping it loses nothing.
    #[track_caller]
    pub fn cancelled(&self) -> impl Future<Output = ()> {
        Happening::new(&self.node.cancelled, &CANCELLED, Location::caller())
    }

    /// As [`cancelled`](CancellationToken::cancelled), for a future that keeps the token.
    ///
    /// # Cancel safety
    /// Dropping it loses nothing.
    #[track_caller]
    pub fn cancelled_owned(self) -> impl Future<Output = ()> {
        Happening::new(Reached(self.node), &CANCELLED, Location::caller())
    }

    /// Drives `future` until it is ready or the token is cancelled; `None` if that came first.
    ///
    /// # Scheduling
    /// If the token is cancelled already, `future` is never polled. Else each poll polls `future` first: one that is
    /// ready in the poll in which the cancellation is seen gives its output.
    ///
    /// # Cancel safety
    /// It drops `future`, which then must be safe to drop.
    ///
    /// # Examples
    /// ```
    /// use glassloop::sync::CancellationToken;
    ///
    /// glassloop::run(async {
    ///     let token = CancellationToken::new();
    ///     assert_eq!(token.run_until_cancelled(async { 7 }).await, Some(7));
    ///     token.cancel();
    ///     assert_eq!(token.run_until_cancelled(async { 7 }).await, None);
    /// });
    /// ```
    #[track_caller]
    pub fn run_until_cancelled<F: Future>(&self, future: F) -> impl Future<Output = Option<F::Output>> {
        run_until(&self.node.cancelled, self.cancelled(), future)
    }

    /// As [`run_until_cancelled`](CancellationToken::run_until_cancelled), for a future that keeps the token.
    ///
    /// # Cancel safety
    /// As [`run_until_cancelled`](CancellationToken::run_until_cancelled).
    #[track_caller]
    pub fn run_until_cancelled_owned<F: Future>(self, future: F) -> impl Future<Output = Option<F::Output>> {
        let node = self.node.clone();
        run_until(Reached(node), self.cancelled_owned(), future)
    }

    /// A guard that cancels the token when it is dropped.
    ///
    /// # Examples
    /// ```
    /// use glassloop::sync::CancellationToken;
    ///
    /// let token = CancellationToken::new();
    /// let guard = token.clone().drop_guard();
    /// drop(guard); // or a panic, or an early return
    /// assert!(token.is_cancelled());
    /// ```
    pub fn drop_guard(self) -> DropGuard {
        DropGuard { token: Some(self) }
    }

    /// As [`drop_guard`](CancellationToken::drop_guard), for a guard that borrows the token.
    pub fn drop_guard_ref(&self) -> DropGuardRef<'_> {
        DropGuardRef { token: Some(self) }
    }
}

async fn run_until<F: Future>(
    flag: impl Deref<Target = Event>,
    cancelled: impl Future<Output = ()>,
    future: F,
) -> Option<F::Output> {
    if flag.is_set() {
        return None;
    }
    let (mut cancelled, mut future) = (pin!(cancelled), pin!(future));
    poll_fn(|cx| match future.as_mut().poll(cx) {
        Poll::Ready(output) => Poll::Ready(Some(output)),
        Poll::Pending => cancelled.as_mut().poll(cx).map(|()| None),
    })
    .await
}

impl Default for CancellationToken {
    #[track_caller]
    fn default() -> CancellationToken {
        CancellationToken::new()
    }
}

impl fmt::Debug for CancellationToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CancellationToken").field("is_cancelled", &self.is_cancelled()).finish_non_exhaustive()
    }
}

impl Node {
    #[track_caller]
    fn new() -> Node {
        let (parent, children) = (RefCell::new(None), RefCell::new(BTreeMap::new()));
        Node { cancelled: Event::new(), parent, children, made: Cell::new(0) }
    }

    /// Takes it from its parent, which nobody else may keep any more: then it is handed out.
    fn detach(&self) -> Option<Node> {
        let (parent, number) = self.parent.take()?;
        parent.children.borrow_mut().remove(&number);
        Rc::into_inner(parent)
    }
}

impl Drop for Node {
    /// By hand up the tree: a parent that only its child kept goes with it, and chains may be long.
    fn drop(&mut self) {
        let mut next = self.detach();
        while let Some(node) = next {
            next = node.detach();
        }
    }
}

/// The way to a node's event that keeps the node.
struct Reached(Stays<Rc<Node>>);

impl Deref for Reached {
    type Target = Event;

    fn deref(&self) -> &Event {
        &self.0.cancelled
    }
}

macro_rules! drop_guard {
    ($(#[$doc:meta])* $Guard:ident, $Token:ty $(, $a:lifetime)?) => {
        $(#[$doc])*
        #[must_use = "it cancels its token when it is dropped, and that is at once"]
        #[derive(Debug)]
        pub struct $Guard $(<$a>)? {
            token: Option<$Token>,
        }

        impl $(<$a>)? $Guard $(<$a>)? {
            /// The token, which this will not cancel any more.
            pub fn disarm(mut self) -> $Token {
                self.token.take().expect("a guard has its token until it is disarmed")
            }
        }

        impl $(<$a>)? Drop for $Guard $(<$a>)? {
            fn drop(&mut self) {
                if let Some(token) = self.token.take() {
                    token.cancel();
                }
            }
        }
    };
}

drop_guard! {
    /// Cancels a [`CancellationToken`] when it is dropped.
    DropGuard, CancellationToken
}
drop_guard! {
    /// Cancels a [`CancellationToken`], which it borrows, when it is dropped.
    DropGuardRef, &'a CancellationToken, 'a
}
