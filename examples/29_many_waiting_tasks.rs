//! Ten thousand tasks wait on one thread. A thread that waits holds a stack, and more in the kernel; a task holds its
//! future.

use std::sync::Barrier;
use std::time::Duration;
use std::{fs, thread};

use glassloop::time::sleep;
use glassloop::{Builder, join_all, spawn, yield_now};

const TASKS: usize = 10_000;
const THREADS: usize = 200; // ten thousand are more than many systems give

/// How much memory this process has in use, in bytes. Linux says so.
fn in_use() -> usize {
    let told = fs::read_to_string("/proc/self/smaps_rollup").expect("this is Linux");
    let kilobytes = told.lines().find_map(|line| line.strip_prefix("Rss:")?.strip_suffix("kB")).unwrap();
    kilobytes.trim().parse::<usize>().unwrap() * 1024
}

fn a_task() -> usize {
    // Virtual time: nobody waits for the second.
    Builder::new().start_paused(true).build().unwrap().block_on(async {
        let before = in_use();
        let tasks: Vec<_> = (0..TASKS).map(|_| spawn(sleep(Duration::from_secs(1)))).collect();
        yield_now().await; // now each of them waits
        let taken = in_use().saturating_sub(before);
        println!("{} tasks are done", join_all(tasks).await.len());
        taken / TASKS
    })
}

fn a_thread() -> usize {
    let (waiting, done) = (Barrier::new(THREADS + 1), Barrier::new(THREADS + 1));
    thread::scope(|scope| {
        let before = in_use();
        for _ in 0..THREADS {
            scope.spawn(|| {
                waiting.wait();
                done.wait();
            });
        }
        waiting.wait();
        let taken = in_use().saturating_sub(before);
        done.wait();
        taken / THREADS
    })
}

fn main() {
    let (thread, task) = (a_thread(), a_task());
    let fit = if thread >= 10 * task { "ten and more" } else { "fewer than ten" };
    println!("where one thread waits, {fit} tasks could");
    eprintln!("bytes in use: {task} a task, {thread} a thread, and what the kernel keeps for each thread");
}

// Output:
// 10000 tasks are done
// where one thread waits, ten and more tasks could
