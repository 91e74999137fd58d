//! A recorded run as a file, of the kind that the file's ending names.

mod json;
pub(crate) mod json_text;
mod text;

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::Path;

use super::story::Story;
use super::{Event, FlightRecorder, Recorder, page};
use crate::clock::Instant;

/// What a file of a trace can be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Format {
    /// `.txt`: the canonical lines, each with its time.
    Text,
    /// `.json`: Chrome trace events.
    Json,
    /// `.html`: one page that fetches nothing.
    Html,
}

impl Format {
    /// What the file's ending says, in small letters or capitals.
    pub(crate) fn of(path: &Path) -> io::Result<Format> {
        let ending = path.extension().map(|ending| ending.to_string_lossy().to_ascii_lowercase());
        match ending.as_deref() {
            Some("txt") => Ok(Format::Text),
            Some("json") => Ok(Format::Json),
            Some("html") => Ok(Format::Html),
            _ => Err(io::Error::new(
                io::ErrorKind::InvalidInput,
                format!(
                    "a trace cannot be written to {}: the file's name must end with .txt (the log), .json (for \
                     Perfetto and other viewers of Chrome's trace events) or .html (a page of its own)",
                    path.display()
                ),
            )),
        }
    }

    /// Writes the events, of which `dropped` older ones are gone.
    fn write(
        self,
        events: &[(Instant, Event)],
        story: impl FnOnce() -> Story,
        dropped: u64,
        out: &mut dyn Write,
    ) -> io::Result<()> {
        match self {
            Format::Text => text::write(events, dropped, out),
            Format::Json => json::write(&story(), out),
            Format::Html => page::write(&story(), out),
        }
    }
}

impl Recorder {
    /// Writes what was kept to a file, which is made or overwritten, as its ending says:
    ///
    /// - `.txt`: the canonical lines, each after its time in seconds since the first. [`text`](Recorder::text) gives
    ///   them without times, to compare runs by.
    /// - `.json`: Chrome trace events; Perfetto opens them.
    /// - `.html`: one page that fetches nothing.
    ///
    /// # Errors
    /// `InvalidInput` if the file's ending is another, and what the system says if the file cannot be written.
    ///
    /// # Examples
    /// ```
    /// let recorder = glassloop::trace::Recorder::new();
    /// let error = recorder.write("trace.pdf").unwrap_err();
    /// assert!(error.to_string().contains("must end with .txt (the log), .json"));
    /// ```
    pub fn write(&self, path: impl AsRef<Path>) -> io::Result<()> {
        let (events, dropped) = (self.events(), self.dropped());
        to_path(path.as_ref(), &events, || Story { dropped, ..Story::of(&events) }, dropped).map(drop)
    }
}

impl FlightRecorder {
    /// Writes what was kept to a file, as [`Recorder::write`] does.
    ///
    /// # Errors
    /// As there.
    ///
    /// # Examples
    /// ```no_run
    /// use glassloop::{Builder, trace::FlightRecorder};
    ///
    /// let flight = FlightRecorder::new();
    /// let runtime = Builder::new().flight_recorder(&flight).build().unwrap();
    /// runtime.block_on(async { /* … and when something odd was seen: */ flight.write("odd.html") }).unwrap();
    /// ```
    pub fn write(&self, path: impl AsRef<Path>) -> io::Result<()> {
        self.to_path(path.as_ref()).map(drop)
    }

    /// The same, and says how many events it wrote.
    pub(crate) fn to_path(&self, path: &Path) -> io::Result<usize> {
        let events = self.events();
        to_path(path, &events, || self.story_of(&events), self.dropped())
    }
}

/// Writes the events to `path`, and says how many they are.
fn to_path(
    path: &Path,
    events: &[(Instant, Event)],
    story: impl FnOnce() -> Story,
    dropped: u64,
) -> io::Result<usize> {
    let format = Format::of(path)?;
    let mut out = BufWriter::new(create(path)?);
    format.write(events, story, dropped, &mut out).and_then(|()| out.flush()).map_err(naming(path))?;
    Ok(events.len())
}

/// Makes or overwrites the file.
pub(crate) fn create(path: &Path) -> io::Result<File> {
    File::create(path).map_err(naming(path))
}

fn naming(path: &Path) -> impl FnOnce(io::Error) -> io::Error {
    move |error| {
        let words = format!("a trace cannot be written to {}: {error}", path.display());
        io::Error::new(error.kind(), words)
    }
}
