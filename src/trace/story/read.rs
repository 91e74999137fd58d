//! Reads events into a [`Story`]. Nothing is taken for granted: a recording may begin and end anywhere.

use super::{Asleep, Life, Poll, Polled, Registered, Story, Woken};
use crate::by_id::{Places, by_number};
use crate::clock::Instant;
use crate::trace::{Cause, Event, Kind, Leaf, TaskId, Via, Wait};

impl Story {
    /// Reads events, which are of one runtime and in their order. They may be any part of what happened.
    ///
    /// # Examples
    /// ```
    /// use glassloop::trace::{Recorder, story::{Polled, Story}};
    ///
    /// let recorder = Recorder::new();
    /// let runtime = glassloop::Builder::new().observer(recorder.observer()).build().unwrap();
    /// runtime.block_on(glassloop::yield_now());
    ///
    /// let whole = Story::of(&recorder.events());
    /// assert_eq!(whole.polls.len(), 2);
    /// let rest = Story::of(&recorder.events()[5..]); // from the end of the first poll on
    /// assert_eq!(rest.polls[0].result, Polled::Pending(None));
    /// assert!(rest.polls[0].woken.is_none(), "that was before");
    /// ```
    #[must_use]
    pub fn of(events: &[(Instant, Event)]) -> Story {
        let begin = events.first().map_or_else(Instant::real, |(at, _)| *at);
        let mut reader = Reader {
            story: Story {
                begin,
                end: begin,
                dropped: 0,
                tasks: Vec::new(),
                polls: Vec::new(),
                sleeps: Vec::new(),
                sources: Vec::new(),
                reports: Vec::new(),
            },
            places: Places::default(),
            turn: Turn::Unknown,
            asleep: false,
            before: begin,
        };
        for (at, event) in events {
            reader.read(*at, event);
        }
        reader.finish()
    }
}

struct Reader {
    /// Its `end` is how far was read.
    story: Story,
    /// Where each task stands in the story.
    places: Places,
    turn: Turn,
    /// The last of the sleeps goes on.
    asleep: bool,
    /// When the event before ended: a turn that began untold began then.
    before: Instant,
}

/// Whose turn it is, by the place of its poll.
#[derive(Clone, Copy, PartialEq)]
enum Turn {
    /// Before the first event that tells.
    Unknown,
    /// The loop's own.
    Nobodys,
    /// A task's.
    Goes(usize),
    /// A task's, which has ended; who awaited the task is still woken in it.
    Ended(usize),
}

impl Reader {
    fn read(&mut self, at: Instant, event: &Event) {
        let mut woke_up = if std::mem::take(&mut self.asleep) { self.story.sleeps.last_mut() } else { None };
        if let Some(sleep) = &mut woke_up {
            sleep.end = at;
        }
        let mut before = at;
        match event {
            Event::Turn(_) | Event::Phase(_) => self.leave_turn(),
            Event::Spawn { task, kind, name, by, site } => {
                let during = self.turn_of(*by);
                let place = self.place(*task);
                let life = &mut self.story.tasks[place];
                (life.kind, life.name, life.by) = (*kind, name.clone(), *by);
                (life.site, life.spawned, life.during) = (Some(*site), Some(at), during);
            }
            Event::Wake { task, cause, via } => self.wake(at, *task, cause, *via),
            Event::Merge { task, cause, via } => self.wake_again(at, *task, cause, *via),
            Event::Poll(task) => self.begin(at, *task),
            Event::Pending { task, on } => self.wait(at, *task, *on),
            Event::Done { task, outcome } => {
                let place = self.place(*task);
                // Of an abort, or of the runtime's end, there is no poll.
                let poll = self.turn_of(Some(*task)).unwrap_or_else(|| self.push(at, place));
                self.end(at, poll, Polled::Done(*outcome));
                self.turn = Turn::Ended(poll);
                self.story.tasks[place].ended = Some((at, *outcome));
            }
            Event::Abort { task, by } => {
                self.turn_of(*by);
                let place = self.place(*task);
                self.story.tasks[place].aborted.get_or_insert((at, *by));
            }
            Event::Park(wait) => {
                self.leave_turn();
                if *wait != Wait::Look {
                    self.story.sleeps.push(Asleep { start: at, end: at, wait: *wait, events: 0 });
                    self.asleep = true;
                }
            }
            Event::Unpark(events) => {
                if let Some(sleep) = woke_up {
                    sleep.events = *events;
                }
            }
            Event::Jump(by) => {
                let to = at.checked_add(*by).unwrap_or(at);
                match woke_up {
                    Some(sleep) => (sleep.end, before) = (to, to),
                    None => before = self.before, // whoever moved the clock has been running since then
                }
                self.story.end = self.story.end.max(to);
            }
            Event::Register { source, thing, address } => {
                let (source, address, during) = (*source, address.clone(), self.running());
                let sources = &mut self.story.sources;
                match sources.binary_search_by_key(&source, |registered| registered.source) {
                    Ok(place) => (sources[place].address, sources[place].connected) = (address, Some(at)),
                    Err(place) => {
                        sources.insert(place, Registered { source, thing, address, at, during, connected: None })
                    }
                }
            }
            Event::Lost { .. } | Event::Stuck { .. } => self.story.reports.push((at, event.clone())),
        }
        self.story.end = self.story.end.max(at);
        self.before = before;
    }

