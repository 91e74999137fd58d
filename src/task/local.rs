//! Values that belong to a task, as thread-locals belong to a thread.

use std::any::Any;
use std::fmt;
use std::future::Future;
use std::marker::PhantomData;
use std::pin::Pin;
use std::ptr;
use std::rc::Rc;
use std::task::{Context as Waking, Poll};

use pin_project_lite::pin_project;

use super::context::{self, Binding, Context};
use crate::cell::Stays;

/// Declares keys of task-local values; tokio's macro of this name.
///
/// A key has a value inside of [`LocalKey::scope`], and no other where. A task that is spawned in there does not have
/// it, unless it asks with [`task::inherit`](crate::task::inherit).
///
/// # Examples
/// ```
/// glassloop::task_local! {
///     /// Whose request is served.
///     pub static USER: String;
///     static DEPTH: u32;
/// }
///
/// glassloop::run(USER.scope("ann".to_owned(), async {
///     glassloop::yield_now().await;
///     USER.with(|user| assert_eq!(user, "ann"));
///     assert!(DEPTH.try_get().is_err());
/// }));
/// ```
#[macro_export]
macro_rules! task_local {
    ($($(#[$attribute:meta])* $visibility:vis static $name:ident: $type:ty);* $(;)?) => {
        $(
            $(#[$attribute])*
            $visibility static $name: $crate::task::LocalKey<$type> =
                $crate::task::LocalKey::__new(::core::stringify!($name));
        )*
    };
}

/// A key of task-local values, declared with [`task_local!`](crate::task_local!).
///
/// A value is never lent out mutably. What is to change within a scope goes into a `Cell` or `RefCell`.
pub struct LocalKey<T: 'static> {
    name: &'static str,
    value: PhantomData<fn() -> T>,
}

impl<T: 'static> LocalKey<T> {
    #[doc(hidden)]
    #[must_use]
    pub const fn __new(name: &'static str) -> LocalKey<T> {
        LocalKey { name, value: PhantomData }
    }

    /// Drives `future` with this value: it holds in each poll of it and while it is dropped, and ends with it. An
    /// inner scope of the same key hides the outer one's value.
    ///
    /// It costs two allocations a scope, and none a poll.
    ///
    /// # Cancel safety
    /// That of `future`.
    ///
    /// # Examples
    /// ```
    /// glassloop::task_local! {
    ///     static LEVEL: u32;
    /// }
    ///
    /// glassloop::run(LEVEL.scope(1, async {
    ///     let inner = LEVEL.scope(2, async { LEVEL.get() }).await;
    ///     assert_eq!((LEVEL.get(), inner), (1, 2));
    /// }));
    /// ```
    pub fn scope<F: Future>(&'static self, value: T, future: F) -> TaskLocalFuture<T, F> {
        let value = Stays(Rc::new(value) as Rc<dyn Any>);
        TaskLocalFuture { key: self, value, outer: Stays(None), context: Stays(None), future: Some(future) }
    }

    /// Runs `act` with this value.
    ///
    /// # Examples
    /// ```
    /// glassloop::task_local! {
    ///     static LEVEL: u32;
    /// }
    ///
    /// assert_eq!(LEVEL.sync_scope(3, || LEVEL.get()), 3);
    /// ```
    pub fn sync_scope<R>(&'static self, value: T, act: impl FnOnce() -> R) -> R {
        let binding = Binding { key: self.address(), value: Rc::new(value) };
        context::enter(context::with(&context::now(), binding), act)
    }

    /// Lends the value to `look`, which may open scopes of the same key.
    ///
    /// # Panics
    /// If the key has no value here.
    #[track_caller]
    pub fn with<R>(&'static self, look: impl FnOnce(&T) -> R) -> R {
        match self.try_with(look) {
            Ok(result) => result,
            Err(error) => panic!("{error}"),
        }
    }

    /// Lends the value to `look`.
    ///
    /// # Errors
    /// If the key has no value here.
    pub fn try_with<R>(&'static self, look: impl FnOnce(&T) -> R) -> Result<R, AccessError> {
        let value = context::value_of(self.address()).ok_or(AccessError { name: self.name })?;
        Ok(look(value.downcast_ref().expect("a key's values have its type")))
    }

    /// A clone of the value.
    ///
    /// # Panics
    /// If the key has no value here.
    #[must_use]
    #[track_caller]
    pub fn get(&'static self) -> T
    where
        T: Clone,
    {
        self.with(T::clone)
    }

    /// A clone of the value.
    ///
    /// # Errors
    /// If the key has no value here.
    pub fn try_get(&'static self) -> Result<T, AccessError>
    where
        T: Clone,
    {
        self.try_with(T::clone)
    }

    fn address(&'static self) -> *const () {
        ptr::from_ref(self).cast()
    }
}

impl<T> fmt::Debug for LocalKey<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "LocalKey({})", self.name)
    }
}

pin_project! {
    /// The future of [`LocalKey::scope`].
    #[must_use = "futures do nothing unless you `.await` them"]
    pub struct TaskLocalFuture<T, F>
    where
        T: 'static,
    {
        key: &'static LocalKey<T>,
        value: Stays<Rc<dyn Any>>,
        // What held around the last poll.
        outer: Context,
        // The same with this value; made anew only where `outer` is another.
        context: Context,
        #[pin]
        future: Option<F>,
    }

    impl<T, F> PinnedDrop for TaskLocalFuture<T, F>
    where
        T: 'static,
    {
        fn drop(this: Pin<&mut Self>) {
            if this.future.is_some() {
                this.enter(|mut future| future.set(None));
            }
        }
    }
}

impl<T: 'static, F> TaskLocalFuture<T, F> {
    /// Gives it another value, before it is first polled.
    pub(crate) fn set_value(self: Pin<&mut Self>, value: T) {
        self.project().value.0 = Rc::new(value);
    }

    /// Does `act` with the future where the value holds.
    fn enter<R>(self: Pin<&mut Self>, act: impl FnOnce(Pin<&mut Option<F>>) -> R) -> R {
        let this = self.project();
        let outer = context::now();
        if this.context.is_none() || !context::same(this.outer, &outer) {
            let binding = Binding { key: this.key.address(), value: this.value.0.clone() };
            *this.context = context::with(&outer, binding);
            *this.outer = outer;
        }
        context::enter(this.context.clone(), || act(this.future))
    }
}

impl<T: 'static, F: Future> Future for TaskLocalFuture<T, F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Waking<'_>) -> Poll<F::Output> {
        self.enter(|mut future| {
            let inner = future.as_mut().as_pin_mut().expect("a future is not polled again after it is ready");
            let output = inner.poll(cx);
            if output.is_ready() {
                future.set(None); // its destructors may want the value
            }
            output
        })
    }
}

impl<T: 'static, F> fmt::Debug for TaskLocalFuture<T, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TaskLocalFuture").field("key", &self.key).finish_non_exhaustive()
    }
}

/// A task-local key has no value here.
///
/// # Examples
/// ```
/// glassloop::task_local! {
///     static USER: String;
/// }
///
/// let error = USER.try_get().unwrap_err();
/// assert!(error.to_string().starts_with("the task-local `USER` has no value here"));
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccessError {
    name: &'static str,
}

impl fmt::Display for AccessError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = self.name;
        write!(
            f,
            "the task-local `{name}` has no value here; give it one with `{name}.scope(value, future)`, and to a task \
             that is spawned in there with `task::inherit(future)`"
        )
    }
}

impl std::error::Error for AccessError {}
