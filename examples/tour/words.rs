//! How tasks, times and lists are written.

use std::path::Path;
use std::time::Duration;

use glassloop::trace::{Kind, TaskId};

use crate::history::History;

/// The columns of a terminal.
pub(crate) const WIDTH: usize = 100;

/// A task's name and id.
pub(crate) fn name(history: &History, id: TaskId) -> String {
    match history.tasks.get(&id) {
        Some(task) => match (&task.name, task.kind) {
            (Some(name), _) => format!("{name} ({id})"),
            (None, Kind::Root) => format!("root ({id})"),
            (None, Kind::Blocking | Kind::Cpu) => format!("job ({id})"),
            _ => format!("task ({id})"),
        },
        None => format!("task ({id})"),
    }
}

/// Where in the source a task was made: file and line.
pub(crate) fn site(history: &History, id: TaskId) -> String {
    let Some(task) = history.tasks.get(&id) else { return String::new() };
    let file = Path::new(task.site.file()).file_name().unwrap_or_default();
    format!("{}:{}", file.display(), task.site.line())
}

/// A time in three digits or four, with its unit.
pub(crate) fn time(time: Duration) -> String {
    let micros = time.as_nanos() as f64 / 1e3;
    match micros {
        0.0 => "0 µs".into(),
        ..9.95 => format!("{micros:.1} µs"),
        ..999.5 => format!("{micros:.0} µs"),
        ..9_995.0 => format!("{:.2} ms", micros / 1e3),
        ..999_500.0 => format!("{:.1} ms", micros / 1e3),
        _ => format!("{:.2} s", micros / 1e6),
    }
}

/// A list of names, none of which is broken at the end of a line.
pub(crate) fn list(names: &[String]) -> String {
    names.iter().map(|name| name.replace(' ', "\u{a0}")).collect::<Vec<_>>().join(", ")
}

/// Lines of at most `width`, each with the first one's indentation.
pub(crate) fn wrap(text: &str, width: usize) -> Vec<String> {
    let words = text.trim_start_matches(' ');
    let indent = text.len() - words.len();
    let mut lines = vec![" ".repeat(indent)];
    for word in words.split(' ') {
        let line = lines.last_mut().expect("never empty");
        if line.len() == indent {
            line.push_str(word);
        } else if line.chars().count() + 1 + word.chars().count() <= width {
            line.push(' ');
            line.push_str(word);
        } else {
            lines.push(" ".repeat(indent) + word);
        }
    }
    lines.into_iter().map(|line| line.replace('\u{a0}', " ")).collect()
}
