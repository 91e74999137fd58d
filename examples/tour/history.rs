//! Events put in order: turns, their phases, the polls in them. No words yet.

use std::collections::{BTreeMap, HashMap};
use std::panic::Location;
use std::sync::Arc;
use std::time::Duration;

use glassloop::time::Instant;
use glassloop::trace::{Cause, Event, Kind, Outcome, Phase, TaskId, Wait};

/// What happened from the first event to the last.
pub(crate) struct History {
    pub(crate) start: Instant,
    pub(crate) end: Instant,
    pub(crate) tasks: BTreeMap<TaskId, Task>,
    pub(crate) turns: Vec<Turn>,
    pub(crate) polls: Vec<Poll>,
    pub(crate) wakes: Vec<Wake>,
}

pub(crate) struct Task {
    pub(crate) name: Option<Arc<str>>,
    pub(crate) kind: Kind,
    pub(crate) by: Option<TaskId>,
    pub(crate) site: &'static Location<'static>,
    pub(crate) born: Instant,
    pub(crate) ended: Option<Instant>,
}

/// One round of the loop; number 0 is what happened outside of any.
pub(crate) struct Turn {
    pub(crate) number: u64,
    pub(crate) at: Instant,
    pub(crate) stretches: Vec<Stretch>,
}

/// What happened in one phase; `None`: between phases.
pub(crate) struct Stretch {
    pub(crate) phase: Option<Phase>,
    pub(crate) steps: Vec<Step>,
}

pub(crate) enum Step {
    /// A task was made outside of any poll.
    Spawn(TaskId),
    /// The loop itself made a task ready.
    Ready(Wake),
    /// A task had its turn: an index of `History::polls`.
    Poll(usize),
    Park(Park),
    /// A task moved the virtual clock.
    Jump(Duration),
}

pub(crate) struct Park {
    pub(crate) wait: Wait,
    pub(crate) at: Instant,
    pub(crate) end: Instant,
    /// How many sockets had news.
    pub(crate) news: usize,
    /// A virtual clock jumped instead of waiting.
    pub(crate) jumped: bool,
}

/// A task's turn in the queue.
pub(crate) struct Poll {
    pub(crate) task: TaskId,
    pub(crate) turn: u64,
    /// What made it ready; `None` if that was before the first event.
    pub(crate) because: Option<Wake>,
    pub(crate) at: Instant,
    pub(crate) end: Instant,
    pub(crate) acts: Vec<Act>,
    pub(crate) then: Then,
    /// It was aborted, and its future was dropped instead of polled.
    pub(crate) dropped: bool,
}

/// What a task did to others in its turn.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Act {
    Spawn(TaskId),
    Wake(TaskId),
    /// It woke a task that was ready already.
    WakeAgain(TaskId),
    Abort(TaskId),
}

/// How a poll ended.
pub(crate) enum Then {
    /// It waits; for what shows by the wake that ends the wait, if one does.
    Waits(Option<Wake>),
    Done(Outcome),
}

#[derive(Clone)]
pub(crate) struct Wake {
    pub(crate) at: Instant,
    pub(crate) task: TaskId,
    pub(crate) cause: Cause,
    /// The cause is a task, and it woke this one by ending.
    pub(crate) by_ending: bool,
    /// The task was ready already.
    pub(crate) again: bool,
}

impl History {
    /// `None` if there are no events.
    pub(crate) fn new(events: &[(Instant, Event)]) -> Option<History> {
        let (start, end) = (events.first()?.0, events.last()?.0);
        let history = History {
            start,
            end,
            tasks: BTreeMap::new(),
            turns: Vec::new(),
            polls: Vec::new(),
            wakes: Vec::new(),
        };
        let mut reader =
            Reader { history, running: None, ready: HashMap::new(), waits: HashMap::new(), parked: false };
        reader.begin_turn(0, start);
        for (at, event) in events {
            reader.read(*at, event);
        }
        let mut history = reader.history;
        history.turns.retain(|turn| turn.number > 0 || !turn.stretches.is_empty());
        Some(history)
    }
}

struct Reader {
    history: History,
    /// The poll that goes on, or has just ended.
    running: Option<usize>,
    /// The wakes that wait for their polls.
    ready: HashMap<TaskId, Wake>,
    /// The last poll of each task that waits.
    waits: HashMap<TaskId, usize>,
    parked: bool,
}

impl Reader {
    fn begin_turn(&mut self, number: u64, at: Instant) {
        self.history.turns.push(Turn { number, at, stretches: Vec::new() });
    }

    fn begin_phase(&mut self, phase: Option<Phase>) {
        let turn = self.history.turns.last_mut().expect("the first is made before the first event");
        turn.stretches.push(Stretch { phase, steps: Vec::new() });
        self.running = None;
    }

