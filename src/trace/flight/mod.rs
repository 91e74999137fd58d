//! The flight recorder: keeps the newest events in a ring of words, cheaply enough to be always on.

mod blocks;
mod decode;
mod names;
mod note;
mod people;
mod ring;
mod wakes;
mod words;

use std::cell::RefCell;
use std::io;
use std::panic::Location;
use std::rc::Rc;
use std::sync::Arc;

use super::intern::{Recent, address};
use super::story::Story;
use super::{Event, Kind, Leaf, Noted, Outcome, RuntimeId, TaskId, Via, Way, What};
use crate::clock::Instant;
use note::Notes;
use people::Person;

/// Keeps the newest events of a runtime in a few bytes each, and tells them as a [`Recorder`](super::Recorder) does.
///
/// It is made to stay on while a program does its work: a poll takes 16 bytes and about 12 ns more, one that names a
/// lock or channel 14 ns, one of a task that was just spawned and ends 26 ns with all that, and a reading of the
/// clock, which is 22 ns on the machine that this was measured on
/// (`benches/benches/glass.rs`). Nothing is allocated for an event. What happens within a poll has the time at which
/// the poll began: a wait in the queue is never told too short, and too long by no more than that poll.
///
/// What is bounded: the ring; 16,383 places of leaves and of wakes each and 4,095 threads' names, of which those that
/// come later are told without. What is known of a task is kept while it lives or is in the ring.
///
/// # Examples
/// ```
/// use glassloop::{Builder, trace::FlightRecorder};
///
/// let flight = FlightRecorder::new();
/// let runtime = Builder::new().flight_recorder(&flight).build().unwrap();
/// runtime.block_on(glassloop::yield_now());
/// let events = flight.events().into_iter().map(|(_at, event)| event.to_string());
/// let wakes: Vec<String> = events.filter(|line| line.starts_with("wake")).collect();
/// assert_eq!(wakes, ["wake 1: spawned", "wake 1: task 1"]);
/// ```
#[derive(Clone)]
pub struct FlightRecorder {
    shared: Rc<Shared>,
}

struct Shared {
    /// The numbers of waits and of ways of waking, where they recur: beside what is borrowed, for each is asked for once
    /// a poll.
    leaves: Recent<3>,
    ways: Recent<2>,
    flight: RefCell<Flight>,
}

struct Flight {
    /// Whose events it keeps.
    owner: Option<RuntimeId>,
    notes: Notes,
}

impl Default for FlightRecorder {
    fn default() -> FlightRecorder {
        FlightRecorder::new()
    }
}

impl FlightRecorder {
    /// A recorder that keeps the newest 65,536 polls or so.
    #[must_use]
    pub fn new() -> FlightRecorder {
        FlightRecorder::with_capacity(1 << 16)
    }

    /// A recorder of 16 bytes for each of so many polls, and what happens between them.
    ///
    /// # Panics
    /// If `polls` is 0.
    #[must_use]
    pub fn with_capacity(polls: usize) -> FlightRecorder {
        assert!(polls > 0, "a flight recorder of capacity 0 can keep nothing; give it at least 1");
        let flight = Flight { owner: None, notes: Notes::new(polls.saturating_mul(2)) };
        let (leaves, ways, flight) = (Recent::new(), Recent::new(), RefCell::new(flight));
        FlightRecorder { shared: Rc::new(Shared { leaves, ways, flight }) }
    }

    /// The events kept, oldest first, with their times.
    #[must_use]
    pub fn events(&self) -> Vec<(Instant, Event)> {
        decode::decode(&self.shared.flight.borrow().notes)
    }

    /// What happened, as a story: see [`Story`]. It knows the names of tasks that were spawned before the events kept,
    /// and live or are in them.
    ///
    /// # Examples
    /// ```
    /// use glassloop::{Builder, trace::FlightRecorder};
    ///
    /// let flight = FlightRecorder::new();
    /// let runtime = Builder::new().flight_recorder(&flight).build().unwrap();
    /// runtime.block_on(async {
    ///     let task = glassloop::spawn_named("counter", async { glassloop::yield_now().await });
    ///     glassloop::yield_now().await;
    ///     flight.clear();
    ///     task.await.unwrap();
    /// });
    /// assert!(flight.story().tasks.iter().any(|task| task.name.as_deref() == Some("counter")));
    /// ```
    #[must_use]
    pub fn story(&self) -> Story {
        self.story_of(&self.events())
    }

    /// The same, of its events.
    pub(super) fn story_of(&self, events: &[(Instant, Event)]) -> Story {
        let mut story = Story { dropped: self.dropped(), ..Story::of(events) };
        let people = &self.shared.flight.borrow().notes.people;
        for life in story.tasks.iter_mut().filter(|life| life.spawned.is_none()) {
            if let Some(person) = people.get(life.id.0.get()) {
                (life.kind, life.by, life.site) = (person.kind(), person.by(), Some(person.site));
                life.name = people.name(life.id.0.get()).cloned();
            }
        }
        story
    }

    /// How many events were dropped because the recorder was full.
    #[must_use]
    pub fn dropped(&self) -> u64 {
        self.shared.flight.borrow().notes.dropped()
    }

    /// Forgets the events kept so far. Who the live tasks are is still known.
    pub fn clear(&self) {
        self.shared.flight.borrow_mut().notes.clear();
    }

