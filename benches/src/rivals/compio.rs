//! compio, on io_uring where the kernel lets it, and told to use epoll. It has neither channels nor a way to yield.

use std::future::Future;
use std::time::Duration;

use compio::driver::{DriverType, ProactorBuilder};
use compio::runtime::{JoinError, JoinHandle, Runtime};

use super::{Blocks, Rival, Sleeps};
use crate::operations::wake_oneself;

/// compio, on epoll if told so.
pub(crate) struct Compio<const EPOLL: bool>;

impl<const EPOLL: bool> Rival for Compio<EPOLL> {
    fn block_on<F: Future<Output: 'static> + 'static>(future: F) -> F::Output {
        let mut driver = ProactorBuilder::new();
        driver.driver_type(if EPOLL { DriverType::Poll } else { DriverType::IoUring });
        Runtime::builder().with_proactor(driver).build().unwrap().block_on(future)
    }

    type Handle<T: 'static> = JoinHandle<T>;
    type Joined<T: 'static> = Result<T, JoinError>;

    fn spawn<F: Future<Output: 'static> + 'static>(future: F) -> JoinHandle<F::Output> {
        compio::runtime::spawn(future)
    }

    fn output<T: 'static>(joined: Result<T, JoinError>) -> T {
        joined.unwrap()
    }

    fn detach<T: 'static>(handle: JoinHandle<T>) {
        handle.detach();
    }

    fn yield_now() -> impl Future {
        wake_oneself()
    }
}

impl<const EPOLL: bool> Sleeps for Compio<EPOLL> {
    fn sleep(time: Duration) -> impl Future + 'static {
        compio::time::sleep(time)
    }
}

impl<const EPOLL: bool> Blocks for Compio<EPOLL> {
    fn spawn_blocking(job: impl FnOnce() + Send + 'static) -> impl Future + 'static {
        compio::runtime::spawn_blocking(job)
    }
}
