//! A worker in the background panics. The rest of the program lives on, and waits for what will never be done.

use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;
use std::time::Duration;

use glassloop::sync::mpsc;
use glassloop::time::sleep;
use glassloop::trace::OnUnhandled;
use glassloop::{Builder, spawn};

use super::mistake::Mistake;

pub(super) const MISTAKE: Mistake = Mistake { title: "a dead worker, a live server", compiler: "", wrong, mended };

#[derive(Clone, Default)]
struct Count {
    accepted: Rc<Cell<u32>>,
    begun: Rc<Cell<u32>>,
}

impl Count {
    fn told(&self) -> String {
        let were = if self.accepted.get() == 1 { "request was" } else { "requests were" };
        format!("{} {were} accepted, {} was begun", self.accepted.get(), self.begun.get())
    }
}

fn print(sheets_left: u32) {
    assert!(sheets_left > 0, "out of paper");
}

async fn serve(count: Count) {
    let (requests, mut to_print) = mpsc::unbounded_channel();
    let begun = count.begun.clone();
    spawn(async move {
        while let Some(()) = to_print.recv().await {
            begun.set(begun.get() + 1);
            print(0);
        }
    })
    .detach();
    for _ in 0..3 {
        count.accepted.set(count.accepted.get() + 1);
        let _unheard = requests.send(()); // whether anybody prints it is not asked
        sleep(Duration::from_secs(1)).await;
    }
}

fn wrong(builder: Builder) -> Vec<String> {
    let count = Count::default();
    builder.start_paused(true).build().unwrap().block_on(serve(count.clone()));
    vec![count.told()]
}

fn mended(builder: Builder) -> Vec<String> {
    let count = Count::default();
    let runtime = builder.start_paused(true).on_unhandled(OnUnhandled::Shutdown).build().unwrap();
    let ended = catch_unwind(AssertUnwindSafe(|| runtime.block_on(serve(count.clone())))); // to show it here
    let report = *ended.unwrap_err().downcast::<String>().unwrap();
    let (_, words) = report.rsplit_once("nobody holds its handle: ").unwrap();
    vec![count.told(), format!("stopped: {words}")]
}
