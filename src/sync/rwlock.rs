//! A lock that many may hold to read, or one to write.

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

static READ: Op = Op::lock("RwLock::read").shared();
static READ_OWNED: Op = Op::lock("RwLock::read_owned").shared().owned();
static WRITE: Op = Op::lock("RwLock::write");
static WRITE_OWNED: Op = Op::lock("RwLock::write_owned").owned();

/// What stands in the line: how an entry says which of the two it wants.
const READER: usize = 1;
const WRITER: usize = usize::MAX;

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

/// The lock without its value.
struct Lock {
    readers: Cell<usize>,
    writing: Cell<bool>,
    line: WaitList,
}

impl Lock {
    /// Whether one who comes now, or is the first in line, may have it.
    fn admits(&self, want: usize) -> bool {
        !self.writing.get() && (want == READER || self.readers.get() == 0)
    }

    fn enter(&self, want: usize) {
        if want == READER {
            self.readers.set(self.readers.get() + 1);
        } else {
            self.writing.set(true);
        }
    }

    fn leave(&self, want: usize) {
        if want == READER {
            self.readers.set(self.readers.get() - 1);
        } else {
            self.writing.set(false);
        }
        self.let_in();
    }

    /// Hands the lock to as many from the front of the line as may have it together.
    fn let_in(&self) {
        while let Some(want) = self.line.wants()
            && self.admits(want)
        {
            self.enter(want); // first: whoever is woken may come back here
            self.line.grant(Grant::Turn);
        }
    }

    fn try_hold(&self, want: usize, op: &'static Op, site: &'static Location<'static>) -> Option<Hold> {
        if !self.line.is_empty() || !self.admits(want) {
            return None;
        }
        self.enter(want);
        Some(self.line.hold(op, site))
    }
}

impl<T> RwLock<T> {
    /// A lock around `value`. Its place is told when a deadlock is reported.
    #[track_caller]
    pub fn new(value: T) -> RwLock<T> {
        RwLock {
            lock: Lock { readers: Cell::new(0), writing: Cell::new(false), line: WaitList::new() },
            value: Cell::new(Some(Rc::new(value))),
        }
    }

