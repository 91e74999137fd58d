//! The turns in words, for a terminal of 100 columns. Each term is explained where it first appears.

use std::collections::HashSet;
use std::fmt::Write;
use std::mem::discriminant;
use std::time::Duration;

use glassloop::time::Instant;
use glassloop::trace::{Cause, Direction, Event, Kind, Outcome, Phase, TaskId, Wait};

use crate::history::{Act, History, Park, Poll, Step, Then, Turn, Wake};
use crate::summary;
use crate::words::{WIDTH, list, name, site, time, wrap};

/// Where a line's text begins, behind the name of its phase.
const MARGIN: usize = 11;
/// So many polls of one phase are told; of the others, that they were.
const POLLS_TOLD: usize = 12;

/// Tells what happened, from the events alone.
pub(crate) fn tell(events: &[(Instant, Event)]) -> String {
    let Some(history) = History::new(events) else {
        return "Nothing happened: there are no events.\n".into();
    };
    let mut story = Story { history: &history, known: HashSet::new(), text: String::new() };
    story.explain(
        "story",
        "This story is made of the events that the loop reported, and of nothing else. Lines like this one \
         explain a term where it first appears.",
    );
    story.tell();
    let mut text = story.text;
    summary::add_up(&history, &mut text);
    text
}

struct Story<'a> {
    history: &'a History,
    /// The terms that were explained already.
    known: HashSet<&'static str>,
    text: String,
}

