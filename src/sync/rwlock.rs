//! A lock that many may hold to read, or one to write.

use std::fmt;
use std::future::Future;
use std::ops::{Deref, DerefMut};
use std::panic::Location;
use std::ptr;
use std::rc::Rc;

use super::TryLockError;
use super::lock::{FromHold, Lock, Locked, Locking, guard, try_lock};
use crate::cell::{Cell, Stays};
use crate::waits::{Hold, Op};

static READ: Op = Op::lock("RwLock::read", "released the RwLock").shared();
static READ_OWNED: Op = Op::lock("RwLock::read_owned", "released the RwLock").shared().owned();
static WRITE: Op = Op::lock("RwLock::write", "released the RwLock");
static WRITE_OWNED: Op = Op::lock("RwLock::write_owned", "released the RwLock").owned();

/// A lock that any number of readers hold together, or one writer alone, across `.await`.
///
/// It is not poisoned by a panic: the value is as the panic left it.
///
/// # Scheduling
/// First come, first served, whether to read or to write. A writer that waits stops the readers that come after it, so
/// readers cannot starve it; and readers that stand next to each other in the line are let in together. So a task that
/// holds a read guard and asks for a second one may wait for a writer that waits for the first: keep one guard.
///
/// # Examples
/// ```
/// use glassloop::sync::RwLock;
///
/// glassloop::run(async {
///     let routes = RwLock::new(vec!["/"]);
///     {
///         let (one, two) = (routes.read().await, routes.read().await); // together
///         assert_eq!(one.len() + two.len(), 2);
///     }
///     let mut routes = routes.write().await; // alone
///     routes.push("/new");
/// });
/// ```
pub struct RwLock<T> {
    lock: Lock,
    /// Readers have a clone of it each. A writer is alone with it, so its `Rc` is unique: that is asked at each use,
    /// which costs two comparisons and no `unsafe`.
    value: Cell<Option<Rc<T>>>,
}

impl<T> Locked for RwLock<T> {
    #[inline]
    fn lock(&self) -> &Lock {
        &self.lock
    }
}

impl<T> RwLock<T> {
    /// A lock around `value`. Its place is told when a deadlock is reported.
    #[track_caller]
    pub fn new(value: T) -> RwLock<T> {
        RwLock { lock: Lock::new(), value: Cell::new(Some(Rc::new(value))) }
    }

    /// Waits until nobody writes, and nobody who came before waits to write.
    ///
    /// # Cancel safety
    /// Dropped, it loses its place in the line; a lock that it was handed already is given back.
    #[track_caller]
    pub fn read(&self) -> impl Future<Output = RwLockReadGuard<'_, T>> {
        Locking::new(self, &READ, Location::caller())
    }

    /// As [`read`](RwLock::read), with a guard that owns its lock, to be kept or given to a spawned task.
    ///
    /// # Cancel safety
    /// As [`read`](RwLock::read).
    #[track_caller]
    pub fn read_owned(self: Rc<Self>) -> impl Future<Output = OwnedRwLockReadGuard<T>> {
        Locking::new(self, &READ_OWNED, Location::caller())
    }

    /// Waits until nobody reads or writes, and nobody who came before waits.
    ///
    /// # Cancel safety
    /// Dropped, it loses its place in the line, and readers that it stopped are let in; a lock that it was handed
    /// already is given back.
    #[track_caller]
    pub fn write(&self) -> impl Future<Output = RwLockWriteGuard<'_, T>> {
        Locking::new(self, &WRITE, Location::caller())
    }

    /// As [`write`](RwLock::write), with a guard that owns its lock, to be kept or given to a spawned task.
    ///
    /// # Cancel safety
    /// As [`write`](RwLock::write).
    #[track_caller]
    pub fn write_owned(self: Rc<Self>) -> impl Future<Output = OwnedRwLockWriteGuard<T>> {
        Locking::new(self, &WRITE_OWNED, Location::caller())
    }

    /// The lock to read, if it can be had at once.
    ///
    /// # Errors
    /// If somebody writes, or waits to write.
    #[track_caller]
    pub fn try_read(&self) -> Result<RwLockReadGuard<'_, T>, TryLockError> {
        try_lock(self, &READ, Location::caller())
    }

    /// As [`try_read`](RwLock::try_read), with a guard that owns its lock.
    ///
    /// # Errors
    /// As [`try_read`](RwLock::try_read).
    #[track_caller]
    pub fn try_read_owned(self: Rc<Self>) -> Result<OwnedRwLockReadGuard<T>, TryLockError> {
        try_lock(self, &READ_OWNED, Location::caller())
    }

    /// The lock to write, if it is free.
    ///
    /// # Errors
    /// If somebody reads or writes, or was handed the lock.
    #[track_caller]
    pub fn try_write(&self) -> Result<RwLockWriteGuard<'_, T>, TryLockError> {
        try_lock(self, &WRITE, Location::caller())
    }

    /// As [`try_write`](RwLock::try_write), with a guard that owns its lock.
    ///
    /// # Errors
    /// As [`try_write`](RwLock::try_write).
    #[track_caller]
    pub fn try_write_owned(self: Rc<Self>) -> Result<OwnedRwLockWriteGuard<T>, TryLockError> {
        try_lock(self, &WRITE_OWNED, Location::caller())
    }

    /// The value, which nobody else can see.
    ///
    /// # Panics
    /// If a guard was leaked by `mem::forget`: it still sees the value.
    pub fn get_mut(&mut self) -> &mut T {
        self.value.get_mut().as_mut().and_then(Rc::get_mut).expect(LEAKED)
    }

    /// The value.
    ///
    /// # Panics
    /// As [`get_mut`](RwLock::get_mut).
    pub fn into_inner(self) -> T {
        self.value.0.into_inner().and_then(Rc::into_inner).expect(LEAKED)
    }
}

