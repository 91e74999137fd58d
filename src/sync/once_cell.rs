//! A value that is made once, by whoever needs it first.

use std::cell;
use std::convert::Infallible;
use std::fmt;
use std::future::Future;
use std::panic::Location;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use crate::cell::{Cell, Stays};
use crate::waits::{Grant, Hold, Op, Place, WaitList};

/// A lock's wait: while one makes the value, [`OnceCell::set`] is refused, so nobody else can end it.
static INIT: Op = Op::lock("OnceCell::get_or_init", "ended its try to fill the OnceCell");

/// A value that is made once, by a future of whoever needs it first; meanwhile others wait (single flight).
///
/// This caches a result where caching a future would not work: a future gives its output once.
///
/// # Scheduling
/// When the value is made, all who wait are made ready, in the order in which they came. If making it fails, panics, or
/// is dropped, the first in line is handed the task of making it, with its own future.
///
/// # Examples
/// ```
/// use glassloop::{join_all, sync::OnceCell, yield_now};
/// use std::cell::Cell;
///
/// glassloop::run(async {
///     let (connection, connects) = (OnceCell::new(), Cell::new(0));
///     let connect = async || {
///         connects.set(connects.get() + 1);
///         yield_now().await;
///         "connected"
///     };
///     let users = (0..100).map(async |_| *connection.get_or_init(connect).await);
///     assert_eq!(join_all(users).await, ["connected"; 100]);
///     assert_eq!(connects.get(), 1);
/// });
/// ```
pub struct OnceCell<T> {
    value: Stays<cell::OnceCell<T>>,
    /// Somebody makes the value, or was handed that.
    busy: Cell<bool>,
    line: WaitList,
}

impl<T> OnceCell<T> {
    /// Without a value.
    #[must_use]
    #[track_caller]
    pub const fn new() -> OnceCell<T> {
        OnceCell { value: Stays(cell::OnceCell::new()), busy: Cell::new(false), line: WaitList::new() }
    }

    /// With `value`, if there is one.
    #[must_use]
    #[track_caller]
    pub fn new_with(value: Option<T>) -> OnceCell<T> {
        OnceCell { value: Stays(value.map_or_else(cell::OnceCell::new, cell::OnceCell::from)), ..OnceCell::new() }
    }

    /// Whether the value is there.
    #[must_use]
    pub fn initialized(&self) -> bool {
        self.value.get().is_some()
    }

    /// The value, if it is there.
    #[must_use]
    pub fn get(&self) -> Option<&T> {
        self.value.get()
    }

    /// The value, if it is there.
    #[must_use]
    pub fn get_mut(&mut self) -> Option<&mut T> {
        self.value.get_mut()
    }

    /// Gives it its value.
    ///
    /// # Errors
    /// If it has one, or somebody is making it; `value` comes back.
    pub fn set(&self, value: T) -> Result<(), SetError<T>> {
        if self.busy.get() {
            return Err(SetError::InitializingError(value));
        }
        self.value.set(value).map_err(SetError::AlreadyInitializedError)
    }

    /// The value; if it is not there, and nobody makes it, `init` does.
    ///
    /// # Cancel safety
    /// Dropped while it makes the value, it drops the future that does, and the next in line makes it. Dropped while it
    /// waits, it loses its place in the line.
    #[track_caller]
    pub fn get_or_init<F: AsyncFnOnce() -> T>(&self, init: F) -> impl Future<Output = &T> {
        let site = Location::caller();
        async move {
            let Ok(value) = self.init(site, async || Ok::<T, Infallible>(init().await)).await;
            value
        }
    }

    /// As [`get_or_init`](OnceCell::get_or_init), where making the value may fail.
    ///
    /// # Errors
    /// The error of `init`. The value is not there then, and the next in line makes it.
    ///
    /// # Cancel safety
    /// As [`get_or_init`](OnceCell::get_or_init).
    #[track_caller]
    pub fn get_or_try_init<E, F>(&self, init: F) -> impl Future<Output = Result<&T, E>>
    where
        F: AsyncFnOnce() -> Result<T, E>,
    {
        self.init(Location::caller(), init)
    }

