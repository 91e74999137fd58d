//! Chrome trace events, for Perfetto and every other viewer of that format.
//!
//! The process is the runtime, and a thread in it is a task, whose number is the task's: its slices are polls, waits,
//! and the time in the queue between a wake and its poll. They follow each other, so that none lies in another.
//! Arrows lead from the poll that woke to the poll that came of it. The last thread is the loop: its slices are its
//! sleeps, for a task that runs is seen in a lane of its own.

mod marks;

use std::fmt::Display;
use std::io::{self, Write};

use super::json_text::Json;
use crate::clock::Instant;
use crate::trace::story::{Asleep, Life, Polled, Story, Waited, Woken};
use crate::trace::{Cause, Class, Event, Kind, Leaf};
use marks::{Entry, Mark};

/// The one process.
const PROCESS: u64 = 1;

pub(super) fn write(story: &Story, out: &mut dyn Write) -> io::Result<()> {
    let mut json = Json::new(&mut *out);
    let lanes = Lanes { story, sleeper: story.tasks.last().map_or(1, |task| task.id.0.get() + 1) };
    json.object(|json| {
        json.member("displayTimeUnit", "ns");
        json.key("otherData").object(|json| {
            json.member("recorded_by", "glassloop");
            json.key("dropped_events").number(story.dropped);
        });
        json.line();
        json.key("traceEvents").array(|json| {
            lanes.names(json);
            marks::of(story).iter().for_each(|entry| lanes.entry(json, entry));
            json.line();
        });
    });
    json.finish()?;
    out.write_all(b"\n")
}

struct Lanes<'a> {
    story: &'a Story,
    /// The loop's thread: a number that no task has.
    sleeper: u64,
}