    fn stretch(&mut self) -> &mut Stretch {
        if self.history.turns.last().is_none_or(|turn| turn.stretches.is_empty()) {
            self.begin_phase(None);
        }
        let turn = self.history.turns.last_mut().expect("begin_phase found one");
        turn.stretches.last_mut().expect("made above")
    }

    fn step(&mut self, step: Step) {
        self.stretch().steps.push(step);
    }

    /// The poll that goes on or has just ended, if it is `task`'s.
    fn poll_of(&mut self, task: Option<TaskId>) -> Option<&mut Poll> {
        let poll = &mut self.history.polls[self.running?];
        (Some(poll.task) == task).then_some(poll)
    }

    fn read(&mut self, at: Instant, event: &Event) {
        if std::mem::take(&mut self.parked)
            && let Some(Step::Park(park)) = self.stretch().steps.last_mut()
        {
            park.end = at;
        }
        match event {
            Event::Turn(number) => self.begin_turn(*number, at),
            Event::Phase(phase) => self.begin_phase(Some(*phase)),
            Event::Spawn { task, kind, name, by, site } => {
                let made = Task { name: name.clone(), kind: *kind, by: *by, site, born: at, ended: None };
                self.history.tasks.insert(*task, made);
                match self.poll_of(*by) {
                    Some(poll) => poll.acts.push(Act::Spawn(*task)),
                    None => self.step(Step::Spawn(*task)),
                }
            }
            Event::Wake { task, cause, .. } => self.wake(at, *task, cause, false),
            Event::Merge { task, cause, .. } => self.wake(at, *task, cause, true),
            Event::Poll(task) => self.begin_poll(at, *task, false),
            Event::Pending { task, .. } => {
                if let Some(poll) = self.poll_of(Some(*task)) {
                    poll.end = at;
                }
            }
            Event::Done { task, outcome } => {
                // A task that was aborted ends without a poll.
                if self.poll_of(Some(*task)).is_none_or(|poll| matches!(poll.then, Then::Done(_))) {
                    self.begin_poll(at, *task, true);
                }
                if let Some(poll) = self.poll_of(Some(*task)) {
                    poll.end = at;
                    poll.then = Then::Done(*outcome);
                }
                self.waits.remove(task);
                if let Some(task) = self.history.tasks.get_mut(task) {
                    task.ended = Some(at);
                }
            }
            Event::Abort { task, by } => {
                if let Some(poll) = self.poll_of(*by) {
                    poll.acts.push(Act::Abort(*task));
                }
            }
            Event::Park(wait) => {
                self.begin_phase(Some(Phase::Park));
                self.step(Step::Park(Park { wait: *wait, at, end: at, news: 0, jumped: false }));
                self.parked = true;
            }
            Event::Unpark(news) => {
                if let Some(Step::Park(park)) = self.stretch().steps.last_mut() {
                    park.news = *news;
                }
            }
            Event::Jump(by) => match self.stretch().steps.last_mut() {
                Some(Step::Park(park)) => (park.end, park.jumped) = (at + *by, true),
                _ => self.step(Step::Jump(*by)),
            },
            _ => {}
        }
    }

    fn begin_poll(&mut self, at: Instant, task: TaskId, dropped: bool) {
        let index = self.history.polls.len();
        let turn = self.history.turns.last().map_or(0, |turn| turn.number);
        let (because, acts, then) = (self.ready.remove(&task), Vec::new(), Then::Waits(None));
        self.history.polls.push(Poll { task, turn, because, at, end: at, acts, then, dropped });
        self.step(Step::Poll(index));
        self.running = Some(index);
        self.waits.insert(task, index);
    }

    fn wake(&mut self, at: Instant, task: TaskId, cause: &Cause, again: bool) {
        let waker = if let Cause::Task(id) = cause { Some(*id) } else { None };
        let by_ending = waker.and_then(|id| self.history.tasks.get(&id)).is_some_and(|task| task.ended.is_some());
        let wake = Wake { at, task, cause: cause.clone(), by_ending, again };
        self.history.wakes.push(wake.clone());
        if !again {
            self.ready.insert(task, wake.clone());
            if let Some(poll) = self.waits.remove(&task)
                && let Then::Waits(next @ None) = &mut self.history.polls[poll].then
            {
                *next = Some(wake.clone());
            }
        }
        match self.poll_of(waker) {
            Some(poll) => poll.acts.push(if again { Act::WakeAgain(task) } else { Act::Wake(task) }),
            // Spawn and Abort, which stand before these, say it.
            None if matches!(cause, Cause::Spawned | Cause::Aborted) => {}
            None => self.step(Step::Ready(wake)),
        }
    }
}
