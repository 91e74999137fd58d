//! 64 bytes there and back over loopback, beside the peers: the CPU that the server spends on one, at 1 to 10,000
//! connections, and what a connection that waits holds in memory. All rivals run at once and take turns, so that what
//! disturbs one disturbs all; a ratio to the loop on mio is the median of the ratios of each turn.

#[path = "../src/echo/rivals.rs"]
mod rivals;

use std::time::Duration;
use std::{fs, io};

use criterion::{Criterion, SamplingMode, criterion_group, criterion_main};
use glassloop_benches::served::{Load, Server};
use glassloop_benches::{Aim, FLOOR, FOREIGN, Figure, Missing, OURS, Row};
use rivals::{MIO, RUNTIMES};

/// The fewest echoes a turn, so that a look at the clock (under 1 µs, twice a turn) is lost in them.
const LEAST: u64 = 2000;

struct Rival {
    name: &'static str,
    load: Load,
    /// Runs until it is dropped.
    _server: Server,
    /// What an idle connection holds, bytes.
    memory: u64,
    /// The server's CPU an echo, ns: of each turn.
    turns: Vec<f64>,
}

impl Rival {
    fn start(name: &'static str, connections: usize) -> io::Result<Rival> {
        let server = rivals::start(name)?;
        drop(rivals::connect(&server, 1)?); // What is allocated once is not any connection's.
        let before = server.memory()?;
        let mut load = rivals::connect(&server, connections)?;
        load.run(LEAST.div_ceil(connections as u64))?; // So that no turn is the first.
        let memory = server.memory()?.saturating_sub(before) / connections as u64;
        Ok(Rival { name, load, _server: server, memory, turns: Vec::new() })
    }
}

/// All rivals at one number of connections.
struct Race {
    connections: usize,
    rivals: Vec<Rival>,
    missing: Vec<Missing>,
    /// Echoes of each connection in a turn.
    rounds: u64,
}

impl Race {
    fn start(connections: usize) -> Race {
        let foreign: &[_] = if connections == 64 { &FOREIGN } else { &[] };
        let (mut rivals, mut missing) = (Vec::new(), Vec::new());
        for &name in RUNTIMES.iter().chain(foreign) {
            match Rival::start(name, connections) {
                Ok(rival) => rivals.push(rival),
                Err(error) => {
                    eprintln!("!!! echo, {connections} connections: {name} is SKIPPED: {error}");
                    missing.push(Missing { rival: name.to_owned(), why: error.to_string() });
                }
            }
        }
        Race { connections, rivals, missing, rounds: 0 }
    }

    /// One turn of every rival; what glassloop would have spent on `echoes`.
    fn turn(&mut self, echoes: u64) -> Duration {
        let rounds = echoes.max(LEAST).div_ceil(self.connections as u64);
        if rounds != self.rounds {
            self.rounds = rounds; // The turns before were criterion's warming up.
            self.rivals.iter_mut().for_each(|rival| rival.turns.clear());
        }
        self.rivals.rotate_left(1); // Nobody always runs after the same neighbour.
        for rival in &mut self.rivals {
            let spent = rival.load.run(rounds).unwrap_or_else(|error| panic!("{}: {error}", rival.name));
            rival.turns.push(spent.cpu.as_nanos() as f64 / (rounds * self.connections as u64) as f64);
        }
        Duration::from_secs_f64(self.rival(OURS).turns.last().unwrap() * echoes as f64 / 1e9)
    }

    fn rival(&self, name: &str) -> &Rival {
        self.rivals.iter().find(|rival| rival.name == name).unwrap()
    }

    /// Leaves the row of CPU time, and where connections are many that of memory; prints both.
    fn report(mut self, place: u32) -> io::Result<()> {
        let Race { connections, rounds, .. } = self;
        self.rivals.sort_by_key(|rival| RUNTIMES.iter().chain(&FOREIGN).position(|&name| name == rival.name));
        let mut cpu = Row {
            name: format!("echo-{connections}"),
            place,
            work: format!("TCP echo 64 B, server CPU a request, {connections} connections"),
            unit: "× mio".to_owned(),
            aim: Aim::AtMost(1.03),
            figures: Vec::new(),
            missing: self.missing.clone(),
        };
        let floor = &self.rival(MIO).turns;
        println!(
            "\n| echo, {connections} connections: {} turns of {rounds} | CPU ns | × mio | bytes |",
            floor.len()
        );
        println!("|---|---|---|---|");
        for rival in &self.rivals {
            let ns = Figure::of(rival.name, rival.turns.clone()).median;
            let ratios = rival.turns.iter().zip(floor).map(|(ours, floor)| ours / floor).collect();
            let figure = Figure::of(shown(rival), ratios);
            println!("| {} | {ns:.0} | {:.3} | {} |", rival.name, figure.median, rival.memory);
            cpu.figures.push(figure);
        }
        println!();
        cpu.write()?;
        // Of few connections, pages are too coarse a measure.
        if connections < 10_000 {
            return Ok(());
        }
        let work = "memory an idle TCP connection with its 1 KiB buffer".to_owned();
        let bytes = |rival: &Rival| Figure::of(shown(rival), vec![rival.memory as f64]);
        let figures = self.rivals.iter().map(bytes).collect();
        let (name, unit, aim) = ("echo-memory".to_owned(), "bytes".to_owned(), Aim::AtMost(1250.0));
        Row { name, place: place + 30, work, unit, aim, figures, missing: self.missing }.write()
    }
}

/// The row's name of a rival: the floor of I/O is the loop on mio.
fn shown(rival: &Rival) -> &'static str {
    if rival.name == MIO { FLOOR } else { rival.name }
}

/// What runs beside a server empties its caches while it sleeps: then an echo at one connection costs everybody 23 us
/// where it costs 5, and no rival's own code is seen in that.
fn warn_if_busy() {
    let average = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    if average
        .split(' ')
        .next()
        .and_then(|last_minute| last_minute.parse().ok())
        .is_some_and(|busy: f64| busy > 1.5)
    {
        eprintln!(
            "!!! the machine is busy ({}): ratios, those at one connection above all, lean to 1",
            average.trim()
        );
    }
}

fn echo(criterion: &mut Criterion) {
    warn_if_busy();
    let mut group = criterion.benchmark_group("echo");
    // Criterion sees glassloop's CPU alone: its rivals and the load take ten times as long again.
    group.sampling_mode(SamplingMode::Flat).sample_size(15);
    group.warm_up_time(Duration::from_millis(20)).measurement_time(Duration::from_millis(300));
    for (connections, place) in [(1, 320), (64, 330), (1000, 340), (10_000, 350)] {
        let mut race = None;
        group.bench_function(format!("{connections} connections"), |bencher| {
            let race = race.get_or_insert_with(|| Race::start(connections));
            bencher.iter_custom(|echoes| race.turn(echoes));
        });
        if let Some(race) = race {
            race.report(place).unwrap();
        }
    }
    group.finish();
}

criterion_group!(benches, echo);
criterion_main!(benches);
