//! Servers end with what started them, and their absence is told.

use std::fs::Permissions;
use std::io::{self, BufRead, BufReader};
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::{Command, Output, Stdio};

use glassloop_programs::servers::{Missing, Postgres, Redis, or_skip};

/// Where the server of a URL listens.
fn address(url: &str) -> String {
    let after = url.split_once('@').unwrap().1;
    after.split_once('/').unwrap().0.to_owned()
}

/// This test program, for one test alone, in another role.
fn again(test: &str) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args([test, "--exact", "--nocapture"]).env("GLASSLOOP_ROLE", test).env_remove("CI");
    command
}

fn is_again() -> bool {
    std::env::var_os("GLASSLOOP_ROLE").is_some()
}

#[test]
fn servers_end_with_their_value_and_take_their_folder_along() {
    let Some(redis) = or_skip(Redis::start()) else { return };
    let address = address(&redis.url());
    assert!(TcpStream::connect(&address).is_ok());
    let folder = redis.folder().to_owned();
    assert!(folder.exists());
    drop(redis);
    assert!(TcpStream::connect(&address).is_err());
    assert!(!folder.exists());
}

#[test]
fn test_that_fails_stops_its_server() {
    let Some(mut redis) = or_skip(Redis::start()) else { return };
    let address = address(&redis.url());
    redis.stop();
    redis.start_again().unwrap();
    assert!(TcpStream::connect(&address).is_ok());
    let failed = catch_unwind(AssertUnwindSafe(move || {
        let _redis = redis;
        panic!("a test fails");
    }));
    assert!(failed.is_err());
    assert!(TcpStream::connect(&address).is_err());
}

#[cfg(target_os = "linux")]
#[test]
fn killed_test_leaves_no_server() {
    if is_again() {
        let (postgres, redis) = (Postgres::start().unwrap(), Redis::start().unwrap());
        println!("\npids {} {}", postgres.pid().unwrap(), redis.pid().unwrap());
        let _ = io::stdin().read_line(&mut String::new()); // forever
        return;
    }
    let (Some(_), Some(_)) = (or_skip(Postgres::start()), or_skip(Redis::start())) else { return };
    // The folders stay where a program is killed; so they are made in one of ours.
    let temporary = tempfile::tempdir().unwrap();
    std::fs::set_permissions(temporary.path(), Permissions::from_mode(0o755)).unwrap();
    let mut command = again("killed_test_leaves_no_server");
    command.env("TMPDIR", temporary.path()).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map(Result::unwrap);
    let pids = lines.find_map(|line| line.strip_prefix("pids ").map(str::to_owned)).unwrap();
    let ends: Vec<_> = pids.split(' ').map(|pid| open(pid.parse().unwrap())).collect();
    child.kill().unwrap();
    child.wait().unwrap();
    for end in ends {
        let ended = glassloop::run(async {
            let end = glassloop::net::AsyncFd::new(end).unwrap();
            glassloop::time::timeout(std::time::Duration::from_secs(30), end.readable()).await.map(drop)
        });
        assert!(ended.is_ok(), "a server of {pids} still runs");
    }
}

/// A descriptor that is readable once the process has ended.
#[cfg(target_os = "linux")]
fn open(pid: i32) -> std::os::fd::OwnedFd {
    use rustix::process::{Pid, PidfdFlags, pidfd_open};
    pidfd_open(Pid::from_raw(pid).unwrap(), PidfdFlags::NONBLOCK).unwrap()
}

fn absent() -> Result<(), Missing> {
    Err(io::Error::other("no `wonderbase` is on this machine").into())
}

fn said(run: &Output) -> String {
    String::from_utf8_lossy(&run.stderr).into_owned() + &String::from_utf8_lossy(&run.stdout)
}

#[test]
fn absent_server_is_a_loud_skip() {
    if is_again() {
        assert!(or_skip(absent()).is_none());
        return;
    }
    // Without `--nocapture`, as `cargo test` runs it.
    let test = "absent_server_is_a_loud_skip";
    let mut command = Command::new(std::env::current_exe().unwrap());
    let run = command.args([test, "--exact"]).env("GLASSLOOP_ROLE", test).env_remove("CI").output().unwrap();
    assert!(run.status.success());
    let expected = format!("SKIPPED {test}: no `wonderbase` is on this machine");
    assert!(said(&run).contains(&expected), "{}", said(&run));
}

#[test]
fn absent_server_is_a_failure_in_ci() {
    if is_again() {
        or_skip(absent());
        return;
    }
    let run = again("absent_server_is_a_failure_in_ci").env("CI", "true").output().unwrap();
    assert!(!run.status.success());
    assert!(said(&run).contains("a server is missing in CI: no `wonderbase`"), "{}", said(&run));
}
