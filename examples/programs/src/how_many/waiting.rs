//! Many that wait, and what they take.

use std::fmt;
use std::io;
use std::sync::{Arc, Condvar, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use glassloop::sync::Notify;
use glassloop::{join_all, spawn, yield_now};
use serde::{Deserialize, Serialize};

/// Who waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Waiters {
    /// Tasks on one thread.
    Tasks,
    /// Threads, each with a stack of so many bytes; std's own choice is 2 MiB.
    Threads { stack: usize },
}

/// What those that wait took.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Waiting {
    /// How many there were; fewer than were asked for, where the system gave no more.
    pub count: usize,
    /// What the system said then.
    pub refused: Option<String>,
    /// Memory in use for them, in bytes (`VmRSS`). What the kernel keeps for a thread is not in it.
    pub resident: u64,
    /// Addresses taken for them, in bytes (`VmPeak`).
    pub addresses: u64,
    /// Until each of them waited.
    pub start: Duration,
    /// Until each of them was woken and gone.
    pub end: Duration,
}

impl Waiting {
    /// Memory in use for each, in bytes.
    pub fn resident_each(&self) -> f64 {
        self.resident as f64 / self.count as f64
    }

    /// How long the start of each took, in seconds.
    pub fn start_each(&self) -> f64 {
        self.start.as_secs_f64() / self.count as f64
    }
}

/// Lets `count` wait at once, and go. Memory that is freed stays with the process, so that only the first call in a
/// process measures it.
///
/// # Errors
/// Where Linux's `/proc` is missing.
pub fn wait(waiters: Waiters, count: usize) -> io::Result<Waiting> {
    match waiters {
        Waiters::Tasks => glassloop::run(tasks(count)),
        Waiters::Threads { stack } => threads(count, stack),
    }
}

async fn tasks(count: usize) -> io::Result<Waiting> {
    let go = std::rc::Rc::new(Notify::new());
    let (before, start) = (Memory::now()?, Instant::now());
    let tasks: Vec<_> = (0..count).map(|_| spawn(go.clone().notified_owned())).collect();
    yield_now().await; // they stood in the queue before us, so each of them waits now
    let (start, taken, end) = (start.elapsed(), Memory::now()?, Instant::now());
    go.notify_waiters();
    let count = join_all(tasks).await.len();
    Ok(taken.since(before).waiting(count, None, start, end.elapsed()))
}

fn threads(count: usize, stack: usize) -> io::Result<Waiting> {
    /// How many threads wait, and whether they may go.
    type Gate = (Mutex<(usize, bool)>, Condvar);
    let gate = Arc::<Gate>::default();
    let (before, start) = (Memory::now()?, Instant::now());
    let (mut threads, mut refused) = (Vec::with_capacity(count), None);
    for _ in 0..count {
        let gate = gate.clone();
        let waits = move || {
            let mut state = gate.0.lock().unwrap();
            state.0 += 1;
            drop(gate.1.wait_while(state, |state| !state.1).unwrap());
        };
        match thread::Builder::new().stack_size(stack).spawn(waits) {
            Ok(thread) => threads.push(thread),
            Err(error) => {
                refused = Some(error.to_string());
                break;
            }
        }
    }
    while gate.0.lock().unwrap().0 < threads.len() {
        thread::yield_now();
    }
    let (start, taken, end) = (start.elapsed(), Memory::now()?, Instant::now());
    gate.0.lock().unwrap().1 = true;
    gate.1.notify_all();
    let count = threads.len();
    threads.into_iter().for_each(|thread| thread.join().expect("it only waits"));
    Ok(taken.since(before).waiting(count, refused, start, end.elapsed()))
}

/// Of this process, in bytes.
#[derive(Clone, Copy)]
struct Memory {
    resident: u64,
    addresses: u64,
}

impl Memory {
    fn now() -> io::Result<Memory> {
        let told = std::fs::read_to_string("/proc/self/status")?;
        let bytes = |name| {
            let kilobytes =
                told.lines().find_map(|line| line.strip_prefix(name)?.strip_suffix("kB")?.trim().parse().ok());
            kilobytes.map(|kilobytes: u64| kilobytes * 1024).ok_or_else(|| io::Error::other(format!("no {name}")))
        };
        Ok(Memory { resident: bytes("VmRSS:")?, addresses: bytes("VmPeak:")? })
    }

    fn since(self, before: Memory) -> Memory {
        Memory {
            resident: self.resident.saturating_sub(before.resident),
            addresses: self.addresses.saturating_sub(before.addresses),
        }
    }

    fn waiting(self, count: usize, refused: Option<String>, start: Duration, end: Duration) -> Waiting {
        let Memory { resident, addresses } = self;
        Waiting { count, refused, resident, addresses, start, end }
    }
}

impl fmt::Display for Waiters {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Waiters::Tasks => f.write_str("tasks"),
            Waiters::Threads { stack } => write!(f, "threads, stacks of {} KiB", stack / 1024),
        }
    }
}
