//! `http [--quick]`: hyper's "hello, world" on glassloop and on tokio, from 64 connections that are kept alive: requests a second in runs
//! that take turns, and what 10,000 connections that wait hold. Prints Markdown; `.ci/http` puts the counts before it.

use std::io;
use std::path::PathBuf;
use std::process::Command;

use glassloop_benches::served::{Load, Server};
use glassloop_benches::{Figure, OURS, TOKIO, figure};

const CONNECTIONS: usize = 64;
const SETUPS: [&[&str]; 2] = [&[], &["timer"]];

struct Size {
    runs: usize,
    /// Of each connection in a run: half a second.
    rounds: u64,
    idle: usize,
}

fn main() -> io::Result<()> {
    let quick = std::env::args().any(|argument| argument == "--quick");
    let size =
        if quick { Size { runs: 3, rounds: 50, idle: 500 } } else { Size { runs: 9, rounds: 1000, idle: 10_000 } };
    rates(&size)?;
    println!();
    memory(&size)
}

/// A program that was built with this one.
fn beside(name: &str) -> PathBuf {
    std::env::current_exe().expect("the program has a path").with_file_name(name)
}

fn words<'a>(name: &'a str, setup: &[&'a str]) -> Vec<&'a str> {
    [&[name], setup].concat()
}

fn suffix(setup: &[&str]) -> String {
    setup.iter().map(|word| format!(", {word}")).collect()
}

/// Servers run side by side, and one of them works at a time. A ratio is one of two runs that follow each other.
fn rates(size: &Size) -> io::Result<()> {
    println!(
        "| {CONNECTIONS} connections, {} runs in turns | requests a second | server's CPU a request, µs |",
        size.runs
    );
    println!("|---|---|---|");
    for setup in SETUPS {
        let mut rivals = Vec::new();
        for name in [OURS, TOKIO] {
            let server = Server::start(&beside("http_server"), &words(name, setup))?;
            let mut load = Load::connect(&beside("http_load"), &server, CONNECTIONS)?;
            load.run(size.rounds / 4)?; // so that no run is the first
            rivals.push((name, server, load, [Vec::new(), Vec::new()]));
        }
        for run in 0..size.runs {
            for turn in 0..2 {
                let (_, _, load, [rates, cpu]) = &mut rivals[(run + turn) % 2];
                let spent = load.run(size.rounds)?;
                let requests = (CONNECTIONS as u64 * size.rounds) as f64;
                rates.push(requests / spent.wall.as_secs_f64());
                cpu.push(spent.cpu.as_secs_f64() * 1e6 / requests);
            }
        }
        for (name, _, _, samples) in &rivals {
            let [rate, cpu] = samples.each_ref().map(|samples| cell(samples.clone()));
            println!("| {name}{} | {rate} | {cpu} |", suffix(setup));
        }
        let [rate, cpu] = [0, 1].map(|kind| {
            let pairs = rivals[0].3[kind].iter().zip(&rivals[1].3[kind]);
            cell(pairs.map(|(ours, theirs)| ours / theirs).collect())
        });
        println!("| ratio | {rate} | {cpu} |");
    }
    Ok(())
}

/// The median, and the quartiles around it.
fn cell(samples: Vec<f64>) -> String {
    let found = Figure::of("", samples);
    format!("{} ({}…{})", figure(found.median), figure(found.low), figure(found.high))
}

/// What connections hold after a request of each. A heap as the program asked for it, by the server that counts it; the
/// process as the kernel sees it, by the one that does not.
fn memory(size: &Size) -> io::Result<()> {
    println!("| {} connections that wait, bytes each | heap | without hyper's own | process |", size.idle);
    println!("|---|---|---|---|");
    for setup in SETUPS {
        let count = size.idle.to_string();
        let alone = Command::new(beside("http_heap")).args(["alone", &count]).args(setup).output()?;
        let hyper: u64 = String::from_utf8_lossy(&alone.stdout).trim().parse().map_err(io::Error::other)?;
        println!("| hyper alone{} | {hyper} | – | – |", suffix(setup));
        let mut found = Vec::new();
        for name in [OURS, TOKIO] {
            let words = words(name, setup);
            let heap = idle("http_heap", &words, size.idle, Server::heap)?;
            let process = idle("http_server", &words, size.idle, |server| server.memory())?;
            println!("| {} | {heap} | {} | {process} |", words.join(", "), heap.saturating_sub(hyper));
            found.push([heap, heap.saturating_sub(hyper), process]);
        }
        let [heap, own, process] = [0, 1, 2].map(|kind| found[0][kind] as f64 / found[1][kind] as f64);
        println!("| ratio | {heap:.3} | {own:.2} | {process:.3} |");
    }
    Ok(())
}

fn idle(
    program: &str,
    words: &[&str],
    connections: usize,
    mut measure: impl FnMut(&mut Server) -> io::Result<u64>,
) -> io::Result<u64> {
    let mut server = Server::start(&beside(program), words)?;
    let first = Load::connect(&beside("http_load"), &server, 1)?; // what is allocated once is not any connection's
    let before = measure(&mut server)?;
    let load = Load::connect(&beside("http_load"), &server, connections)?;
    let held = measure(&mut server)?.saturating_sub(before) / connections as u64;
    drop((first, load));
    Ok(held)
}
