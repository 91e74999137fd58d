//! A lock that is held across `.await`.

use std::fmt;
use std::future::Future;
use std::ops::{Deref, DerefMut};
use std::panic::Location;
use std::rc::Rc;

use super::TryLockError;
use super::lock::{FromHold, Lock, Locked, Locking, guard, try_lock};
use crate::cell::Cell;
use crate::waits::{Hold, Op};

static LOCK: Op = Op::lock("Mutex::lock", "released the Mutex");
static LOCK_OWNED: Op = Op::lock("Mutex::lock_owned", "released the Mutex").owned();

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

impl<T> Locked for Mutex<T> {
    #[inline]
    fn lock(&self) -> &Lock {
        &self.lock
    }
}

impl<T> Mutex<T> {
    /// A lock around `value`. Its place is told when a deadlock is reported.
    #[track_caller]
    pub fn new(value: T) -> Mutex<T> {
        Mutex { lock: Lock::new(), value: Cell::new(Some(Box::new(value))) }
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
        try_lock(self, &LOCK, Location::caller())
    }

    /// As [`try_lock`](Mutex::try_lock), with a guard that owns its mutex.
    ///
    /// # Errors
    /// As [`try_lock`](Mutex::try_lock).
    #[track_caller]
    pub fn try_lock_owned(self: Rc<Self>) -> Result<OwnedMutexGuard<T>, TryLockError> {
        try_lock(self, &LOCK_OWNED, Location::caller())
    }

    /// Whether somebody holds the lock.
    #[must_use]
    pub fn is_locked(&self) -> bool {
        self.lock.is_held()
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
        *self.value.0.into_inner().expect("a guard of this mutex was leaked, with its value")
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
    /// `None` only in `drop`.
    value: Option<Box<T>>,
    hold: Hold,
}

impl<T, M: Deref<Target = Mutex<T>>> Held<T, M> {
    #[inline]
    fn new(mutex: M, hold: Hold) -> Held<T, M> {
        let value = mutex.value.take();
        debug_assert!(value.is_some(), "whoever holds the lock finds the value");
        Held { mutex, value, hold }
    }

    #[inline]
    fn value(&self) -> &T {
        self.value.as_ref().expect("a guard has the value")
    }

    #[inline]
    fn value_mut(&mut self) -> &mut T {
        self.value.as_mut().expect("a guard has the value")
    }
}

impl<T, M: Deref<Target = Mutex<T>>> Drop for Held<T, M> {
    #[inline]
    fn drop(&mut self) {
        self.mutex.value.set(self.value.take());
        self.hold.end();
        self.mutex.lock.give_back();
    }
}

guard! {
    /// The lock of a [`Mutex`], held until this is dropped.
    MutexGuard(Held<T, &'a Mutex<T>>) of &'a Mutex<T>, 'a
}
guard! {
    /// The lock of a [`Mutex`] that this keeps alive.
    OwnedMutexGuard(Held<T, Rc<Mutex<T>>>) of Rc<Mutex<T>>
}

impl<T> DerefMut for MutexGuard<'_, T> {
    #[inline]
    fn deref_mut(&mut self) -> &mut T {
        self.0.value_mut()
    }
}

impl<T> DerefMut for OwnedMutexGuard<T> {
    #[inline]
    fn deref_mut(&mut self) -> &mut T {
        self.0.value_mut()
    }
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
        type Locking = Locking<&'a Mutex<T>, Self>;

        fn unlock(self, site: &'static Location<'static>) -> Self::Locking {
            Locking::new(self.0.mutex, &LOCK, site)
        }

        fn address(&self) -> *const () {
            (&raw const *self.0.mutex).cast()
        }
    }

    impl<T> Relock for OwnedMutexGuard<T> {
        type Locking = Locking<Rc<Mutex<T>>, Self>;

        fn unlock(self, site: &'static Location<'static>) -> Self::Locking {
            Locking::new(self.0.mutex.clone(), &LOCK_OWNED, site)
        }

        fn address(&self) -> *const () {
            (&raw const *self.0.mutex).cast()
        }
    }
}