    /// Keeps the events of this runtime from now on.
    pub(crate) fn attach(&self, owner: RuntimeId, now: Instant) -> io::Result<()> {
        let mut flight = self.shared.flight.borrow_mut();
        if let Some(first) = flight.owner {
            let words = format!(
                "this flight recorder was given to runtime {first} already, and keeps the events of one; make another \
                 for each runtime"
            );
            return Err(io::Error::new(io::ErrorKind::InvalidInput, words));
        }
        flight.owner = Some(owner);
        flight.notes.begin(now.nanos());
        Ok(())
    }

    /// An event of the runtime, from its tracer.
    pub(super) fn note(&self, now: Instant, event: &Event) {
        self.shared.flight.borrow_mut().notes.note(now.nanos(), event);
    }

    #[inline]
    pub(super) fn poll(&self, task: TaskId) {
        self.shared.flight.borrow_mut().notes.poll(task);
    }

    /// The number of a leaf of the kind `Sync`, if it was asked for of late.
    #[inline(always)]
    pub(super) fn number_of(
        &self,
        what: &'static What,
        site: &'static Location<'static>,
        made: &'static Location<'static>,
    ) -> Option<Noted> {
        let number = self.shared.leaves.get([address(site), address(made), address(what)]);
        (number != 0).then(|| Noted::numbered(number as u32))
    }

    /// The same of any, if there is room for it.
    pub(super) fn new_number_of(
        &self,
        what: &'static What,
        site: &'static Location<'static>,
        made: &'static Location<'static>,
    ) -> Option<Noted> {
        let number = self.shared.flight.borrow_mut().notes.sync(what.name, what.class, site, made);
        self.shared.leaves.set([address(site), address(made), address(what)], number);
        (number != 0).then(|| Noted::numbered(number as u32))
    }

    /// The leaf that has this number.
    pub(super) fn leaf(&self, number: u32) -> Option<Leaf> {
        self.shared.flight.borrow().notes.leaves.get(number.into()).map(|(leaf, _)| *leaf)
    }

    #[inline(always)] // into the end of a poll
    pub(super) fn pending(&self, now: Instant, task: TaskId, on: Noted, whole: impl FnOnce() -> Option<Leaf>) {
        let is_told = self.shared.flight.borrow_mut().notes.pending_in_a_word(now.nanos(), task, on);
        if !is_told {
            self.pending_by_words(now, task, on, whole);
        }
    }

    /// See `wake_by_words`.
    #[cold]
    #[inline(never)]
    fn pending_by_words(&self, now: Instant, task: TaskId, on: Noted, whole: impl FnOnce() -> Option<Leaf>) {
        self.shared.flight.borrow_mut().notes.pending(now.nanos(), task, on, whole);
    }

    #[inline(always)] // into its one caller
    pub(super) fn done(&self, now: Instant, task: TaskId, outcome: Outcome) {
        self.shared.flight.borrow_mut().notes.done(now.nanos(), task, outcome);
    }

    #[inline(always)] // see `Sinks::wake_by`
    pub(super) fn wake_by(&self, now: Instant, task: TaskId, by: TaskId, via: Option<Way>) {
        let number = via.map(|way| self.shared.ways.get(key_of(way)));
        let is_told = number != Some(0) && {
            let notes = &mut self.shared.flight.borrow_mut().notes;
            notes.wake_in_a_word(now.nanos(), task, by, number.unwrap_or(0))
        };
        if !is_told {
            self.wake_by_words(now, task, by, via);
        }
    }

    /// As `wake_by`, for all that is seldom. Done within that, a wake kept in registers whatever it might need: 102
    /// instructions with its place in the queue, and 76 so, the shorter key included.
    #[cold]
    #[inline(never)]
    fn wake_by_words(&self, now: Instant, task: TaskId, by: TaskId, via: Option<Way>) {
        let notes = &mut self.shared.flight.borrow_mut().notes;
        let number = notes.via(via.map(Via::from));
        if let Some(way) = via {
            self.shared.ways.set(key_of(way), number);
        }
        notes.wake_by(now.nanos(), task, by, number);
    }

    #[inline(always)] // into its one caller
    pub(super) fn spawn_ready(
        &self,
        now: Instant,
        task: TaskId,
        kind: Kind,
        name: Option<Arc<str>>,
        by: Option<TaskId>,
        site: &'static Location<'static>,
    ) {
        let person = Person::new(kind, name.is_some(), by, site);
        self.shared.flight.borrow_mut().notes.spawn(now.nanos(), task, person, name, true);
    }
}

#[inline(always)]
fn key_of(way: Way) -> [usize; 2] {
    [address(way.made), address(way.what)]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trace::Wait;

    #[test]
    fn a_sleep_that_more_events_end_than_a_word_tells_begins_when_it_began() {
        let flight = FlightRecorder::new();
        let told = [
            (0, Event::Turn(1)),
            (0, Event::Park(Wait::Forever)),
            (9, Event::Unpark(1023)),
            (9, Event::Turn(2)),
            (9, Event::Park(Wait::Forever)),
            (19, Event::Unpark(1024)),
        ];
        for (at, event) in &told {
            flight.note(Instant::from_nanos(*at), event);
        }
        let told = told.map(|(at, event)| (Instant::from_nanos(at), event));
        assert_eq!(flight.events(), told);
    }
}
