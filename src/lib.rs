//! A single-threaded async runtime whose inside you can see.
//!
//! ```
//! use glassloop::time::{Instant, sleep};
//! use std::time::Duration;
//!
//! let took = glassloop::run(async {
//!     let start = Instant::now();
//!     let slow = glassloop::spawn(async { sleep(Duration::from_millis(200)).await });
//!     sleep(Duration::from_millis(100)).await; // meanwhile `slow` waits too: one thread, two waits
//!     slow.await.unwrap();
//!     start.elapsed()
//! });
//! assert!(took < Duration::from_millis(300));
//! ```
//!
//! # One turn, told
//!
//! A program gives [`run`] a future. It becomes a **task**: a cell on the heap, with a header and a slot for the
//! future. The task is **ready**, so it stands in a queue: first in, first out. Then the loop turns, and each turn
//! has the same five phases:
//!
//! 1. **collect**: other threads cannot touch the queue. They leave messages in the *inbox* and ring its *doorbell*.
//!    If the bell was rung, the messages are taken out in the order in which they came, and the tasks that they name
//!    go to the back of the queue.
//! 2. **fire**: if a timer is armed, the clock is read, once. Whoever waits for a deadline that has passed goes to
//!    the back of the queue: by deadline, and where deadlines are equal, by creation.
//! 3. **run**: the task at the front is taken out and its future is polled. It may spawn: the new task goes to the
//!    back, and is never polled inside `spawn`. It may wake others: they go to the back, in the order of the wakes.
//!    It may wake itself: it goes to the back as well, once. If it returns `Pending`, somebody has kept its waker: a
//!    timer, a socket, a handle. If it returns `Ready`, its output stays in its cell, and whoever awaits its handle
//!    goes to the back of the queue. Then the next task is taken, until the queue is empty or `budget` tasks were
//!    polled.
//! 4. **park**: if nothing is ready, the thread sleeps in the kernel, until a socket has news, the next deadline
//!    comes, or the doorbell rings. (Where deadlines crowd, a sleep may go on for 800 µs after the first,
//!    see [`time::sleep`].) If tasks are ready, it only looks at the sockets, without waiting. And if nothing is ready
//!    and nobody is left who could ever wake a task, it says so: that is a [`Deadlock`], with a report.
//! 5. **dispatch**: the kernel's news become ready tasks, in the kernel's order.
//!
//! Nothing else ever makes a task run. So the order of a program can be read from its text, and
//! [`trace::Recorder`] writes it down, every step with its cause.
//!
//! # The scheduling contract
//!
//! 1. Tasks are polled in exactly the order in which they became ready. One queue, first in, first out. A wake on
//!    the loop's thread counts at once, a thread's from collect, a timer's from fire, a socket's from dispatch. The
//!    future given to `block_on` is a task like any other.
//! 2. [`spawn`] makes the task ready at once, at the back; it never polls inline. A task woken while it is being
//!    polled goes to the back once. Many wakes on the loop's thread before a poll are one poll; a thread's wakes
//!    coalesce until they are collected.
//! 3. One turn is collect, fire, run, park, dispatch, in this order.
//! 4. No task can starve timers or I/O by being ready: they are looked at after at most [`Builder::budget`] polls.
//! 5. [`JoinHandle::abort`] never runs a destructor inside the caller: at the task's turn in the queue its future is
//!    dropped instead of polled, on the loop's thread.
//! 6. Under a virtual clock, a seed and no outside I/O, two runs give the same trace byte for byte.
//!
//! # Reading the source
//!
//! The rooms below stand in the order in which they may import: each from those under it, never from those above.
//! To follow a task through its life, read upwards from `cell`:
//!
//! | step | where |
//! |---|---|
//! | spawn | `join::spawn` → `runtime::start` → `cell::typed` |
//! | ready | `wake::make_ready` → `ready` |
//! | poll | `runtime::turn` → `wake::poll` → `cell::typed` |
//! | pending | who keeps it: `timers`, `reactor`, `waits`, `join::handle`, `pool` |
//! | wake | `wake`, the one rule; from another thread by way of `inbox` |
//! | join | `cell::reference`, `Joined` |
//!
//! `ARCHITECTURE.md` says why each is as it is, and what was tried and rejected.

