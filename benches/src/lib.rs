//! What the benches share: the harness that lets rivals take turns, and the row of the table that a bench leaves
//! behind. The rivals themselves are in the program `rival`, so that it alone is linked with all of them.
//!
//! A bench writes each of its rows as a file of JSON into the target folder ([`Row::write`]); `benches/table` runs
//! the benches and makes the page of all rows ([`Row::read_all`]).

use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fmt, fs, io};

use serde::{Deserialize, Serialize};

#[cfg(all(target_os = "linux", feature = "peers"))]
pub mod harness;
#[cfg(all(target_os = "linux", feature = "load"))]
pub mod load;
#[cfg(target_os = "linux")]
pub mod served;

/// The names that the table treats apart; every other rival is a peer.
pub const OURS: &str = "glassloop";
/// A hand-written loop that does the work and nothing else. For I/O it is written on mio.
pub const FLOOR: &str = "floor";
/// The peer that has a column of its own.
pub const TOKIO: &str = "tokio";
/// Other languages' runtimes: shown beside a row, never the best peer.
pub const FOREIGN: [&str; 2] = ["asyncio", "uvloop"];

/// One row of the table: what one kind of work costs everybody.
///
/// As JSON, in `TARGET/rows/NAME.json`:
///
/// ```
/// # use glassloop_benches::Row;
/// let row: Row = serde_json::from_str(
///     r#"{
///         "name": "echo-64",
///         "place": 330,
///         "work": "TCP echo 64 B, server CPU a request, 64 connections",
///         "unit": "× mio",
///         "aim": { "AtMost": 1.03 },
///         "figures": [
///             { "rival": "floor", "median": 1.0, "low": 0.99, "high": 1.01, "samples": 9 },
///             { "rival": "glassloop", "median": 1.02, "low": 1.01, "high": 1.04, "samples": 9 }
///         ],
///         "missing": [ { "rival": "glommio", "why": "needs 512 KiB of locked memory" } ]
///     }"#,
/// )
/// .unwrap();
/// assert_eq!(row.median("glassloop"), Some(1.02));
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Row {
    /// A word that names the file.
    pub name: String,
    /// Rows stand in the order of this number.
    pub place: u32,
    /// What is done, as the table says it.
    pub work: String,
    /// What the figures are.
    pub unit: String,
    /// What glassloop's median should be.
    pub aim: Aim,
    /// One a rival, glassloop among them.
    pub figures: Vec<Figure>,
    /// Who is not among them, and why.
    #[serde(default)]
    pub missing: Vec<Missing>,
}

/// What a row wants of glassloop's median, in the row's unit.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub enum Aim {
    /// This or less.
    AtMost(f64),
    /// This or more.
    AtLeast(f64),
    /// Nothing.
    None,
}

/// What one rival needed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Figure {
    /// Who.
    pub rival: String,
    /// The middle one of the samples.
    pub median: f64,
    /// A quarter of the samples was less than this.
    pub low: f64,
    /// A quarter of the samples was more than this.
    pub high: f64,
    /// How many samples there were.
    pub samples: usize,
}

/// A rival that has no figure.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Missing {
    /// Who.
    pub rival: String,
    /// Why, in a few words.
    pub why: String,
}

impl Figure {
    /// The median and the quartiles of samples.
    pub fn of(rival: impl Into<String>, mut samples: Vec<f64>) -> Figure {
        samples.sort_by(f64::total_cmp);
        let at = |quarters: usize| samples[(samples.len() - 1) * quarters / 4];
        Figure { rival: rival.into(), median: at(2), low: at(1), high: at(3), samples: samples.len() }
    }
}

impl Aim {
    /// Whether a median is as wanted; `None` if nothing is.
    pub fn met(self, median: f64) -> Option<bool> {
        match self {
            Aim::AtMost(most) => Some(median <= most),
            Aim::AtLeast(least) => Some(median >= least),
            Aim::None => None,
        }
    }
}

impl fmt::Display for Aim {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Aim::AtMost(most) => write!(f, "≤ {}", figure(most)),
            Aim::AtLeast(least) => write!(f, "≥ {}", figure(least)),
            Aim::None => write!(f, "–"),
        }
    }
}

