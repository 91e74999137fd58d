//! What is worth knowing of a story, in a page: who used the loop, who was kept waiting, and by whom.

mod advice;
mod text;

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::panic::Location;
use std::sync::Arc;
use std::time::Duration;

use super::{Story, Waited, Woken};
use crate::clock::Instant;
use crate::trace::{Cause, Class, Event, Kind, Leaf, TaskId, Via};

pub use advice::{Advice, Step};

/// A poll of this length held the loop: a tenth of what asyncio's debug mode warns of, and more than half of a frame
/// of 60 a second.
const HELD: Duration = Duration::from_millis(10);

/// A wait for a lock of this length is told of.
const LOCKED: Duration = Duration::from_millis(1);

/// Of each kind so many are told, the worst first.
const TOLD: usize = 5;

/// What is worth knowing of a recorded run; made by [`Story::explain`]. Its `Display` is a page of text.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Explain {
    /// How long the recording is.
    pub length: Duration,
    /// How long the loop ran tasks.
    pub busy: Duration,
    /// How long the loop slept.
    pub asleep: Duration,
    /// How many tasks there were.
    pub tasks: usize,
    /// How many polls there were.
    pub polls: usize,
    /// How many events were dropped before the first.
    pub dropped: u64,
    /// How long ready tasks stood in the queue.
    pub queued: Delays,
    /// The tasks that ran longest: five at most.
    pub busiest: Vec<Busy>,
    /// The tasks of which a poll took 10 ms or longer: the five with the longest.
    pub held: Vec<Held>,
    /// What was waited for behind a lock or a permit for 1 ms or longer: the five longest.
    pub locks: Vec<Locked>,
    /// What ran one after another and perhaps need not: the three that cost most.
    pub advice: Vec<Advice>,
    /// What debug mode reported: [`Event::Lost`] and [`Event::Stuck`].
    pub reports: Vec<Event>,
}

/// How long ready tasks stood in the queue before they ran.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Delays {
    /// Half of the polls came no later.
    pub p50: Duration,
    /// Of a hundred polls 99 came no later.
    pub p99: Duration,
    /// The longest.
    pub max: Duration,
}

/// A task, as people call it: `task 7 "resize" (src/x.rs:41)`.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Who {
    /// Its id.
    pub id: TaskId,
    /// What it was made from.
    pub kind: Kind,
    /// Its name, if it has one.
    pub name: Option<Arc<str>>,
    /// Where it was spawned, if that is known.
    pub site: Option<&'static Location<'static>>,
}

/// How long a task ran.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Busy {
    /// Which task.
    pub task: Who,
    /// How long all its polls took.
    pub total: Duration,
    /// How long the longest took.
    pub longest: Duration,
    /// How many they are.
    pub polls: usize,
}

/// A poll that kept the loop from everything else.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Held {
    /// Whose.
    pub task: Who,
    /// Which, as a place in [`Story::polls`].
    pub poll: usize,
    /// How long it took.
    pub time: Duration,
    /// Who waited: those that were ready while it ran, and those that news from outside (a timer, a socket, a thread,
    /// a job) woke right after it, before the loop slept and within a tenth of its time.
    pub waited: Vec<TaskId>,
    /// How many polls of this task took 10 ms or longer, with this one.
    pub times: usize,
}

/// A wait behind a lock, a semaphore's permit, or the like.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Locked {
    /// Who waited longest.
    pub task: Who,
    /// For how long.
    pub time: Duration,
    /// In which operation: `Mutex::lock`.
    pub what: &'static str,
    /// Where that was called.
    pub site: &'static Location<'static>,
    /// Where the lock was made.
    pub made: &'static Location<'static>,
    /// Who released it then, and how; `None`: the wait goes on, or who ended it is not known.
    pub holder: Option<(Who, Via)>,
    /// Whether the wait had ended when the recording did.
    pub ended: bool,
    /// How often anybody waited for what was made there.
    pub waits: usize,
    /// For how long, in all.
    pub total: Duration,
}

impl Story {
    /// What is worth knowing of it.
    ///
    /// # Examples
    /// ```
    /// use glassloop::trace::Recorder;
    /// use glassloop::{Builder, spawn_named, time::sleep};
    /// use std::time::Duration;
    ///
    /// let recorder = Recorder::new();
    /// let runtime = Builder::new().start_paused(true).observer(recorder.observer()).build().unwrap();
    /// runtime.block_on(async {
    ///     spawn_named("user", sleep(Duration::from_millis(40))).await.unwrap();
    ///     spawn_named("orders", sleep(Duration::from_millis(30))).await.unwrap(); // it need not wait for the user
    /// });
    ///
    /// let explain = recorder.story().explain();
    /// assert_eq!(explain.asleep, Duration::from_millis(70));
    /// assert_eq!(explain.advice[0].together, Duration::from_millis(40));
    /// assert!(explain.to_string().contains("together they would take 40 ms instead of 70 ms"));
    /// ```
    #[must_use]
    pub fn explain(&self) -> Explain {
        Explain {
            length: self.length(),
            busy: self.polls.iter().map(|poll| poll.length()).sum(),
            asleep: self.sleeps.iter().map(|sleep| sleep.end - sleep.start).sum(),
            tasks: self.tasks.len(),
            polls: self.polls.len(),
            dropped: self.dropped,
            queued: self.delays(),
            busiest: self.busiest(),
            held: self.held(),
            locks: self.locked(),
            advice: self.advice(),
            reports: self.reports.iter().map(|(_, event)| event.clone()).collect(),
        }
    }

    fn who(&self, place: usize) -> Who {
        let task = &self.tasks[place];
        Who { id: task.id, kind: task.kind, name: task.name.clone(), site: task.site }
    }

