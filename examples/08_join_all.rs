//! `join_all` drives futures side by side in one task. Its outputs stand in the order of the futures.

use glassloop::{join_all, yield_now};

async fn work(name: &str, yields: u32) -> &str {
    for _ in 0..yields {
        yield_now().await;
    }
    println!("{name} ends");
    name
}

fn main() {
    glassloop::run(async {
        let outputs = join_all([work("slow", 2), work("quick", 0), work("middle", 1)]).await;
        println!("{outputs:?}");
    });
}

// Output:
// quick ends
// middle ends
// slow ends
// ["slow", "quick", "middle"]