/// Three digits that mean something, and no more behind the point than two.
pub fn figure(value: f64) -> String {
    let digits = match value.abs() {
        value if value < 9.995 => 2,
        value if value < 99.95 => 1,
        _ => 0,
    };
    let text = format!("{value:.digits$}");
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').to_owned() } else { text }
}

/// The Python that has this loop. uvloop does not come with it: it is fetched into the target folder, once.
pub fn python(rival: &str) -> String {
    if rival != "uvloop" {
        return "python3".to_owned();
    }
    let environment = rows_folder().with_file_name("tmp").join("uvloop");
    let python = environment.join("bin/python3");
    if !python.exists() {
        let venv = Command::new("python3").args(["-m", "venv"]).arg(&environment).status();
        if venv.is_ok_and(|status| status.success()) {
            let install = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "uvloop"];
            let _ = Command::new(&python).args(install).status(); // Where it fails, starting it says so.
        }
    }
    python.display().to_string()
}

impl Row {
    /// A rival's median.
    pub fn median(&self, rival: &str) -> Option<f64> {
        self.figures.iter().find(|figure| figure.rival == rival).map(|figure| figure.median)
    }

    /// The peer with the least median.
    pub fn best_peer(&self) -> Option<&Figure> {
        let peer =
            |figure: &&Figure| ![OURS, FLOOR].contains(&&*figure.rival) && !FOREIGN.contains(&&*figure.rival);
        self.figures.iter().filter(peer).min_by(|a, b| a.median.total_cmp(&b.median))
    }

    /// A row behind all of Rust: this one's work, and how many times as fast as Python's loop glassloop does it.
    pub fn beside(&self, python: &str, times: f64, aim: f64) -> Row {
        Row {
            name: format!("{}-{python}", self.name),
            place: self.place + 100_000,
            work: format!("{}: times as fast as {python}", self.work),
            unit: "×".to_owned(),
            aim: Aim::AtLeast(aim),
            figures: vec![Figure::of(OURS, vec![times])],
            missing: Vec::new(),
        }
    }

    /// The row in a line, for who reads the bench: glassloop beside the floor, the best peer and tokio.
    pub fn line(&self) -> String {
        let Some(ours) = self.median(OURS) else { return format!("{}: no figure of glassloop's", self.work) };
        let mut line = format!("{}, {}: glassloop {}", self.work, self.unit, figure(ours));
        let best = self.best_peer().map(|best| (format!("best peer {}", best.rival), best.median));
        let named = |name: &str| self.median(name).map(|median| (name.to_owned(), median));
        for (who, median) in [named(FLOOR), best, named(TOKIO)].into_iter().flatten() {
            line += &format!("; {who} {} (×{:.2})", figure(median), ours / median);
        }
        let verdict = self.aim.met(ours).map(|met| if met { "met" } else { "MISSED" });
        match verdict {
            Some(verdict) => format!("{line}; aim {}: {verdict}", self.aim),
            None => line,
        }
    }

    /// Leaves the row for the table.
    pub fn write(&self) -> io::Result<()> {
        let folder = rows_folder();
        fs::create_dir_all(&folder)?;
        fs::write(folder.join(&self.name).with_extension("json"), serde_json::to_vec_pretty(self)?)
    }

    /// All rows that were left, in their order.
    pub fn read_all() -> io::Result<Vec<Row>> {
        let mut rows = Vec::new();
        for entry in fs::read_dir(rows_folder())? {
            let path = entry?.path();
            if path.extension().is_some_and(|extension| extension == "json") {
                let row: Row = serde_json::from_slice(&fs::read(&path)?)
                    .map_err(|error| io::Error::other(format!("{}: {error}", path.display())))?;
                rows.push(row);
            }
        }
        rows.sort_by(|a, b| (a.place, &a.name).cmp(&(b.place, &b.name)));
        Ok(rows)
    }
}

/// `rows` in the target folder that this program was built into.
pub fn rows_folder() -> PathBuf {
    let program = env::current_exe().expect("the program has a path");
    let profile = |folder: &&Path| folder.ends_with("release") || folder.ends_with("debug");
    let target = program.ancestors().find(profile).and_then(Path::parent).expect("cargo built the program");
    target.join("rows")
}