/// The programs of the README and of the pages, compiled and run.
#[cfg(all(doctest, feature = "full"))]
mod pages {
    #[doc = include_str!("../README.md")]
    struct Readme;
    #[doc = include_str!("../docs/from_asyncio.md")]
    struct FromAsyncio;
    #[doc = include_str!("../docs/from_tokio.md")]
    struct FromTokio;
    #[doc = include_str!("../docs/leaf_future.md")]
    struct LeafFuture;
    #[doc = include_str!("../docs/testing.md")]
    struct Testing;
    #[doc = include_str!("../macros/src/main.md")]
    struct MainAttribute;
    #[doc = include_str!("../macros/src/test.md")]
    struct TestAttribute;
}

// Other crates' macros, in our order; what the attributes expand to.
#[cfg(feature = "macros")]
#[doc(hidden)]
pub mod macros;
// Other crates' traits on what is ours.
#[cfg(any(feature = "futures-task", feature = "hyper", feature = "tokio-io"))]
pub mod compat;
// Leaf services over the reactor and the pool.
#[cfg(feature = "fs")]
pub mod fs;
#[cfg(all(unix, feature = "process"))]
pub mod process;
#[cfg(all(unix, feature = "signal"))]
pub mod signal;
#[cfg(feature = "io-util")]
pub mod io;
#[cfg(feature = "stream")]
pub mod stream;
pub mod net;
// Between tasks: locks, channels, time.
#[cfg(feature = "sync")]
pub mod sync;
pub mod time;
// Tasks as their makers see them.
pub mod task;
mod join;
// Builds the state, turns the loop, begins and ends tasks.
mod runtime;
// The one wait list: who waits for, and who holds, what other tasks give.
mod waits;
// Which loop this thread runs, the one wake rule, the waker. [unsafe]
mod wake;
// The live runtimes of the process.
mod live;
// The loop's state; one value of each room below.
mod state;
// The FIFO, and the one place where an order is chosen.
mod ready;
// Who waits for what. They hand out waiters to be woken; they never wake.
mod timers;
mod reactor;
mod pool;
// The task cell: header, future, output. [unsafe]
mod cell;
// The only protocol between threads.
mod inbox;
// Values and policies.
pub mod trace;
mod clock;
mod panics;
mod by_id;
mod atomic;

pub use cell::{JoinError, StaysOnItsLoop};
#[cfg(feature = "macros")]
pub use glassloop_macros::{main, test};
pub use join::{
    AbortHandle, ChildError, Failure, Finished, GroupError, GroupHandle, JoinAll, JoinHandle, JoinNext,
    JoinNextWithId, JoinSet, RemoteError, RemoteHandle, Scope, ScopeHandle, Shield, Stay, TaskGroup, TryJoinAll,
    YieldNow, join_all, scope, shield, spawn, spawn_blocking, spawn_checked, spawn_checked_named, spawn_cpu,
    spawn_named, stay, try_join_all, try_spawn, try_spawn_blocking, try_spawn_cpu, yield_now,
};
pub use runtime::{
    Builder, Deadlock, Dump, Handle, Holder, Load, Metrics, Outlook, Runtime, RuntimeGone, TaskState, TaskView,
    Unfinished, UnfinishedJob, Waits, dump, metrics, run,
};
#[cfg(feature = "glass")]
pub use runtime::{DumpNow, StuckPoll, TableDump};
#[cfg(unix)]
pub use runtime::{Guest, Next, Turn};
pub use trace::TaskId;
#[cfg(feature = "glass")]
pub use trace::{SlowPoll, WatchedTask};
pub use wake::NoRuntime;
