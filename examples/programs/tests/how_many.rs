//! Many that wait, and what waiting together is worth.

use std::process::Command;
use std::time::Duration;

use glassloop_programs::how_many::{Waiters, calls, computations, service, steps, wait};

const SMALL: Waiters = Waiters::Threads { stack: 64 << 10 };

#[test]
fn tasks_all_wait_and_all_go() {
    let waiting = wait(Waiters::Tasks, 10_000).unwrap();
    assert_eq!((waiting.count, waiting.refused), (10_000, None));
}

#[test]
fn threads_all_wait_and_all_go() {
    let waiting = wait(SMALL, 100).unwrap();
    assert_eq!((waiting.count, waiting.refused), (100, None));
}

/// What a program says of itself that was started by a shell with a limit.
fn said(limit: &str, waiters: &str) -> serde_json::Value {
    let shell = format!("{limit} exec \"$0\" wait '{waiters}' 10000");
    let run = Command::new("sh").args(["-c", &shell, env!("CARGO_BIN_EXE_how_many")]).output().unwrap();
    assert!(run.status.success(), "{}", String::from_utf8_lossy(&run.stderr));
    serde_json::from_slice(&run.stdout).unwrap()
}

#[test]
fn where_the_system_gives_no_more_threads_those_that_are_there_wait_and_go() {
    // A gigabyte of addresses has room for fewer than 512 stacks of two megabytes.
    let waiting = said("ulimit -v 1048576;", r#"{"Threads":{"stack":2097152}}"#);
    let count = waiting["count"].as_u64().unwrap();
    assert!((1..512).contains(&count), "{count}");
    assert!(!waiting["refused"].is_null());
    assert!(waiting["addresses"].as_u64().unwrap() >= count * 2_097_152);
}

#[test]
fn same_addresses_hold_ten_thousand_tasks() {
    let waiting = said("ulimit -v 1048576;", r#""Tasks""#);
    assert_eq!(waiting["count"], 10_000);
    assert!(waiting["refused"].is_null());
    assert!(waiting["resident"].as_u64().unwrap() < 10_000 * 4096, "less than a page each: {waiting}");
}

#[test]
fn calls_are_answered_in_each_way() {
    let gain = calls(service().unwrap(), 3, Duration::from_millis(2)).unwrap();
    // Each of the three waits; what is shorter was not asked.
    assert!(gain.plain >= 3 * Duration::from_millis(2));
    assert!(gain.in_turn >= 3 * Duration::from_millis(2));
    assert!(gain.together >= Duration::from_millis(2));
}

#[test]
fn work_that_waits_for_nothing_comes_to_the_same_in_each_way() {
    computations(2);
    steps(1000);
}

#[test]
fn program_prints_the_claims_beside_what_it_measured() {
    let run = Command::new(env!("CARGO_BIN_EXE_how_many")).arg("200").output().unwrap();
    let (said, errors) = (String::from_utf8_lossy(&run.stdout), String::from_utf8_lossy(&run.stderr));
    assert!(run.status.success(), "{said}{errors}");
    for words in ["200 tasks ", "200 threads, stacks of 2048 KiB", "20 calls of 20 ms", "4 computations"] {
        assert!(said.contains(words), "{words:?} in\n{said}");
    }
}
