//! The loop's state: one value of each room below, and a few counters. What is done
//! with it is in `wake` and `runtime`.

use std::any::Any;
use std::cell::{Cell, RefCell};
use std::num::NonZeroU64;
use std::pin::Pin;
use std::ptr;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll};

use crate::by_id::ById;
use crate::cell::{Inbox, Registry, Running};
use crate::clock::{Clock, Instant};
use crate::panics::Payload;
use crate::pool::Pool;
use crate::reactor::Reactor;
use crate::ready::Ready;
use crate::timers::Timers;
use crate::trace::{OnUnhandled, Outcome, RuntimeId, Tracer, Unhandled};

pub(crate) struct State {
    pub(crate) id: RuntimeId,
    pub(crate) inbox: Arc<Inbox>,
    pub(crate) clock: Rc<Clock>,
    pub(crate) trace: Tracer,
    pub(crate) ready: Ready,
    pub(crate) timers: Timers,
    pub(crate) reactor: Reactor,
    pub(crate) pool: Pool,
    /// All live tasks.
    pub(crate) tasks: Registry,
    /// The names of live tasks that have one.
    pub(crate) names: RefCell<ById<Arc<str>>>,
    /// Who wants to hear of the end of live tasks.
    pub(crate) endings: RefCell<ById<Ending>>,
    /// The futures whose keys may be anywhere.
    pub(crate) stays: Stays,
    pub(crate) running: Running,
    pub(crate) turns: Cell<u64>,
    /// How many tasks were made; the last one's id.
    pub(crate) spawned: Cell<u64>,
    /// At most so many polls before timers and I/O are looked at.
    pub(crate) budget: usize,
    /// Dropped futures tell what was lost, and the end of the runtime which tasks it cuts short.
    pub(crate) debug: bool,
    /// What is done about a failure that nobody will see.
    pub(crate) on_unhandled: OnUnhandled,
    /// The one that stopped the loop for good.
    pub(crate) stopped: RefCell<Option<Unhandled>>,
    /// When tasks that are stuck behind locks were last looked for.
    pub(crate) looked: Looked,
    /// The runtime is being dropped: what is spawned now is cancelled at once, and what is left to stay is dropped.
    pub(crate) closing: Cell<bool>,
    /// A foreign loop drives it.
    pub(crate) guest: Cell<bool>,
    /// Where the root's future is.
    pub(crate) root: Cell<Extent>,
    /// What the root's poll panicked with, on its way out of `block_on`.
    pub(crate) root_panic: Cell<Option<Payload>>,
}

/// A piece of memory, to compare with.
#[derive(Clone, Copy)]
pub(crate) struct Extent {
    pub(crate) start: *const (),
    pub(crate) size: usize,
}

impl Extent {
    pub(crate) fn of<T>(value: &T) -> Extent {
        Extent { start: ptr::from_ref(value).cast(), size: size_of::<T>() }
    }

    pub(crate) fn has(self, address: *const ()) -> bool {
        address.addr().wrapping_sub(self.start.addr()) < self.size
    }
}

/// When the loop last looked for tasks that are stuck behind locks.
#[derive(Default)]
#[cfg_attr(not(feature = "sync"), allow(dead_code))] // without locks none are
pub(crate) struct Looked {
    /// What the waits' news were then.
    pub(crate) news: Cell<u64>,
    /// Parks since then.
    pub(crate) parks: Cell<usize>,
    /// How many parks to let pass until the next look.
    pub(crate) rest: Cell<usize>,
    /// The loop must not sleep for long before the next look.
    pub(crate) is_owed: Cell<bool>,
    /// Before this moment a guest does not ask whether anything can wake it.
    pub(crate) guest_due: Cell<Option<Instant>>,
    /// It has slept as long as it may.
    pub(crate) has_slept: Cell<bool>,
}

/// Who wants to hear of a task's end.
#[derive(Default)]
pub(crate) struct Ending {
    /// The set or group that the task is a member of, and the member's key there.
    pub(crate) account: Option<(Rc<dyn Account>, usize)>,
    pub(crate) hooks: Vec<Hook>,
}

pub(crate) type Hook = Box<dyn FnOnce(&End)>;

/// How a task ended, and its name, which is forgotten with it.
pub(crate) struct End {
    pub(crate) outcome: Outcome,
    pub(crate) name: Option<Arc<str>>,
}

/// What keeps account of its members' ends.
pub(crate) trait Account {
    /// The member's future is gone, and its output is in its cell. Must not panic.
    fn ended(&self, member: usize, end: &End);
}

/// The futures of `stay`. One that is being polled is not among them.
#[derive(Default)]
pub(crate) struct Stays {
    futures: RefCell<ById<Pin<Box<dyn Stayed>>>>,
    /// How many were made; the last one's key. Never used again, so a key that comes late finds nothing.
    made: Cell<u64>,
}

/// A future whose output's type its key knows.
pub(crate) trait Stayed {
    /// Polls it; what it gives goes into `output`, an `Option` of its type.
    fn poll_into(self: Pin<&mut Self>, cx: &mut Context<'_>, output: &mut dyn Any) -> Poll<()>;
}

impl Stays {
    pub(crate) fn keep(&self, future: Pin<Box<dyn Stayed>>) -> NonZeroU64 {
        let key = NonZeroU64::MIN.saturating_add(self.made.get());
        self.made.set(key.get());
        self.put_back(key, future);
        key
    }

    pub(crate) fn take(&self, key: NonZeroU64) -> Option<Pin<Box<dyn Stayed>>> {
        self.futures.borrow_mut().remove(key)
    }

    pub(crate) fn put_back(&self, key: NonZeroU64, future: Pin<Box<dyn Stayed>>) {
        self.futures.borrow_mut().insert(key, future);
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.futures.borrow().len() == 0
    }

    /// Those that are there now, in the order in which they were made.
    pub(crate) fn keys(&self) -> Vec<NonZeroU64> {
        self.futures.borrow().iter().map(|(key, _)| key).collect()
    }
}
