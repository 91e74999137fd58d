//! The task cell: one allocation that holds a header, and in one slot the future and later its output.
//!
//! ```text
//!            1 spawn                    2 poll: Pending
//!   (none) ───────────▶ FUTURE in slot ◀──────────┐
//!                        │   │    └───────────────┘
//!      3 poll: Ready, or │   │ 4 cancel: the future is dropped unpolled
//!        a panic         ▼   ▼
//!                     OUTPUT in slot            5 no handle left: the output is dropped where it was made
//!                        │   6 Joined::poll takes it, or Joined::drop drops it
//!                        ▼
//!                     slot empty ── 7 the last unit goes ──▶ memory recycled (TaskRef) or freed (RemoteRef)
//! ```
//! 1 [`TaskRef::new`]; 2, 3, 5 [`TaskRef::poll`]; 4 [`TaskRef::cancel`]; 6 [`Joined`]; 7 `header::release`.
//!
//! Two kinds of reference, two types, two counts. [`TaskRef`] is plain and `!Send`; all of a task's `TaskRef`s
//! together hold ONE unit of the atomic count that [`RemoteRef`]s and `std::task::Waker`s use. So whatever stays
//! on the loop's thread executes no locked instruction.
//!
//! # Invariants
//! Every `unsafe` block names the one that it rests on.
//!
//! - **LIVE**: a future in the slot ⇒ the registry holds a `TaskRef`. So a count never drops a future; only
//!   `poll` and `cancel` do, on the owner's thread. (A root is taken out of its slot before `with_root` returns.)
//! - **HELD**: an output in the slot ⇒ a `Joined` exists, which takes it or drops it, on the owner's thread.
//! - **GROUP**: `local > 0` ⇔ the group of `TaskRef`s holds one unit of `far`.
//! - **OWNER**: everything in a header but `far`, `inbox` and `birth` is touched only through a `!Send`
//!   reference, or after CURRENT showed that this is the owner's thread, or by whoever released the last unit.
//! - **EMPTY**: `local == 0` ⇒ the slot is empty. It follows from LIVE and HELD; so memory may be freed from
//!   any thread.
//! - **FLAG**: `NOTIFIED` ⇔ exactly one inbox entry for the task is queued or in flight, and that entry holds a unit.
//! - **JOINER**: a joiner that is not null is a `TaskRef` in raw form, or with the bit WAKER a `Box<Waker>`, or with the
//!   bit LOST a `Box<Payload>`. That is there only between the end of `poll` or `cancel` and `take_lost`, where no
//!   foreign code runs, so `TaskRef::joiner` and `take_joiner` never see it.
//! - **TAG**: the upper bits of a header's tag are the `TaskId` that it was made with, so they are not zero.
//! - **QUIET**: no borrow of loop state is live while foreign code runs: a poll, any `Drop`, foreign wakers,
//!   observers.
//! - **WHOLE**: typed pointers come from the pointer that the allocator gave, never from a `&Header`.
//! - **LOOP**: a cell's inbox outlives every use of it. While the loop lives, the loop holds it; a finished cell
//!   that wakers or remote references still reach holds a unit of its own (flag INBOX).
#![allow(unsafe_code)]

mod birth;
mod far;
mod header;
mod joined;
mod memory;
#[cfg(all(test, loom))]
mod models;
mod outcome;
mod queue;
mod reference;
mod registry;
mod root;
mod running;
mod stays;
mod typed;

pub use outcome::JoinError;
pub use stays::StaysOnItsLoop;

pub(crate) use header::{CANCEL, FUTURE, HANDLE, NOTED, PANICKED, QUEUED};
pub(crate) use joined::Joined;
pub(crate) use memory::{close, open};
pub(crate) use queue::Queue;
pub(crate) use reference::{RemoteRef, TaskRef, Waiter};
pub(crate) use registry::Registry;
pub(crate) use root::with_root;
pub(crate) use running::Running;
pub(crate) use stays::{Cell, Stays};
#[cfg(feature = "sync")]
pub(crate) use stays::{OnceCell, RefCell};

/// The inbox of a loop whose messages name tasks.
pub(crate) type Inbox = crate::inbox::Inbox<RemoteRef>;
