//! asyncio's queues: items that tasks put and get, and a [`join`](Queue::join) that waits until all were worked off.
//!
//! A queue is a handle: clone it, and both are the same queue. So, unlike with [`mpsc`](super::mpsc), any number of
//! tasks may get; and since nobody owns an end, the queue is closed by a call, [`close`](Queue::close).
//!
//! | asyncio | here |
//! |---|---|
//! | `Queue(maxsize)`, `LifoQueue`, `PriorityQueue`; 0: no limit | [`Queue::new`], [`LifoQueue::new`], [`PriorityQueue::new`]; 0: no limit |
//! | `put`, `put_nowait`, `QueueFull` | [`put`](Queue::put), [`put_nowait`](Queue::put_nowait), [`TryPutError::Full`], which has the item |
//! | `get`, `get_nowait`, `QueueEmpty` | [`get`](Queue::get), [`get_nowait`](Queue::get_nowait), [`TryGetError::Empty`] |
//! | `task_done`, `join` | [`task_done`](Queue::task_done), [`join`](Queue::join) |
//! | `qsize`, `empty`, `full`, `maxsize` | [`len`](Queue::len), [`is_empty`](Queue::is_empty), [`is_full`](Queue::is_full), [`maxsize`](Queue::maxsize) |
//! | `shutdown()`, `shutdown(immediate=True)`, `QueueShutDown` | [`close`](Queue::close), [`close_now`](Queue::close_now), the errors `Closed` |
//!
//! Where it differs from asyncio: an item that comes while tasks wait to get belongs to the first of them, and so does
//! room that comes while tasks wait to put. asyncio wakes the first too, but whoever calls before it runs may take what
//! it was woken for. So here [`get_nowait`](Queue::get_nowait) may find a queue empty that has a [`len`](Queue::len).
//!
//! # Scheduling
//! Whoever is handed an item or room is made ready, at the back of the queue of tasks. Dropped before it runs, what it
//! was handed goes to the next.
//!
//! # Examples
//! ```
//! use glassloop::{spawn, sync::Queue};
//!
//! glassloop::run(async {
//!     let queue = Queue::new(2);
//!     let worker = spawn({
//!         let queue = queue.clone();
//!         async move {
//!             let mut sum = 0;
//!             while let Ok(n) = queue.get().await {
//!                 sum += n;
//!                 queue.task_done();
//!             }
//!             sum // the queue is closed, and empty
//!         }
//!     });
//!     for n in 1..=4 {
//!         queue.put(n).await.unwrap(); // waits while two are in it
//!     }
//!     queue.join().await; // all four were worked off
//!     queue.close();
//!     assert_eq!(worker.await.unwrap(), 10);
//! });
//! ```

pub mod error;
mod futures;
mod shared;
mod store;

use std::fmt;
use std::future::Future;
use std::rc::Rc;

use self::error::{GetError, PutError, TryGetError, TryPutError};
use self::futures::{Getting, Putting};
use self::shared::Shared;
use self::store::{Fifo, Lifo, Smallest};
use super::until::Until;
use crate::cell::Stays;
use crate::trace::Class;
use crate::waits::Op;

