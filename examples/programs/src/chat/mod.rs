//! A WebSocket chat: what one says, all hear, in one order; and nobody waits for those who do not listen.
//!
//! The first message of a client is its name. From then on it hears what is said: `ann: hello`, and notices such as
//! `* ann joined`. A client has one task, which reads and writes at once, and a queue of what it has yet to hear. One
//! whose queue is full is dropped with a reason. So nobody waits for it, and the memory is bounded. That a client which
//! reads is not dropped because another floods, a pace sees to: no client is heard more often.

mod client;
mod goodbye;
mod room;

use std::rc::Rc;
use std::time::Duration;

use glassloop::JoinSet;
use glassloop::net::TcpListener;
use glassloop::sync::CancellationToken;
use glassloop::time::{sleep, timeout};

use goodbye::Goodbye;
pub use room::Room;

/// What a server puts up with.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Connections at once. Who comes then waits in the kernel's queue.
    pub clients: usize,
    /// The longest message, in bytes.
    pub message: usize,
    /// How many messages may wait for a client; at least one.
    pub waiting: usize,
    /// How many bytes the kernel may keep for a client, beside them. By itself it would keep megabytes.
    pub kernel: usize,
    /// In this time a client is heard once; the rest of what it says stays in its connection, which fills.
    pub pace: Duration,
    /// How long a client may take to shake hands, and then to say its name.
    pub hello: Duration,
    /// How long a client may be silent. It is pinged twice in that time, and whoever reads answers.
    pub silence: Duration,
    /// How long a client that was told goodbye may take to hear it.
    pub goodbye: Duration,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            clients: 1000,
            message: 4 << 10,
            waiting: 64,
            kernel: 64 << 10,
            pace: Duration::from_millis(10),
            hello: Duration::from_secs(10),
            silence: Duration::from_secs(60),
            goodbye: Duration::from_secs(5),
        }
    }
}

/// How many clients were still there when the server was stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stopped {
    /// They were told goodbye, and left.
    pub left: usize,
    /// They did not within [`Limits::goodbye`], and were cut off.
    pub cut: usize,
}

/// Serves until `stop` is cancelled. Then nobody new is let in, everybody hears what was said and a goodbye, and those
/// who do not leave in time are cut off.
///
/// # Panics
/// Outside of a running loop.
pub async fn serve(listener: TcpListener, room: Rc<Room>, stop: CancellationToken) -> Stopped {
    let limits = room.limits();
    let mut clients = JoinSet::new();
    loop {
        glassloop::select! {
            () = stop.cancelled() => break,
            Some(ended) = clients.join_next() => if let Err(panic) = ended {
                room.log(&panic.to_string()); // its own; the others go on
            },
            accepted = listener.accept(), if clients.len() < limits.clients => match accepted {
                Ok((stream, address)) => {
                    clients.spawn(client::serve(stream, address, room.clone(), stop.clone()));
                }
                Err(error) => {
                    room.log(&format!("no connection: {error}")); // no descriptor is free, perhaps; one will be
                    sleep(Duration::from_millis(100)).await;
                }
            },
        }
    }
    drop(listener);
    room.close();
    let all = clients.len();
    let _ = timeout(limits.goodbye, async { while clients.join_next().await.is_some() {} }).await;
    Stopped { left: all - clients.len(), cut: clients.len() } // the set drops those who are left
}