    async fn init<E, F>(&self, site: &'static Location<'static>, init: F) -> Result<&T, E>
    where
        F: AsyncFnOnce() -> Result<T, E>,
    {
        let entering = Entering { cell: self, place: Place::NONE, site };
        if let Some(making) = entering.await {
            let value = init().await?;
            drop(self.value.set(value)); // nobody else could set it
            drop(making);
        }
        Ok(self.value.get().expect("whoever need not make the value finds it"))
    }

    /// Nobody makes the value now: if it is there, all go on, else the first in line makes it.
    fn hand_on(&self) {
        if self.initialized() {
            self.busy.set(false);
            self.line.grant_all(Grant::All);
        } else if !self.line.grant(Grant::Turn) {
            self.busy.set(false);
        }
    }

    /// The value, if it is there.
    #[must_use]
    pub fn into_inner(self) -> Option<T> {
        self.value.0.into_inner()
    }

    /// The value, if it is there; the cell is without one after.
    #[must_use = "the value is dropped if it is not used"]
    pub fn take(&mut self) -> Option<T> {
        self.value.take()
    }
}

impl<T> Default for OnceCell<T> {
    #[track_caller]
    fn default() -> OnceCell<T> {
        OnceCell::new()
    }
}

impl<T> From<T> for OnceCell<T> {
    #[track_caller]
    fn from(value: T) -> OnceCell<T> {
        OnceCell::new_with(Some(value))
    }
}

impl<T: fmt::Debug> fmt::Debug for OnceCell<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OnceCell").field("value", &self.get()).finish_non_exhaustive()
    }
}

/// The future of the value's being there (`None`), or of the task of making it.
struct Entering<'a, T> {
    cell: &'a OnceCell<T>,
    place: Place,
    site: &'static Location<'static>,
}

impl<'a, T> Future for Entering<'a, T> {
    type Output = Option<Making<'a, T>>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = &mut *self;
        let (cell, at) = (this.cell, (&raw const *this).cast());
        if this.place.is_none() && cell.initialized() {
            return Poll::Ready(None);
        }
        if !this.place.is_none() || cell.busy.replace(true) {
            let grant = ready!(cell.line.poll(&mut this.place, cx, &INIT, this.site, 1));
            if grant != Grant::Turn {
                return Poll::Ready(None);
            }
        }
        Poll::Ready(Some(Making { cell, hold: cell.line.hold(&INIT, this.site, at) }))
    }
}

impl<T> Drop for Entering<'_, T> {
    fn drop(&mut self) {
        if self.cell.line.leave(&mut self.place) == Some(Grant::Turn) {
            self.cell.hand_on();
        }
    }
}

/// The task of making the value, given up when this is dropped.
struct Making<'a, T> {
    cell: &'a OnceCell<T>,
    hold: Hold,
}

impl<T> Drop for Making<'_, T> {
    fn drop(&mut self) {
        self.hold.end();
        self.cell.hand_on();
    }
}

/// Why [`OnceCell::set`] was refused, with the value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SetError<T> {
    /// The cell has a value.
    AlreadyInitializedError(T),
    /// Somebody is making the value.
    InitializingError(T),
}

impl<T> SetError<T> {
    /// Whether the cell has a value.
    pub fn is_already_init_err(&self) -> bool {
        matches!(self, SetError::AlreadyInitializedError(_))
    }

    /// Whether somebody is making the value.
    pub fn is_initializing_err(&self) -> bool {
        matches!(self, SetError::InitializingError(_))
    }
}

impl<T> fmt::Display for SetError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            SetError::AlreadyInitializedError(_) => "the cell has a value already; read it with `.get()`",
            SetError::InitializingError(_) => {
                "somebody is making the cell's value; wait for it with `.get_or_init(…).await`"
            }
        })
    }
}

impl<T: fmt::Debug> std::error::Error for SetError<T> {}
