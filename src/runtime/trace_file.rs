//! The file that a runtime's trace is written to at its end.

use std::ffi::OsString;
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use crate::panics::say;
use crate::trace::export::{self, Format};
use crate::trace::{Recorder, RuntimeId};

const VARIABLE: &str = "GLASSLOOP_TRACE";

/// What is recorded, and where it goes. It is written when this is dropped, which a [`Runtime`](super::Runtime) does
/// last: the ends of the tasks that it cancels are in it, also when a panic unwinds through the owner of the runtime.
pub(super) struct TraceFile {
    runtime: RuntimeId,
    /// Absolute: the program may change its folder before the end.
    path: PathBuf,
    asked: Asked,
    recorder: Recorder,
}

/// Who asked for the file.
#[derive(Clone, Copy, PartialEq)]
enum Asked {
    Program,
    Environment,
}

impl TraceFile {
    /// Makes the file of a runtime that was asked for by `trace_to`, or else by the environment where that is `read`.
    /// It is made now, so that a path to which nothing can be written is told before the program runs, not after.
    pub(super) fn open(
        trace_to: Option<PathBuf>,
        read: bool,
        runtime: RuntimeId,
    ) -> io::Result<Option<TraceFile>> {
        let variable = || std::env::var_os(VARIABLE).filter(|path| read && !path.is_empty());
        let (path, asked) = match trace_to {
            Some(path) => (path, Asked::Program),
            None => match variable() {
                Some(path) => (PathBuf::from(path), Asked::Environment),
                None => return Ok(None),
            },
        };
        let whence = |error: io::Error| io::Error::new(error.kind(), format!("{error}; {asked}"));
        Format::of(&path).map_err(whence)?;
        let path = if asked == Asked::Environment { of_its_own(&path) } else { path };
        export::create(&path).map_err(whence)?;
        let path = std::path::absolute(&path)?;
        Ok(Some(TraceFile { runtime, path, asked, recorder: Recorder::new() }))
    }

    pub(super) fn recorder(&self) -> &Recorder {
        &self.recorder
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

impl Drop for TraceFile {
    fn drop(&mut self) {
        let TraceFile { runtime, path, asked, recorder } = self;
        let written = recorder.write(&path);
        match (written, asked) {
            (Err(error), _) => say(format_args!("the trace of runtime {runtime} is lost: {error}")),
            (Ok(()), Asked::Program) => {} // nothing is said that nobody asked for
            (Ok(()), Asked::Environment) => {
                let (kept, dropped) = (recorder.events().len(), recorder.dropped());
                let path = path.display();
                say(format_args!(
                    "the trace of runtime {runtime} is in {path}: {kept} events, {dropped} older dropped"
                ));
            }
        }
    }
}

/// How to do better.
impl fmt::Display for Asked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Asked::Program => {
                f.write_str("give Builder::trace_to a path in a folder that exists and may be written to")
            }
            Asked::Environment => write!(
                f,
                "the path is that of the variable {VARIABLE}: name one in a folder that exists and may be written to, or \
                 unset it"
            ),
        }
    }
}
