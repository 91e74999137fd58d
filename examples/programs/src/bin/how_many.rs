//! 10,000 tasks that wait, beside 10,000 threads that wait; and where waiting together gains nothing, or loses.
//!
//! Each measurement of memory has a process of its own: the program starts itself anew. Two facts in a nutshell, under
//! virtual time, are the examples `29_many_waiting_tasks` and `30_what_is_gained`; here all is real.

use std::error::Error;
use std::io;
use std::process::Command;
use std::time::Duration;

use glassloop_programs::how_many::{Gain, Waiters, Waiting, calls, computations, service, steps, wait};

const MANY: usize = 10_000;
const ROUNDS: usize = 5;

fn main() -> Result<(), Box<dyn Error>> {
    if let Some(waiters) = std::env::args().nth(1) {
        println!("{}", serde_json::to_string(&wait(serde_json::from_str(&waiters)?, MANY)?)?);
        return Ok(());
    }
    waiting()?;
    gains()
}

fn waiting() -> Result<(), Box<dyn Error>> {
    println!("{MANY} at once; the documents: as tasks they are cheap, as threads they are not");
    println!("                                  each: in use    addresses   all: start       end");
    let usual = Waiters::Threads { stack: 2 << 20 };
    let small = Waiters::Threads { stack: 64 << 10 };
    let tasks = measured(Waiters::Tasks)?;
    for (waiters, waiting) in [(Waiters::Tasks, &tasks), (usual, &measured(usual)?), (small, &measured(small)?)] {
        let count = waiting.count.max(1);
        println!(
            "{:>7} {:30} {:>5} B {:>10.1} KiB {:>12.3?} {:>10.3?}",
            waiting.count,
            waiters.to_string(),
            waiting.resident / count as u64,
            waiting.addresses as f64 / 1024.0 / count as f64,
            waiting.start,
            waiting.end,
        );
        if let Some(refused) = &waiting.refused {
            println!("        the system gave no more: {refused}");
        }
    }
    println!("        A thread has also what the kernel keeps for it, which is counted nowhere here.\n");
    Ok(())
}

/// In a process that has done nothing else.
fn measured(waiters: Waiters) -> Result<Waiting, Box<dyn Error>> {
    let this = std::env::current_exe()?;
    let output = Command::new(this).arg(serde_json::to_string(&waiters)?).output()?;
    if !output.status.success() {
        return Err(format!("{waiters}: {}, {}", output.status, String::from_utf8_lossy(&output.stderr)).into());
    }
    Ok(serde_json::from_slice(&output.stdout)?)
}

fn gains() -> Result<(), Box<dyn Error>> {
    println!("the same work; medians of {ROUNDS} rounds");
    println!("                            plain code  as tasks: in turn     together    gain");
    let service = service()?;
    let waits = |what: &str, count, wait| {
        let rounds: io::Result<Vec<_>> = (0..ROUNDS).map(|_| calls(service, count, wait)).collect();
        rounds.map(|rounds| print(what, &rounds))
    };
    waits("100 calls of 20 ms", 100, Duration::from_millis(20))?;
    println!("the documents: few calls, calls under a millisecond and CPU work gain nothing");
    waits("1 call of 20 ms", 1, Duration::from_millis(20))?;
    waits("2 calls of 0.2 ms", 2, Duration::from_micros(200))?;
    waits("2 calls, answered at once", 2, Duration::ZERO)?;
    waits("1000 calls, answered at once", 1000, Duration::ZERO)?;
    print("100,000 steps, nobody called", &[(); ROUNDS].map(|()| steps(100_000)));
    let (on_the_loop, on_threads): (Vec<_>, Vec<_>) = (0..ROUNDS).map(|_| computations(10)).unzip();
    print("10 computations", &on_the_loop);
    print("10, together by spawn_cpu", &on_threads);
    Ok(())
}

fn print(what: &str, rounds: &[Gain]) {
    let gain = Gain::median(rounds);
    let Gain { plain, in_turn, together } = gain;
    println!("{what:28} {plain:>9.2?} {in_turn:>18.2?} {together:>12.2?} {:>5.2} x", gain.factor());
}
