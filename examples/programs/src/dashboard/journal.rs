//! What happened lately, a line each.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use axum::Json;
use axum::extract::State;

/// So many lines are kept.
const LINES: usize = 50;

/// Never locked across an `.await`, so a mutex of std's serves, and nobody waits for it.
#[derive(Clone, Default)]
pub struct Journal(Arc<Mutex<VecDeque<String>>>);

impl Journal {
    pub fn note(&self, line: impl Into<String>) {
        let mut lines = self.0.lock().expect("no line panics");
        if lines.len() == LINES {
            lines.pop_front();
        }
        lines.push_back(line.into());
    }

    /// The oldest first.
    pub fn lines(&self) -> Vec<String> {
        self.0.lock().expect("no line panics").iter().cloned().collect()
    }
}

pub(super) async fn journal(State(journal): State<Journal>) -> Json<Vec<String>> {
    Json(journal.lines())
}
