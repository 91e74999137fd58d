//! Who is compared. Each says in its own words how it runs, spawns, joins and waits; what is done with that is
//! written once, in `operations`.
//!
//! Everybody is used as its manual shows: default settings, its own handles awaited as they are, no helper between.

use std::future::Future;
use std::time::Duration;

pub(crate) mod compio;
pub(crate) mod floor;
pub(crate) mod glassloop;
pub(crate) mod glommio;
pub(crate) mod monoio;
pub(crate) mod smol;
pub(crate) mod tokio;

/// Who runs tasks on one thread.
pub(crate) trait Rival: 'static {
    /// Makes a runtime, runs `future` on it to its end, and takes the runtime down.
    fn block_on<F: Future<Output: 'static> + 'static>(future: F) -> F::Output;

    /// What spawning gives, and what awaiting that gives.
    type Handle<T: 'static>: Future<Output = Self::Joined<T>> + 'static;
    /// `T`, or a result that holds it.
    type Joined<T: 'static>;

    /// A task of the runtime that runs this.
    fn spawn<F: Future<Output: 'static> + 'static>(future: F) -> Self::Handle<F::Output>;
    /// The output.
    fn output<T: 'static>(joined: Self::Joined<T>) -> T;
    /// Lets the task run on.
    fn detach<T: 'static>(handle: Self::Handle<T>);
    /// Lets the others run: the rival's own way, or else a wake of oneself.
    fn yield_now() -> impl Future;
}

/// Who has timers.
pub(crate) trait Sleeps: Rival {
    /// Over after this time.
    fn sleep(time: Duration) -> impl Future + 'static;
}

/// Who has channels between tasks of one thread, or whose authors have.
pub(crate) trait Channels: Rival {
    /// The end that sends.
    type Sender: 'static;
    /// The end that receives.
    type Receiver: 'static;
    /// A channel with room for so many.
    fn bounded(room: usize) -> (Self::Sender, Self::Receiver);
    /// Waits for room.
    fn send(sender: &Self::Sender, value: u64) -> impl Future;
    /// Waits for a value; the senders live on.
    fn receive(receiver: &mut Self::Receiver) -> impl Future<Output = Option<u64>>;
}

/// Who has threads for what blocks.
pub(crate) trait Blocks: Rival {
    /// Runs the job on a thread of the pool; it is under way before the future is polled.
    fn spawn_blocking(job: impl FnOnce() + Send + 'static) -> impl Future + 'static;
}
