//! `rival RIVAL`: reads lines `OPERATION COUNT`, does each, and answers with what it found. The benches keep one
//! process a rival, so that no runtime meets another's threads, memory or thread-locals, and let them take turns.
//!
//! `rival RIVAL OPERATION COUNT`: does that one.

use std::env;
use std::io::{self, BufRead, Write};
use std::process::ExitCode;

#[path = "../operations/mod.rs"]
mod operations;
#[path = "../rivals/mod.rs"]
mod rivals;

use operations::perform;

fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let Some((rival, once)) = arguments.split_first() else {
        eprintln!("usage: rival RIVAL [OPERATION COUNT]");
        return ExitCode::FAILURE;
    };
    let once = once.join(" ");
    if !once.is_empty() {
        return match answer(rival, &once) {
            Ok(found) => {
                println!("{found}");
                ExitCode::SUCCESS
            }
            Err(why) => {
                eprintln!("{rival} {why}");
                ExitCode::FAILURE
            }
        };
    }
    let mut out = io::stdout();
    for line in io::stdin().lock().lines() {
        let line = line.expect("lines from the bench");
        match answer(rival, &line) {
            Ok(found) => writeln!(out, "{found}"),
            Err(why) => writeln!(out, "! {why}"),
        }
        .expect("the bench reads");
    }
    ExitCode::SUCCESS
}

fn answer(rival: &str, line: &str) -> Result<String, String> {
    let (operation, count) = line.split_once(' ').ok_or("needs OPERATION COUNT")?;
    let count = count.parse().map_err(|_| format!("cannot count to {count}"))?;
    let [first, second] = perform(rival, operation, count)?;
    Ok(format!("{first} {second}"))
}
