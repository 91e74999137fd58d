//! A lock that is held across `.await`.

use std::cell::Cell;
use std::fmt;
use std::future::Future;
use std::marker::PhantomData;
use std::ops::{Deref, DerefMut};
use std::panic::Location;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};

use super::TryLockError;
use crate::waits::{Grant, Hold, Op, Place, WaitList};

static LOCK: Op = Op::lock("Mutex::lock");
static LOCK_OWNED: Op = Op::lock("Mutex::lock_owned").owned();

/// A lock that may be held across `.await`; asyncio's `Lock`, with the value inside.
///
/// Between two `.await`s nothing else runs, so a `RefCell` or a `Cell` is enough for what is read and written
/// between them. A `Mutex` is for what must stay together **across** an `.await`.
///
/// It is not poisoned by a panic: the value is as the panic left it.
///
/// # Scheduling
/// First come, first served. Whoever gives the lock back hands it to the first in line, who is made ready at the back
/// of the queue; nobody can come in between.
///
/// # Examples
/// ```
/// use glassloop::{spawn, sync::Mutex, yield_now};
/// use std::rc::Rc;
///
/// glassloop::run(async {
///     let counter = Rc::new(Mutex::new(0));
///     let tasks: Vec<_> = (0..100)
///         .map(|_| {
///             let counter = counter.clone();
///             spawn(async move {
///                 let mut counter = counter.lock().await;
///                 let read = *counter;
///                 yield_now().await; // others run, and none of them has the lock
///                 *counter = read + 1;
///             })
///         })
///         .collect();
///     for task in tasks {
///         task.await.unwrap();
///     }
///     assert_eq!(*counter.lock().await, 100);
/// });
/// ```
pub struct Mutex<T> {
    lock: Lock,
    /// Boxed, and taken out by whoever holds the lock: so an owned guard needs no `unsafe`.
    value: Cell<Option<Box<T>>>,
}

/// The lock without its value.
#[derive(Debug)]
struct Lock {
    locked: Cell<bool>,
    line: WaitList,
}

impl Lock {
    fn try_hold(&self, op: &'static Op, site: &'static Location<'static>) -> Option<Hold> {
        if self.locked.replace(true) { None } else { Some(self.line.hold(op, site)) }
    }

    #[inline]
    fn poll(
        &self,
        place: &mut Place,
        cx: &Context<'_>,
        op: &'static Op,
        site: &'static Location<'static>,
    ) -> Poll<Hold> {
        if place.is_none()
            && let Some(hold) = self.try_hold(op, site)
        {
            return Poll::Ready(hold);
        }
        self.line.poll_hold(place, cx, op, site, 1)
    }

    fn unlock(&self) {
        if !self.line.grant(Grant::Turn) {
            self.locked.set(false);
        }
    }
}

impl<T> Mutex<T> {
    /// A lock around `value`. Its place is told when a deadlock is reported.
    #[track_caller]
    pub fn new(value: T) -> Mutex<T> {
        Mutex {
            lock: Lock { locked: Cell::new(false), line: WaitList::new() },
            value: Cell::new(Some(Box::new(value))),
        }
    }