macro_rules! queue {
    ($(#[$doc:meta])* $Queue:ident over $Store:ident $(where T: $Bound:ident)?, $ops:ident) => {
        $(#[$doc])*
        pub struct $Queue<T> {
            shared: Stays<Rc<Shared<$Store<T>>>>,
        }

        static $ops: Ops = Ops {
            put: Op::new(Class::Channel, concat!(stringify!($Queue), "::put"), concat!("took from the ", stringify!($Queue)))
                .closing(concat!("closed the ", stringify!($Queue)))
                .losing("the item to put, and its place in the line"),
            get: Op::new(Class::Channel, concat!(stringify!($Queue), "::get"), concat!("put into the ", stringify!($Queue)))
                .closing(concat!("closed, or since then emptied, the ", stringify!($Queue))),
            join: Op::new(
                Class::Channel,
                concat!(stringify!($Queue), "::join"),
                concat!("told the last task_done of the ", stringify!($Queue)),
            )
            .closing(concat!("closed, and emptied, the ", stringify!($Queue)))
            .losing(""),
        };

        impl<T $(: $Bound)?> $Queue<T> {
            /// A queue of at most `maxsize` items; 0: of any number. Its place is told when a deadlock is reported.
            #[must_use]
            #[track_caller]
            pub fn new(maxsize: usize) -> $Queue<T> {
                $Queue { shared: Stays(Shared::new(maxsize)) }
            }

            /// Puts an item in; waits for room while the queue is full, or others wait.
            ///
            /// # Errors
            /// If the queue is closed, or is while this waits. The error has the item.
            ///
            /// # Cancel safety
            /// Dropped, the item was not put in, and is dropped with the place in the line; room that it was handed
            /// already goes to the next.
            #[track_caller]
            pub fn put(&self, item: T) -> impl Future<Output = Result<(), PutError<T>>> {
                Putting::new(&self.shared, item, &$ops.put)
            }

            /// Puts an item in, if it can be done at once.
            ///
            /// # Errors
            /// If the queue is full, or others wait to put; if it is closed. The error has the item.
            pub fn put_nowait(&self, item: T) -> Result<(), TryPutError<T>> {
                self.shared.put_nowait(item)
            }

            /// Takes an item out; waits for one while the queue is empty, or others wait.
            ///
            /// # Errors
            /// If the queue is closed and empty.
            ///
            /// # Cancel safety
            /// Dropped, it loses its place in the line; an item that it was handed already goes to the next.
            #[track_caller]
            pub fn get(&self) -> impl Future<Output = Result<T, GetError>> {
                Getting::new(&self.shared, &$ops.get)
            }

            /// Takes an item out, if it can be done at once.
            ///
            /// # Errors
            /// If the queue is empty, or what is in it belongs to others who wait; if it is closed and empty.
            pub fn get_nowait(&self) -> Result<T, TryGetError> {
                self.shared.get_nowait()
            }
        }

        impl<T> $Queue<T> {
            /// Says that the work on an item that was taken out is done. The call for the last one ends every
            /// [`join`](Self::join).
            ///
            /// # Panics
            /// If it is called more often than items were put in; asyncio raises `ValueError`.
            #[track_caller]
            pub fn task_done(&self) {
                self.shared.task_done();
            }

            /// Waits until [`task_done`](Self::task_done) was called for every item that was put in. If nobody is left
            /// who could call it, the report of the deadlock names this wait.
            ///
            /// # Cancel safety
            /// Dropped, nothing is lost.
            #[track_caller]
            pub fn join(&self) -> impl Future<Output = ()> {
                Until::was(&self.shared.finished, &$ops.join, || self.unfinished() == 0)
            }

            /// How many items were put in for which [`task_done`](Self::task_done) was not called.
            #[must_use]
            pub fn unfinished(&self) -> usize {
                self.shared.unfinished.get()
            }

            /// How many items are in it.
            #[doc(alias = "qsize")]
            #[must_use]
            pub fn len(&self) -> usize {
                self.shared.len.get()
            }

            /// Whether nothing is in it.
            #[must_use]
            pub fn is_empty(&self) -> bool {
                self.len() == 0
            }

            /// Whether as much is in it as may be.
            #[must_use]
            pub fn is_full(&self) -> bool {
                self.len() >= self.shared.max
            }

            /// How many items may be in it; 0: any number.
            #[must_use]
            pub fn maxsize(&self) -> usize {
                if self.shared.max == usize::MAX { 0 } else { self.shared.max }
            }

            /// Lets nothing more in: who puts, or waits to, gets an error. What is in it can be taken out; after that,
            /// who gets, or waits to, gets an error as well. [`join`](Self::join) waits as before.
            #[doc(alias = "shutdown")]
            pub fn close(&self) {
                self.shared.close();
            }

            /// Whether it was closed.
            #[must_use]
            pub fn is_closed(&self) -> bool {
                self.shared.closed.get()
            }

            /// Whether both are the same queue.
            #[must_use]
            pub fn same_queue(&self, other: &Self) -> bool {
                Rc::ptr_eq(&self.shared, &other.shared)
            }
        }

        impl<T $(: $Bound)?> $Queue<T> {
            /// As [`close`](Self::close), and drops what is in it, as if the work on it were done.
            #[doc(alias = "shutdown")]
            pub fn close_now(&self) {
                self.shared.close_now();
            }
        }

        impl<T> Clone for $Queue<T> {
            fn clone(&self) -> $Queue<T> {
                $Queue { shared: self.shared.clone() }
            }
        }

        impl<T $(: $Bound)?> Default for $Queue<T> {
            /// Of any number of items.
            #[track_caller]
            fn default() -> $Queue<T> {
                $Queue::new(0)
            }
        }

        impl<T> fmt::Debug for $Queue<T> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.debug_struct(stringify!($Queue))
                    .field("len", &self.len())
                    .field("maxsize", &self.maxsize())
                    .field("unfinished", &self.unfinished())
                    .field("closed", &self.is_closed())
                    .finish_non_exhaustive()
            }
        }
    };
}

/// What waits for a queue is called, in dumps and reports.
struct Ops {
    put: Op,
    get: Op,
    join: Op,
}

queue! {
    /// A queue that gives the oldest item first; asyncio's `Queue`. See [the module](self).
    Queue over Fifo, QUEUE
}

queue! {
    /// A queue that gives the smallest item first, and of equal ones the oldest; asyncio's `PriorityQueue`.
    ///
    /// (asyncio compares whole items and leaves the order of equal ones open.) For the largest first, put
    /// [`Reverse`](std::cmp::Reverse)s in.
    ///
    /// # Panics
    /// An item's `Ord` may panic: then the call that compared panics, and every item is still in the queue, in an
    /// order that may be wrong. An `Ord` that uses the queue that it sorts panics.
    ///
    /// # Examples
    /// ```
    /// use glassloop::sync::PriorityQueue;
    ///
    /// let queue = PriorityQueue::new(0);
    /// for item in [(2, "b"), (1, "a"), (3, "c")] {
    ///     queue.put_nowait(item).unwrap();
    /// }
    /// assert_eq!(queue.get_nowait(), Ok((1, "a")));
    /// ```
    PriorityQueue over Smallest where T: Ord, PRIORITY
}

queue! {
    /// A queue that gives the newest item first; asyncio's `LifoQueue`. See [the module](self).
    LifoQueue over Lifo, LIFO
}
