//! glommio, on io_uring: it knows nothing else. Its blocking pool is one thread, as by default.

use std::future::Future;
use std::time::Duration;

use glommio::channels::local_channel::{self, LocalReceiver, LocalSender};
use glommio::{LocalExecutorBuilder, Placement, Task};

use super::{Blocks, Channels, Rival, Sleeps};

/// glommio.
pub(crate) struct Glommio;

impl Rival for Glommio {
    fn block_on<F: Future<Output: 'static> + 'static>(future: F) -> F::Output {
        LocalExecutorBuilder::new(Placement::Unbound).make().unwrap().run(future)
    }

    type Handle<T: 'static> = Task<T>;
    type Joined<T: 'static> = T;

    fn spawn<F: Future<Output: 'static> + 'static>(future: F) -> Task<F::Output> {
        glommio::spawn_local(future)
    }

    fn output<T: 'static>(joined: T) -> T {
        joined
    }

    fn detach<T: 'static>(handle: Task<T>) {
        handle.detach();
    }

    fn yield_now() -> impl Future {
        smol::future::yield_now() // which is what its own is
    }
}

impl Sleeps for Glommio {
    fn sleep(time: Duration) -> impl Future + 'static {
        glommio::timer::sleep(time)
    }
}

impl Channels for Glommio {
    type Sender = LocalSender<u64>;
    type Receiver = LocalReceiver<u64>;

    fn bounded(room: usize) -> (Self::Sender, Self::Receiver) {
        local_channel::new_bounded(room)
    }

    fn send(sender: &Self::Sender, value: u64) -> impl Future {
        sender.send(value)
    }

    fn receive(receiver: &mut Self::Receiver) -> impl Future<Output = Option<u64>> {
        receiver.recv()
    }
}

impl Blocks for Glommio {
    fn spawn_blocking(job: impl FnOnce() + Send + 'static) -> impl Future + 'static {
        glommio::executor().spawn_blocking(job)
    }
}
