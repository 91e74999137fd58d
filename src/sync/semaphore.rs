//! Permits, counted: how many may do something at once.

use std::fmt;
use std::future::Future;
use std::marker::PhantomData;
use std::ops::Deref;
use std::panic::Location;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};

use super::slots::Slots;
use crate::trace::Class;
use crate::waits::{Grant, Op, Place};

static ACQUIRE: Op =
    Op::new(Class::Lock, "Semaphore::acquire", "gave permits to the Semaphore").closing("closed the Semaphore");

/// So many permits, each held by whoever acquired it until it is dropped.
///
/// A permit is a guard, so nobody can give back more than was taken: what asyncio's `BoundedSemaphore` refuses cannot
/// be written. [`add_permits`](Semaphore::add_permits) is the exception, and makes more of them on purpose.
///
/// # Scheduling
/// First come, first served. Permits that are given back go to the first in line; if it wants more than there are, it
/// keeps those, and stops all behind it, however little they want. So a large request is never starved by small
/// ones. A request for no permits stands in no line.
///
/// # Examples
/// ```
/// use std::cell::Cell;
///
/// use glassloop::{join_all, sync::Semaphore, yield_now};
///
/// glassloop::run(async {
///     let (at_once, most) = (Cell::new(0), Cell::new(0));
///     let semaphore = Semaphore::new(5);
///     join_all((0..100).map(async |_| {
///         let _permit = semaphore.acquire().await.unwrap();
///         at_once.set(at_once.get() + 1);
///         most.set(most.get().max(at_once.get()));
///         yield_now().await;
///         at_once.set(at_once.get() - 1);
///     }))
///     .await;
///     assert_eq!(most.get(), 5);
/// });
/// ```
pub struct Semaphore {
    permits: Slots,
}

impl Semaphore {
    /// The most permits that a semaphore can have.
    pub const MAX_PERMITS: usize = usize::MAX >> 3;

    /// With so many permits.
    ///
    /// # Panics
    /// If they are more than [`MAX_PERMITS`](Semaphore::MAX_PERMITS).
    #[must_use]
    #[track_caller]
    pub const fn new(permits: usize) -> Semaphore {
        assert!(permits <= Semaphore::MAX_PERMITS, "a semaphore has at most Semaphore::MAX_PERMITS permits");
        Semaphore { permits: Slots::new(permits) }
    }

    /// How many permits could be had at once: none while somebody waits, for what there is belongs to the first in
    /// line.
    #[must_use]
    pub fn available_permits(&self) -> usize {
        self.permits.available()
    }

    /// Makes `n` permits more.
    ///
    /// # Panics
    /// If there would be more than [`MAX_PERMITS`](Semaphore::MAX_PERMITS) free ones.
    #[track_caller]
    pub fn add_permits(&self, n: usize) {
        let free = self.permits.free().checked_add(n);
        let fits = free.is_some_and(|free| free <= Semaphore::MAX_PERMITS);
        assert!(fits, "a semaphore has at most Semaphore::MAX_PERMITS permits");
        self.permits.give(n);
    }

    /// Takes `n` permits, or as many as are [available](Semaphore::available_permits), out of the world; how many.
    pub fn forget_permits(&self, n: usize) -> usize {
        let n = n.min(self.available_permits());
        let _taken = self.permits.try_take(n);
        n
    }

