//! What becomes of a failure that nobody will see is up to the program: here it is told, and its task made anew.

use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

use glassloop::time::sleep;
use glassloop::trace::OnUnhandled;
use glassloop::{Builder, spawn_checked_named};

/// Fails twice, and then goes on.
async fn worker(tries: Rc<Cell<u32>>) -> Result<(), String> {
    tries.set(tries.get() + 1);
    match tries.get() {
        1 => Err("no paper".to_owned()),
        2 => Err("no ink".to_owned()),
        _ => {
            sleep(Duration::from_secs(1)).await;
            println!("the worker has done its work");
            Ok(())
        }
    }
}

fn start(tries: &Rc<Cell<u32>>) {
    spawn_checked_named("worker", worker(tries.clone())).detach();
}

fn main() {
    let tries = Rc::new(Cell::new(0));
    let again = tries.clone();
    let policy = OnUnhandled::call(move |failure| {
        println!("{failure}");
        start(&again); // a closure of this kind may spawn
    });
    let runtime = Builder::new().start_paused(true).on_unhandled(policy).build().unwrap();
    runtime.block_on(async {
        start(&tries);
        sleep(Duration::from_secs(5)).await;
    });
}

// Output:
// task 2 "worker", spawned at examples/38_supervisor.rs:26:5, returned an error, and nobody holds its handle: no paper
// task 3 "worker", spawned at examples/38_supervisor.rs:26:5, returned an error, and nobody holds its handle: no ink
// the worker has done its work
