//! Tasks run in the order in which they became ready; whoever yields goes to the back of the queue.

use glassloop::{spawn, yield_now};

async fn count(name: &str) {
    for n in 1..=3 {
        println!("{name} {n}");
        yield_now().await; // back of the queue: now the other one runs
    }
}

fn main() {
    glassloop::run(async {
        let a = spawn(count("a")); // 1: first in
        let b = spawn(count("b")); // 2
        a.await.unwrap();
        b.await.unwrap();
    });
}

// Output:
// a 1
// b 1
// a 2
// b 2
// a 3
// b 3
