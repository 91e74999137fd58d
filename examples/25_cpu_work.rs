//! Work that computes, three ways: without a loop, on the loop, and with `spawn_cpu`, beside a heart that beats once
//! a millisecond. On the loop it gains nothing and stops the heart; on the CPU pool it does neither.

use std::cell::Cell;
use std::ops::Range;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use glassloop::{spawn, spawn_cpu, time::sleep, try_join_all, yield_now};

const PIECES: [Range<u32>; 2] = [2..100_000, 100_000..160_000];

fn primes(range: Range<u32>) -> usize {
    range.filter(|n| (2..).take_while(|by| by * by <= *n).all(|by| n % by != 0)).count()
}

fn main() {
    let start = Instant::now();
    let found = PIECES.map(primes);
    let without = start.elapsed();
    println!("without a loop: {found:?} primes");

    let (same, beats, on_loop) = glassloop::run(beside_a_heart(async |_| {
        try_join_all(PIECES.map(|piece| spawn(async { primes(piece) }))).await.unwrap()
    }));
    println!("on the loop: {same:?}, and {beats} beats of the heart meanwhile");

    let (same, beats, on_pool) = glassloop::run(beside_a_heart(async |has_beaten| {
        let search = |piece: Range<u32>, has_beaten: Arc<AtomicBool>| loop {
            let found = primes(piece.clone());
            if has_beaten.load(Ordering::Relaxed) {
                return found; // so what is printed depends on no machine: it would never end if the heart stood
            }
        };
        try_join_all(PIECES.map(|piece| {
            spawn_cpu({
                let has_beaten = has_beaten.clone();
                move || search(piece, has_beaten)
            })
        }))
        .await
        .unwrap()
    }));
    println!("with spawn_cpu: {same:?}, and {} beats", if beats > 0 { "some" } else { "no" });

    let [on_loop, on_pool] = [on_loop, on_pool].map(|time| time.as_secs_f64() / without.as_secs_f64());
    eprintln!("time: 1 without a loop, {on_loop:.2} on the loop, {on_pool:.2} with spawn_cpu"); // 1, 1, 0.5 on two cores
}

/// The work's output, how often the heart beat while it was done, and how long that took.
async fn beside_a_heart<T>(work: impl AsyncFnOnce(Arc<AtomicBool>) -> T) -> (T, u32, Duration) {
    let (beats, has_beaten) = (Rc::new(Cell::new(0)), Arc::new(AtomicBool::new(false)));
    let heart = spawn({
        let (beats, has_beaten) = (beats.clone(), has_beaten.clone());
        async move {
            loop {
                sleep(Duration::from_millis(1)).await;
                beats.set(beats.get() + 1);
                has_beaten.store(true, Ordering::Relaxed);
            }
        }
    });
    yield_now().await; // its first timer is armed
    let start = Instant::now();
    let output = work(has_beaten).await;
    let took = start.elapsed();
    heart.abort();
    (output, beats.get(), took)
}

// Output:
// without a loop: [9592, 5091] primes
// on the loop: [9592, 5091], and 0 beats of the heart meanwhile
// with spawn_cpu: [9592, 5091], and some beats
