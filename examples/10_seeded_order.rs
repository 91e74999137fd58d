//! A seed draws another order of the ready tasks, the same at each run: a program that needs FIFO shows itself.

use std::cell::RefCell;
use std::rc::Rc;

use glassloop::{Builder, join_all, spawn};

/// The order in which five tasks run.
fn order(builder: Builder) -> String {
    let runtime = builder.build().unwrap();
    runtime.block_on(async {
        let ran = Rc::new(RefCell::new(String::new()));
        let tasks = ["a", "b", "c", "d", "e"].map(|name| {
            let ran = ran.clone();
            spawn(async move { ran.borrow_mut().push_str(name) })
        });
        join_all(tasks).await;
        ran.take()
    })
}

fn main() {
    println!("first in, first out: {}", order(Builder::new()));
    println!("seed 1: {}", order(Builder::new().seed(1)));
    println!("seed 2: {}", order(Builder::new().seed(2)));
    println!("seed 1 again: {}", order(Builder::new().seed(1)));
}

// Output:
// first in, first out: abcde
// seed 1: daecb
// seed 2: dabce
// seed 1 again: daecb
