//! The story as JSON, compact: a hundred thousand events are a few megabytes. Columns of numbers, each text and each
//! thing that is waited for once; `model.js` reads it and numbers causes and endings as this file does.

use std::fmt::Display;
use std::io::{self, Write};

use crate::clock::Instant;
use crate::trace::export::json_text::Json;
use crate::trace::intern::Seen;
use crate::trace::story::{Polled, Story, Woken};
use crate::trace::{Cause, Class, Direction, Kind, Leaf, Outcome, Via, Wait};

/// Where a number can be missing, this stands for it.
const NONE: i64 = -1;

pub(super) fn write(story: &Story, out: &mut dyn Write) -> io::Result<()> {
    let mut tables = Tables::default();
    let mut json = Json::new(out);
    json.object(|json| {
        json.key("dropped").number(story.dropped);
        json.key("span").signed(nanos(story.begin, story.end));
        json.key("tasks").object(|json| tasks(json, story, &mut tables));
        json.key("polls").object(|json| polls(json, story, &mut tables));
        json.key("ready").object(|json| ready(json, story, &mut tables));
        json.key("sleeps").object(|json| sleeps(json, story));
        json.key("sources").array(|json| sources(json, story, &mut tables));
        tables.write(json);
    });
    json.finish()
}

fn column(json: &mut Json<'_>, name: &str, numbers: impl Iterator<Item = i64>) {
    json.line();
    json.key(name).array(|json| {
        for number in numbers {
            json.signed(number);
        }
    });
}

fn tasks(json: &mut Json<'_>, story: &Story, tables: &mut Tables) {
    let since = |at| nanos(story.begin, at);
    column(json, "id", story.tasks.iter().map(|task| number(task.id.0.get())));
    column(json, "kind", story.tasks.iter().map(|task| kind(task.kind)));
    column(json, "name", story.tasks.iter().map(|task| task.name.as_ref().map_or(NONE, |name| tables.text(name))));
    column(json, "site", story.tasks.iter().map(|task| task.site.map_or(NONE, |site| tables.text(site))));
    column(json, "by", story.tasks.iter().map(|task| task.by.map_or(0, |by| number(by.0.get()))));
    column(json, "spawned", story.tasks.iter().map(|task| task.spawned.map_or(NONE, since)));
    column(json, "ended", story.tasks.iter().map(|task| task.ended.map_or(NONE, |(at, _)| since(at))));
    column(json, "outcome", story.tasks.iter().map(|task| task.ended.map_or(0, |(_, how)| -1 - ended(how))));
}

fn polls(json: &mut Json<'_>, story: &Story, tables: &mut Tables) {
    let mut last = story.begin;
    let starts = story.polls.iter().map(|poll| nanos(std::mem::replace(&mut last, poll.start), poll.start));
    column(json, "task", story.polls.iter().map(|poll| number(poll.task as u64)));
    column(json, "start", starts);
    column(json, "took", story.polls.iter().map(|poll| nanos(poll.start, poll.end)));
    column(json, "on", story.polls.iter().map(|poll| result(poll.result, tables)));
    wakes(json, tables, || story.polls.iter().map(|poll| (poll.woken.as_ref(), poll.start)));
}

/// The tasks that stand ready at the end, with their wakes.
fn ready(json: &mut Json<'_>, story: &Story, tables: &mut Tables) {
    let ready = || story.tasks.iter().enumerate().filter(|(_, task)| task.ready.is_some());
    column(json, "task", ready().map(|(place, _)| number(place as u64)));
    wakes(json, tables, || ready().map(|(_, task)| (task.ready.as_ref(), story.end)));
}

