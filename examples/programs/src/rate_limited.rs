//! A consumer that is gentle with whom it calls: five at a time, three tries, a longer wait after each failure.

use std::rc::Rc;
use std::time::Duration;

use glassloop::time::sleep;

use crate::fetch::at_most;

/// How many items are worked on at a time.
pub const AT_ONCE: usize = 5;
/// What follows each failed try. There are as many tries.
pub const BACK_OFF: [Duration; 3] = [Duration::from_secs(1), Duration::from_secs(2), Duration::from_secs(4)];

/// Calls for every item, and gives what came back, in the order in which it came. Each failure goes to `log` with its
/// try, counted from 1; an item that failed three times is dropped.
///
/// An item keeps its place among the five while it waits, after its last try too: the more calls fail, the fewer are
/// made.
///
/// # Cancel safety
/// Dropped, it cancels the calls that are under way, and what came back is lost.
///
/// # Panics
/// If a call does.
pub async fn consume<I, T, E>(
    items: impl IntoIterator<Item = I>,
    call: impl AsyncFn(&I) -> Result<T, E> + 'static,
    log: impl Fn(&I, usize, E) + 'static,
) -> Vec<T>
where
    I: 'static,
    T: 'static,
    E: 'static,
{
    let how = Rc::new((call, log));
    let persist = |item| {
        let how = how.clone();
        async move {
            let (call, log) = &*how;
            for (n, wait) in (1..).zip(BACK_OFF) {
                match call(&item).await {
                    Ok(answer) => return Some(answer),
                    Err(error) => log(&item, n, error),
                }
                sleep(wait).await;
            }
            None
        }
    };
    let mut answers = Vec::new();
    at_most(AT_ONCE, items.into_iter().map(persist), |answer| answers.extend(answer)).await;
    answers
}
