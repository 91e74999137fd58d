//! What `#[glassloop::main]` and `#[glassloop::test]` expand to.

use std::any::Any;
use std::future::Future;
use std::ops::RangeInclusive;
use std::panic::{AssertUnwindSafe, Location, catch_unwind, resume_unwind};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use super::limit;
use crate::runtime::{Builder, Deadlock, Runtime};

/// What both attributes may say of the runtime.
#[doc(hidden)]
#[derive(Clone, Debug)]
pub struct Settings {
    pub start_paused: bool,
    pub order: Order,
}

/// In which order ready tasks are polled.
#[doc(hidden)]
#[derive(Clone, Debug)]
pub enum Order {
    Fifo,
    Seed(u64),
    /// A run for each.
    Seeds(RangeInclusive<u64>),
}

impl Settings {
    fn builder(&self, seed: Option<u64>) -> Builder {
        let builder = Builder::new().start_paused(self.start_paused);
        match seed {
            Some(seed) => builder.seed(seed),
            None => builder,
        }
    }
}

/// Runs a program.
#[doc(hidden)]
#[track_caller]
pub fn main<F: Future>(settings: Settings, future: F) -> F::Output {
    let seed = match settings.order {
        Order::Seed(seed) => Some(seed),
        Order::Fifo | Order::Seeds(_) => None,
    };
    built(settings.builder(seed)).block_on(future)
}

#[track_caller]
pub(super) fn built(builder: Builder) -> Runtime {
    match builder.build() {
        Ok(runtime) => runtime,
        Err(error) => panic!("no glassloop runtime could be made: {error}"),
    }
}

/// Drives a test's function on a runtime, as a task that stands in no box: so a report of locks can tell its guards.
pub(super) type Run = dyn Fn(&Runtime) -> Result<ExitCode, Deadlock> + Send + Sync;

/// One run of a test.
#[derive(Clone)]
pub(super) struct Once {
    /// As `cargo test` is given it.
    pub(super) name: &'static str,
    pub(super) settings: Settings,
    pub(super) seed: Option<u64>,
    pub(super) run: Arc<Run>,
}

impl Once {
    pub(super) fn builder(&self) -> Builder {
        self.settings.builder(self.seed)
    }
}

/// Runs a test: `body` once for each seed, and each time for no longer than `limit`. The output is what `report` makes of
/// the body's.
///
/// # Panics
/// With the body's own panic, with the report of a deadlock, and with a report when the limit is reached.
#[doc(hidden)]
#[track_caller]
pub fn test<F: Future>(
    path: &'static str,
    settings: Settings,
    limit: Option<Duration>,
    body: impl Fn() -> F + Send + Sync + 'static,
    report: impl Fn(F::Output) -> ExitCode + Send + Sync + 'static,
) -> ExitCode {
    let site = Location::caller();
    let run = move |runtime: &Runtime| runtime.drive(body(), site).map(&report);
    run_test(path, settings, limit, Arc::new(run))
}

/// Apart from `test`, of which a compiler makes one for each test.
#[track_caller]
fn run_test(path: &'static str, settings: Settings, limit: Option<Duration>, run: Arc<Run>) -> ExitCode {
    let name = path.split_once("::").map_or(path, |(_crate, name)| name);
    let order = settings.order.clone();
    let mut once = Once { name, settings, seed: None, run };
    let ended = match order {
        Order::Fifo => run_once(&once, limit),
        Order::Seed(seed) => {
            once.seed = Some(seed);
            run_once(&once, limit)
        }
        Order::Seeds(seeds) => run_each(&mut once, seeds, limit),
    };
    match ended {
        Ok(code) => code,
        Err(report) => panic!("{report}"), // not in a closure, which would be the place that it names
    }
}

/// The error is a report, to be the words of a panic.
fn run_once(once: &Once, limit: Option<Duration>) -> Result<ExitCode, String> {
    match limit {
        None => (once.run)(&built(once.builder())).map_err(|deadlock| deadlock.to_string()),
        Some(limit) => limit::run(once, limit),
    }
}

/// A run for each seed, up to the first that fails; which that is, is said.
fn run_each(once: &mut Once, seeds: RangeInclusive<u64>, limit: Option<Duration>) -> Result<ExitCode, String> {
    let seeds = match asked_for() {
        Some(seed) => seed..=seed,
        None => seeds,
    };
    for seed in seeds.clone() {
        once.seed = Some(seed);
        let ended = catch_unwind(AssertUnwindSafe(|| run_once(once, limit)));
        if matches!(ended, Ok(Ok(ExitCode::SUCCESS))) {
            continue;
        }
        let note = format!(
            "glassloop: {0} failed under seed {seed}, of {1} to {2}; to run it alone: {SEED}={seed} cargo test {0} -- --exact",
            once.name,
            seeds.start(),
            seeds.end()
        );
        return match ended {
            Ok(Err(report)) => Err(format!("{report}\n{note}")),
            ended => {
                eprintln!("{note}"); // not `panics::say`: what this prints, the harness keeps with the test's output
                ended.unwrap_or_else(|payload: Box<dyn Any + Send>| resume_unwind(payload))
            }
        };
    }
    Ok(ExitCode::SUCCESS)
}

/// The variable that names the one of a test's `seeds` to run.
const SEED: &str = "GLASSLOOP_SEED";

fn asked_for() -> Option<u64> {
    let seed = std::env::var_os(SEED)?;
    let parsed = seed.to_str().and_then(|seed| seed.parse().ok());
    Some(parsed.unwrap_or_else(|| panic!("the variable {SEED} is {seed:?}, and must be a seed: a number, as 7")))
}
