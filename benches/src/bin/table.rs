//! Prints the rows that the benches left as Markdown, for `docs/PERFORMANCE.md`. `benches/table` runs the benches
//! first.
//!
//! `table --clear`: forgets them instead, so that the next table has no row of an older run.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::PathBuf;
use std::process::{Command, ExitCode};
use std::{env, fs, io};

use glassloop_benches::{Aim, FLOOR, FOREIGN, Figure, OURS, Row, TOKIO, figure, python, rows_folder};

fn main() -> ExitCode {
    let clear = env::args().nth(1).is_some_and(|argument| argument == "--clear");
    match if clear { forget() } else { page() } {
        Ok(text) => {
            print!("{text}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("no table: {error}");
            ExitCode::FAILURE
        }
    }
}

fn forget() -> io::Result<String> {
    for old in [fs::remove_dir_all(rows_folder()), fs::remove_file(echo_file())] {
        match old {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
    }
    Ok(String::new())
}

fn page() -> io::Result<String> {
    let mut rows = Row::read_all()?;
    rows.extend(echo_rows()?);
    rows.sort_by_key(|row| row.place);
    Ok(format!("{}{}{}{}{}", preface(), main_table(&rows), aims(&rows), everybody(&rows), missing(&rows)))
}

/// Where, when and with what it was measured.
fn preface() -> String {
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    let kernel = read("/proc/sys/kernel/osrelease");
    let load = read("/proc/loadavg");
    let load = load.split(' ').take(3).collect::<Vec<_>>().join(" ");
    let info = read("/proc/cpuinfo");
    let model = |key| Some(info.lines().find(|line| line.starts_with(key))?.split_once(": ")?.1.to_owned());
    let cpu = ["model name", "model\t"].map(|key| model(key).unwrap_or_default()).join(", model ");
    let peers =
        ["tokio", "smol", "compio", "monoio", "local-sync", "glommio", "mio"].map(|peer| match version(peer) {
            Some(version) => format!("{peer} {version}"),
            None => format!("{peer} of an unknown version"),
        });
    let mut text = String::new();
    let _ = writeln!(text, "Measured on {} at commit {}.\n", ask("date", &["-u", "+%F"]), commit());
    let _ = writeln!(text, "- Machine: {cpu}, {cores} cores, Linux {kernel}; load at the end {load}");
    let _ = writeln!(text, "- Versions: {}; {}", ask("rustc", &["--version"]), peers.join(", "));
    let uvloop = ask(&python("uvloop"), &["-c", "import uvloop; print('uvloop', uvloop.__version__)"]);
    let _ = writeln!(
        text,
        "- {}, {uvloop}; all of Rust by the profile `bench`: fat LTO, one codegen unit",
        ask("python3", &["--version"])
    );
    let _ = writeln!(
        text,
        "- Figures are medians; the rivals took turns, one process each. Rows that nobody waits in are the processor's \
         time of the whole process, on one core. `compio` and `monoio` are on epoll, `compio_uring`, `monoio_uring` and \
         `glommio` on io_uring.\n"
    );
    text
}

fn main_table(rows: &[Row]) -> String {
    let mut text = "| work | unit | floor | glassloop | best peer | tokio | glassloop ÷ floor | ÷ best peer | ÷ tokio | aim | |\n\
                    |---|---|---|---|---|---|---|---|---|---|---|\n"
        .to_owned();
    for row in rows {
        let ours = row.median(OURS);
        let best = row.best_peer();
        let beside = [row.median(FLOOR), best.map(|best| best.median), row.median(TOKIO)];
        let show = |value: Option<f64>| value.map_or("–".to_owned(), figure);
        let [to_floor, to_best, to_tokio] = beside
            .map(|other| ours.zip(other).map_or("–".to_owned(), |(ours, other)| format!("{:.2}", ours / other)));
        let best = best.map_or("–".to_owned(), |best| format!("{} {}", best.rival, figure(best.median)));
        let verdict = match ours.and_then(|ours| met(row, ours)) {
            Some(true) => "met",
            Some(false) => "**missed**",
            None => "",
        };
        let _ = writeln!(
            text,
            "| {} | {} | {} | {} | {best} | {} | {to_floor} | {to_best} | {to_tokio} | {} | {verdict} |",
            row.work,
            row.unit,
            show(beside[0]),
            show(ours),
            show(beside[2]),
            row.aim
        );
    }
    text
}

/// Whether a row's aim is met by a figure, judged by the digits with which it is shown: bytes are counted by the page, and
/// 128.08 of them are 128.
fn met(row: &Row, value: f64) -> Option<bool> {
    row.aim.met(figure(value).parse().expect("what is shown is a number"))
}

/// Which aims are missed, and by how much.
fn aims(rows: &[Row]) -> String {
    let wanted = rows.iter().filter_map(|row| Some((row, row.median(OURS)?, met(row, row.median(OURS)?)?)));
    let (met, missed): (Vec<_>, Vec<_>) = wanted.partition(|(_, _, met)| *met);
    let mut text = format!("\n{} aims are met, {} are missed:\n\n", met.len(), missed.len());
    for (row, ours, _) in missed {
        let _ = writeln!(text, "- {}: {} {}, wanted {}", row.work, figure(ours), row.unit, row.aim);
    }
    for row in rows.iter().filter(|row| row.median(OURS).is_none()) {
        let _ = writeln!(text, "- {}: glassloop has no figure", row.work);
    }
    text
}

/// Everybody's figures, with the quartiles between which half of the samples lay.
fn everybody(rows: &[Row]) -> String {
    let mut rivals: Vec<&str> = Vec::new();
    for figure in rows.iter().flat_map(|row| &row.figures) {
        if !rivals.contains(&&*figure.rival) {
            rivals.push(&figure.rival);
        }
    }
    // Python's loops in rows of their own ratios, and so at the end here.
    rivals.sort_by_key(|rival| FOREIGN.contains(rival));
    let mut text = format!(
        "\n## Everybody\n\nThe median, and the quartiles around it.\n\n| work | {} |\n",
        rivals.join(" | ")
    );
    let _ = writeln!(text, "|---|{}", "---|".repeat(rivals.len()));
    for row in rows.iter().filter(|row| row.figures.len() > 1) {
        let _ = write!(text, "| {}, {} |", row.work, row.unit);
        for rival in &rivals {
            let found = row.figures.iter().find(|figure| figure.rival == *rival);
            let _ = write!(text, " {} |", found.map_or("–".to_owned(), cell));
        }
        text.push('\n');
    }
    text
}

fn cell(found: &Figure) -> String {
    let [median, low, high] = [found.median, found.low, found.high].map(figure);
    if low == high { median } else { format!("{median} ({low}…{high})") }
}

/// Who is not there, and why, once.
fn missing(rows: &[Row]) -> String {
    let mut why: BTreeMap<(&str, &str), Vec<&str>> = BTreeMap::new();
    for row in rows {
        for missing in &row.missing {
            why.entry((&missing.rival, &missing.why)).or_default().push(&row.name);
        }
    }
    let mut text = String::new();
    for ((rival, why), rows) in why {
        let _ = writeln!(text, "- {rival} is not in {}: {why}", rows.join(", "));
    }
    if text.is_empty() { text } else { format!("\nMissing:\n\n{text}") }
}

// ---- rows of I/O, as benches/echo.rs leaves them

fn echo_file() -> PathBuf {
    rows_folder().with_file_name("echo.tsv")
}

/// Lines of `row connections rival ns of_mio of_tokio bytes`, by tabs, under a line that says so.
fn echo_rows() -> io::Result<Vec<Row>> {
    let text = match fs::read_to_string(echo_file()) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        text => text?,
    };
    let mut rows: BTreeMap<u32, Row> = BTreeMap::new();
    for line in text.lines().skip(1) {
        let [_, connections, rival, _, of_mio, _, bytes] = *line.split('\t').collect::<Vec<_>>() else {
            return Err(io::Error::other(format!("{}: {line}", echo_file().display())));
        };
        let connections: u32 = connections.parse().map_err(io::Error::other)?;
        let rival = if rival == "mio" { FLOOR } else { rival };
        let times = of_mio.parse().map_err(io::Error::other)?;
        rows.entry(200 + connections)
            .or_insert_with(|| echo_row(connections))
            .figures
            .push(Figure::of(rival, vec![times]));
        if connections == 10_000
            && let Ok(bytes) = bytes.parse()
        {
            rows.entry(u32::MAX).or_insert_with(idle_row).figures.push(Figure::of(rival, vec![bytes]));
        }
    }
    // The place of memory is behind all of time.
    let mut rows: Vec<Row> = rows.into_values().collect();
    let beside: Vec<Row> =
        rows.iter().flat_map(|row| FOREIGN.iter().filter_map(|python| beside(row, python))).collect();
    rows.extend(beside);
    Ok(rows)
}

fn echo_row(connections: u32) -> Row {
    Row {
        name: format!("echo-{connections}"),
        place: 200 + connections,
        work: format!("TCP echo 64 B, server CPU a request, {connections} connections"),
        unit: "× mio".to_owned(),
        aim: Aim::AtMost(1.03),
        figures: Vec::new(),
        missing: Vec::new(),
    }
}

fn idle_row() -> Row {
    Row {
        name: "idle-connection-bytes".to_owned(),
        place: 20_010,
        work: "memory of an idle TCP connection with its 1 KiB buffer".to_owned(),
        unit: "bytes".to_owned(),
        aim: Aim::AtMost(1250.0),
        figures: Vec::new(),
        missing: Vec::new(),
    }
}

fn beside(row: &Row, python: &str) -> Option<Row> {
    let times = row.median(python)? / row.median(OURS)?;
    Some(row.beside(python, times, 1.4))
}

// ---- the machine

fn read(path: &str) -> String {
    fs::read_to_string(path).map_or("of an unknown kind".to_owned(), |text| text.trim().to_owned())
}

fn ask(program: &str, arguments: &[&str]) -> String {
    let asked = Command::new(program).args(arguments).output();
    match asked {
        Ok(output) if output.status.success() => String::from_utf8_lossy(&output.stdout).trim().to_owned(),
        _ => format!("no {program}"),
    }
}

fn commit() -> String {
    let here = env!("CARGO_MANIFEST_DIR");
    ask("git", &["-C", here, "describe", "--always", "--dirty", "--exclude=*"])
}

/// What the lock file says.
fn version(package: &str) -> Option<String> {
    let lock = fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../Cargo.lock")).ok()?;
    let name = format!("name = \"{package}\"\nversion = \"");
    let versions: Vec<&str> =
        lock.match_indices(&name).filter_map(|(at, _)| lock[at + name.len()..].split('"').next()).collect();
    versions.last().map(|newest| (*newest).to_owned())
}
