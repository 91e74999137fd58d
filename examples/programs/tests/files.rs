//! Small files, read, counted and written on the pool.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::process::Command;

use glassloop::metrics;
use glassloop_programs::files::{Counted, beside, by_calls, by_jobs, in_one_job, in_turn};

fn texts(folder: &Path, n: usize) -> Vec<PathBuf> {
    let paths: Vec<_> = (0..n).map(|n| folder.join(format!("{n}.txt"))).collect();
    for (n, path) in paths.iter().enumerate() {
        fs::write(path, "three short words\n".repeat(n)).unwrap();
    }
    paths
}

/// Counts forty files, among them one that is no text and one that is not there.
fn check(way: impl AsyncFn(Vec<PathBuf>) -> Counted) {
    let folder = tempfile::tempdir().unwrap();
    let paths = texts(folder.path(), 40);
    fs::write(&paths[7], [0xff, 0xfe]).unwrap();
    fs::remove_file(&paths[20]).unwrap();
    let counted = glassloop::run(way(paths.clone()));
    assert_eq!(counted.len(), 40);
    for (n, (counts, path)) in counted.into_iter().zip(&paths).enumerate() {
        let written = fs::read_to_string(beside(path)).ok();
        match n {
            7 | 20 => {
                let kind = if n == 7 { ErrorKind::InvalidData } else { ErrorKind::NotFound };
                assert_eq!((counts.unwrap_err().kind(), written), (kind, None));
            }
            _ => {
                let counts = counts.unwrap();
                assert_eq!((counts.lines, counts.words), (n, 3 * n));
                assert_eq!(written, Some(format!("{} {}\n", n, 3 * n)));
            }
        }
    }
}

#[test]
fn in_turn_counts_and_writes_each_and_an_error_is_its_files_alone() {
    check(async |paths| in_turn(&paths));
}

#[test]
fn by_calls_counts_and_writes_each_and_an_error_is_its_files_alone() {
    check(async |paths| by_calls(&paths, 5).await);
}

#[test]
fn by_jobs_counts_and_writes_each_and_an_error_is_its_files_alone() {
    check(async |paths| by_jobs(&paths, 5).await);
}

#[test]
fn in_one_job_counts_and_writes_each_and_an_error_is_its_files_alone() {
    check(in_one_job);
}

#[test]
fn no_more_files_are_worked_at_at_once_than_was_asked() {
    let folder = tempfile::tempdir().unwrap();
    let paths = texts(folder.path(), 200);
    glassloop::run(async {
        by_calls(&paths, 3).await;
        by_jobs(&paths, 3).await;
        assert_eq!(metrics().unwrap().blocking.threads, 3); // a job that finds no idle thread makes one
    });
}

#[test]
fn program_alone_measures_five_ways_and_ends() {
    let output = Command::new(env!("CARGO_BIN_EXE_files")).output().unwrap();
    assert!(output.status.success());
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.starts_with("1000 files, 39800 lines, 278600 words"), "{text}");
    assert_eq!(text.lines().filter(|line| line.contains(" × ")).count(), 5, "{text}");
}
