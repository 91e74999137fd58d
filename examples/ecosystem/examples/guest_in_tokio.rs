//! glassloop as a guest inside tokio: its descriptor says when a turn has something to do.
//!
//! One thread, two loops. tokio waits for all its own things and for one descriptor more, the guest's; when that is
//! readable, the host turns the guest, once. Tasks of both talk through any channel that is not bound to a loop.

use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, RawFd};
use std::pin::pin;
use std::time::Duration;

use futures::future::{Either, select};
use glassloop::{Guest, Next, Runtime};
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;
use tokio::sync::mpsc;

/// A descriptor as `AsyncFd` wants it.
struct Descriptor<'a>(BorrowedFd<'a>);

impl AsRawFd for Descriptor<'_> {
    fn as_raw_fd(&self) -> RawFd {
        self.0.as_raw_fd()
    }
}

/// Drives a guest for as long as this future is polled.
async fn drive(guest: &Guest) -> io::Result<()> {
    // Newer tokios want an `unsafe` promise that the descriptor stays open; the borrow of the guest keeps it.
    #[allow(deprecated)]
    let descriptor = AsyncFd::with_interest(Descriptor(guest.as_fd()), Interest::READABLE)?;
    loop {
        match guest.turn(Some(Duration::ZERO)).next {
            Next::Now => tokio::task::yield_now().await, // tokio's tasks have their turn between ours
            // On Linux the descriptor knows the deadline too; elsewhere, wait for `Next::At` beside it. The note that
            // it is readable is cleared before the turn, so what comes during the turn is noted anew.
            _ => descriptor.readable().await?.clear_ready(),
        }
    }
}

fn main() {
    let tokio = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    tokio.block_on(async {
        let guest = Guest::new(Runtime::new().unwrap()).unwrap();
        let (to_guest, mut from_host) = mpsc::channel::<u32>(1);
        let (to_host, mut from_guest) = mpsc::channel::<String>(1);
        guest
            .spawn(async move {
                while let Some(n) = from_host.recv().await {
                    glassloop::time::sleep(Duration::from_micros(500)).await; // glassloop's timer
                    to_host.send(format!("{n} squared is {}", n * n)).await.unwrap();
                }
            })
            .detach();

        let asks = async move {
            for n in 1..=3 {
                tokio::time::sleep(Duration::from_millis(1)).await; // tokio's timer
                to_guest.send(n).await.unwrap();
                println!("{}", from_guest.recv().await.unwrap());
            }
        };
        match select(pin!(asks), pin!(drive(&guest))).await {
            Either::Left(((), _)) => {}
            Either::Right((end, _)) => end.unwrap(),
        }
    });
    println!("the host is done, and the guest is dropped with its tasks");
}

// Output:
// 1 squared is 1
// 2 squared is 4
// 3 squared is 9
// the host is done, and the guest is dropped with its tasks
