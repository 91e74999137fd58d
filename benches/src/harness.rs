//! Rivals take turns: one process each, one sample each a round, and the first of a round is another every time, so
//! that what disturbs one disturbs all. Criterion sees glassloop's samples; the row sees everybody's.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread;
use std::time::{Duration, Instant};
use std::{env, io};

use criterion::{Criterion, SamplingMode};
use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};

use crate::{Aim, FLOOR, FOREIGN, Figure, Missing, OURS, Row};

/// Who the program `rival` can be. `compio` and `monoio` run on epoll; `_uring` is the same on io_uring, and glommio
/// knows nothing else.
pub const NAMES: [&str; 9] =
    [FLOOR, OURS, "tokio", "smol", "compio", "monoio", "compio_uring", "monoio_uring", "glommio"];

/// How many tasks or timers an operation in batches has at a time; counts are multiples of it.
pub const BATCH: usize = 1000;

/// One operation, and the rows that it gives.
pub struct Race {
    /// What the program `rival` calls it.
    pub operation: &'static str,
    /// Its first figure, and the second if it has one.
    pub rows: &'static [Spec],
    /// How much a sample is.
    pub sample: Sample,
    /// Whether all stay on one core: not if threads are part of the work.
    pub pinned: bool,
    /// Whether Python's loops run it too, and how many times faster than them is wanted.
    pub python: Option<f64>,
}

/// A row before it is measured.
pub struct Spec {
    /// As in [`Row`].
    pub name: &'static str,
    /// As in [`Row`].
    pub place: u32,
    /// As in [`Row`].
    pub work: &'static str,
    /// `ns`, `µs` or `bytes`.
    pub unit: &'static str,
    /// At most so many.
    pub aim: f64,
}

/// How much work is in a sample.
pub enum Sample {
    /// As much as takes 40 ms, or 4 ms if it has to be quick.
    Timed,
    /// So much; and so much if it has to be quick.
    Fixed(usize, usize),
    /// So much, by a process that has done nothing before.
    Fresh(usize),
}

// Long enough for the caches to be warm for most of it: another rival was here before.
const LONG: Duration = Duration::from_millis(40);
const LONG_IF_QUICK: Duration = Duration::from_millis(4);
/// Nobody needs so long for a sample, unless it hangs.
const PATIENCE: Duration = Duration::from_secs(60);
/// Samples a rival, beside the one that criterion takes to warm up.
const ROUNDS: usize = 11;
const ROUNDS_IF_QUICK: usize = 3;

/// Runs races and leaves their rows; `program` is the `rival` that cargo built for the bench.
pub fn run(program: &str, races: &[Race]) {
    let mut criterion = Criterion::default().configure_from_args();
    for race in races {
        Field::new(program, race).run(&mut criterion);
    }
    criterion.final_summary();
}

/// The rivals of a race, and what they needed so far.
struct Field<'a> {
    program: &'a str,
    race: &'a Race,
    quick: bool,
    started: bool,
    runners: Vec<Runner>,
    missing: Vec<Missing>,
}

struct Runner {
    rival: &'static str,
    process: Process,
    count: usize,
    samples: [Vec<f64>; 2],
}

