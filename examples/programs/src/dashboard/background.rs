//! Tasks that go on after the answer, and that the program's end waits for.

use std::sync::Arc;

use tokio::sync::Semaphore;

/// How many may run at once.
const MOST: u32 = 100;

#[derive(Clone)]
pub struct Background(Arc<Semaphore>);

impl Default for Background {
    fn default() -> Background {
        Background(Arc::new(Semaphore::new(MOST as usize)))
    }
}

impl Background {
    /// Spawns `work`, once there is room for it. A task that is spawned goes to the back of the queue: when the caller
    /// is a handler that has its answer ready, that answer is written first.
    pub async fn spawn(&self, name: String, work: impl Future<Output = ()> + Send + 'static) {
        let place = self.0.clone().acquire_owned().await.expect("nobody closes it");
        let work = async move {
            let _place = place;
            work.await;
        };
        glassloop::spawn_named(name, work).detach();
    }

    /// Waits until none runs. A loop that ends cuts the tasks that are left; so a program calls this first.
    pub async fn all_ended(&self) {
        let _all = self.0.acquire_many(MOST).await.expect("nobody closes it");
    }
}