    fn delays(&self) -> Delays {
        let known = (0..self.polls.len()).filter(|poll| self.polls[*poll].woken.is_some());
        let mut delays: Vec<Duration> = known.map(|poll| self.queued(poll)).collect();
        delays.sort_unstable();
        let Some(last) = delays.len().checked_sub(1) else { return Delays::default() };
        // The least that is not exceeded by so many of a hundred.
        let rank = |percent: usize| delays[(delays.len() * percent).div_ceil(100).saturating_sub(1)];
        Delays { p50: rank(50), p99: rank(99), max: delays[last] }
    }

    fn busiest(&self) -> Vec<Busy> {
        let totals = (0..self.tasks.len()).map(|place| (place, self.totals(place)));
        let mut busy: Vec<_> = totals.filter(|(_, totals)| !totals.busy.is_zero()).collect();
        busy.sort_by_key(|(_, totals)| Reverse(totals.busy));
        busy.truncate(TOLD);
        let told = busy.into_iter().map(|(place, totals)| Busy {
            task: self.who(place),
            total: totals.busy,
            longest: totals.longest,
            polls: totals.polls,
        });
        told.collect()
    }

    fn held(&self) -> Vec<Held> {
        // By task: the longest, and how many.
        let mut long: BTreeMap<usize, (usize, usize)> = BTreeMap::new();
        for (place, poll) in self.polls.iter().enumerate().filter(|(_, poll)| poll.length() >= HELD) {
            let (longest, times) = long.entry(poll.task).or_insert((place, 0));
            *times += 1;
            if poll.length() > self.polls[*longest].length() {
                *longest = place;
            }
        }
        let mut long: Vec<(usize, usize)> = long.into_values().collect();
        long.sort_by_key(|(poll, _)| Reverse(self.polls[*poll].length()));
        long.truncate(TOLD);
        let told = long.into_iter().map(|(poll, times)| Held {
            task: self.who(self.polls[poll].task),
            poll,
            time: self.polls[poll].length(),
            waited: self.waited_for(poll),
            times,
        });
        told.collect()
    }

    /// Who waited for the end of a poll; see [`Held::waited`].
    fn waited_for(&self, poll: usize) -> Vec<TaskId> {
        let held = &self.polls[poll];
        let soon = held.end.checked_add(held.length() / 10).unwrap_or(held.end);
        let slept = self.sleeps.iter().map(|sleep| sleep.start).find(|start| *start >= held.end);
        let soon = soon.min(slept.unwrap_or(soon));
        let waited = |woken: &Woken| match woken.cause {
            _ if woken.at < held.end || woken.during == Some(poll) => true,
            Cause::Timer(_) | Cause::Source(..) | Cause::Thread(_) | Cause::Job => woken.at <= soon,
            _ => false,
        };
        let later = self.polls[poll + 1..].iter().filter_map(|other| Some((other.task, other.woken.as_ref()?)));
        let never = self.tasks.iter().enumerate().filter_map(|(task, life)| Some((task, life.ready.as_ref()?)));
        let all = later.chain(never).filter(|(task, woken)| *task != held.task && waited(woken));
        let distinct: BTreeSet<usize> = all.map(|(task, _)| task).collect();
        distinct.into_iter().map(|task| self.tasks[task].id).collect()
    }

    /// The longest waits for locks, one for each place where such were made.
    fn locked(&self) -> Vec<Locked> {
        struct Group {
            task: usize,
            longest: Waited,
            waits: usize,
            total: Duration,
        }
        let mut by_maker: HashMap<(&'static str, &'static Location<'static>), Group> = HashMap::new();
        for task in 0..self.tasks.len() {
            for wait in self.waits(task) {
                let Some(Leaf::Sync { class: Class::Lock, what, made, .. }) = wait.on else { continue };
                let new = || Group { task, longest: wait, waits: 0, total: Duration::ZERO };
                let group = by_maker.entry((what, made)).or_insert_with(new);
                group.waits += 1;
                group.total += wait.length();
                if wait.length() > group.longest.length() {
                    (group.task, group.longest) = (task, wait);
                }
            }
        }
        let mut groups: Vec<Group> = by_maker.into_values().collect();
        groups.retain(|group| group.longest.length() >= LOCKED);
        groups.sort_by_key(|group| (Reverse(group.longest.length()), group.task, group.longest.from));
        groups.truncate(TOLD);
        groups
            .iter()
            .filter_map(|group| self.told_of(group.task, &group.longest, group.waits, group.total))
            .collect()
    }

    fn told_of(&self, task: usize, wait: &Waited, waits: usize, total: Duration) -> Option<Locked> {
        let Some(Leaf::Sync { what, site, made, .. }) = wait.on else { return None };
        let woken = match wait.before {
            Some(poll) => self.polls[poll].woken.as_ref(),
            None => self.tasks[task].ready.as_ref(),
        };
        let holder = woken.and_then(|woken| match (&woken.cause, woken.via) {
            (Cause::Task(by), Some(via)) => Some((self.who(self.task(*by)?), via)),
            _ => None,
        });
        let ended = wait.before.is_some() || woken.is_some();
        Some(Locked { task: self.who(task), time: wait.length(), what, site, made, holder, ended, waits, total })
    }

    /// How long the loop ran tasks between two moments.
    fn busy_between(&self, from: Instant, until: Instant) -> Duration {
        let first = self.polls.partition_point(|poll| poll.end <= from);
        let within = self.polls[first..].iter().take_while(|poll| poll.start < until);
        within.map(|poll| poll.end.min(until) - poll.start.max(from)).sum()
    }
}