impl<'a> Field<'a> {
    fn new(program: &'a str, race: &'a Race) -> Field<'a> {
        let quick = env::args().any(|argument| argument == "--quick");
        Field { program, race, quick, started: false, runners: Vec::new(), missing: Vec::new() }
    }

    fn run(mut self, criterion: &mut Criterion) {
        let spec = &self.race.rows[0];
        let nanos = match spec.unit {
            "µs" => 1000.0,
            _ => 1.0, // Criterion knows times alone: bytes are nanoseconds to it.
        };
        let mut group = criterion.benchmark_group(self.race.operation);
        // As many calls as rounds and one to warm up, however short glassloop's samples are.
        group.sampling_mode(SamplingMode::Flat).sample_size(ROUNDS);
        group.warm_up_time(Duration::from_nanos(1)).measurement_time(Duration::from_millis(1));
        group.bench_function("glassloop", |bencher| {
            bencher.iter_custom(|iterations| {
                for _ in 0..if self.quick { ROUNDS_IF_QUICK } else { 1 } {
                    self.round();
                }
                let ours = self.runners.iter().find(|runner| runner.rival == OURS);
                let last = ours.and_then(|runner| runner.samples[0].last()).expect("glassloop can do it");
                Duration::from_nanos((last * nanos * iterations as f64) as u64)
            });
        });
        group.finish();
        if self.started {
            self.report();
        }
    }

    /// A sample of each.
    fn round(&mut self) {
        if !self.started {
            self.start();
        }
        self.runners.rotate_left(1);
        let mut lost = Vec::new();
        for runner in &mut self.runners {
            if let Sample::Fresh(_) = self.race.sample {
                runner.process =
                    Process::start(self.program, runner.rival, self.race.pinned).expect("it has started before");
            }
            match runner.process.perform(self.race.operation, runner.count) {
                Ok(found) => runner.samples.iter_mut().zip(found).for_each(|(samples, found)| samples.push(found)),
                Err(why) => lost.push((runner.rival, why)),
            }
        }
        for (rival, why) in lost {
            self.runners.retain(|runner| runner.rival != rival);
            self.miss(rival, why);
        }
    }

    /// Starts all, and finds how much each does in a sample.
    fn start(&mut self) {
        self.started = true;
        let python: &[_] = if self.race.python.is_some() { &FOREIGN } else { &[] };
        for &rival in NAMES.iter().chain(python) {
            let started = Process::start(self.program, rival, self.race.pinned).map_err(|error| error.to_string());
            let ready = started.and_then(|mut process| {
                let count = self.count(&mut process)?;
                Ok(Runner { rival, process, count, samples: [Vec::new(), Vec::new()] })
            });
            match ready {
                Ok(runner) => self.runners.push(runner),
                Err(why) => self.miss(rival, why),
            }
        }
    }

    fn count(&self, process: &mut Process) -> Result<usize, String> {
        let long = if self.quick { LONG_IF_QUICK } else { LONG };
        match self.race.sample {
            Sample::Fixed(count, if_quick) => Ok(if self.quick { if_quick } else { count }),
            Sample::Fresh(count) => process.perform(self.race.operation, BATCH).map(|_| count),
            Sample::Timed => {
                let mut count = BATCH;
                loop {
                    let start = Instant::now();
                    process.perform(self.race.operation, count)?;
                    let took = start.elapsed();
                    if took > long / 4 {
                        let wanted = count as f64 * long.as_secs_f64() / took.as_secs_f64();
                        return Ok((wanted as usize).next_multiple_of(BATCH));
                    }
                    count *= 4;
                }
            }
        }
    }

    fn miss(&mut self, rival: &str, why: String) {
        // That the floor has no pool is no news.
        if rival != FLOOR {
            eprintln!("!!! {}: {rival} is MISSING: {why}", self.race.operation);
            self.missing.push(Missing { rival: rival.to_owned(), why });
        }
    }

    fn report(mut self) {
        self.runners.sort_by_key(|runner| NAMES.iter().chain(&FOREIGN).position(|&name| name == runner.rival));
        for (n, spec) in self.race.rows.iter().enumerate() {
            let figures = self.runners.iter().filter(|runner| !runner.samples[n].is_empty());
            let row = Row {
                name: spec.name.to_owned(),
                place: spec.place,
                work: spec.work.to_owned(),
                unit: spec.unit.to_owned(),
                aim: Aim::AtMost(spec.aim),
                figures: figures.map(|runner| Figure::of(runner.rival, runner.samples[n].clone())).collect(),
                missing: self.missing.clone(),
            };
            if let Some(times) = self.race.python {
                for python in FOREIGN {
                    if let (Some(theirs), Some(ours)) = (row.median(python), row.median(OURS)) {
                        leave(row.beside(python, theirs / ours, times));
                    }
                }
            }
            leave(row);
        }
    }
}

fn leave(row: Row) {
    println!("{}", row.line());
    row.write().expect("the target folder can be written");
}

/// A rival's process; dropped, it is killed.
struct Process {
    child: Child,
    orders: ChildStdin,
    answers: Receiver<String>,
}

impl Process {
    fn start(program: &str, rival: &str, pinned: bool) -> io::Result<Process> {
        let mut command = if FOREIGN.contains(&rival) {
            let mut command = Command::new(crate::python(rival));
            command.arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("src/rivals/rival.py"));
            command
        } else {
            Command::new(program)
        };
        command.arg(rival).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = if pinned { on_one_core(|| command.spawn()) } else { command.spawn() }?;
        let orders = child.stdin.take().expect("piped");
        let lines = BufReader::new(child.stdout.take().expect("piped")).lines();
        let (send, answers) = channel();
        // So that one that hangs can be given up: it ends when the process does.
        thread::spawn(move || lines.map_while(Result::ok).all(|line| send.send(line).is_ok()));
        Ok(Process { child, orders, answers })
    }

    fn perform(&mut self, operation: &str, count: usize) -> Result<[f64; 2], String> {
        let gone = |_| "it ended: see above".to_owned();
        writeln!(self.orders, "{operation} {count}").map_err(gone)?;
        let answer = self.answers.recv_timeout(PATIENCE).map_err(|error| match error {
            RecvTimeoutError::Timeout => format!("no answer in {} s", PATIENCE.as_secs()),
            RecvTimeoutError::Disconnected => "it ended: see above".to_owned(),
        })?;
        if let Some(why) = answer.strip_prefix("! ") {
            return Err(why.to_owned());
        }
        let figures = answer.split_once(' ').and_then(|(a, b)| Some([a.parse().ok()?, b.parse().ok()?]));
        figures.ok_or_else(|| format!("it answered {answer:?}"))
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill().and_then(|()| self.child.wait());
    }
}

/// What `start` starts stays on the last core that this program may use: the first one has the most interrupts.
fn on_one_core<T>(start: impl FnOnce() -> T) -> T {
    let all = sched_getaffinity(None).expect("a Linux");
    let last = (0..CpuSet::MAX_CPU).rfind(|&core| all.is_set(core)).expect("one at least");
    let mut one = CpuSet::new();
    one.set(last);
    sched_setaffinity(None, &one).expect("it may use that one");
    let result = start();
    sched_setaffinity(None, &all).expect("it might before");
    result
}
