//! `abort` drops nothing by itself. At the task's turn in the queue its future is dropped instead of polled.

use glassloop::{spawn, yield_now};

struct Guard;

impl Drop for Guard {
    fn drop(&mut self) {
        println!("4 the future is dropped");
    }
}

fn main() {
    glassloop::run(async {
        let task = spawn(async {
            let _guard = Guard;
            println!("1 the task waits");
            std::future::pending::<()>().await;
            println!("never printed");
        });
        yield_now().await;
        println!("2 abort");
        task.abort(); // to the back of the queue
        println!("3 abort has returned");
        let error = task.await.unwrap_err();
        println!("5 cancelled: {}", error.is_cancelled());
    });
}

// Output:
// 1 the task waits
// 2 abort
// 3 abort has returned
// 4 the future is dropped
// 5 cancelled: true
