//! What a mutex and a read-write lock have in common: who holds them, who waits for them, and the guards.

use std::future::Future;
use std::marker::PhantomData;
use std::ops::Deref;
use std::panic::Location;
use std::pin::Pin;
use std::ptr;
use std::task::{Context, Poll, ready};

use super::TryLockError;
use crate::cell::Cell;
use crate::waits::{Grant, Hold, Op, Place, WaitList};

/// A lock without its value.
#[derive(Debug)]
pub struct Lock {
    /// So many share it; or [`ALONE`].
    holders: Cell<usize>,
    line: WaitList,
}

/// One holds it who shares it with nobody; and what such a one wants in the line.
const ALONE: usize = usize::MAX;
/// What one wants in the line who would share it.
const SHARED: usize = 1;

impl Lock {
    #[track_caller]
    pub(super) const fn new() -> Lock {
        Lock { holders: Cell::new(0), line: WaitList::new() }
    }

    pub(super) fn is_held(&self) -> bool {
        self.holders.get() > 0
    }

    /// Takes it at once, if it can be had and nobody waits. `at` is the address of the future that takes it, if there
    /// is one.
    #[inline(never)] // and `Locking::poll` always: a lock that is free takes 117 instructions so, and took 139 the other way
    fn try_hold(&self, op: &'static Op, site: &'static Location<'static>, at: *const ()) -> Option<Hold> {
        let is_taken = self.line.is_empty() && self.admit(op.is_shared);
        is_taken.then(|| self.line.hold(op, site, at))
    }

    /// Waits for it.
    #[inline(never)]
    fn poll(
        &self,
        place: &mut Place,
        cx: &Context<'_>,
        op: &'static Op,
        site: &'static Location<'static>,
        at: *const (),
    ) -> Poll<Hold> {
        let want = if op.is_shared { SHARED } else { ALONE };
        self.line.poll_hold(place, cx, op, site, want, at)
    }

    #[inline]
    fn admit(&self, is_shared: bool) -> bool {
        let holders = self.holders.get();
        let is_free = holders == 0 || (is_shared && holders != ALONE);
        if is_free {
            self.holders.set(if is_shared { holders + 1 } else { ALONE });
        }
        is_free
    }

    /// One who held it does so no more.
    #[inline]
    pub(super) fn give_back(&self) {
        let holders = self.holders.get();
        self.holders.set(if holders == ALONE { 0 } else { holders - 1 });
        if !self.line.is_empty() {
            self.let_in();
        }
    }

    /// Who held it alone gives it back soon, and has begun to share it: so nobody who wants it alone comes between.
    pub(super) fn share(&self, op: &'static Op, site: &'static Location<'static>, at: *const ()) -> Hold {
        debug_assert_eq!(self.holders.get(), ALONE, "a writer's guard is there");
        self.holders.set(2);
        self.line.hold(op, site, at)
    }

    /// Hands the lock to as many from the front of the line as may have it together.
    #[inline(never)]
    fn let_in(&self) {
        while self.line.grant_if(Grant::Turn, |want| self.admit(want == SHARED)) {}
    }
}

/// What has a lock.
pub trait Locked {
    fn lock(&self) -> &Lock;
}

/// What is made of a lock that is held. `M` is how it is reached.
pub(super) trait FromHold<M> {
    fn from_hold(locked: M, hold: Hold) -> Self;
}

/// A guard, if it can be had at once.
#[inline]
pub(super) fn try_lock<M: Deref<Target: Locked>, G: FromHold<M>>(
    locked: M,
    op: &'static Op,
    site: &'static Location<'static>,
) -> Result<G, TryLockError> {
    let hold = locked.lock().try_hold(op, site, ptr::null()).ok_or(TryLockError(()))?;
    Ok(G::from_hold(locked, hold))
}

/// The future of a lock: `M` is how it is reached, `G` the guard.
#[must_use = "futures do nothing unless you `.await` them"]
pub struct Locking<M: Deref<Target: Locked>, G> {
    /// `None` once it was ready.
    locked: Option<M>,
    place: Place,
    op: &'static Op,
    site: &'static Location<'static>,
    guard: PhantomData<fn() -> G>,
}

impl<M: Deref<Target: Locked>, G> Locking<M, G> {
    #[inline]
    pub(super) fn new(locked: M, op: &'static Op, site: &'static Location<'static>) -> Self {
        Locking { locked: Some(locked), place: Place::NONE, op, site, guard: PhantomData }
    }
}

// Nothing in it is pinned.
impl<M: Deref<Target: Locked>, G> Unpin for Locking<M, G> {}

impl<M: Deref<Target: Locked>, G: FromHold<M>> Future for Locking<M, G> {
    type Output = G;

    #[inline(always)]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<G> {
        let this = &mut *self;
        let at = (&raw const *this).cast();
        let lock = this.locked.as_ref().expect("a lock was polled again after it was ready").lock();
        let hold = if this.place.is_none() { lock.try_hold(this.op, this.site, at) } else { None };
        let hold = match hold {
            Some(hold) => hold,
            None => ready!(lock.poll(&mut this.place, cx, this.op, this.site, at)),
        };
        let locked = this.locked.take().expect("it was looked at above");
        Poll::Ready(G::from_hold(locked, hold))
    }
}

impl<M: Deref<Target: Locked>, G> Drop for Locking<M, G> {
    #[inline]
    fn drop(&mut self) {
        if let (Some(locked), false) = (&self.locked, self.place.is_none()) {
            let lock = locked.lock();
            match lock.line.leave(&mut self.place) {
                Some(_) => lock.give_back(),
                None => lock.let_in(), // a writer that leaves stops nobody any more
            }
        }
    }
}

/// A guard's type, around a `Held`, which has its `value`.
macro_rules! guard {
    ($(#[$doc:meta])* $Guard:ident($Held:ty) of $M:ty $(, $a:lifetime)?) => {
        $(#[$doc])*
        #[must_use = "the lock is given back when its guard is dropped"]
        pub struct $Guard<$($a,)? T>($Held);

        impl<$($a,)? T> std::ops::Deref for $Guard<$($a,)? T> {
            type Target = T;

            #[inline]
            fn deref(&self) -> &T {
                self.0.value()
            }
        }

        impl<$($a,)? T: std::fmt::Debug> std::fmt::Debug for $Guard<$($a,)? T> {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                std::fmt::Debug::fmt(&**self, f)
            }
        }

        impl<$($a,)? T: std::fmt::Display> std::fmt::Display for $Guard<$($a,)? T> {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                std::fmt::Display::fmt(&**self, f)
            }
        }

        impl<$($a,)? T> FromHold<$M> for $Guard<$($a,)? T> {
            #[inline]
            fn from_hold(locked: $M, hold: Hold) -> Self {
                $Guard(Held::new(locked, hold))
            }
        }
    };
}
pub(super) use guard;
