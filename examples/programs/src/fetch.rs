//! Many calls, so many at once: enough to overlap their waits, not so many that the other side suffers.

use std::rc::Rc;
use std::time::Duration;

use axum::Router;
use axum::extract::Path;
use axum::routing::get;
use glassloop::JoinSet;
use glassloop::sync::Semaphore;
use glassloop::time::sleep;

/// Makes every call, at most `at_once` at a time and in their order, and gives `each` the results as they come.
///
/// # Cancel safety
/// Dropped, it cancels the calls that are under way, and those that wait are not made.
///
/// # Panics
/// If a call does.
pub async fn at_most<C>(at_once: usize, calls: impl IntoIterator<Item = C>, mut each: impl FnMut(C::Output))
where
    C: Future<Output: 'static> + 'static,
{
    let permits = Rc::new(Semaphore::new(at_once));
    let mut set = JoinSet::new();
    for call in calls {
        let permits = permits.clone();
        set.spawn(async move {
            let _permit = permits.acquire().await.expect("it is never closed");
            call.await
        });
    }
    while let Some(done) = set.join_next().await {
        each(done.expect("a call does not panic"));
    }
}

/// A site where `/after/200` takes 200 ms.
pub fn slow_site() -> Router {
    async fn after(Path(ms): Path<u64>) -> &'static str {
        sleep(Duration::from_millis(ms)).await;
        "done"
    }
    Router::new().route("/after/{ms}", get(after))
}
