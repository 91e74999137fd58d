//! Ours.

use std::future::Future;
use std::time::Duration;

use glassloop::sync::mpsc;
use glassloop::{JoinError, JoinHandle};

use super::{Blocks, Channels, Rival, Sleeps};

/// glassloop.
pub(crate) struct Glassloop;

impl Rival for Glassloop {
    fn block_on<F: Future<Output: 'static> + 'static>(future: F) -> F::Output {
        glassloop::run(future)
    }

    type Handle<T: 'static> = JoinHandle<T>;
    type Joined<T: 'static> = Result<T, JoinError>;

    fn spawn<F: Future<Output: 'static> + 'static>(future: F) -> JoinHandle<F::Output> {
        glassloop::spawn(future)
    }

    fn output<T: 'static>(joined: Result<T, JoinError>) -> T {
        joined.unwrap()
    }

    fn detach<T: 'static>(handle: JoinHandle<T>) {
        handle.detach();
    }

    fn yield_now() -> impl Future {
        glassloop::yield_now()
    }
}

impl Sleeps for Glassloop {
    fn sleep(time: Duration) -> impl Future + 'static {
        glassloop::time::sleep(time)
    }
}

impl Channels for Glassloop {
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

impl Blocks for Glassloop {
    fn spawn_blocking(job: impl FnOnce() + Send + 'static) -> impl Future + 'static {
        glassloop::spawn_blocking(job)
    }
}