    /// Waits for the lock.
    ///
    /// # Cancel safety
    /// Dropped, it loses its place in the line; a lock that it was handed already goes to the next.
    #[track_caller]
    pub fn lock(&self) -> impl Future<Output = MutexGuard<'_, T>> {
        Locking::new(self, &LOCK, Location::caller())
    }

    /// As [`lock`](Mutex::lock), with a guard that owns its mutex, to be kept or given to a spawned task.
    ///
    /// # Cancel safety
    /// As [`lock`](Mutex::lock).
    #[track_caller]
    pub fn lock_owned(self: Rc<Self>) -> impl Future<Output = OwnedMutexGuard<T>> {
        Locking::new(self, &LOCK_OWNED, Location::caller())
    }

    /// The lock, if it is free.
    ///
    /// # Errors
    /// If it is held, or was handed to somebody who waits.
    #[track_caller]
    pub fn try_lock(&self) -> Result<MutexGuard<'_, T>, TryLockError> {
        let hold = self.lock.try_hold(&LOCK, Location::caller()).ok_or(TryLockError(()))?;
        Ok(Held::new(self, hold).into())
    }

    /// As [`try_lock`](Mutex::try_lock), with a guard that owns its mutex.
    ///
    /// # Errors
    /// As [`try_lock`](Mutex::try_lock).
    #[track_caller]
    pub fn try_lock_owned(self: Rc<Self>) -> Result<OwnedMutexGuard<T>, TryLockError> {
        let hold = self.lock.try_hold(&LOCK_OWNED, Location::caller()).ok_or(TryLockError(()))?;
        Ok(Held::new(self, hold).into())
    }

    /// Whether somebody holds the lock.
    #[must_use]
    pub fn is_locked(&self) -> bool {
        self.lock.locked.get()
    }

    /// The value, which nobody else can see.
    ///
    /// # Panics
    /// If a guard was leaked by `mem::forget`: it has the value.
    pub fn get_mut(&mut self) -> &mut T {
        self.value.get_mut().as_mut().expect("a guard of this mutex was leaked, with its value")
    }

    /// The value.
    ///
    /// # Panics
    /// As [`get_mut`](Mutex::get_mut).
    pub fn into_inner(self) -> T {
        *self.value.into_inner().expect("a guard of this mutex was leaked, with its value")
    }
}

impl<T: Default> Default for Mutex<T> {
    #[track_caller]
    fn default() -> Mutex<T> {
        Mutex::new(T::default())
    }
}

impl<T> From<T> for Mutex<T> {
    #[track_caller]
    fn from(value: T) -> Mutex<T> {
        Mutex::new(value)
    }
}

impl<T: fmt::Debug> fmt::Debug for Mutex<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut f = f.debug_struct("Mutex");
        match self.try_lock() {
            Ok(guard) => f.field("value", &*guard).finish(),
            Err(_) => f.field("value", &format_args!("<locked>")).finish(),
        }
    }
}

/// The lock, held, and the value with it. `M` is how the mutex is reached.
struct Held<T, M: Deref<Target = Mutex<T>>> {
    mutex: M,
    /// Both are `None` only in `drop`.
    value: Option<Box<T>>,
    hold: Option<Hold>,
}

impl<T, M: Deref<Target = Mutex<T>>> Held<T, M> {
    #[inline]
    fn new(mutex: M, hold: Hold) -> Held<T, M> {
        let value = mutex.value.take();
        debug_assert!(value.is_some(), "whoever holds the lock finds the value");
        Held { mutex, value, hold: Some(hold) }
    }
}

impl<T, M: Deref<Target = Mutex<T>>> Drop for Held<T, M> {
    #[inline]
    fn drop(&mut self) {
        self.mutex.value.set(self.value.take());
        if let Some(hold) = self.hold.take() {
            self.mutex.lock.line.unhold(hold);
        }
        self.mutex.lock.unlock();
    }
}

macro_rules! guard {
    ($(#[$doc:meta])* $Guard:ident, $M:ty $(, $a:lifetime)?) => {
        $(#[$doc])*
        #[must_use = "the lock is given back when its guard is dropped"]
        pub struct $Guard<$($a,)? T>(Held<T, $M>);

        impl<$($a,)? T> Deref for $Guard<$($a,)? T> {
            type Target = T;

            #[inline]
            fn deref(&self) -> &T {
                self.0.value.as_ref().expect("a guard has the value")
            }
        }

        impl<$($a,)? T> DerefMut for $Guard<$($a,)? T> {
            #[inline]
            fn deref_mut(&mut self) -> &mut T {
                self.0.value.as_mut().expect("a guard has the value")
            }
        }

        impl<$($a,)? T: fmt::Debug> fmt::Debug for $Guard<$($a,)? T> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Debug::fmt(&**self, f)
            }
        }

        impl<$($a,)? T: fmt::Display> fmt::Display for $Guard<$($a,)? T> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(&**self, f)
            }
        }

        impl<$($a,)? T> From<Held<T, $M>> for $Guard<$($a,)? T> {
            fn from(held: Held<T, $M>) -> Self {
                $Guard(held)
            }
        }
    };
}

