//! Keeps what happened, for a look afterwards.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::fmt::Write;
use std::rc::Rc;

use super::line::Brief;
#[cfg(feature = "glass")]
use super::story::Story;
use super::{Event, Observer};
use crate::clock::Instant;

/// Keeps the events of a runtime, the newest up to a capacity, and writes them as canonical lines.
///
/// A line holds nothing that differs from run to run: no times, no addresses, no thread numbers. Under a virtual
/// clock, a seed and no outside I/O, two runs give the same lines byte for byte.
///
/// # Examples
/// ```
/// use glassloop::{Builder, trace::Recorder};
///
/// let recorder = Recorder::new();
/// let runtime = Builder::new().observer(recorder.observer()).build().unwrap();
/// runtime.block_on(async {});
/// assert_eq!(recorder.order(), ["wake 1: spawned", "turn 1", "run", "poll 1", "done 1 ready"]);
/// ```
#[derive(Clone)]
pub struct Recorder {
    log: Rc<Log>,
}

struct Log {
    capacity: usize,
    kept: RefCell<VecDeque<(Instant, Event)>>,
    dropped: RefCell<u64>,
}

impl Default for Recorder {
    fn default() -> Recorder {
        Recorder::new()
    }
}

impl Recorder {
    /// A recorder that keeps the newest 65,536 events.
    #[must_use]
    pub fn new() -> Recorder {
        Recorder::with_capacity(1 << 16)
    }

    /// A recorder that keeps the newest `capacity` events.
    ///
    /// # Panics
    /// If `capacity` is 0.
    #[must_use]
    pub fn with_capacity(capacity: usize) -> Recorder {
        assert!(capacity > 0, "a recorder of capacity 0 can keep nothing; give it at least 1");
        Recorder { log: Rc::new(Log { capacity, kept: RefCell::default(), dropped: RefCell::new(0) }) }
    }

    /// The observer to hand to [`Builder::observer`](crate::Builder::observer).
    #[must_use]
    pub fn observer(&self) -> Rc<dyn Observer> {
        self.log.clone()
    }

    /// The events kept, oldest first, with their times.
    #[must_use]
    pub fn events(&self) -> Vec<(Instant, Event)> {
        self.log.kept.borrow().iter().cloned().collect()
    }

    /// The canonical lines of the events kept, oldest first.
    #[must_use]
    pub fn lines(&self) -> Vec<String> {
        self.log.kept.borrow().iter().map(|(_, event)| event.to_string()).collect()
    }

    /// The canonical lines that tell the order alone, without what names places in the source or addresses: those of
    /// `Spawn` and `Register`, and what waits and wakes say of their leaves. This is the form to compare in a test.
    #[must_use]
    pub fn order(&self) -> Vec<String> {
        let kept = self.log.kept.borrow();
        kept.iter().map(|(_, event)| Brief(event)).filter(Brief::is_step).map(|line| line.to_string()).collect()
    }

    /// The canonical lines in one text; if the oldest events were dropped, the first line says how many.
    #[must_use]
    pub fn text(&self) -> String {
        let mut text = String::new();
        let dropped = self.dropped();
        if dropped > 0 {
            let _ = writeln!(text, "({dropped} older events dropped)");
        }
        for (_, event) in self.log.kept.borrow().iter() {
            let _ = writeln!(text, "{event}");
        }
        text
    }

    /// What happened, as a story: see [`Story`].
    #[cfg(feature = "glass")]
    #[must_use]
    pub fn story(&self) -> Story {
        Story { dropped: self.dropped(), ..Story::of(&self.events()) }
    }

    /// How many events were dropped because the recorder was full.
    #[must_use]
    pub fn dropped(&self) -> u64 {
        *self.log.dropped.borrow()
    }

    /// Forgets what was kept so far.
    pub fn clear(&self) {
        self.log.kept.borrow_mut().clear();
        *self.log.dropped.borrow_mut() = 0;
    }
}

impl Observer for Log {
    fn event(&self, at: Instant, event: &Event) {
        let mut kept = self.kept.borrow_mut();
        if kept.len() == self.capacity {
            kept.pop_front();
            *self.dropped.borrow_mut() += 1;
        }
        kept.push_back((at, event.clone()));
    }
}
