//! `http_heap RUNTIME [timer] [flat]`: what `http_server` is, and answers each line of its input with the bytes that its
//! heap holds, as they were asked for: without what the allocator adds to a block, and without what it keeps.
//! `http_heap alone CONNECTIONS [timer] [flat]`: prints what a connection holds without a runtime.
#![allow(unsafe_code)] // a global allocator cannot be had without

use std::alloc::{GlobalAlloc, Layout, System};
use std::io::{self, BufRead};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

#[path = "../http/mod.rs"]
mod http;

struct Counting;

static HELD: AtomicUsize = AtomicUsize::new(0);

// SAFETY: every call is handed to `System` as it came, and a number changed beside it.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        HELD.fetch_add(layout.size(), Ordering::Relaxed);
        // SAFETY: the caller's promise.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        HELD.fetch_sub(layout.size(), Ordering::Relaxed);
        // SAFETY: the caller's promise.
        unsafe { System.dealloc(block, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

fn main() -> io::Result<()> {
    let mut words = std::env::args().skip(1);
    let name = words.next().unwrap_or_default();
    if name == "alone" {
        let count = words.next().and_then(|count| count.parse().ok()).unwrap_or(1);
        let setup = http::Setup::of(words)?;
        drop(http::alone::connections(1, setup)); // what is allocated once is not any connection's
        let before = HELD.load(Ordering::Relaxed);
        let connections = http::alone::connections(count, setup);
        let held = HELD.load(Ordering::Relaxed) - before - size_of_val(&connections[..]);
        println!("{}", held / count);
        return Ok(());
    }
    thread::spawn(|| {
        for line in io::stdin().lock().lines() {
            line.expect("the other end writes lines");
            println!("{}", HELD.load(Ordering::Relaxed));
        }
    });
    http::serve(&name, http::Setup::of(words)?)
}