    /// Waits for a permit.
    ///
    /// # Errors
    /// If the semaphore is closed, or is while this waits. Permits that were handed over before that are good.
    ///
    /// # Cancel safety
    /// Dropped, it loses its place in the line; permits that it was handed already go to the next.
    #[track_caller]
    pub fn acquire(&self) -> impl Future<Output = Result<SemaphorePermit<'_>, AcquireError>> {
        Acquiring::new(self, 1, Location::caller())
    }

    /// Waits for `n` permits, in one.
    ///
    /// # Errors
    /// As [`acquire`](Semaphore::acquire).
    ///
    /// # Cancel safety
    /// As [`acquire`](Semaphore::acquire).
    #[track_caller]
    pub fn acquire_many(&self, n: u32) -> impl Future<Output = Result<SemaphorePermit<'_>, AcquireError>> {
        Acquiring::new(self, n as usize, Location::caller())
    }

    /// Waits for a permit that keeps its semaphore alive, to be kept or given to a spawned task.
    ///
    /// # Errors
    /// As [`acquire`](Semaphore::acquire).
    ///
    /// # Cancel safety
    /// As [`acquire`](Semaphore::acquire).
    #[track_caller]
    pub fn acquire_owned(self: Rc<Self>) -> impl Future<Output = Result<OwnedSemaphorePermit, AcquireError>> {
        Acquiring::new(self, 1, Location::caller())
    }

    /// As [`acquire_many`](Semaphore::acquire_many), for a permit that keeps its semaphore alive.
    ///
    /// # Errors
    /// As [`acquire`](Semaphore::acquire).
    ///
    /// # Cancel safety
    /// As [`acquire`](Semaphore::acquire).
    #[track_caller]
    pub fn acquire_many_owned(
        self: Rc<Self>,
        n: u32,
    ) -> impl Future<Output = Result<OwnedSemaphorePermit, AcquireError>> {
        Acquiring::new(self, n as usize, Location::caller())
    }

    /// A permit, if there is one.
    ///
    /// # Errors
    /// If the semaphore is closed, no permit is there, or somebody waits for it.
    pub fn try_acquire(&self) -> Result<SemaphorePermit<'_>, TryAcquireError> {
        self.try_acquire_many(1)
    }

    /// `n` permits, if they are there.
    ///
    /// # Errors
    /// As [`try_acquire`](Semaphore::try_acquire).
    pub fn try_acquire_many(&self, n: u32) -> Result<SemaphorePermit<'_>, TryAcquireError> {
        self.take(n as usize).map(|()| Permits { semaphore: self, n: n as usize }.into())
    }

    /// As [`try_acquire`](Semaphore::try_acquire), for a permit that keeps its semaphore alive.
    ///
    /// # Errors
    /// As [`try_acquire`](Semaphore::try_acquire).
    pub fn try_acquire_owned(self: Rc<Self>) -> Result<OwnedSemaphorePermit, TryAcquireError> {
        self.try_acquire_many_owned(1)
    }

    /// As [`try_acquire_many`](Semaphore::try_acquire_many), for a permit that keeps its semaphore alive.
    ///
    /// # Errors
    /// As [`try_acquire`](Semaphore::try_acquire).
    pub fn try_acquire_many_owned(self: Rc<Self>, n: u32) -> Result<OwnedSemaphorePermit, TryAcquireError> {
        self.take(n as usize).map(|()| Permits { semaphore: self, n: n as usize }.into())
    }

    /// No permit will be had any more: all who wait, and all who come, get an error. Permits that are out stay good.
    ///
    /// # Scheduling
    /// All who wait are made ready, in their order.
    pub fn close(&self) {
        self.permits.close();
    }

    /// Whether it was closed.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.permits.is_closed()
    }

    fn take(&self, n: usize) -> Result<(), TryAcquireError> {
        if self.is_closed() {
            Err(TryAcquireError::Closed)
        } else if self.permits.try_take(n) {
            Ok(())
        } else {
            Err(TryAcquireError::NoPermits)
        }
    }
}

impl fmt::Debug for Semaphore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let permits = self.available_permits();
        f.debug_struct("Semaphore").field("permits", &permits).field("closed", &self.is_closed()).finish()
    }
}

/// Permits, and how their semaphore is reached.
#[derive(Debug)]
struct Permits<S: Deref<Target = Semaphore>> {
    semaphore: S,
    n: usize,
}

impl<S: Deref<Target = Semaphore> + Clone> Permits<S> {
    fn forget(mut self) {
        self.n = 0;
    }

    #[track_caller]
    fn merge(&mut self, mut other: Self) {
        let is_same = std::ptr::eq(&raw const *self.semaphore, &raw const *other.semaphore);
        assert!(is_same, "permits of two semaphores were merged; each goes back to its own");
        self.n += std::mem::take(&mut other.n);
    }

    fn split(&mut self, n: usize) -> Option<Self> {
        self.n = self.n.checked_sub(n)?;
        Some(Permits { semaphore: self.semaphore.clone(), n })
    }
}

impl<S: Deref<Target = Semaphore>> Drop for Permits<S> {
    fn drop(&mut self) {
        if self.n > 0 {
            self.semaphore.permits.give(self.n);
        }
    }
}

