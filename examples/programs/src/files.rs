//! Small files, read, counted and written: on the loop's thread, and on the pool.

use std::io;
use std::iter::Sum;
use std::path::{Path, PathBuf};

use glassloop::sync::Semaphore;
use glassloop::{fs, join_all, spawn_blocking};

/// What is counted of a text.
#[derive(Clone, Copy, Default, Debug, PartialEq, Eq)]
pub struct Counts {
    /// Its lines.
    pub lines: usize,
    /// Its words.
    pub words: usize,
}

impl Counts {
    fn of(text: &str) -> Counts {
        Counts { lines: text.lines().count(), words: text.split_whitespace().count() }
    }
}

impl Sum for Counts {
    fn sum<I: Iterator<Item = Counts>>(each: I) -> Counts {
        each.fold(Counts::default(), |sum, one| Counts {
            lines: sum.lines + one.lines,
            words: sum.words + one.words,
        })
    }
}

/// What became of each file, in the order in which they were given. An error is its file's alone.
pub type Counted = Vec<io::Result<Counts>>;

/// Where the counts of a text are written: beside it.
#[must_use]
pub fn beside(text: &Path) -> PathBuf {
    text.with_extension("count")
}

/// Reads, counts and writes one file; blocks.
fn one_blocking(path: &Path) -> io::Result<Counts> {
    let counts = Counts::of(&std::fs::read_to_string(path)?);
    std::fs::write(beside(path), line(counts))?;
    Ok(counts)
}

fn line(counts: Counts) -> String {
    format!("{} {}\n", counts.lines, counts.words)
}

/// One file after the other; blocks.
#[must_use]
pub fn in_turn(paths: &[PathBuf]) -> Counted {
    paths.iter().map(|path| one_blocking(path)).collect()
}

/// Each file in two jobs, a read and a write, with the counting on the loop; `at_once` files at a time.
///
/// # Panics
/// Outside of a running loop.
pub async fn by_calls(paths: &[PathBuf], at_once: usize) -> Counted {
    bounded(paths, at_once, async |path| {
        let counts = Counts::of(&fs::read_to_string(&path).await?);
        fs::write(beside(&path), line(counts)).await?;
        Ok(counts)
    })
    .await
}

/// Each file in one job; `at_once` files at a time.
///
/// # Panics
/// Outside of a running loop.
pub async fn by_jobs(paths: &[PathBuf], at_once: usize) -> Counted {
    bounded(paths, at_once, async |path| {
        spawn_blocking(move || one_blocking(&path)).await.map_err(io::Error::other)?
    })
    .await
}

/// All files in one job.
///
/// # Panics
/// Outside of a running loop.
pub async fn in_one_job(paths: Vec<PathBuf>) -> Counted {
    spawn_blocking(move || in_turn(&paths)).await.expect("counting does not panic")
}

async fn bounded(paths: &[PathBuf], at_once: usize, each: impl AsyncFn(PathBuf) -> io::Result<Counts>) -> Counted {
    let places = Semaphore::new(at_once);
    join_all(paths.iter().map(async |path| {
        let _place = places.acquire().await.expect("it is never closed");
        each(path.clone()).await
    }))
    .await
}
