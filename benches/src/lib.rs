//! What the benches share: the rivals, each doing the same operations in the same words; the harness that lets them
//! take turns; and the row of the table that a bench leaves behind.
//!
//! A bench writes each of its rows as a file of JSON into the target folder ([`Row::write`]); `benches/table` runs
//! the benches and makes the page of all rows ([`Row::read_all`]).

use std::path::{Path, PathBuf};
use std::{env, fs, io};

use serde::{Deserialize, Serialize};

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
