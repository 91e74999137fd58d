//! Many senders, one receiver, values in the order in which they were sent.
//!
//! A **bounded** channel ([`channel`]) has so many slots, and a sender waits for a free one: that is how a slow
//! receiver slows its senders. An **unbounded** one ([`unbounded_channel`]) takes all that memory holds.
//!
//! The names, the errors and the closing rules are `tokio::sync::mpsc`'s. What differs:
//!
//! - Everything is local: `!Send`, without atomics, and values need not be `Send`.
//! - A slot that falls free while senders wait belongs to the first of them; [`Sender::try_send`] never comes in
//!   between, and says `Full`.
//! - There are no `blocking_` methods: on one thread, the call would wait for a task that it keeps from running.
//!
//! # Closing
//! - When the last sender is dropped, the receiver takes what is there, and then gets `None`.
//! - When the receiver is dropped, every send fails, now and later, and what was in the channel is dropped, oldest
//!   first.
//! - After [`Receiver::close`] nothing new is let in. What is there, and what is sent by permits that were given
//!   before, still arrives; then comes `None`.
//!
//! # Scheduling
//! A value that arrives makes the waiting receiver ready, at the back of the queue; a value that is taken makes the
//! first waiting sender ready, and its slot is its own from then on.
//!
//! # Examples
//! ```
//! use glassloop::{spawn, sync::mpsc};
//!
//! glassloop::run(async {
//!     let (tx, mut rx) = mpsc::channel(2);
//!     for name in ["a", "b"] {
//!         let tx = tx.clone();
//!         spawn(async move {
//!             for n in 0..3 {
//!                 tx.send(format!("{name}{n}")).await.unwrap();
//!             }
//!         })
//!         .detach();
//!     }
//!     drop(tx); // the two tasks have theirs
//!     let mut all = Vec::new();
//!     while let Some(value) = rx.recv().await {
//!         all.push(value);
//!     }
//!     assert_eq!(all, ["a0", "a1", "a2", "b0", "b1", "b2"]);
//! });
//! ```

mod chan;
pub mod error;
mod futures;
mod permit;
mod receiver;
mod sender;
mod unbounded;
mod values;

pub use permit::{OwnedPermit, Permit, PermitIterator};
pub use receiver::{Receiver, UnboundedReceiver};
pub use sender::{Sender, WeakSender, channel};
pub use unbounded::{UnboundedSender, WeakUnboundedSender, unbounded_channel};