    /// Waits until nobody writes, and nobody who came before waits to write.
    ///
    /// # Cancel safety
    /// Dropped, it loses its place in the line; a lock that it was handed already is given back.
    #[track_caller]
    pub fn read(&self) -> impl Future<Output = RwLockReadGuard<'_, T>> {
        Locking::<T, _, RwLockReadGuard<'_, T>, READER>::new(self, &READ, Location::caller())
    }

    /// As [`read`](RwLock::read), with a guard that owns its lock, to be kept or given to a spawned task.
    ///
    /// # Cancel safety
    /// As [`read`](RwLock::read).
    #[track_caller]
    pub fn read_owned(self: Rc<Self>) -> impl Future<Output = OwnedRwLockReadGuard<T>> {
        Locking::<T, _, OwnedRwLockReadGuard<T>, READER>::new(self, &READ_OWNED, Location::caller())
    }

    /// Waits until nobody reads or writes, and nobody who came before waits.
    ///
    /// # Cancel safety
    /// Dropped, it loses its place in the line, and readers that it stopped are let in; a lock that it was handed
    /// already is given back.
    #[track_caller]
    pub fn write(&self) -> impl Future<Output = RwLockWriteGuard<'_, T>> {
        Locking::<T, _, RwLockWriteGuard<'_, T>, WRITER>::new(self, &WRITE, Location::caller())
    }

    /// As [`write`](RwLock::write), with a guard that owns its lock, to be kept or given to a spawned task.
    ///
    /// # Cancel safety
    /// As [`write`](RwLock::write).
    #[track_caller]
    pub fn write_owned(self: Rc<Self>) -> impl Future<Output = OwnedRwLockWriteGuard<T>> {
        Locking::<T, _, OwnedRwLockWriteGuard<T>, WRITER>::new(self, &WRITE_OWNED, Location::caller())
    }

    /// The lock to read, if it can be had at once.
    ///
    /// # Errors
    /// If somebody writes, or waits to write.
    #[track_caller]
    pub fn try_read(&self) -> Result<RwLockReadGuard<'_, T>, TryLockError> {
        try_held::<T, _, READER>(self, &READ, Location::caller()).map(RwLockReadGuard)
    }

    /// As [`try_read`](RwLock::try_read), with a guard that owns its lock.
    ///
    /// # Errors
    /// As [`try_read`](RwLock::try_read).
    #[track_caller]
    pub fn try_read_owned(self: Rc<Self>) -> Result<OwnedRwLockReadGuard<T>, TryLockError> {
        try_held::<T, _, READER>(self, &READ_OWNED, Location::caller()).map(OwnedRwLockReadGuard)
    }

    /// The lock to write, if it is free.
    ///
    /// # Errors
    /// If somebody reads or writes, or was handed the lock.
    #[track_caller]
    pub fn try_write(&self) -> Result<RwLockWriteGuard<'_, T>, TryLockError> {
        try_held::<T, _, WRITER>(self, &WRITE, Location::caller()).map(RwLockWriteGuard)
    }

    /// As [`try_write`](RwLock::try_write), with a guard that owns its lock.
    ///
    /// # Errors
    /// As [`try_write`](RwLock::try_write).
    #[track_caller]
    pub fn try_write_owned(self: Rc<Self>) -> Result<OwnedRwLockWriteGuard<T>, TryLockError> {
        try_held::<T, _, WRITER>(self, &WRITE_OWNED, Location::caller()).map(OwnedRwLockWriteGuard)
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
        self.value.into_inner().and_then(Rc::into_inner).expect(LEAKED)
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

/// The lock, held to read or to write, and the value with it. `M` is how the lock is reached.
struct Held<T, M: Deref<Target = RwLock<T>>, const WANT: usize> {
    rwlock: M,
    /// Both are `None` only after `release`.
    value: Option<Rc<T>>,
    hold: Option<Hold>,
}

impl<T, M: Deref<Target = RwLock<T>>, const WANT: usize> Held<T, M, WANT> {
    fn new(rwlock: M, hold: Hold) -> Self {
        let value = rwlock.value.take();
        debug_assert!(value.is_some(), "whoever holds the lock finds the value");
        if WANT == READER {
            rwlock.value.set(value.clone());
        }
        Held { rwlock, value, hold: Some(hold) }
    }

    fn value(&self) -> &T {
        self.value.as_ref().expect("a guard has the value")
    }
}

impl<T, M: Deref<Target = RwLock<T>> + Clone> Held<T, M, WRITER> {
    fn value_mut(&mut self) -> &mut T {
        let value = self.value.as_mut().expect("a guard has the value");
        Rc::get_mut(value).expect("a writer is alone with the value")
    }

    fn downgrade(mut self, op: &'static Op, site: &'static Location<'static>) -> Held<T, M, READER> {
        let rwlock = self.rwlock.clone();
        rwlock.value.set(self.value.take());
        if let Some(hold) = self.hold.take() {
            rwlock.lock.line.unhold(hold);
        }
        let held = Held::new(rwlock.clone(), rwlock.lock.line.hold(op, site));
        rwlock.lock.enter(READER); // before the writer leaves: no writer comes in between
        held
    }
}

impl<T, M: Deref<Target = RwLock<T>>, const WANT: usize> Drop for Held<T, M, WANT> {
    fn drop(&mut self) {
        let value = self.value.take();
        if WANT == READER {
            drop(value); // a clone, never the last: the lock has its own
        } else if value.is_some() {
            self.rwlock.value.set(value);
        }
        if let Some(hold) = self.hold.take() {
            self.rwlock.lock.line.unhold(hold);
        }
        self.rwlock.lock.leave(WANT);
    }
}

fn try_held<T, M: Deref<Target = RwLock<T>>, const WANT: usize>(
    rwlock: M,
    op: &'static Op,
    site: &'static Location<'static>,
) -> Result<Held<T, M, WANT>, TryLockError> {
    let hold = rwlock.lock.try_hold(WANT, op, site).ok_or(TryLockError(()))?;
    Ok(Held::new(rwlock, hold))
}

macro_rules! guard {
    ($(#[$doc:meta])* $Guard:ident, $M:ty, $want:ident $(, $a:lifetime)?) => {
        $(#[$doc])*
        #[must_use = "the lock is given back when its guard is dropped"]
        pub struct $Guard<$($a,)? T>(Held<T, $M, $want>);

        impl<$($a,)? T> Deref for $Guard<$($a,)? T> {
            type Target = T;

            fn deref(&self) -> &T {
                self.0.value()
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

        impl<$($a,)? T> From<Held<T, $M, $want>> for $Guard<$($a,)? T> {
            fn from(held: Held<T, $M, $want>) -> Self {
                $Guard(held)
            }
        }
    };
}

guard! {
    /// A [`RwLock`], held to read until this is dropped.
    RwLockReadGuard, &'a RwLock<T>, READER, 'a
}
guard! {
    /// A [`RwLock`] that this keeps alive, held to read.
    OwnedRwLockReadGuard, Rc<RwLock<T>>, READER
}
guard! {
    /// A [`RwLock`], held to write until this is dropped.
    RwLockWriteGuard, &'a RwLock<T>, WRITER, 'a
}
guard! {
    /// A [`RwLock`] that this keeps alive, held to write.
    OwnedRwLockWriteGuard, Rc<RwLock<T>>, WRITER
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

/// The future of a lock: `M` is how the lock is reached, `G` the guard.
#[must_use = "futures do nothing unless you `.await` them"]
struct Locking<T, M: Deref<Target = RwLock<T>> + Clone, G, const WANT: usize> {
    rwlock: M,
    place: Place,
    op: &'static Op,
    site: &'static Location<'static>,
    guard: PhantomData<fn() -> G>,
}

impl<T, M: Deref<Target = RwLock<T>> + Clone, G, const WANT: usize> Locking<T, M, G, WANT> {
    fn new(rwlock: M, op: &'static Op, site: &'static Location<'static>) -> Self {
        Locking { rwlock, place: Place::NONE, op, site, guard: PhantomData }
    }
}

// Nothing in it is pinned.
impl<T, M: Deref<Target = RwLock<T>> + Clone, G, const WANT: usize> Unpin for Locking<T, M, G, WANT> {}

impl<T, M, G, const WANT: usize> Future for Locking<T, M, G, WANT>
where
    M: Deref<Target = RwLock<T>> + Clone,
    G: From<Held<T, M, WANT>>,
{
    type Output = G;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<G> {
        let this = &mut *self;
        let lock = &this.rwlock.lock;
        let hold = if this.place.is_none() { lock.try_hold(WANT, this.op, this.site) } else { None };
        let hold = match hold {
            Some(hold) => hold,
            None => ready!(lock.line.poll_hold(&mut this.place, cx, this.op, this.site, WANT)),
        };
        Poll::Ready(Held::new(this.rwlock.clone(), hold).into())
    }
}

impl<T, M: Deref<Target = RwLock<T>> + Clone, G, const WANT: usize> Drop for Locking<T, M, G, WANT> {
    fn drop(&mut self) {
        if self.place.is_none() {
            return;
        }
        let lock = &self.rwlock.lock;
        match lock.line.leave(&mut self.place) {
            Some(_) => lock.leave(WANT),
            None => lock.let_in(), // a writer that leaves stops nobody any more
        }
    }
}