impl Lanes<'_> {
    fn names(&self, json: &mut Json<'_>) {
        let mut lane = |what: &str, thread: u64, key: &str, value: &dyn Fn(&mut Json<'_>)| {
            json.line();
            json.object(|json| {
                json.member("ph", "M");
                json.member("name", what);
                json.key("pid").number(PROCESS);
                json.key("tid").number(thread);
                json.key("args").object(|json| value(json.key(key)));
            });
        };
        lane("process_name", self.sleeper, "name", &|json| json.text("glassloop"));
        lane("thread_name", self.sleeper, "name", &|json| json.text("the loop"));
        lane("thread_sort_index", self.sleeper, "sort_index", &|json| json.number(0));
        for task in &self.story.tasks {
            let id = task.id.0.get();
            lane("thread_name", id, "name", &|json| json.text(label(task)));
            lane("thread_sort_index", id, "sort_index", &|json| json.number(id));
        }
    }

    fn entry(&self, json: &mut Json<'_>, entry: &Entry) {
        json.line();
        json.object(|json| match &entry.mark {
            Mark::Poll(poll) => self.poll(json, entry.at, *poll),
            Mark::Wait(task, wait) => self.wait(json, entry.at, *task, wait),
            Mark::Queued { task, until, woken } => {
                self.slice(json, "queue", &"ready", self.task(*task), entry.at, *until);
                json.key("args").object(|json| self.why(json, woken));
            }
            Mark::Sleep(sleep) => self.sleep(json, sleep),
            Mark::Arrow { from, id } => {
                self.head(json, "s", "wake", &"wake", self.task(self.story.polls[*from].task), entry.at);
                json.key("id").number(*id as u64);
            }
            Mark::ArrowHead { id } => {
                self.head(json, "f", "wake", &"wake", self.task(self.story.polls[*id].task), entry.at);
                json.key("id").number(*id as u64);
                json.member("bp", "e");
            }
            Mark::Abort { task, by } => {
                self.head(json, "i", "abort", &"abort", self.task(*task), entry.at);
                json.member("s", "t");
                json.key("args").object(|json| {
                    if let Some(by) = by {
                        json.member("by", format_args!("task {by}"));
                    }
                });
            }
            Mark::Report(event) => self.report(json, entry.at, event),
            Mark::Ready(tasks) => {
                self.head(json, "C", "queue", &"ready tasks", self.sleeper, entry.at);
                json.key("args").object(|json| json.key("tasks").number(*tasks));
            }
        });
    }

    fn poll(&self, json: &mut Json<'_>, at: Instant, place: usize) {
        let poll = &self.story.polls[place];
        let life = &self.story.tasks[poll.task];
        self.slice(json, "poll", &label(life), self.task(poll.task), at, poll.end);
        json.key("args").object(|json| {
            if let Some(woken) = &poll.woken {
                self.why(json, woken);
                json.key("queued_us").micros(self.story.queued(place));
            }
            match &poll.result {
                Polled::Pending(Some(leaf)) => json.member("then", format_args!("waits for {}", self.told(leaf))),
                Polled::Pending(None) => json.member("then", "waits"),
                Polled::Done(outcome) => json.member("then", format_args!("done: {outcome}")),
                Polled::Running => json.member("then", "still runs"),
            }
            if let Some(site) = life.site {
                json.member("spawned", site);
            }
        });
    }

    fn wait(&self, json: &mut Json<'_>, at: Instant, task: usize, wait: &Waited) {
        // The same words for waits of one kind: a viewer colours slices by their names, and sums them up so.
        let name = match (&wait.on, wait.class) {
            (Some(Leaf::Sync { what, .. }), _) => what,
            (_, Class::Other) => "a wake",
            (_, Class::Join) => "a task's end",
            (_, Class::Pool) => "a job on the pool",
            (_, Class::Timer) => "a timer",
            (_, Class::Socket) => "a socket",
            _ => "another task",
        };
        self.slice(json, "wait", &format_args!("waits for {name}"), self.task(task), at, wait.until);
        json.key("args").object(|json| {
            json.member("class", wait.class);
            if let Some(leaf) = &wait.on {
                json.member("for", self.told(leaf));
            }
        });
    }

    fn sleep(&self, json: &mut Json<'_>, sleep: &Asleep) {
        self.slice(json, "loop", &"sleeps", self.sleeper, sleep.start, sleep.end);
        json.key("args").object(|json| {
            json.member("limit", sleep.wait);
            json.key("events").number(sleep.events as u64);
        });
    }

    fn report(&self, json: &mut Json<'_>, at: Instant, event: &Event) {
        let (name, lane) = match event {
            Event::Lost { task: Some(task), .. } => ("lost", task.0.get()),
            Event::Lost { .. } => ("lost", self.sleeper),
            _ => ("stuck", self.sleeper),
        };
        self.head(json, "i", "report", &name, lane, at);
        json.member("s", if lane == self.sleeper { "g" } else { "t" });
        json.key("args").object(|json| json.member("what", event));
    }

    fn why(&self, json: &mut Json<'_>, woken: &Woken) {
        let cause = &woken.cause;
        let address = match cause {
            Cause::Source(source, _) => self.story.address(*source),
            _ => None,
        };
        match (woken.via, address) {
            (Some(via), _) => json.member("why", format_args!("{cause}, which {via}")),
            (None, Some(address)) => json.member("why", format_args!("{cause} ({address})")),
            (None, None) => json.member("why", cause),
        }
        if woken.again > 0 {
            json.key("woken_again").number(woken.again.into());
        }
    }

    fn told(&self, leaf: &Leaf) -> String {
        match leaf {
            Leaf::Source { source, .. } => match self.story.address(*source) {
                Some(address) => format!("{leaf} ({address})"),
                None => leaf.to_string(),
            },
            _ => leaf.to_string(),
        }
    }

    /// The thread of a task, which is given as a place in the story.
    fn task(&self, place: usize) -> u64 {
        self.story.tasks[place].id.0.get()
    }

    fn slice(&self, json: &mut Json<'_>, cat: &str, name: &dyn Display, lane: u64, start: Instant, end: Instant) {
        self.head(json, "X", cat, name, lane, start);
        json.key("dur").micros(end - start);
    }

    fn head(&self, json: &mut Json<'_>, ph: &str, cat: &str, name: &dyn Display, lane: u64, at: Instant) {
        json.member("ph", ph);
        json.member("cat", cat);
        json.member("name", name);
        json.key("pid").number(PROCESS);
        json.key("tid").number(lane);
        json.key("ts").micros(at - self.story.begin);
    }
}

/// The name of a task's lane and of its polls: `task 3 resize`, `task 1 root`.
fn label(task: &Life) -> String {
    match (&task.name, task.kind) {
        (Some(name), _) => format!("task {} {name}", task.id),
        (None, Kind::Task) => format!("task {}", task.id),
        (None, kind) => format!("task {} {kind}", task.id),
    }
}