const LEAKED: &str = "a guard of this lock was leaked, and sees its value";

impl<T: Default> Default for RwLock<T> {
    #[track_caller]
    fn default() -> RwLock<T> {
        RwLock::new(T::default())
    }
}

impl<T> From<T> for RwLock<T> {
    #[track_caller]
    fn from(value: T) -> RwLock<T> {
        RwLock::new(value)
    }
}

impl<T: fmt::Debug> fmt::Debug for RwLock<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut f = f.debug_struct("RwLock");
        match self.try_read() {
            Ok(guard) => f.field("value", &*guard).finish(),
            Err(_) => f.field("value", &format_args!("<locked>")).finish(),
        }
    }
}

/// The lock, held to read, or, if `WRITES`, to write; and the value with it. `M` is how the lock is reached.
struct Held<T, M: Deref<Target = RwLock<T>>, const WRITES: bool> {
    rwlock: M,
    /// `None` only when it is done for.
    value: Stays<Option<Rc<T>>>,
    hold: Hold,
}

impl<T, M: Deref<Target = RwLock<T>>, const WRITES: bool> Held<T, M, WRITES> {
    fn new(rwlock: M, hold: Hold) -> Self {
        let value = rwlock.value.take();
        debug_assert!(value.is_some(), "whoever holds the lock finds the value");
        if !WRITES {
            rwlock.value.set(value.clone());
        }
        Held { rwlock, value: Stays(value), hold }
    }

    fn value(&self) -> &T {
        self.value.as_ref().expect("a guard has the value")
    }
}

impl<T, M: Deref<Target = RwLock<T>> + Clone> Held<T, M, true> {
    fn value_mut(&mut self) -> &mut T {
        let value = self.value.as_mut().expect("a guard has the value");
        Rc::get_mut(value).expect("a writer is alone with the value")
    }

    fn downgrade(mut self, op: &'static Op, site: &'static Location<'static>) -> Held<T, M, false> {
        let rwlock = self.rwlock.clone();
        rwlock.value.set(self.value.take());
        self.hold.end();
        let hold = rwlock.lock.share(op, site, ptr::null());
        Held::new(rwlock, hold)
    }
}

impl<T, M: Deref<Target = RwLock<T>>, const WRITES: bool> Drop for Held<T, M, WRITES> {
    fn drop(&mut self) {
        let value = self.value.take();
        if !WRITES {
            drop(value); // a clone, never the last: the lock has its own
        } else if value.is_some() {
            self.rwlock.value.set(value);
        }
        self.hold.end();
        self.rwlock.lock.give_back();
    }
}

guard! {
    /// A [`RwLock`], held to read until this is dropped.
    RwLockReadGuard(Held<T, &'a RwLock<T>, false>) of &'a RwLock<T>, 'a
}
guard! {
    /// A [`RwLock`] that this keeps alive, held to read.
    OwnedRwLockReadGuard(Held<T, Rc<RwLock<T>>, false>) of Rc<RwLock<T>>
}
guard! {
    /// A [`RwLock`], held to write until this is dropped.
    RwLockWriteGuard(Held<T, &'a RwLock<T>, true>) of &'a RwLock<T>, 'a
}
guard! {
    /// A [`RwLock`] that this keeps alive, held to write.
    OwnedRwLockWriteGuard(Held<T, Rc<RwLock<T>>, true>) of Rc<RwLock<T>>
}

impl<T> DerefMut for RwLockWriteGuard<'_, T> {
    fn deref_mut(&mut self) -> &mut T {
        self.0.value_mut()
    }
}

impl<T> DerefMut for OwnedRwLockWriteGuard<T> {
    fn deref_mut(&mut self) -> &mut T {
        self.0.value_mut()
    }
}

impl<'a, T> RwLockWriteGuard<'a, T> {
    /// Goes on to read what was written, without giving the lock back between; readers at the front of the line are
    /// let in too.
    ///
    /// # Examples
    /// ```
    /// use glassloop::sync::RwLock;
    ///
    /// let lock = RwLock::new(1);
    /// let mut writing = lock.try_write().unwrap();
    /// *writing += 1;
    /// let reading = writing.downgrade();
    /// assert_eq!(*reading + *lock.try_read().unwrap(), 4);
    /// ```
    #[track_caller]
    pub fn downgrade(self) -> RwLockReadGuard<'a, T> {
        RwLockReadGuard(self.0.downgrade(&READ, Location::caller()))
    }
}

impl<T> OwnedRwLockWriteGuard<T> {
    /// As [`RwLockWriteGuard::downgrade`].
    #[track_caller]
    pub fn downgrade(self) -> OwnedRwLockReadGuard<T> {
        OwnedRwLockReadGuard(self.0.downgrade(&READ_OWNED, Location::caller()))
    }
}
