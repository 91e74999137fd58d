//! Reading, awaiting, writing: what others wrote meanwhile is lost.

use std::cell::Cell;
use std::rc::Rc;

use glassloop::sync::Mutex;
use glassloop::{Builder, spawn, yield_now};

use super::mistake::Mistake;

pub(super) const MISTAKE: Mistake = Mistake { title: "a lost update", compiler: "", wrong, mended };

fn wrong(builder: Builder) -> Vec<String> {
    builder.build().unwrap().block_on(async {
        let counter = Rc::new(Cell::new(0));
        let tasks: Vec<_> = (0..100)
            .map(|_| {
                let counter = counter.clone();
                spawn(async move {
                    let read = counter.get();
                    yield_now().await; // the other 99 read the same
                    counter.set(read + 1);
                })
            })
            .collect();
        for task in tasks {
            task.await.unwrap();
        }
        // First in, first out: all read 0 before the first writes 1. So it is 1, each time.
        vec![format!("100 tasks added 1 each: {}", counter.get())]
    })
}

fn mended(builder: Builder) -> Vec<String> {
    builder.build().unwrap().block_on(async {
        let counter = Rc::new(Mutex::new(0));
        let tasks: Vec<_> = (0..100)
            .map(|_| {
                let counter = counter.clone();
                spawn(async move {
                    let mut counter = counter.lock().await; // kept across the await
                    let read = *counter;
                    yield_now().await;
                    *counter = read + 1;
                })
            })
            .collect();
        for task in tasks {
            task.await.unwrap();
        }
        vec![format!("100 tasks added 1 each: {}", *counter.lock().await)]
    })
}
