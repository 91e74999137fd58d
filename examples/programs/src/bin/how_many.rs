//! 10,000 tasks that wait, beside 10,000 threads that wait; and where waiting together gains nothing, or loses.
//!
//! Each measurement of memory has a process of its own: the program starts itself anew. The examples
//! `29_many_waiting_tasks` and `30_what_is_gained` show the two facts in a nutshell, under virtual time; here all is
//! real. `how_many 200` takes 200 instead.

use std::error::Error;
use std::io;
use std::process::Command;
use std::time::Duration;

use glassloop_programs::how_many::{Gain, Waiters, Waiting, calls, computations, service, steps, wait};

const ROUNDS: usize = 5;
/// Short ones, so that the best of many had a processor for itself.
const COMPUTED: usize = 20;

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    match &arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        [] => waiting(10_000)?,
        ["wait", waiters, count] => {
            let waiting = wait(serde_json::from_str(waiters)?, count.parse()?)?;
            println!("{}", serde_json::to_string(&waiting)?);
            return Ok(());
        }
        [count] => waiting(count.parse()?)?,
        _ => return Err("how_many [COUNT]".into()),
    }
    gains()
}

fn waiting(count: usize) -> Result<(), Box<dyn Error>> {
    println!("{count} at once; the documents: as tasks they are cheap, as threads they are not");
    println!("                                  each: in use    addresses   all: start       end");
    let tasks = measured(Waiters::Tasks, count)?;
    print_waiting(Waiters::Tasks, &tasks);
    let usual = Waiters::Threads { stack: 2 << 20 };
    let threads = measured(usual, count)?;
    print_waiting(usual, &threads);
    let small = Waiters::Threads { stack: 64 << 10 };
    print_waiting(small, &measured(small, count)?);

    let memory = threads.resident_each() / tasks.resident_each();
    let start = threads.start_each() / tasks.start_each();
    println!(
        "        A thread takes {memory:.0} times the memory of a task, and {start:.0} times as long to start;"
    );
    println!("        and what the kernel keeps for a thread is counted nowhere here.\n");
    Ok(())
}

fn print_waiting(waiters: Waiters, waiting: &Waiting) {
    let Waiting { count, addresses, start, end, .. } = waiting;
    let (resident, addresses) = (waiting.resident_each(), *addresses as f64 / 1024.0 / *count as f64);
    let waiters = waiters.to_string();
    println!("{count:>7} {waiters:30} {resident:>5.0} B {addresses:>10.1} KiB {start:>12.2?} {end:>10.2?}");
    if let Some(refused) = &waiting.refused {
        println!("        the system gave no more: {refused}");
    }
}

/// In a process that has done nothing else.
fn measured(waiters: Waiters, count: usize) -> Result<Waiting, Box<dyn Error>> {
    let this = std::env::current_exe()?;
    let output =
        Command::new(this).args(["wait", &serde_json::to_string(&waiters)?, &count.to_string()]).output()?;
    if !output.status.success() {
        return Err(format!("{waiters}: {}, {}", output.status, String::from_utf8_lossy(&output.stderr)).into());
    }
    Ok(serde_json::from_slice(&output.stdout)?)
}

fn gains() -> Result<(), Box<dyn Error>> {
    println!("the same work; the best of {ROUNDS} rounds, of {COMPUTED} of the computations");
    println!("                            plain code  as tasks: in turn     together    gain");
    let service = service()?;
    let waits = |what: &str, count, wait| {
        let rounds: io::Result<Vec<_>> = (0..ROUNDS).map(|_| calls(service, count, wait)).collect();
        rounds.map(|rounds| print(what, &rounds))
    };
    waits("20 calls of 20 ms", 20, Duration::from_millis(20))?;
    println!("the documents: few calls, calls under a millisecond and CPU work gain nothing");
    waits("1 call of 20 ms", 1, Duration::from_millis(20))?;
    waits("2 calls of 0.2 ms", 2, Duration::from_micros(200))?;
    waits("2 calls, answered at once", 2, Duration::ZERO)?;
    waits("200 calls, answered at once", 200, Duration::ZERO)?;
    print("20,000 steps, nobody called", &[(); ROUNDS].map(|()| steps(20_000)));
    let (on_the_loop, on_threads): (Vec<_>, Vec<_>) = (0..COMPUTED).map(|_| computations(4)).unzip();
    print("4 computations", &on_the_loop);
    print("4, together by spawn_cpu", &on_threads);
    Ok(())
}

fn print(what: &str, rounds: &[Gain]) {
    let gain = Gain::best(rounds);
    let Gain { plain, in_turn, together } = gain;
    println!("{what:28} {plain:>9.2?} {in_turn:>18.2?} {together:>12.2?} {:>5.2} x", gain.factor());
}
