//! monoio, on io_uring and on its legacy driver, which is mio. Its feature `sync` is on, without which no thread can
//! wake a task of it. Its channel is local-sync's, by the same authors; it has no way to yield.

use std::future::Future;
use std::time::Duration;

use local_sync::mpsc::bounded;
use monoio::blocking::DefaultThreadPool;
use monoio::task::JoinHandle;
use monoio::{IoUringDriver, LegacyDriver, RuntimeBuilder};

use super::{Blocks, Channels, Rival, Sleeps};
use crate::operations::wake_oneself;

/// monoio, on epoll if told so.
pub(crate) struct Monoio<const EPOLL: bool>;

/// It wants to be given one, and leaves the size to the user.
const POOL: usize = 4;

impl<const EPOLL: bool> Rival for Monoio<EPOLL> {
    fn block_on<F: Future<Output: 'static> + 'static>(future: F) -> F::Output {
        let pool = Box::new(DefaultThreadPool::new(POOL));
        if EPOLL {
            let builder = RuntimeBuilder::<LegacyDriver>::new().enable_timer();
            builder.attach_thread_pool(pool).build().unwrap().block_on(future)
        } else {
            let builder = RuntimeBuilder::<IoUringDriver>::new().enable_timer();
            builder.attach_thread_pool(pool).build().unwrap().block_on(future)
        }
    }

    type Handle<T: 'static> = JoinHandle<T>;
    type Joined<T: 'static> = T;

    fn spawn<F: Future<Output: 'static> + 'static>(future: F) -> JoinHandle<F::Output> {
        monoio::spawn(future)
    }

    fn output<T: 'static>(joined: T) -> T {
        joined
    }

    fn detach<T: 'static>(handle: JoinHandle<T>) {
        drop(handle);
    }

    fn yield_now() -> impl Future {
        wake_oneself()
    }
}

impl<const EPOLL: bool> Sleeps for Monoio<EPOLL> {
    fn sleep(time: Duration) -> impl Future + 'static {
        monoio::time::sleep(time)
    }
}

impl<const EPOLL: bool> Channels for Monoio<EPOLL> {
    type Sender = bounded::Tx<u64>;
    type Receiver = bounded::Rx<u64>;

    fn bounded(room: usize) -> (Self::Sender, Self::Receiver) {
        bounded::channel(room)
    }

    fn send(sender: &Self::Sender, value: u64) -> impl Future {
        sender.send(value)
    }

    fn receive(receiver: &mut Self::Receiver) -> impl Future<Output = Option<u64>> {
        receiver.recv()
    }
}

impl<const EPOLL: bool> Blocks for Monoio<EPOLL> {
    fn spawn_blocking(job: impl FnOnce() + Send + 'static) -> impl Future + 'static {
        monoio::spawn_blocking(job)
    }
}
