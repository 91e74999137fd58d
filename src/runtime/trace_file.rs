//! The file that a runtime's trace is written to at its end.

use std::ffi::OsString;
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use crate::clock::Instant;
use crate::panics::say;
use crate::trace::export::{self, Format};
use crate::trace::{FlightRecorder, RuntimeId, Sinks};

const VARIABLE: &str = "GLASSLOOP_TRACE";

/// Where a trace goes.
pub(super) struct TraceFile {
    /// Absolute: the program may change its folder before the end.
    path: PathBuf,
    asked: Asked,
    recorder: FlightRecorder,
}

/// Writes the trace of a runtime when it is dropped, which a [`Runtime`](super::Runtime) does last: the ends of the tasks
/// that it cancels are in the trace, also when a panic unwinds through the owner of the runtime.
pub(super) struct Ending {
    runtime: RuntimeId,
    file: TraceFile,
}

/// Who asked for the file.
#[derive(Clone, Copy, PartialEq)]
enum Asked {
    Program,
    Environment,
}

impl TraceFile {
    /// Makes the file that was asked for by `trace_to`, or else by the environment where that is `read`, and sees to it
    /// that what belongs there is recorded. The file is made now, so that a path to which nothing can be written is told
    /// before the program runs, not after.
    pub(super) fn open(
        trace_to: Option<PathBuf>,
        read: bool,
        sinks: &mut Sinks,
        (runtime, now): (RuntimeId, Instant),
    ) -> io::Result<Option<TraceFile>> {
        let variable = || std::env::var_os(VARIABLE).filter(|path| read && !path.is_empty());
        let (path, asked) = match trace_to {
            Some(path) => (path, Asked::Program),
            None => match variable() {
                Some(path) => (PathBuf::from(path), Asked::Environment),
                None => return Ok(None),
            },
        };
        let with = |error: io::Error, more: &str| io::Error::new(error.kind(), format!("{error}{asked}{more}"));
        Format::of(&path).map_err(|error| with(error, ""))?;
        let path = if asked == Asked::Environment { of_its_own(&path) } else { path };
        let remedy = "; name a file in a folder that exists and may be written to";
        export::create(&path).map_err(|error| with(error, remedy))?;
        let path = std::path::absolute(&path)?;
        if sinks.flight.is_none() {
            sinks.flight = Some(FlightRecorder::new());
            sinks.attach(runtime, now)?;
        }
        let recorder = sinks.flight.clone().expect("there is one");
        Ok(Some(TraceFile { path, asked, recorder }))
    }

    /// The runtime was made.
    pub(super) fn of(self, runtime: RuntimeId) -> Ending {
        Ending { runtime, file: self }
    }
}

/// The path itself for the first runtime of the process that asks for it, `name-2.html` for the second.
fn of_its_own(path: &Path) -> PathBuf {
    static ASKED: AtomicU64 = AtomicU64::new(0);
    let before = ASKED.fetch_add(1, Ordering::Relaxed);
    if before == 0 {
        return path.to_owned();
    }
    let mut name = path.file_stem().map(OsString::from).unwrap_or_default();
    name.push(format!("-{}.", before + 1));
    name.push(path.extension().unwrap_or_default());
    path.with_file_name(name)
}

impl Drop for Ending {
    fn drop(&mut self) {
        let Ending { runtime, file: TraceFile { path, asked, recorder } } = self;
        match (recorder.to_path(path), asked) {
            (Err(error), _) => say(format_args!("the trace of runtime {runtime} is lost: {error}")),
            (Ok(_), Asked::Program) => {} // nothing is said that nobody asked for
            (Ok(events), Asked::Environment) => {
                let (path, dropped) = (path.display(), recorder.dropped());
                say(format_args!(
                    "the trace of runtime {runtime} is in {path}: {events} events, {dropped} older dropped"
                ));
            }
        }
    }
}

/// What an error says of the path: who set a variable may not know that a program of glassloop's reads it.
impl fmt::Display for Asked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Asked::Program => Ok(()),
            Asked::Environment => write!(f, "; the path is that of the variable {VARIABLE}"),
        }
    }
}
