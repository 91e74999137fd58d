//! `select!` polls its branches as they are written: when two are ready at once, the upper one wins, every time.

use glassloop::time::{interval, pause, sleep};
use glassloop::{join, select};
use std::time::Duration;

fn main() {
    glassloop::run(async {
        pause(); // the seconds pass at once
        let second = Duration::from_secs(1);
        let mut ticks = interval(second);
        let mut stop = std::pin::pin!(sleep(2 * second));
        loop {
            select! {
                () = &mut stop => {
                    println!("stop"); // at two seconds, when the tick is ready too
                    break;
                }
                _ = ticks.tick() => println!("tick"),
            }
        }
        let both = join!(async { println!("first") }, async { println!("second") });
        println!("{both:?}");
    });
}

// Output:
// tick
// tick
// stop
// first
// second
// ((), ())
