//! smol: a `LocalExecutor` under smol's `block_on`. Its reactor is the process's, with a thread of its own behind it.

use std::future::Future;
use std::time::Duration;

use smol::channel::{Receiver, Sender};
use smol::{LocalExecutor, Task, Timer};

use super::{Blocks, Channels, Rival, Sleeps};

/// smol.
pub(crate) struct Smol;

thread_local! {
    static EXECUTOR: LocalExecutor<'static> = const { LocalExecutor::new() };
}

impl Rival for Smol {
    fn block_on<F: Future<Output: 'static> + 'static>(future: F) -> F::Output {
        EXECUTOR.with(|executor| smol::block_on(executor.run(future)))
    }

    type Handle<T: 'static> = Task<T>;
    type Joined<T: 'static> = T;

    fn spawn<F: Future<Output: 'static> + 'static>(future: F) -> Task<F::Output> {
        EXECUTOR.with(|executor| executor.spawn(future))
    }

    fn output<T: 'static>(joined: T) -> T {
        joined
    }

    fn detach<T: 'static>(handle: Task<T>) {
        handle.detach();
    }

    fn yield_now() -> impl Future {
        smol::future::yield_now()
    }
}

impl Sleeps for Smol {
    fn sleep(time: Duration) -> impl Future + 'static {
        Timer::after(time)
    }
}

impl Channels for Smol {
    type Sender = Sender<u64>;
    type Receiver = Receiver<u64>;

    fn bounded(room: usize) -> (Self::Sender, Self::Receiver) {
        smol::channel::bounded(room)
    }

    fn send(sender: &Self::Sender, value: u64) -> impl Future {
        sender.send(value)
    }

    async fn receive(receiver: &mut Self::Receiver) -> Option<u64> {
        receiver.recv().await.ok()
    }
}

impl Blocks for Smol {
    fn spawn_blocking(job: impl FnOnce() + Send + 'static) -> impl Future + 'static {
        smol::unblock(job)
    }
}