    /// The task's place in the story; it is told of from now on.
    fn place(&mut self, id: TaskId) -> usize {
        if let Some(place) = self.places.get(id.0) {
            return place;
        }
        let place = self.story.tasks.len();
        self.places.insert(id.0, place);
        self.story.tasks.push(Life {
            id,
            kind: Kind::Task,
            name: None,
            site: None,
            by: None,
            spawned: None,
            during: None,
            aborted: None,
            ended: None,
            ready: None,
            polls: Vec::new(),
        });
        place
    }

    /// The poll in which `task` does what it is said to do. A task that is dropped in its turn is not polled: its
    /// destructors begin that turn.
    fn turn_of(&mut self, task: Option<TaskId>) -> Option<usize> {
        let place = self.place(task?);
        match self.turn {
            Turn::Goes(poll) | Turn::Ended(poll) if self.story.polls[poll].task == place => Some(poll),
            Turn::Goes(_) => None,
            Turn::Unknown => {
                let poll = self.push(self.story.begin, place);
                self.turn = Turn::Goes(poll);
                Some(poll)
            }
            Turn::Nobodys | Turn::Ended(_) => {
                let life = &self.story.tasks[place];
                life.aborted.and(life.ready.as_ref())?;
                let poll = self.push(self.before, place);
                self.turn = Turn::Goes(poll);
                Some(poll)
            }
        }
    }

    fn running(&self) -> Option<usize> {
        match self.turn {
            Turn::Goes(poll) | Turn::Ended(poll) => Some(poll),
            Turn::Nobodys | Turn::Unknown => None,
        }
    }

    fn push(&mut self, start: Instant, task: usize) -> usize {
        let life = &mut self.story.tasks[task];
        let poll = self.story.polls.len();
        life.polls.push(poll);
        let woken = life.ready.take();
        self.story.polls.push(Poll { task, woken, start, end: start, result: Polled::Running });
        poll
    }

    fn begin(&mut self, at: Instant, task: TaskId) {
        self.leave_turn();
        let place = self.place(task);
        let poll = self.push(at, place);
        self.turn = Turn::Goes(poll);
    }

    fn end(&mut self, at: Instant, poll: usize, result: Polled) {
        let poll = &mut self.story.polls[poll];
        (poll.end, poll.result) = (at, result);
    }

    fn wait(&mut self, at: Instant, task: TaskId, on: Option<Leaf>) {
        if let Some(Leaf::Join { task, spawned }) = on {
            let place = self.place(task);
            self.story.tasks[place].site.get_or_insert(spawned);
        }
        if let Some(poll) = self.turn_of(Some(task)) {
            self.end(at, poll, Polled::Pending(on));
            self.turn = Turn::Nobodys;
        }
    }

    /// A task's turn is over; what ended it was not recorded.
    fn leave_turn(&mut self) {
        if let Turn::Goes(poll) = self.turn
            && self.story.polls[poll].result == Polled::Running
        {
            self.end(self.story.end, poll, Polled::Pending(None));
        }
        self.turn = Turn::Nobodys;
    }

    fn wake(&mut self, at: Instant, task: TaskId, cause: &Cause, via: Option<Via>) {
        let place = self.place(task);
        let during = self.cause(place, cause);
        let life = &mut self.story.tasks[place];
        if life.spawned.is_none() && *cause == Cause::Job && life.kind == Kind::Task {
            life.kind = Kind::Blocking; // or CPU work: the pool's in any case
        }
        life.ready = Some(Woken { at, cause: cause.clone(), via, during, again: 0 });
    }

    fn wake_again(&mut self, at: Instant, task: TaskId, cause: &Cause, via: Option<Via>) {
        let place = self.place(task);
        let during = self.cause(place, cause);
        match &mut self.story.tasks[place].ready {
            Some(woken) => woken.again += 1,
            // The first wake was before: of those that are known, this one is the first.
            ready => *ready = Some(Woken { at, cause: cause.clone(), via, during, again: 0 }),
        }
    }

    /// The poll in which a wake of the task that stands at `place` was caused.
    fn cause(&mut self, place: usize, cause: &Cause) -> Option<usize> {
        match cause {
            Cause::Task(by) => self.turn_of(Some(*by)),
            Cause::Spawned => self.story.tasks[place].by.and_then(|by| self.turn_of(Some(by))),
            Cause::Aborted => self.running(),
            _ => None,
        }
    }

    fn finish(mut self) -> Story {
        let end = self.story.end;
        if let Turn::Goes(poll) = self.turn {
            self.story.polls[poll].end = end;
        }
        if self.asleep
            && let Some(sleep) = self.story.sleeps.last_mut()
        {
            sleep.end = end;
        }
        self.sort();
        self.story
    }

    /// Those of which the recording tells late, though they were spawned early, go to their places.
    fn sort(&mut self) {
        let story = &mut self.story;
        if story.tasks.is_sorted_by_key(|task| task.id) {
            return;
        }
        story.tasks = by_number(std::mem::take(&mut story.tasks), |task| task.id.0.get());
        for (place, task) in story.tasks.iter().enumerate() {
            for poll in &task.polls {
                story.polls[*poll].task = place;
            }
        }
    }
}
