//! A wake for one who waits, or for all; kept for the next if nobody does.

use std::fmt;
use std::future::Future;
use std::ops::Deref;
use std::panic::Location;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use crate::cell::Cell;
use crate::trace::Class;
use crate::waits::{Grant, Op, Place, WaitList};

static NOTIFIED: Op = Op::new(Class::Signal, "Notify::notified", "notified the Notify");

/// Wakes tasks, and carries no value.
///
/// [`notify_one`](Notify::notify_one) wakes the first who waits; if nobody does, it is kept for the next who comes,
/// once however often it was called. [`notify_waiters`](Notify::notify_waiters) wakes all who wait and keeps nothing.
///
/// # Scheduling
/// First come, first served: a future comes when it is first polled or [enabled](Notified::enable). For
/// `notify_waiters` it counts from the moment it is made, polled or not.
///
/// # Examples
/// ```
/// use glassloop::{spawn, sync::Notify};
/// use std::cell::Cell;
/// use std::rc::Rc;
///
/// glassloop::run(async {
///     let (slot, notify) = (Rc::new(Cell::new(0)), Rc::new(Notify::new()));
///     let reader = spawn({
///         let (slot, notify) = (slot.clone(), notify.clone());
///         async move {
///             notify.notified().await;
///             slot.get()
///         }
///     });
///     slot.set(7);
///     notify.notify_one(); // kept, if `reader` does not wait yet
///     assert_eq!(reader.await.unwrap(), 7);
/// });
/// ```
pub struct Notify {
    /// A `notify_one` that found nobody.
    kept: Cell<bool>,
    /// How often all were woken.
    calls: Cell<u64>,
    /// How many calls of `notify_waiters` are at it. Whoever is in line then is spoken for.
    sweeps: Cell<u32>,
    line: WaitList,
}

impl Notify {
    /// Nobody was notified yet.
    #[must_use]
    #[track_caller]
    pub const fn new() -> Notify {
        Notify { kept: Cell::new(false), calls: Cell::new(0), sweeps: Cell::new(0), line: WaitList::new() }
    }

    /// Waits to be notified.
    ///
    /// # Cancel safety
    /// Dropped, it loses its place in the line; a [`notify_one`](Notify::notify_one) that it was given already goes to
    /// the next, or is kept.
    #[track_caller]
    pub fn notified(&self) -> Notified<'_> {
        Notified(Waiting::new(self, Location::caller()))
    }

    /// As [`notified`](Notify::notified), for a future that keeps its `Notify` alive.
    ///
    /// # Cancel safety
    /// As [`notified`](Notify::notified).
    #[track_caller]
    pub fn notified_owned(self: Rc<Self>) -> OwnedNotified {
        OwnedNotified(Waiting::new(self, Location::caller()))
    }

    /// Wakes the first in line. If nobody waits, the next who comes need not wait.
    pub fn notify_one(&self) {
        self.notify(|line| line.grant(Grant::Turn));
    }

    /// As [`notify_one`](Notify::notify_one), but wakes the last in line: whose memory is warmest. If that one is
    /// dropped before it runs, whoever is the last then is woken.
    pub fn notify_last(&self) {
        self.notify(WaitList::grant_last);
    }

    /// Wakes all who wait, and all whose futures are made and not polled yet. Nothing is kept for those who come later.
    ///
    /// # Scheduling
    /// They are made ready in the order in which they came.
    pub fn notify_waiters(&self) {
        self.calls.set(self.calls.get().wrapping_add(1));
        self.sweeps.set(self.sweeps.get() + 1);
        self.line.grant_all(Grant::All);
        self.sweeps.set(self.sweeps.get() - 1);
        // Whoever was woken may have notified one, and somebody may have come since.
        if self.sweeps.get() == 0 && !self.line.is_empty() && self.kept.replace(false) {
            self.notify_one();
        }
    }

    #[inline]
    fn notify(&self, grant: impl FnOnce(&WaitList) -> bool) {
        if self.sweeps.get() > 0 || !grant(&self.line) {
            self.kept.set(true);
        }
    }
}

impl Default for Notify {
    #[track_caller]
    fn default() -> Notify {
        Notify::new()
    }
}

impl fmt::Debug for Notify {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Notify").field("is_kept", &self.kept.get()).finish_non_exhaustive()
    }
}

/// A wait at a [`Notify`], reached by way of `N`.
#[must_use = "futures do nothing unless you `.await` them"]
struct Waiting<N: Deref<Target = Notify>> {
    notify: N,
    stage: Stage,
    site: &'static Location<'static>,
}

enum Stage {
    /// Made after so many calls of `notify_waiters`.
    New(u64),
    InLine(Place),
    Done,
}

impl<N: Deref<Target = Notify>> Waiting<N> {
    fn new(notify: N, site: &'static Location<'static>) -> Waiting<N> {
        let stage = Stage::New(notify.calls.get());
        Waiting { notify, stage, site }
    }

    fn enable(&mut self) -> bool {
        match &self.stage {
            // Whoever polled it is to be woken still.
            Stage::InLine(place) if !place.is_granted() => false,
            _ => self.poll(&Context::from_waker(Waker::noop())).is_ready(),
        }
    }

    fn poll(&mut self, cx: &Context<'_>) -> Poll<()> {
        let notify = &*self.notify;
        if let Stage::New(calls) = self.stage {
            // A call that woke all goes first, and leaves what is kept to others.
            let is_notified = notify.calls.get() != calls || notify.kept.replace(false);
            self.stage = if is_notified { Stage::Done } else { Stage::InLine(Place::NONE) };
        }
        if let Stage::InLine(place) = &mut self.stage {
            if notify.line.poll(place, cx, &NOTIFIED, self.site, 1).is_pending() {
                return Poll::Pending;
            }
            self.stage = Stage::Done;
        }
        Poll::Ready(())
    }
}

impl<N: Deref<Target = Notify>> Drop for Waiting<N> {
    fn drop(&mut self) {
        if let Stage::InLine(place) = &mut self.stage {
            match self.notify.line.leave(place) {
                Some(Grant::Turn) => self.notify.notify_one(),
                Some(Grant::LastTurn) => self.notify.notify_last(),
                _ => {}
            }
        }
    }
}

macro_rules! notified {
    ($(#[$doc:meta])* $Notified:ident, $N:ty $(, $a:lifetime)?) => {
        $(#[$doc])*
        ///
        /// # Cancel safety
        /// Dropped, it loses its place in the line; a [`notify_one`](Notify::notify_one) that it was given already goes
        /// to the next, or is kept.
        #[must_use = "futures do nothing unless you `.await` them"]
        pub struct $Notified $(<$a>)? (Waiting<$N>);

        impl $(<$a>)? $Notified $(<$a>)? {
            /// Joins the line without being polled: a [`notify_one`](Notify::notify_one) after this counts for it.
            /// Whether it is notified already.
            pub fn enable(mut self: Pin<&mut Self>) -> bool {
                self.0.enable()
            }
        }

        impl $(<$a>)? Future for $Notified $(<$a>)? {
            type Output = ();

            fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
                self.0.poll(cx)
            }
        }

        impl $(<$a>)? fmt::Debug for $Notified $(<$a>)? {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                let is_done = matches!(self.0.stage, Stage::Done);
                f.debug_struct(stringify!($Notified)).field("is_done", &is_done).finish_non_exhaustive()
            }
        }
    };
}

notified! {
    /// The future of [`Notify::notified`].
    Notified, &'a Notify, 'a
}
notified! {
    /// The future of [`Notify::notified_owned`].
    OwnedNotified, Rc<Notify>
}
