//! A producer that is faster than its consumer fills the memory, unless the channel holds it back.

use std::cell::Cell;
use std::rc::Rc;

use glassloop::sync::mpsc;
use glassloop::{Builder, spawn, yield_now};

use super::mistake::Mistake;

pub(super) const MISTAKE: Mistake =
    Mistake { title: "a producer faster than its consumer", compiler: "", wrong, mended };

fn wrong(builder: Builder) -> Vec<String> {
    builder.build().unwrap().block_on(async {
        let (sender, mut receiver) = mpsc::unbounded_channel();
        spawn(async move { (0..1000).for_each(|n| sender.send(n).unwrap()) }).detach();
        let mut most = 0;
        while receiver.recv().await.is_some() {
            most = most.max(receiver.len() + 1);
            yield_now().await; // works on it
        }
        vec![format!("at most {most} of 1000 items waited")]
    })
}

fn mended(builder: Builder) -> Vec<String> {
    builder.build().unwrap().block_on(async {
        let (sender, mut receiver) = mpsc::channel(10);
        let sent = Rc::new(Cell::new(0));
        let counter = sent.clone();
        spawn(async move {
            for n in 0..1000 {
                sender.send(n).await.unwrap(); // waits for room
                counter.set(n + 1);
            }
        })
        .detach();
        let (mut most, mut taken) = (0, 0);
        while receiver.recv().await.is_some() {
            most = most.max(sent.get() - taken);
            taken += 1;
            yield_now().await;
        }
        vec![format!("at most {most} of {taken} items waited")]
    })
}
