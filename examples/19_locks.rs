//! A lock is for what must stay together across an `.await`. Whoever gives it back hands it to the first in line.

use std::cell::Cell;
use std::rc::Rc;

use glassloop::sync::{Mutex, RwLock, Semaphore};
use glassloop::{join_all, spawn, yield_now};

/// Read, wait, write: between the two, others have read the same.
async fn without_a_lock() -> u32 {
    let counter = Cell::new(0);
    join_all((0..100).map(async |_| {
        let read = counter.get();
        yield_now().await;
        counter.set(read + 1);
    }))
    .await;
    counter.get()
}

async fn with_a_lock() -> u32 {
    let counter = Mutex::new(0);
    join_all((0..100).map(async |_| {
        let mut counter = counter.lock().await;
        let read = *counter;
        yield_now().await;
        *counter = read + 1;
    }))
    .await;
    counter.into_inner()
}

/// The first in line has the lock before anybody can come in between, even its former holder.
async fn hand_over() {
    let lock = Rc::new(Mutex::new("nobody"));
    let mut held = lock.clone().lock_owned().await;
    *held = "main";
    let waiting = spawn({
        let lock = lock.clone();
        async move { println!("the first in line has it after {}", lock.lock().await) }
    });
    yield_now().await;
    drop(held); // handed over, though `waiting` has not run yet
    println!("may main have it back at once? {}", lock.try_lock().is_ok());
    waiting.await.unwrap();
}

/// Readers share; a writer that waits stops those who come after it.
async fn many_readers() {
    let lock = RwLock::new(0);
    let read = async |name| {
        let value = lock.read().await;
        println!("{name} reads {}", *value);
        yield_now().await;
    };
    let write = async || {
        *lock.write().await += 1;
        println!("the writer writes");
    };
    join_all((0..4).map(async |n| match n {
        2 => write().await,
        n => read(["one", "two", "", "late"][n]).await,
    }))
    .await;
}

/// So many at once, and no more.
async fn at_most_three() {
    let (at_once, most, semaphore) = (Cell::new(0), Cell::new(0), Semaphore::new(3));
    join_all((0..10).map(async |_| {
        let _permit = semaphore.acquire().await.unwrap();
        at_once.set(at_once.get() + 1);
        most.set(most.get().max(at_once.get()));
        yield_now().await;
        at_once.set(at_once.get() - 1);
    }))
    .await;
    println!("with three permits, at most {} at once", most.get());
}

fn main() {
    glassloop::run(async {
        println!("100 tasks add one, without a lock: {}", without_a_lock().await);
        println!("100 tasks add one, with a lock: {}", with_a_lock().await);
        hand_over().await;
        many_readers().await;
        at_most_three().await;
    });
}

// Output:
// 100 tasks add one, without a lock: 1
// 100 tasks add one, with a lock: 100
// may main have it back at once? false
// the first in line has it after main
// one reads 0
// two reads 0
// the writer writes
// late reads 1
// with three permits, at most 3 at once
