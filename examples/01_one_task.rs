//! `spawn` makes a task ready and runs nothing. The task runs when the one who spawned it waits.

fn main() {
    glassloop::run(async {
        println!("1 the root spawns"); // the root: the future given to `run`
        let task = glassloop::spawn(async {
            println!("3 the task runs");
            42
        });
        println!("2 the root goes on");
        let answer = task.await.unwrap(); // only here does the root wait
        println!("4 the root has {answer}");
    });
}

// Output:
// 1 the root spawns
// 2 the root goes on
// 3 the task runs
// 4 the root has 42
