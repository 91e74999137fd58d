//! 64 bytes there and back over loopback, beside the peers: the CPU that the server spends on one, at 1 to 10,000
//! connections, and what a connection that waits holds in memory. All rivals run at once and take turns, so that what
//! disturbs one disturbs all; a figure is a median, a ratio the median of the ratios of each turn.
//!
//! The table is printed, and left for other programs in `echo.tsv` beside `CARGO_TARGET_TMPDIR`.

#[path = "../src/echo/rivals.rs"]
mod rivals;

use std::fmt::Write;
use std::path::Path;
use std::time::Duration;
use std::{fs, io};

use criterion::{Criterion, SamplingMode, criterion_group, criterion_main};
use rivals::{Load, PYTHONS, RUNTIMES, Server};

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
        let server = Server::start(name)?;
        drop(Load::connect(&server, 1)?); // What is allocated once is not any connection's.
        let before = server.memory()?;
        let mut load = Load::connect(&server, connections)?;
        load.run(LEAST.div_ceil(connections as u64))?; // So that no turn is the first.
        let memory = server.memory()?.saturating_sub(before) / connections as u64;
        Ok(Rival { name, load, _server: server, memory, turns: Vec::new() })
    }
}

/// All rivals at one number of connections.
struct Row {
    connections: usize,
    rivals: Vec<Rival>,
    /// Echoes of each connection in a turn.
    rounds: u64,
}

impl Row {
    fn start(connections: usize) -> Row {
        let pythons: &[_] = if connections == 64 { &PYTHONS } else { &[] };
        let mut rivals = Vec::new();
        for &name in RUNTIMES.iter().chain(pythons) {
            match Rival::start(name, connections) {
                Ok(rival) => rivals.push(rival),
                Err(error) => eprintln!("!!! {connections} connections: {name} is SKIPPED: {error}"),
            }
        }
        Row { connections, rivals, rounds: 0 }
    }

    /// One turn of every rival; what glassloop would have spent on `echoes`.
    fn turn(&mut self, echoes: u64) -> Duration {
        let rounds = echoes.max(LEAST).div_ceil(self.connections as u64);
        if rounds != self.rounds {
            self.rounds = rounds; // The turns before were criterion's warming up.
            self.rivals.iter_mut().for_each(|rival| rival.turns.clear());
        }
        self.rivals.rotate_left(1); // Nobody always runs after the same neighbour.
        let mut glassloop = 0.0;
        for rival in &mut self.rivals {
            let spent = rival.load.run(rounds).unwrap_or_else(|error| panic!("{}: {error}", rival.name));
            let each = spent.as_nanos() as f64 / (rounds * self.connections as u64) as f64;
            rival.turns.push(each);
            if rival.name == "glassloop" {
                glassloop = each;
            }
        }
        Duration::from_secs_f64(glassloop * echoes as f64 / 1e9)
    }

    fn ratio(&self, rival: &Rival, to: &str) -> f64 {
        let to = self.rivals.iter().find(|rival| rival.name == to).unwrap();
        median(rival.turns.iter().zip(&to.turns).map(|(a, b)| a / b).collect())
    }

    /// Prints the row, and adds it to `tsv`.
    fn report(mut self, tsv: &mut String) {
        self.rivals.sort_by_key(|rival| RUNTIMES.iter().chain(&PYTHONS).position(|&name| name == rival.name));
        let Row { connections, ref rivals, rounds } = self;
        let turns = rivals[0].turns.len();
        println!(
            "\n| echo, {connections} connections: {turns} turns of {rounds} | CPU ns | of mio | of tokio | bytes |"
        );
        println!("|---|---|---|---|---|");
        for rival in rivals {
            let (ns, memory) = (median(rival.turns.clone()), rival.memory);
            let [mio, tokio] = ["mio", "tokio"].map(|to| self.ratio(rival, to));
            // Of few connections the pages are too coarse a measure.
            let bytes = if connections >= 1000 { memory.to_string() } else { "–".to_owned() };
            println!("| {} | {ns:.0} | {mio:.2} | {tokio:.2} | {bytes} |", rival.name);
            let _ = writeln!(tsv, "echo\t{connections}\t{}\t{ns:.1}\t{mio:.4}\t{tokio:.4}\t{bytes}", rival.name);
        }
        println!();
    }
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

fn echo(criterion: &mut Criterion) {
    let mut tsv = "row\tconnections\trival\tns\tof_mio\tof_tokio\tbytes\n".to_owned();
    let mut group = criterion.benchmark_group("echo");
    // Criterion sees glassloop's CPU alone: eight rivals and the load run beside it.
    group.sampling_mode(SamplingMode::Flat).sample_size(15);
    group.warm_up_time(Duration::from_millis(20)).measurement_time(Duration::from_millis(300));
    for connections in [1, 64, 1000, 10_000] {
        let mut row = None;
        group.bench_function(format!("{connections} connections"), |bencher| {
            let row = row.get_or_insert_with(|| Row::start(connections));
            bencher.iter_custom(|echoes| row.turn(echoes));
        });
        if let Some(row) = row {
            row.report(&mut tsv);
        }
    }
    group.finish();
    fs::write(Path::new(env!("CARGO_TARGET_TMPDIR")).with_file_name("echo.tsv"), tsv).unwrap();
}

criterion_group!(benches, echo);
criterion_main!(benches);
