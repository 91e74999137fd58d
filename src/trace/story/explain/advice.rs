//! Finds awaits that ran one after another and, by all that can be seen, could run together.
//!
//! A **step** is something that a task began and then waited for: another task that it spawned, a job for a pool, a
//! connection that it made and then talked through. Steps that follow each other are independent by all that can be
//! seen if each was begun only after the one before had ended, and the task waited for nothing else in between. What
//! cannot be seen is whether one needs another's result; so the advice says "if".
//!
//! No step, because to wait for it again and again, or first for one and then for the other, is its use:
//! - a lock, a channel, another task's word;
//! - a socket that was there before: a server that reads the next request, a client that reads the next answer;
//! - a timer: a pause between two steps is mostly wanted, and nothing shows whether it began before them;
//! - a job spawned where the one before was: a file that is read piece by piece;
//! - what failed: a task that panicked, a connection that was not made. What follows is mostly another attempt.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
use std::panic::Location;
use std::time::Duration;

use super::Who;
use crate::clock::Instant;
use crate::trace::story::{Story, Waited};
use crate::trace::{Kind, Leaf, Outcome, SourceId, TaskId};

/// To gain less is not worth a word.
const GAIN: Duration = Duration::from_millis(10);

/// To gain less than this part of the time is not worth a word either.
const PART: u32 = 4;

/// A task that does something else meanwhile, for longer than this part of two steps, begins anew with the second.
const PAUSE: u32 = 10;

/// A step that takes less than this part of the longest is not told of.
const BRIEF: u32 = 20;

/// So many are given: those that gain most.
const GIVEN: usize = 3;

/// What a task awaited one after another, and could perhaps await together; see [`Story::explain`].
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Advice {
    /// Which task.
    pub task: Who,
    /// What it awaited.
    pub steps: Vec<Step>,
    /// How long the steps took, one after another.
    pub in_turn: Duration,
    /// How long they would take together: as the longest of them, but no less than the loop ran tasks meanwhile.
    pub together: Duration,
    /// How often the same steps were seen, in this task and others.
    pub times: usize,
}

/// Something that a task began and then waited for.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Step {
    /// What, for people.
    pub what: String,
    /// Where it was begun: the spawn of a task or a job, the first wait for a connection.
    pub site: &'static Location<'static>,
    /// When the wait for it began.
    pub from: Instant,
    /// When it ended.
    pub until: Instant,
}

impl Step {
    /// How long it took.
    #[must_use]
    pub fn length(&self) -> Duration {
        self.until - self.from
    }
}

impl Advice {
    fn gain(&self) -> Duration {
        self.in_turn.saturating_sub(self.together)
    }
}

/// What a step waits for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Thing {
    Task(TaskId),
    Job(TaskId),
    Connection(SourceId),
}

struct Run {
    steps: Vec<(Thing, Step)>,
}

impl Story {
    pub(super) fn advice(&self) -> Vec<Advice> {
        // By what they look like in the source: where the task and the steps were begun.
        let mut alike: BTreeMap<Vec<Option<&'static Location<'static>>>, (Duration, Advice)> = BTreeMap::new();
        for place in 0..self.tasks.len() {
            for run in self.runs(place) {
                let Some(advice) = self.advise(place, run) else { continue };
                let steps: BTreeSet<_> = advice.steps.iter().map(|step| Some(step.site)).collect();
                let looks = std::iter::once(self.tasks[place].site).chain(steps).collect();
                let (gain, best) = alike.entry(looks).or_insert_with(|| (Duration::ZERO, advice.clone()));
                *gain += advice.gain();
                let times = best.times + 1;
                if advice.gain() > best.gain() {
                    *best = advice;
                }
                best.times = times;
            }
        }
        let mut all: Vec<(Duration, Advice)> = alike.into_values().collect();
        all.sort_by_key(|(gain, advice)| (Reverse(*gain), advice.task.id));
        all.truncate(GIVEN);
        all.into_iter().map(|(_, advice)| advice).collect()
    }