/// Why somebody stood ready, and how long until the moment given.
fn wakes<'a, I>(json: &mut Json<'_>, tables: &mut Tables, wakes: impl Fn() -> I)
where
    I: Iterator<Item = (Option<&'a Woken>, Instant)>,
{
    let one = |of: fn(&Woken) -> i64, none: i64| wakes().map(move |(woken, _)| woken.map_or(none, of));
    column(json, "delay", wakes().map(|(woken, until)| woken.map_or(NONE, |woken| nanos(woken.at, until))));
    column(json, "during", one(|woken| woken.during.map_or(NONE, |poll| number(poll as u64)), NONE));
    column(json, "again", one(|woken| i64::from(woken.again), 0));
    column(json, "cause", one(|woken| cause(&woken.cause), 0));
    column(json, "of", wakes().map(|(woken, _)| woken.map_or(NONE, |woken| of(&woken.cause, tables))));
    column(
        json,
        "via",
        wakes().map(|(woken, _)| woken.and_then(|woken| woken.via).map_or(NONE, |via| tables.via(via))),
    );
}

fn sleeps(json: &mut Json<'_>, story: &Story) {
    let mut last = story.begin;
    let starts = story.sleeps.iter().map(|sleep| nanos(std::mem::replace(&mut last, sleep.start), sleep.start));
    column(json, "start", starts);
    column(json, "took", story.sleeps.iter().map(|sleep| nanos(sleep.start, sleep.end)));
    column(json, "until", story.sleeps.iter().map(|sleep| until(sleep.wait)));
    column(json, "events", story.sleeps.iter().map(|sleep| number(sleep.events as u64)));
}

fn sources(json: &mut Json<'_>, story: &Story, tables: &mut Tables) {
    for source in &story.sources {
        let address = source.address.as_ref().map_or(NONE, |address| tables.text(address));
        let thing = tables.text(source.thing);
        json.array(|json| [number(source.source.0), thing, address].into_iter().for_each(|n| json.signed(n)));
    }
}

/// What is written once and named by its place.
#[derive(Default)]
struct Tables {
    texts: Seen<String>,
    leaves: Seen<Leaf>,
    vias: Seen<Via>,
}

impl Tables {
    fn text(&mut self, text: impl Display) -> i64 {
        number(self.texts.place(text.to_string()) as u64)
    }

    fn leaf(&mut self, leaf: Leaf) -> i64 {
        number(self.leaves.place(leaf) as u64)
    }

    fn via(&mut self, via: Via) -> i64 {
        number(self.vias.place(via) as u64)
    }

    fn write(mut self, json: &mut Json<'_>) {
        let (leaves, vias) = (std::mem::take(&mut self.leaves), std::mem::take(&mut self.vias));
        let leaves: Vec<_> = leaves.all().iter().map(|leaf| self.leaf_row(leaf)).collect();
        let vias: Vec<_> = vias.all().iter().map(|via| [self.text(via.what), self.text(via.made)]).collect();
        json.line();
        json.key("leaves").array(|json| rows(json, &leaves));
        json.line();
        json.key("vias").array(|json| rows(json, &vias));
        json.line();
        json.key("strings").array(|json| self.texts.all().iter().for_each(|text| json.text(text)));
    }

    /// A leaf's form, its kind, what it names, where it waits, where that was made.
    fn leaf_row(&mut self, leaf: &Leaf) -> [i64; 5] {
        let (form, named, site, made) = match *leaf {
            Leaf::Timer { timer, site } => (0, number(timer.0), site, None),
            Leaf::Source { source, direction: Direction::Read, site } => (1, number(source.0), site, None),
            Leaf::Source { source, direction: Direction::Write, site } => (2, number(source.0), site, None),
            Leaf::Join { task, spawned } => (3, number(task.0.get()), spawned, None),
            Leaf::Sync { what, site, made, .. } => (4, self.text(what), site, Some(made)),
        };
        [form, class(leaf.class()), named, self.text(site), made.map_or(NONE, |made| self.text(made))]
    }
}

fn rows<const N: usize>(json: &mut Json<'_>, rows: &[[i64; N]]) {
    for row in rows {
        json.array(|json| row.iter().for_each(|&number| json.signed(number)));
    }
}

// ---- numbers that `model.js` knows

fn number(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// A double, which is what a page's numbers are, holds 104 days of nanoseconds exactly.
fn nanos(from: Instant, to: Instant) -> i64 {
    i64::try_from((to - from).as_nanos()).unwrap_or(i64::MAX)
}

fn kind(kind: Kind) -> i64 {
    match kind {
        Kind::Task => 0,
        Kind::Root => 1,
        Kind::Blocking => 2,
        Kind::Cpu => 3,
    }
}

fn class(class: Class) -> i64 {
    match class {
        Class::Timer => 0,
        Class::Socket => 1,
        Class::Lock => 2,
        Class::Channel => 3,
        Class::Signal => 4,
        Class::Join => 5,
        Class::Pool => 6,
        Class::Other => 7,
    }
}

fn ended(outcome: Outcome) -> i64 {
    match outcome {
        Outcome::Ready => -2,
        Outcome::Panicked => -3,
        Outcome::Cancelled => -4,
    }
}

/// From 0 on the place of the leaf that is waited for.
fn result(result: Polled, tables: &mut Tables) -> i64 {
    match result {
        Polled::Pending(Some(leaf)) => tables.leaf(leaf),
        Polled::Pending(None) => NONE,
        Polled::Done(outcome) => ended(outcome),
        Polled::Running => -5,
    }
}

fn cause(cause: &Cause) -> i64 {
    match cause {
        Cause::Spawned => 1,
        Cause::Task(_) => 2,
        Cause::Timer(_) => 3,
        Cause::Source(_, Direction::Read) => 4,
        Cause::Source(_, Direction::Write) => 5,
        Cause::Thread(_) => 6,
        Cause::Job => 7,
        Cause::Aborted => 8,
        Cause::Outside => 9,
    }
}

/// What the cause names: a task, a timer, a source by its number, a thread by the place of its name.
fn of(cause: &Cause, tables: &mut Tables) -> i64 {
    match cause {
        Cause::Task(task) => number(task.0.get()),
        Cause::Timer(timer) => number(timer.0),
        Cause::Source(source, _) => number(source.0),
        Cause::Thread(Some(name)) => tables.text(name),
        Cause::Thread(None) | Cause::Spawned | Cause::Job | Cause::Aborted | Cause::Outside => NONE,
    }
}

/// 0: until woken; a timer's number and one; less: as long as the host said.
fn until(wait: Wait) -> i64 {
    match wait {
        Wait::Timer(timer) => number(timer.0) + 1,
        Wait::Forever => 0,
        Wait::Look | Wait::AtMost(_) => NONE,
    }
}
