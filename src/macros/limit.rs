//! A test that may run for so long. It runs on a thread of its own, and is watched from the test's: so it ends also where
//! one poll never does, and its limit is no timer of the loop, which a virtual clock would jump to and a deadlock's
//! verdict would wait for.

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread;
use std::time::{Duration, Instant};

use super::attributes::{Once, built};
use crate::cell::Inbox;
use crate::inbox::Message;
use crate::panics::Payload;
#[cfg(feature = "glass")]
use crate::runtime::Asker;
use crate::runtime::{Runtime, dump};
use crate::wake;

/// How long a loop that is to stop may take to answer, and then to end.
const PATIENCE: Duration = Duration::from_secs(1);

/// What a test's thread tells.
enum News {
    /// The loop is there to be asked.
    Begun(Loop),
    /// The run is over: its output, or the report of a failure, or its panic.
    Ended(Result<Result<ExitCode, String>, Payload>),
}

/// A loop, as it is reached from outside. Unlike a `Handle` it is no reason for the loop to wait.
struct Loop {
    inbox: Arc<Inbox>,
    #[cfg(feature = "glass")]
    asker: Asker,
}

/// What a root that was stopped panics with.
struct Stopped;

/// Runs a test for no longer than `limit` of real time, once its loop is made. The error is a report.
pub(super) fn run(once: &Once, limit: Duration) -> Result<ExitCode, String> {
    let (tell, told) = channel();
    let there = once.clone();
    let thread = thread::Builder::new().name(once.name.to_owned()); // as the harness names its own
    let spawned = thread.spawn(move || {
        let ended = catch_unwind(AssertUnwindSafe(|| run_there(&there, limit, &tell)));
        let _ = tell.send(News::Ended(ended));
    });
    if let Err(error) = spawned {
        return Err(format!("no thread could be made for a test with a `timeout`: {error}"));
    }
    let (mut begun, mut deadline) = (None, None);
    loop {
        match next(&told, deadline) {
            Ok(News::Begun(reached)) => (begun, deadline) = (Some(reached), Instant::now().checked_add(limit)),
            Ok(News::Ended(ended)) => return ended.unwrap_or_else(|payload| resume_unwind(payload)),
            Err(_) => {
                return Err(stop(once, limit, &begun.expect("until it has begun there is no deadline"), &told));
            }
        }
    }
}

/// A deadline beyond what the clock can hold is none.
fn next(told: &Receiver<News>, deadline: Option<Instant>) -> Result<News, RecvTimeoutError> {
    match deadline {
        Some(deadline) => told.recv_timeout(deadline.saturating_duration_since(Instant::now())),
        None => told.recv().map_err(|_| RecvTimeoutError::Disconnected),
    }
}

/// The run itself, on its thread.
fn run_there(once: &Once, limit: Duration, tell: &Sender<News>) -> Result<ExitCode, String> {
    let start = Instant::now();
    let runtime = begin(once, limit, tell);
    let ended = catch_unwind(AssertUnwindSafe(|| (once.run)(&runtime)));
    let unfinished = runtime.shutdown(limit.saturating_sub(start.elapsed()));
    match ended.unwrap_or_else(|payload| resume_unwind(payload)) {
        Err(deadlock) => Err(deadlock.to_string()),
        Ok(code) => unfinished.map(|()| code).map_err(|unfinished| {
            let words = "has ended, but not all that it began, within its `timeout` of";
            format!("{} {words} {limit:?}: {unfinished}", told_of(once))
        }),
    }
}

/// Makes the runtime, with a watchdog that tells nobody but whoever asks, and lets it be reached. Debug mode has a
/// watchdog already, and that speaks.
#[cfg(feature = "glass")]
fn begin(once: &Once, limit: Duration, tell: &Sender<News>) -> Runtime {
    let (give, given) = channel();
    let mut builder = once.builder().track_waits(true);
    if !builder.is_debug() {
        builder = builder.on_stuck_poll((limit / 4).min(PATIENCE), |_| {});
    }
    let runtime = built(builder.attach(move |asker| {
        let _ = give.send(asker);
        Ok(Box::new(()))
    }));
    let asker = given.recv().expect("a runtime that was built has attached what it was told to");
    let _ = tell.send(News::Begun(Loop { inbox: runtime.state().inbox.clone(), asker }));
    runtime
}

#[cfg(not(feature = "glass"))]
fn begin(once: &Once, _: Duration, tell: &Sender<News>) -> Runtime {
    let runtime = built(once.builder().track_waits(true));
    let _ = tell.send(News::Begun(Loop { inbox: runtime.state().inbox.clone() }));
    runtime
}

/// Ends a test that did not, as far as it can be ended; the report.
fn stop(once: &Once, limit: Duration, begun: &Loop, told: &Receiver<News>) -> String {
    let words = format!("{} did not end within its `timeout` of {limit:?}", told_of(once));
    let stuck = match begun.stop() {
        Ok(dump) => {
            let _ = told.recv_timeout(PATIENCE); // so that what it holds is let go before another test begins
            return format!("{words}. Its tasks:\n{dump}");
        }
        Err(RecvTimeoutError::Timeout) => begun.stuck(),
        Err(RecvTimeoutError::Disconnected) => match told.recv_timeout(PATIENCE) {
            Ok(News::Ended(Ok(Err(report)))) => return report,
            Ok(News::Ended(Err(payload))) => resume_unwind(payload), // it failed in time; what it held took longer
            Ok(_) => return format!("{words}, but soon after"),
            Err(_) => ENDING.to_owned(),
        },
    };
    format!("{words}:\n{stuck}\nno thread can be ended from outside, so this one goes on beside the other tests")
}

impl Loop {
    /// Asks the loop for its tasks, and to stop.
    ///
    /// # Errors
    /// `Timeout`, if it does not answer; `Disconnected`, if it has ended, or is about to.
    fn stop(&self) -> Result<String, RecvTimeoutError> {
        let (answer, answered) = channel();
        let call = move || {
            let Ok(dump) = dump() else { return };
            let _ = answer.send(dump.to_string());
            // As a panic of the root does. This one no hook prints.
            wake::current(|state| {
                let Some(state) = state else { return };
                state.root_panic.set(Some(Box::new(Stopped)));
                state.ready.halt(true);
            });
        };
        let sent = self.inbox.send(Message::Call(Box::new(call), self.inbox.sign()));
        sent.map_err(|_| RecvTimeoutError::Disconnected)?;
        answered.recv_timeout(PATIENCE)
    }

    /// What is known of a loop that does not answer.
    #[cfg(feature = "glass")]
    fn stuck(&self) -> String {
        match self.asker.dump_now() {
            Ok(dump) => dump.to_string(),
            Err(_) => ENDING.to_owned(),
        }
    }

    #[cfg(not(feature = "glass"))]
    fn stuck(&self) -> String {
        if self.inbox.is_closed() {
            ENDING.to_owned()
        } else {
            "  the loop does not answer: a poll holds it; with the feature `glass` this would say which".to_owned()
        }
    }
}

const ENDING: &str = "  its loop is being dropped, and the destructor of a task holds it";

fn told_of(once: &Once) -> String {
    match once.seed {
        Some(seed) => format!("test {}, under seed {seed},", once.name),
        None => format!("test {}", once.name),
    }
}
