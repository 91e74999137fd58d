//! tokio's `LocalRuntime`.

use std::future::Future;
use std::time::Duration;

use tokio::runtime::{Builder, LocalOptions};
use tokio::sync::mpsc;
use tokio::task::{JoinError, JoinHandle};

use super::{Blocks, Channels, Rival, Sleeps};

/// tokio.
pub(crate) struct Tokio;

impl Rival for Tokio {
    fn block_on<F: Future<Output: 'static> + 'static>(future: F) -> F::Output {
        Builder::new_current_thread().enable_all().build_local(LocalOptions::default()).unwrap().block_on(future)
    }

    type Handle<T: 'static> = JoinHandle<T>;
    type Joined<T: 'static> = Result<T, JoinError>;

    fn spawn<F: Future<Output: 'static> + 'static>(future: F) -> JoinHandle<F::Output> {
        tokio::task::spawn_local(future)
    }

    fn output<T: 'static>(joined: Result<T, JoinError>) -> T {
        joined.unwrap()
    }

    fn detach<T: 'static>(handle: JoinHandle<T>) {
        drop(handle);
    }

    fn yield_now() -> impl Future {
        tokio::task::yield_now()
    }
}

impl Sleeps for Tokio {
    fn sleep(time: Duration) -> impl Future + 'static {
        tokio::time::sleep(time)
    }
}

impl Channels for Tokio {
    type Sender = mpsc::Sender<u64>;
    type Receiver = mpsc::Receiver<u64>;

    fn bounded(room: usize) -> (Self::Sender, Self::Receiver) {
        mpsc::channel(room)
    }

    fn send(sender: &Self::Sender, value: u64) -> impl Future {
        sender.send(value)
    }

    fn receive(receiver: &mut Self::Receiver) -> impl Future<Output = Option<u64>> {
        receiver.recv()
    }
}

impl Blocks for Tokio {
    fn spawn_blocking(job: impl FnOnce() + Send + 'static) -> impl Future + 'static {
        tokio::task::spawn_blocking(job)
    }
}
