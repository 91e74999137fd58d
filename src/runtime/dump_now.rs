//! A dump also while a poll is stuck: from the watchdog's table, if the loop does not answer.

use std::fmt;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

use super::dump::{self, Dump};
use super::handle::{Answer, Handle, RuntimeGone, ask};
use super::watchdog::{StuckPoll, stuck_now};
use crate::cell::Inbox;
use crate::trace::{TaskId, Watched, WatchedTask};

/// What [`Handle::dump_now`] found out.
#[derive(Debug, Clone)]
pub enum DumpNow {
    /// The loop answered: all that it knows.
    Whole(Dump),
    /// The loop did not answer, so this is what the watchdog's table knows.
    Table(TableDump),
}

/// The live tasks of a loop that does not answer, as its watchdog knows them: less than a [`Dump`]. Whether a task that
/// does not run is ready or waits, it does not say, for that changes while the loop is not asked.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct TableDump {
    /// The poll that holds the loop. `None`: no poll does. Then nobody drives the loop, or it is stuck outside of every
    /// task, in a closure that was sent to it, or in a foreign waker.
    pub stuck: Option<StuckPoll>,
    /// Whether the loop is being driven, and does not sleep.
    pub is_awake: bool,
    /// All live tasks, in spawn order.
    pub tasks: Vec<WatchedTask>,
}

impl Handle {
    /// As [`dump`](Handle::dump), but where the loop was built with a [`watchdog`](crate::Builder::watchdog) it does
    /// not wait for a loop that is stuck: once a poll has run for longer than the watchdog's limit, or nobody has driven
    /// the loop for so long, it is answered from the watchdog's table. Without a watchdog it waits, as `dump` does.
    ///
    /// # Errors
    /// [`RuntimeGone`], if the runtime was dropped.
    ///
    /// # Panics
    /// As [`dump`](Handle::dump), but only without a watchdog.
    ///
    /// # Examples
    /// ```
    /// use glassloop::{Builder, DumpNow};
    /// use std::time::Duration;
    ///
    /// let runtime = Builder::new().watchdog(Duration::from_millis(5)).build().unwrap();
    /// let handle = runtime.handle();
    /// runtime.block_on(async {
    ///     // This poll waits for the other thread, so the loop cannot answer it.
    ///     let dump = std::thread::spawn(move || handle.dump_now().unwrap()).join().unwrap();
    ///     let DumpNow::Table(table) = dump else { panic!("the loop has answered") };
    ///     assert_eq!(table.stuck.unwrap().task.id, table.tasks[0].id);
    /// });
    /// ```
    pub fn dump_now(&self) -> Result<DumpNow, RuntimeGone> {
        dump_now(&self.inbox, self.watched.as_deref())
    }
}

/// See [`Handle::dump_now`].
pub(super) fn dump_now(inbox: &Arc<Inbox>, watched: Option<&Watched>) -> Result<DumpNow, RuntimeGone> {
    let gone = || RuntimeGone::new(inbox.runtime());
    match (ask(inbox, dump::take)?, watched) {
        (Answer::Here(dump), _) => Ok(DumpNow::Whole(dump)),
        (Answer::Nobody, Some(watched)) => Ok(DumpNow::Table(from_table(watched, None))),
        (Answer::Coming(answer), Some(watched)) => wait(&answer, watched).ok_or_else(gone),
        (Answer::Coming(answer), None) => answer.recv().map(DumpNow::Whole).map_err(|_| gone()),
        (Answer::Nobody, None) => panic!(
            "Handle::dump_now was called on the thread of runtime {} while its loop does not run, so nobody could \
             answer; call it from a task, or from another thread, or build the runtime with a watchdog",
            inbox.runtime()
        ),
    }
}

/// Waits for the loop's answer while the loop goes on; `None` if it has gone.
fn wait(answer: &Receiver<Dump>, watched: &Watched) -> Option<DumpNow> {
    let (mut at, mut since) = (watched.pulse.look(), Instant::now());
    // The watchdog may know already that a poll is stuck. A loop that sleeps is at one thing for long, too, and answers.
    let stuck = at.filter(|at| at.task.is_some()).map_or(Duration::ZERO, |at| watched.held_for(at));
    let mut patience = watched.limit.saturating_sub(stuck);
    loop {
        match answer.recv_timeout(patience) {
            Ok(dump) => return Some(DumpNow::Whole(dump)),
            Err(RecvTimeoutError::Disconnected) => return None,
            Err(RecvTimeoutError::Timeout) => {}
        }
        let (now, moment) = (watched.pulse.look(), Instant::now());
        if now.is_some() && now == at {
            let mut stuck = stuck_now(watched);
            if let Some(stuck) = &mut stuck {
                stuck.elapsed = stuck.elapsed.max(moment - since);
            }
            return Some(DumpNow::Table(from_table(watched, stuck)));
        }
        (at, since, patience) = (now, moment, watched.limit);
    }
}

fn from_table(watched: &Watched, stuck: Option<StuckPoll>) -> TableDump {
    TableDump { stuck, is_awake: !watched.pulse.is_resting(), tasks: watched.table.all() }
}

impl fmt::Display for DumpNow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            DumpNow::Whole(dump) => dump.fmt(f),
            DumpNow::Table(table) => table.fmt(f),
        }
    }
}

/// The first line says why the loop does not answer; then a line a task.
impl fmt::Display for TableDump {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("  the loop does not answer: ")?;
        match (&self.stuck, self.is_awake) {
            (Some(stuck), _) => write!(f, "{stuck}")?,
            (None, true) => f.write_str("it is held outside of every task, by a closure or a waker perhaps")?,
            (None, false) => f.write_str("nobody drives it")?,
        }
        f.write_str(
            "; what the watchdog knows of its tasks, of which those that do not run may be ready or wait:",
        )?;
        let running: Option<TaskId> = self.stuck.as_ref().map(|stuck| stuck.task.id);
        for WatchedTask { id, kind, name, site, last } in &self.tasks {
            write!(f, "\n  task {id} ({kind})")?;
            if let Some(name) = name {
                write!(f, " {name:?}")?;
            }
            write!(f, ", spawned at {site}, ")?;
            match last {
                _ if running == Some(*id) => f.write_str("is running")?,
                Some(leaf) => write!(f, "waited for {leaf} when its last poll ended")?,
                None => f.write_str("has told no wait")?,
            }
        }
        Ok(())
    }
}
