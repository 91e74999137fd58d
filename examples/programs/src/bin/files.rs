//! 1000 small files, read, counted and written: on the loop's thread, and in four ways on the pool.
//!
//! The documents: aiofiles for files, since a read that blocks stops every task. That is so, and shown. It need not be
//! a gain in time: a small file is in the system's cache, and the way to another thread and back costs more than that.

use std::cell::Cell;
use std::error::Error;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::time::Duration;

use glassloop::spawn;
use glassloop::time::{Instant, sleep};
use glassloop_programs::files::{Counted, Counts, by_calls, by_jobs, in_one_job, in_turn};

const FILES: usize = 1000;
const AT_ONCE: usize = 16;
/// Of each way the best of so many is shown: beside other work on the machine, one alone says little.
const ROUNDS: usize = 3;
const BEAT: Duration = Duration::from_millis(1);

fn main() -> Result<(), Box<dyn Error>> {
    let folder = tempfile::tempdir()?;
    let paths = write_texts(folder.path())?;
    let all = total(in_turn(&paths))?; // a first time, unmeasured: whoever came first would fill the system's cache
    println!("{FILES} files, {} lines, {} words; read, counted, and the counts written", all.lines, all.words);
    println!("the documents: files by aiofiles, so that the loop goes on meanwhile");
    println!();
    println!("                                       took    of the first   the loop stood still");
    glassloop::run(async {
        let mut best = each_way(&paths).await;
        for _ in 1..ROUNDS {
            for (best, again) in best.iter_mut().zip(each_way(&paths).await) {
                if again.took < best.took {
                    *best = again;
                }
            }
        }
        for Measured { how, took, still } in &best {
            let ratio = took.as_secs_f64() / best[0].took.as_secs_f64();
            println!("{how:30}   {took:>10.1?}   {ratio:>10.1} ×   {still:>10.1?}");
        }
        Ok(())
    })
}

async fn each_way(paths: &[PathBuf]) -> [Measured; 5] {
    [
        measure("std::fs on the loop, in turn", async { in_turn(paths) }).await,
        measure("glassloop::fs, 1 at a time", by_calls(paths, 1)).await,
        measure("glassloop::fs, 16 at a time", by_calls(paths, AT_ONCE)).await,
        measure("a job a file, 16 at a time", by_jobs(paths, AT_ONCE)).await,
        measure("one job for all", in_one_job(paths.to_vec())).await,
    ]
}

/// Texts of 20 to 60 lines.
fn write_texts(folder: &Path) -> std::io::Result<Vec<PathBuf>> {
    let paths: Vec<_> = (0..FILES).map(|n| folder.join(format!("{n:03}.txt"))).collect();
    for (n, path) in paths.iter().enumerate() {
        std::fs::write(path, "a line of six words, no more\n".repeat(20 + n % 41))?;
    }
    Ok(paths)
}

fn total(counted: Counted) -> std::io::Result<Counts> {
    counted.into_iter().sum()
}

struct Measured {
    how: &'static str,
    took: Duration,
    /// The longest time in which a task that wants to run every millisecond did not.
    still: Duration,
}

async fn measure(how: &'static str, work: impl Future<Output = Counted>) -> Measured {
    let still = Rc::new(Cell::new(Duration::ZERO));
    let seen = still.clone();
    let beat = spawn(async move {
        let mut last = Instant::now();
        loop {
            sleep(BEAT).await;
            seen.set(seen.get().max(last.elapsed()));
            last = Instant::now();
        }
    });
    sleep(BEAT).await; // it beats
    let start = Instant::now();
    total(work.await).expect("the files can be read");
    let took = start.elapsed();
    sleep(BEAT * 2).await; // and once more
    beat.abort();
    Measured { how, took, still: still.get() }
}
