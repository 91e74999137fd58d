//! A task-local value holds in one task. A child has it if it asks; what the child makes of it is its own.

use glassloop::{spawn, task, task_local, yield_now};

task_local! {
    static REQUEST: u32;
}

async fn step(name: &str) {
    match REQUEST.try_get() {
        Ok(request) => println!("request {request}: {name}"),
        Err(_) => println!("no request: {name}"),
    }
}

async fn serve() {
    step("began").await;
    yield_now().await; // the other request runs meanwhile
    let audit = spawn(task::inherit(step("audit")));
    let stray = spawn(step("stray"));
    audit.await.unwrap();
    stray.await.unwrap();
}

fn main() {
    glassloop::run(async {
        let first = spawn(REQUEST.scope(1, serve()));
        let second = spawn(REQUEST.scope(2, serve()));
        first.await.unwrap();
        second.await.unwrap();
    });
}

// Output:
// request 1: began
// request 2: began
// request 1: audit
// no request: stray
// request 2: audit
// no request: stray