macro_rules! permit {
    ($(#[$doc:meta])* $Permit:ident, $S:ty, $semaphore:ty $(, $a:lifetime)?) => {
        $(#[$doc])*
        #[must_use = "a permit is given back when it is dropped"]
        #[derive(Debug)]
        pub struct $Permit $(<$a>)? (Permits<$S>);

        impl $(<$a>)? $Permit $(<$a>)? {
            /// Drops it without giving anything back: its permits are gone for good.
            pub fn forget(self) {
                self.0.forget();
            }

            /// Takes over the permits of `other`.
            ///
            /// # Panics
            /// If they are another semaphore's.
            #[track_caller]
            pub fn merge(&mut self, other: Self) {
                self.0.merge(other.0);
            }

            /// Gives `n` of these permits away, as one; `None` if they are fewer.
            pub fn split(&mut self, n: usize) -> Option<Self> {
                self.0.split(n).map($Permit)
            }

            /// How many permits it is.
            #[must_use]
            pub fn num_permits(&self) -> usize {
                self.0.n
            }

            /// Whose permits they are.
            #[must_use]
            pub fn semaphore(&self) -> &$semaphore {
                &self.0.semaphore
            }
        }

        impl $(<$a>)? From<Permits<$S>> for $Permit $(<$a>)? {
            fn from(permits: Permits<$S>) -> Self {
                $Permit(permits)
            }
        }
    };
}

permit! {
    /// Permits of a [`Semaphore`], held until this is dropped.
    SemaphorePermit, &'a Semaphore, Semaphore, 'a
}
permit! {
    /// Permits of a [`Semaphore`] that this keeps alive.
    OwnedSemaphorePermit, Rc<Semaphore>, Rc<Semaphore>
}

/// The future of permits: `S` is how the semaphore is reached, `P` the permit.
#[must_use = "futures do nothing unless you `.await` them"]
struct Acquiring<S: Deref<Target = Semaphore>, P> {
    /// `None` once it was ready.
    semaphore: Option<S>,
    n: usize,
    place: Place,
    site: &'static Location<'static>,
    permit: PhantomData<fn() -> P>,
}

impl<S: Deref<Target = Semaphore>, P> Acquiring<S, P> {
    #[inline]
    fn new(semaphore: S, n: usize, site: &'static Location<'static>) -> Self {
        Acquiring { semaphore: Some(semaphore), n, place: Place::NONE, site, permit: PhantomData }
    }
}

// Nothing in it is pinned.
impl<S: Deref<Target = Semaphore>, P> Unpin for Acquiring<S, P> {}

impl<S: Deref<Target = Semaphore>, P: From<Permits<S>>> Future for Acquiring<S, P> {
    type Output = Result<P, AcquireError>;

    #[inline]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = &mut *self;
        let semaphore = this.semaphore.as_ref().expect("`acquire` was polled again after it was ready");
        let is_refused = if this.place.is_none() && semaphore.is_closed() {
            true
        } else {
            let permits = &semaphore.permits;
            ready!(permits.poll_take(&mut this.place, cx, &ACQUIRE, this.site, this.n)) == Grant::Closed
        };
        let semaphore = this.semaphore.take().expect("it was looked at above");
        Poll::Ready(if is_refused { Err(AcquireError(())) } else { Ok(Permits { semaphore, n: this.n }.into()) })
    }
}

impl<S: Deref<Target = Semaphore>, P> Drop for Acquiring<S, P> {
    #[inline]
    fn drop(&mut self) {
        if let Some(semaphore) = &self.semaphore {
            semaphore.permits.leave(&mut self.place, self.n);
        }
    }
}

/// The semaphore was closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AcquireError(());

impl fmt::Display for AcquireError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the semaphore was closed; no permit of it will be had any more")
    }
}

impl std::error::Error for AcquireError {}

/// Why a permit could not be had at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TryAcquireError {
    /// The semaphore was closed.
    Closed,
    /// There are too few permits, or somebody waits for them.
    NoPermits,
}

impl fmt::Display for TryAcquireError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            TryAcquireError::Closed => fmt::Display::fmt(&AcquireError(()), f),
            TryAcquireError::NoPermits => f.write_str(
                "too few permits are free, or somebody waits for them; wait with `.acquire().await`, or try later",
            ),
        }
    }
}

impl std::error::Error for TryAcquireError {}