guard! {
    /// The lock of a [`Mutex`], held until this is dropped.
    MutexGuard, &'a Mutex<T>, 'a
}
guard! {
    /// The lock of a [`Mutex`] that this keeps alive.
    OwnedMutexGuard, Rc<Mutex<T>>
}

impl<'a, T> MutexGuard<'a, T> {
    /// The mutex that this is a guard of.
    #[must_use]
    pub fn mutex(guard: &MutexGuard<'a, T>) -> &'a Mutex<T> {
        guard.0.mutex
    }
}

impl<T> OwnedMutexGuard<T> {
    /// The mutex that this is a guard of.
    #[must_use]
    pub fn mutex(guard: &OwnedMutexGuard<T>) -> &Rc<Mutex<T>> {
        &guard.0.mutex
    }
}

/// A guard that a [`Condition`](super::Condition) can give back and take again: [`MutexGuard`] and
/// [`OwnedMutexGuard`].
pub trait Guard: DerefMut + sealed::Relock {}

impl<T> Guard for MutexGuard<'_, T> {}
impl<T> Guard for OwnedMutexGuard<T> {}

pub(super) mod sealed {
    use super::*;

    pub trait Relock: Sized {
        type Locking: Future<Output = Self> + Unpin;

        /// Gives the lock back, and the future of taking it again.
        fn unlock(self, site: &'static Location<'static>) -> Self::Locking;

        /// Tells the mutex from others while it has a guard.
        fn address(&self) -> *const ();
    }

    impl<'a, T> Relock for MutexGuard<'a, T> {
        type Locking = Locking<T, &'a Mutex<T>, Self>;

        fn unlock(self, site: &'static Location<'static>) -> Self::Locking {
            Locking::new(self.0.mutex, &LOCK, site)
        }

        fn address(&self) -> *const () {
            (&raw const *self.0.mutex).cast()
        }
    }

    impl<T> Relock for OwnedMutexGuard<T> {
        type Locking = Locking<T, Rc<Mutex<T>>, Self>;

        fn unlock(self, site: &'static Location<'static>) -> Self::Locking {
            Locking::new(self.0.mutex.clone(), &LOCK_OWNED, site)
        }

        fn address(&self) -> *const () {
            (&raw const *self.0.mutex).cast()
        }
    }
}

/// The future of a lock: `M` is how the mutex is reached, `G` the guard.
#[must_use = "futures do nothing unless you `.await` them"]
pub struct Locking<T, M: Deref<Target = Mutex<T>> + Clone, G> {
    mutex: M,
    place: Place,
    op: &'static Op,
    site: &'static Location<'static>,
    guard: PhantomData<fn() -> G>,
}

impl<T, M: Deref<Target = Mutex<T>> + Clone, G> Locking<T, M, G> {
    fn new(mutex: M, op: &'static Op, site: &'static Location<'static>) -> Self {
        Locking { mutex, place: Place::NONE, op, site, guard: PhantomData }
    }
}

// Nothing in it is pinned.
impl<T, M: Deref<Target = Mutex<T>> + Clone, G> Unpin for Locking<T, M, G> {}

impl<T, M, G> Future for Locking<T, M, G>
where
    M: Deref<Target = Mutex<T>> + Clone,
    G: From<Held<T, M>>,
{
    type Output = G;

    #[inline]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<G> {
        let this = &mut *self;
        let hold = ready!(this.mutex.lock.poll(&mut this.place, cx, this.op, this.site));
        Poll::Ready(Held::new(this.mutex.clone(), hold).into())
    }
}

impl<T, M: Deref<Target = Mutex<T>> + Clone, G> Drop for Locking<T, M, G> {
    fn drop(&mut self) {
        if self.mutex.lock.line.leave(&mut self.place).is_some() {
            self.mutex.lock.unlock();
        }
    }
}