impl Story<'_> {
    fn tell(&mut self) {
        let turns = &self.history.turns;
        let mut next = 0;
        while next < turns.len() {
            let turn = &turns[next];
            let alike = turns[next..].iter().take_while(|other| self.alike(turn, other)).count();
            self.turn(turn, turns.get(next + 1));
            next += 1;
            if alike > 3 {
                self.fold(&turns[next..next + alike - 1]);
                next += alike - 1;
            }
        }
    }

    fn line(&mut self, margin: &str, text: &str) {
        for (n, line) in wrap(text, WIDTH - MARGIN).into_iter().enumerate() {
            let _ = writeln!(self.text, "{:MARGIN$}{line}", if n == 0 { margin } else { "" });
        }
    }

    /// Explains a term, once.
    fn explain(&mut self, term: &'static str, text: &str) {
        if self.known.insert(term) {
            for line in wrap(text, WIDTH - MARGIN - 2) {
                let _ = writeln!(self.text, "{:MARGIN$}┆ {line}", "");
            }
        }
    }

    fn turn(&mut self, turn: &Turn, next: Option<&Turn>) {
        let title = match turn.number {
            0 => "before".to_string(),
            number => format!("turn {number}"),
        };
        let at = format!("{title:MARGIN$}at {} ", time(turn.at - self.history.start));
        let _ = writeln!(self.text, "\n{at}{}", "─".repeat(WIDTH - at.chars().count()));
        if turn.number > 0 {
            self.explain(
                "turn",
                "A turn is one round of the loop. It has five phases, always in this order: collect, fire, run, \
                 park, dispatch. A phase that has nothing to do is left out below.",
            );
        }
        for stretch in &turn.stretches {
            let label = stretch.phase.map(|phase| format!("  {phase}")).unwrap_or_default();
            self.phase(stretch.phase, &stretch.steps);
            let polls = stretch.steps.iter().filter(|step| matches!(step, Step::Poll(_))).count();
            let mut told = 0;
            for (n, step) in stretch.steps.iter().enumerate() {
                if let Step::Poll(_) = step {
                    told += 1;
                    if polls > POLLS_TOLD && told == POLLS_TOLD {
                        self.line("", &format!("… and {} polls more", polls - POLLS_TOLD + 1));
                    }
                    if polls > POLLS_TOLD && told >= POLLS_TOLD {
                        continue;
                    }
                }
                self.step(if n == 0 { &label } else { "" }, step, next);
            }
            if stretch.steps.is_empty() && stretch.phase == Some(Phase::Dispatch) {
                self.line(&label, "the news concern no task that waits");
            }
        }
    }

    /// What must be said before the first phase of its kind.
    fn phase(&mut self, phase: Option<Phase>, steps: &[Step]) {
        match phase {
            Some(Phase::Collect) => self.explain(
                "collect",
                "collect: another thread may not touch the queue. It leaves a message in the inbox and rings the \
                 doorbell. The loop takes the messages out, in the order in which they came.",
            ),
            Some(Phase::Fire) => self.explain(
                "fire",
                "fire: timers whose time has come make their tasks ready, the earliest deadline first.",
            ),
            Some(Phase::Run) => {
                self.explain(
                    "run",
                    "run: the ready tasks are polled, one after another. A poll lets a task go on until it must \
                     wait for something, or ends. Nothing interrupts it, and nothing else runs meanwhile.",
                );
                if self.known.insert("columns") {
                    let _ = writeln!(self.text);
                    self.row("", "task", "ran for", "was made ready because", "and then");
                }
            }
            Some(Phase::Dispatch) => self.explain(
                "dispatch",
                "dispatch: the kernel's news of sockets make the tasks ready that wait for them.",
            ),
            Some(Phase::Park) => {
                if steps.iter().any(|step| matches!(step, Step::Park(park) if park.wait == Wait::Look)) {
                    self.explain(
                        "look",
                        "A park may be a mere look: if tasks are ready, the loop asks the kernel for news and does \
                         not sleep.",
                    );
                } else {
                    self.explain(
                        "park",
                        "park: the queue is empty, so the thread sleeps in the kernel and uses no processor. It \
                         wakes for news of a socket, for the next timer, or when another thread rings the doorbell.",
                    );
                }
            }
            None => {
                self.explain(
                    "task",
                    "A task is a future that the loop owns. The number behind its name is its id. root is the \
                     future that was given to block_on.",
                );
                self.explain(
                    "ready",
                    "A new task is ready at once: it stands in the queue, first in, first out. To wake a task is to \
                     put it at the back of that queue.",
                );
            }
        }
    }

    /// A line of the table of polls.
    fn row(&mut self, margin: &str, task: &str, ran: &str, because: &str, then: &str) {
        let names = self.history.tasks.keys().map(|id| self.name(*id).chars().count()).max();
        let width = names.unwrap_or_default().clamp(10, 24);
        let then = then.replace('\u{a0}', " ");
        let row = format!("{margin:MARGIN$}{task:width$} {ran:>8}   {because:28} ");
        if row.chars().count() + then.chars().count() <= WIDTH {
            let _ = writeln!(self.text, "{row}{then}");
        } else {
            let _ = writeln!(self.text, "{}", row.trim_end());
            self.line("", &format!("  {then}"));
        }
    }

    fn step(&mut self, margin: &str, step: &Step, next: Option<&Turn>) {
        match step {
            Step::Spawn(task) => {
                self.line(margin, &format!("{} is spawned at {}", self.name(*task), site(self.history, *task)));
            }
            Step::Ready(wake) => {
                let what = match &wake.cause {
                    Cause::Timer(id) => format!("timer {id} is due"),
                    Cause::Source(id, Direction::Read) => format!("socket {id} is readable"),
                    Cause::Source(id, Direction::Write) => format!("socket {id} is writable"),
                    Cause::Thread(Some(name)) => format!("thread {name:?} left a wake"),
                    Cause::Thread(None) => "a thread left a wake".into(),
                    Cause::Job => "a blocking job ended".into(),
                    _ => self.because(wake),
                };
                let already = if wake.again { ", already" } else { "" };
                self.line(margin, &format!("{what}: {} is ready{already}", self.name(wake.task)));
            }
            Step::Poll(index) => self.poll(margin, &self.history.polls[*index]),
            Step::Park(park) => self.park(margin, park, next),
            Step::Jump(by) => {
                self.line(margin, &format!("the virtual clock is moved forward by {}", time(*by)));
            }
        }
    }

    fn park(&mut self, margin: &str, park: &Park, next: Option<&Turn>) {
        let news = match park.news {
            0 => "no news".to_string(),
            1 => "1 socket has news".to_string(),
            n => format!("{n} sockets have news"),
        };
        let slept = time(park.end - park.at);
        let until = |phase| next.is_some_and(|turn| turn.stretches.iter().any(|other| other.phase == Some(phase)));
        let text = match park.wait {
            Wait::Look => format!("looks for news without sleeping: {news}"),
            Wait::Timer(timer) if park.jumped => {
                format!("the clock is virtual: it jumps {slept}, to timer {timer}")
            }
            _ if park.news > 0 => format!("sleeps {slept}, until {news}"),
            Wait::Timer(timer) if until(Phase::Fire) => format!("sleeps {slept}, until timer {timer} is due"),
            _ if until(Phase::Collect) => format!("sleeps {slept}, until the doorbell rings"),
            _ => format!("sleeps {slept}"),
        };
        self.line(margin, &text);
    }

    fn poll(&mut self, margin: &str, poll: &Poll) {
        let because = poll.because.as_ref().map(|wake| self.because(wake)).unwrap_or_default();
        let ran = if poll.dropped { "dropped".to_string() } else { time(poll.end - poll.at) };
        // Acts of a kind together, each in the order in which they happened.
        let acts = |wanted: fn(&Story<'_>, Act) -> Option<TaskId>| {
            let names = poll.acts.iter().filter_map(|act| wanted(self, *act)).filter(|id| *id != poll.task);
            let names: Vec<String> = names.map(|id| self.name(id)).collect();
            (!names.is_empty()).then(|| list(&names))
        };
        let spawned = acts(|story, act| match act {
            Act::Spawn(id) if !story.is_job(id) => Some(id),
            _ => None,
        });
        let jobs = acts(|story, act| match act {
            Act::Spawn(id) if story.is_job(id) => Some(id),
            _ => None,
        });
        let woken = acts(|_, act| if let Act::Wake(id) = act { Some(id) } else { None });
        let again = acts(|_, act| if let Act::WakeAgain(id) = act { Some(id) } else { None });
        let aborted = acts(|_, act| if let Act::Abort(id) = act { Some(id) } else { None });

        let (then, woken) = match (self.then(poll), woken) {
            (then, Some(names)) if matches!(poll.then, Then::Done(_)) => (format!("{then}, wakes {names}"), None),
            other => other,
        };
        self.row(margin, &self.name(poll.task), &ran, &because, &then);
        if let Some(names) = spawned {
            self.line("", &format!("  spawns {names}"));
        }
        if let Some(names) = jobs {
            self.line("", &format!("  gives a blocking job to another thread: {names}"));
            self.explain(
                "job",
                "A blocking job is work that does not wait politely: it would hold the loop. So a thread of the \
                 pool does it, and the job's task is ready when the work has ended.",
            );
        }
        if let Some(names) = woken {
            self.line("", &format!("  wakes {names}"));
        }
        if let Some(names) = again {
            self.line("", &format!("  wakes {names} once more"));
            self.explain(
                "again",
                "It was ready already, and stays where it stands: many wakes before a poll are one.",
            );
        }
        if let Some(names) = aborted {
            self.line("", &format!("  aborts {names}"));
            self.explain(
                "abort",
                "An aborted task's future is dropped instead of polled, at its turn in the queue.",
            );
        }
    }

    /// Turns that went as the one just told.
    fn fold(&mut self, turns: &[Turn]) {
        let (first, last) = (turns[0].number, turns[turns.len() - 1].number);
        let _ = writeln!(self.text, "\nturns {first} to {last} went the same way:");
        let mut polls: Vec<(TaskId, Duration, u32)> = Vec::new();
        let (mut slept, mut parks) = (Duration::ZERO, 0);
        for step in turns.iter().flat_map(|turn| &turn.stretches).flat_map(|stretch| &stretch.steps) {
            match step {
                Step::Poll(index) => {
                    let poll = &self.history.polls[*index];
                    match polls.iter_mut().find(|(task, ..)| *task == poll.task) {
                        Some((_, sum, count)) => (*sum, *count) = (*sum + (poll.end - poll.at), *count + 1),
                        None => polls.push((poll.task, poll.end - poll.at, 1)),
                    }
                }
                Step::Park(park) => (slept, parks) = (slept + (park.end - park.at), parks + 1),
                _ => {}
            }
        }
        for (task, sum, count) in polls {
            self.line(
                "",
                &format!("{} was polled {count} times, for {} each", self.name(task), time(sum / count)),
            );
        }
        if parks > 0 {
            self.line("", &format!("the thread slept {parks} times, for {} each", time(slept / parks)));
        }
    }

    /// Whether two turns differ in times and numbers alone.
    fn alike(&self, one: &Turn, other: &Turn) -> bool {
        let phases = |turn: &Turn| turn.stretches.iter().map(|stretch| stretch.phase).collect::<Vec<_>>();
        let same_step = |one: &Step, other: &Step| match (one, other) {
            (Step::Ready(one), Step::Ready(other)) => same_wake(one, other),
            (Step::Poll(one), Step::Poll(other)) => {
                let (one, other) = (&self.history.polls[*one], &self.history.polls[*other]);
                one.task == other.task
                    && one.acts == other.acts
                    && discriminant(&one.then) == discriminant(&other.then)
                    && one.because.as_ref().zip(other.because.as_ref()).is_some_and(|(a, b)| same_wake(a, b))
            }
            (Step::Park(one), Step::Park(other)) => {
                discriminant(&one.wait) == discriminant(&other.wait) && one.news == other.news
            }
            (Step::Jump(_), Step::Jump(_)) => true,
            _ => false,
        };
        one.number > 0
            && phases(one) == phases(other)
            && one.stretches.iter().zip(&other.stretches).all(|(one, other)| {
                one.steps.len() == other.steps.len()
                    && one.steps.iter().zip(&other.steps).all(|(one, other)| same_step(one, other))
            })
    }

    fn because(&self, wake: &Wake) -> String {
        match &wake.cause {
            Cause::Spawned => match self.history.tasks.get(&wake.task) {
                Some(task) if task.kind == Kind::Root => "block_on began it".into(),
                Some(task) if task.by.is_some() => {
                    format!("{} spawned it", self.name(task.by.unwrap_or(wake.task)))
                }
                _ => "it was spawned".into(),
            },
            Cause::Task(id) if *id == wake.task => "it woke itself".into(),
            Cause::Task(id) if wake.by_ending => format!("{} ended", self.name(*id)),
            Cause::Task(id) => format!("{} woke it", self.name(*id)),
            Cause::Timer(id) => format!("timer {id} was due"),
            Cause::Source(id, Direction::Read) => format!("socket {id} became readable"),
            Cause::Source(id, Direction::Write) => format!("socket {id} became writable"),
            Cause::Thread(Some(name)) => format!("thread {name:?} woke it"),
            Cause::Thread(None) => "a thread without a name woke it".into(),
            Cause::Job => "its blocking job ended".into(),
            Cause::Aborted => "it was aborted".into(),
            Cause::Outside => "it was woken outside of tasks".into(),
            other => other.to_string(),
        }
    }

    fn then(&self, poll: &Poll) -> String {
        match &poll.then {
            Then::Done(Outcome::Ready) => "ends".into(),
            Then::Done(Outcome::Panicked) => "panics".into(),
            Then::Done(Outcome::Cancelled) => "is cancelled".into(),
            Then::Waits(None) => "waits, and is never woken".into(),
            Then::Waits(Some(wake)) => {
                let long = time(wake.at.max(poll.end) - poll.end);
                let name = |id: &TaskId| self.name(*id);
                match &wake.cause {
                    Cause::Task(id) if *id == poll.task => "goes to the back of the queue".into(),
                    Cause::Task(id) => format!("waits {long} for {}", name(id)),
                    Cause::Timer(id) => format!("waits {long} for timer {id}"),
                    Cause::Source(id, _) => format!("waits {long} for socket {id}"),
                    Cause::Thread(Some(name)) => format!("waits {long} for thread {name:?}"),
                    Cause::Thread(None) => format!("waits {long} for a thread"),
                    Cause::Job => format!("waits {long} for its job"),
                    Cause::Aborted => format!("waits {long}, until it is aborted"),
                    _ => format!("waits {long}"),
                }
            }
        }
    }

    fn is_job(&self, task: TaskId) -> bool {
        self.history.tasks.get(&task).is_some_and(|task| matches!(task.kind, Kind::Blocking | Kind::Cpu))
    }

    fn name(&self, task: TaskId) -> String {
        name(self.history, task)
    }
}

fn same_wake(one: &Wake, other: &Wake) -> bool {
    let same_cause = match (&one.cause, &other.cause) {
        (Cause::Task(one), Cause::Task(other)) => one == other,
        (one, other) => discriminant(one) == discriminant(other),
    };
    same_cause && one.task == other.task && one.again == other.again
}
