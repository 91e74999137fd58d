//! A dump as people read it: a sentence a task, or a table.

use std::fmt;
use std::time::Duration;

use super::{Dump, Holder, TaskState, TaskView, Waits};
use crate::runtime::circles;

impl fmt::Display for Dump {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if f.alternate() { table(self, f) } else { Sentences(self).fmt(f) }
    }
}

/// A sentence a task. Apart from the table, which a report never shows: 10 KiB of each binary that asks for none.
pub(in crate::runtime) struct Sentences<'a>(pub(in crate::runtime) &'a Dump);

impl fmt::Display for Sentences<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (n, task) in self.0.tasks.iter().enumerate() {
            if n > 0 {
                f.write_str("\n")?;
            }
            write!(f, "  {task}")?;
        }
        for circle in self.0.circles() {
            write!(f, "\n  a circle: {}", circles::told(&circle))?;
        }
        Ok(())
    }
}

impl fmt::Display for TaskView {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "task {} ({})", self.id, self.kind)?;
        if let Some(name) = &self.name {
            write!(f, " {name:?}")?;
        }
        write!(f, ", spawned at {}, ", self.site)?;
        match self.state {
            TaskState::Running => f.write_str("is running")?,
            TaskState::Ready => f.write_str("is ready")?,
            TaskState::Waiting => write!(f, "waits for {}", Awaited(self))?,
        }
        if let Some(waited) = self.waited {
            write!(f, ", for {waited:?} now")?;
        }
        match (self.polls, self.busy) {
            (Some(0), _) => f.write_str("; not polled yet"),
            (Some(1), Some(busy)) => write!(f, "; its poll took {busy:?}"),
            (Some(polls), Some(busy)) => write!(f, "; its {polls} polls took {busy:?}"),
            _ => Ok(()),
        }
    }
}

/// What a task waits for.
struct Awaited<'a>(&'a TaskView);

impl fmt::Display for Awaited<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (n, waits) in self.0.waits.iter().enumerate() {
            write!(f, "{}{waits}", if n > 0 { " and " } else { "" })?;
        }
        if !self.0.waits.is_empty() {
            return Ok(());
        }
        match (self.0.has_wakers, self.0.leaf) {
            // The leaf may have been dropped since; but a wait by a foreign crate's waker is known by it alone.
            (true, Some(leaf)) => write!(f, "a wake that somebody may give who keeps its waker, perhaps {leaf}"),
            (true, None) => f.write_str("a wake that somebody may give who keeps its waker"),
            (false, _) => f.write_str("a wake, and nobody keeps its waker"),
        }
    }
}

/// A line a task, in columns as wide as their widest cell; what is not known is left out, a column that nobody has too.
fn table(dump: &Dump, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let mut rows = vec![
        ["task", "kind", "name", "state", "polls", "busy", "for", "spawned at", "waits for"].map(str::to_owned),
    ];
    rows.extend(dump.tasks.iter().map(row));
    let widths: Vec<usize> = (0..COLUMNS).map(|n| width(&rows, n)).collect();
    for (n, row) in rows.iter().enumerate() {
        let mut line = String::new();
        for (cell, width) in row.iter().zip(&widths).filter(|(_, width)| **width > 0) {
            line.push_str(cell);
            line.extend(std::iter::repeat_n(' ', width - cell.chars().count() + 2));
        }
        write!(f, "{}{}", if n > 0 { "\n" } else { "" }, line.trim_end())?;
    }
    dump.circles().iter().try_for_each(|circle| write!(f, "\na circle: {}", circles::told(circle)))
}

const COLUMNS: usize = 9;

/// How wide a column is: 0 if nothing stands under its head.
fn width(rows: &[[String; COLUMNS]], column: usize) -> usize {
    let (head, cells) = rows.split_first().expect("a table has a head");
    match cells.iter().map(|row| row[column].chars().count()).max() {
        None | Some(0) => 0,
        Some(widest) => widest.max(head[column].len()),
    }
}

fn row(task: &TaskView) -> [String; COLUMNS] {
    let shown = |value: Option<Duration>| value.map(|time| format!("{time:?}")).unwrap_or_default();
    let state = match task.state {
        TaskState::Running => "runs",
        TaskState::Ready => "ready",
        TaskState::Waiting => "waits",
    };
    [
        task.id.to_string(),
        task.kind.to_string(),
        task.name.as_ref().map(|name| format!("{name:?}")).unwrap_or_default(),
        state.to_owned(),
        task.polls.map(|polls| polls.to_string()).unwrap_or_default(),
        shown(task.busy),
        shown(task.waited),
        task.site.to_string(),
        if task.state == TaskState::Waiting { Awaited(task).to_string() } else { String::new() },
    ]
}

impl fmt::Display for Waits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Waits::Timer { timer, site, .. } => write!(f, "timer {timer} (made at {site})"),
            Waits::Source { source, thing, direction, site } => {
                // By the number that traces give it.
                write!(f, "socket {source}")?;
                if *thing != "socket" {
                    write!(f, " ({thing})")?;
                }
                write!(f, " to be {direction}")?;
                site.map_or(Ok(()), |site| write!(f, " (at {site})"))
            }
            Waits::Join(id) => write!(f, "task {id} to finish"),
            Waits::Job => f.write_str("its job on the blocking pool"),
            Waits::CpuJob => f.write_str("its job on the CPU pool"),
            Waits::Sync { what, site, made, held_by } => {
                write!(f, "{what} (at {site}; made at {made}")?;
                held_by.iter().try_for_each(|holder| write!(f, "; {holder}"))?;
                f.write_str(")")
            }
        }
    }
}

impl fmt::Display for Holder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match (self.is_untaken, self.is_before) {
            (true, _) => "handed to ",
            (_, true) => "waited for before by ",
            _ => "taken by ",
        })?;
        match self.task {
            Some(task) => write!(f, "task {task}")?,
            None => f.write_str("a task that has ended, or code outside of this loop,")?,
        }
        write!(f, " at {}", self.site)?;
        match (self.is_untaken, self.may_have_moved) {
            (true, _) => f.write_str(", which has not polled it since"),
            (_, true) => f.write_str(", with a guard that it may have given away"),
            _ => Ok(()),
        }
    }
}
