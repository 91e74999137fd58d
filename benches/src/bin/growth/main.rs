//! What each operation costs beside a crowd of 1, 100, 10,000 and 1,000,000, in user instructions under callgrind.
//!
//! ```text
//! growth                    the table for crowds up to 10,000; fails where a cost grows by more than its law allows
//! growth NAME...            the same for these operations alone
//! growth --write FOLDER [NAME...]
//!                           the same for crowds up to 1,000,000, which takes its time; the costs go to FOLDER/costs.txt,
//!                           and from there, with those that were there already, into a plot for each group
//! growth --crowd NAME N     what is measured: sets up a crowd and does one operation many times
//! ```

mod cases;
mod operations;
mod plot;
mod waiters;

use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::{env, fs, process};

use cases::{CASES, Case};

fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["--crowd", name, n] => {
            let case = CASES.iter().find(|case| case.name == name).expect("a name of the table");
            (case.run)(n.parse().expect("the size of a crowd"));
            unreachable!("{name} measures nothing");
        }
        ["--write", folder, ref names @ ..] => {
            let is_asked = |case: &Case| names.is_empty() || names.contains(&case.name);
            table(&is_asked, 1_000_000, Some(Path::new(folder)))
        }
        [] => table(&|_| true, 10_000, None),
        ref names => table(&|case| names.contains(&case.name), 10_000, None),
    }
}

/// Does `work`, which is `events` operations, and ends the process: what comes after is not what is asked.
pub fn measured(events: usize, work: impl FnOnce()) {
    collected(Box::new(work));
    println!("{events}");
    process::exit(0);
}

/// Callgrind collects while this is on the stack.
#[inline(never)]
fn collected(work: Box<dyn FnOnce() + '_>) {
    work();
}

/// Instructions an operation beside a crowd of `n`.
fn cost(case: &Case, n: usize) -> f64 {
    let out: PathBuf = env::temp_dir().join(format!("glassloop-growth-{}", process::id()));
    let run = Command::new("valgrind")
        .args(["--tool=callgrind", "--toggle-collect=growth::collected"])
        .arg(format!("--callgrind-out-file={}", out.display()))
        .arg(env::current_exe().expect("a program has a path"))
        .args(["--crowd", case.name, &n.to_string()])
        .output()
        .expect("valgrind runs; install it (apt-get install valgrind, dnf install valgrind)");
    let told = String::from_utf8_lossy(&run.stdout);
    let events = told.trim().parse::<f64>();
    let Ok(events) = events else { panic!("{} {n}: {told}{}", case.name, String::from_utf8_lossy(&run.stderr)) };
    let text = fs::read_to_string(&out).expect("callgrind has written");
    let _ = fs::remove_file(&out);
    let total = text.lines().find_map(|line| line.strip_prefix("totals: "));
    total.expect("callgrind tells the total").parse::<f64>().expect("one kind of event") / events
}

fn table(is_asked: &dyn Fn(&Case) -> bool, most: usize, folder: Option<&Path>) -> ExitCode {
    println!("{:<26} {:>9} {:>9} {:>9} {:>9}  law", "instructions beside", 1, 100, 10_000, 1_000_000);
    let mut grown = Vec::new();
    for case in CASES.iter().filter(|case| is_asked(case)) {
        let sizes = [1, 100, 10_000, 1_000_000].into_iter().filter(|n| *n <= most.min(case.most));
        let costs: Vec<(usize, f64)> = sizes.map(|n| (n, cost(case, n))).collect();
        let broken = case.law.broken(&costs);
        let told: String = costs.iter().map(|(_, cost)| format!(" {cost:>9.1}")).collect();
        println!("{:<26}{told:<40}  {}{}", case.name, case.law, if broken { "  GREW" } else { "" });
        if broken {
            grown.push(case.name);
        }
        if let Some(folder) = folder {
            plot::add(folder, case, costs);
        }
    }
    if grown.is_empty() {
        return ExitCode::SUCCESS;
    }
    eprintln!("these cost more beside more than their law allows: {}", grown.join(" "));
    ExitCode::FAILURE
}