    fn advise(&self, place: usize, run: Run) -> Option<Advice> {
        let (first, last) = (run.steps.first()?.1.from, run.steps.last()?.1.until);
        let mut steps: Vec<Step> = run.steps.into_iter().map(|(_, step)| step).collect();
        let longest = steps.iter().map(Step::length).max()?;
        steps.retain(|step| step.length() >= longest / BRIEF);
        let in_turn: Duration = steps.iter().map(Step::length).sum();
        // There is one thread: what tasks run does not get shorter.
        let together = longest.max(self.busy_between(first, last));
        let gain = in_turn.saturating_sub(together);
        let is_worth_it = steps.len() > 1 && gain >= GAIN && gain >= in_turn / PART;
        is_worth_it.then(|| Advice { task: self.who(place), steps, in_turn, together, times: 0 })
    }

    /// The longest runs of steps of a task that follow each other.
    fn runs(&self, place: usize) -> Vec<Run> {
        let mut runs = vec![Run { steps: Vec::new() }];
        let mut since = 0; // what was begun in this poll or later was begun after the wait before
        for wait in self.waits(place) {
            let run = runs.last_mut().expect("there is always one");
            match self.step(place, &wait, since) {
                Some(Next::Same) if run.goes_on_with(&wait) => {}
                Some(Next::New(thing, step)) => {
                    if !run.takes(&thing, &step) {
                        runs.push(Run { steps: Vec::new() });
                    }
                    let run = runs.last_mut().expect("pushed above, if need be");
                    run.push(thing, step);
                }
                _ => runs.push(Run { steps: Vec::new() }),
            }
            let Some(before) = wait.before else { break };
            since = before;
        }
        runs
    }

    /// What a wait is: a new step, if what it is for was begun after the wait before; perhaps the same one's next part.
    fn step(&self, place: usize, wait: &Waited, since: usize) -> Option<Next> {
        wait.before?; // one that goes on took nobody knows how long
        let is_fresh = |during: Option<usize>| {
            during.is_some_and(|poll| poll >= since && Some(poll) <= wait.after && self.polls[poll].task == place)
        };
        let step = |what, site| Step { what, site, from: wait.from, until: wait.until };
        match wait.on? {
            Leaf::Join { task, spawned } => {
                let awaited = self.task(task)?;
                if !matches!(self.tasks[awaited].ended, Some((_, Outcome::Ready))) {
                    return None;
                }
                let thing = match self.tasks[awaited].kind {
                    Kind::Blocking | Kind::Cpu => Thing::Job(task),
                    _ => Thing::Task(task),
                };
                let what = self.who(awaited).to_string();
                is_fresh(self.tasks[awaited].during).then(|| Next::New(thing, step(what, spawned)))
            }
            Leaf::Source { source, site, .. } => {
                let place = self.sources.binary_search_by_key(&source, |registered| registered.source).ok()?;
                let registered = &self.sources[place];
                // One that listens, or was accepted, is never said to have connected.
                if !is_fresh(registered.during) || registered.connected.is_none() {
                    return Some(Next::Same);
                }
                let address = registered.address.as_deref().map(|address| format!(" {address}"));
                let what = format!("{}{} at {site}", registered.thing, address.unwrap_or_default());
                Some(Next::New(Thing::Connection(source), step(what, site)))
            }
            _ => None,
        }
    }
}

enum Next {
    New(Thing, Step),
    /// A wait for a source that was there before: if the last step began it, it goes on.
    Same,
}

impl Run {
    fn goes_on_with(&mut self, wait: &Waited) -> bool {
        match (self.steps.last_mut(), wait.on) {
            (Some((Thing::Connection(of), step)), Some(Leaf::Source { source, .. })) if *of == source => {
                step.until = wait.until;
                true
            }
            _ => false,
        }
    }

    /// Whether a step may follow those that are there.
    fn takes(&self, thing: &Thing, step: &Step) -> bool {
        let Some((_, last)) = self.steps.last() else { return true };
        let is_near = step.from - last.until <= (last.length() + step.length()) / PAUSE;
        let job = |thing: &Thing| matches!(thing, Thing::Job(_));
        let is_again = job(thing) && self.steps.iter().any(|(other, seen)| job(other) && seen.site == step.site);
        is_near && !is_again
    }

    /// A connection after a job is taken for one step with it: the job looked up its address.
    fn push(&mut self, thing: Thing, step: Step) {
        match (self.steps.last_mut(), thing) {
            (Some((before @ Thing::Job(_), last)), Thing::Connection(_)) => {
                *before = thing;
                (last.what, last.site, last.until) = (step.what, step.site, step.until);
            }
            _ => self.steps.push((thing, step)),
        }
    }
}
