//! What waiting together gains is the waiting, and nothing else: much where many calls wait long, next to nothing
//! where they are few or short, nothing where they need not wait.

use std::time::Duration;

use glassloop::time::{Instant, sleep};
use glassloop::{Builder, join_all};

async fn call(wait: Duration) {
    if !wait.is_zero() {
        sleep(wait).await;
    }
}

fn main() {
    // Virtual time: what is measured is the waiting alone.
    Builder::new().start_paused(true).build().unwrap().block_on(async {
        let (long, short) = (Duration::from_millis(200), Duration::from_micros(200));
        for (calls, wait) in [(10, long), (1, long), (3, short), (1000, Duration::ZERO)] {
            let start = Instant::now();
            for _ in 0..calls {
                call(wait).await;
            }
            let in_turn = start.elapsed();

            let start = Instant::now();
            join_all((0..calls).map(|_| call(wait))).await;
            let gained = in_turn - start.elapsed();
            println!("{calls} x {wait:?}: {in_turn:?} one after the other, {gained:?} less together");
        }
    });
}

// Output:
// 10 x 200ms: 2s one after the other, 1.8s less together
// 1 x 200ms: 200ms one after the other, 0ns less together
// 3 x 200µs: 600µs one after the other, 400µs less together
// 1000 x 0ns: 0ns one after the other, 0ns less together
