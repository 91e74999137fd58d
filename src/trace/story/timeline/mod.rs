//! A story as lines of text: a lane a task, and time from left to right.

mod axis;
mod lane;

use std::collections::BTreeSet;
use std::time::Duration;

use super::words::{self, count, fitted, width};
use super::{Story, Style};
use crate::clock::Instant;
use crate::trace::{Kind, Outcome};
use lane::{Lane, Mark};

/// So many tasks have a lane; of the others the last line tells how many they are.
const MOST_LANES: usize = 40;

/// Less than this cannot be read.
const LEAST_WIDTH: usize = 40;

/// A name gets no more columns, and no more than a quarter of the width.
const WIDEST_NAME: usize = 24;

/// Which time is in which column.
struct Scale {
    begin: Instant,
    length: Duration,
    columns: usize,
}

impl Scale {
    /// The column of a moment: its time is from `start(column)` up to `start(column + 1)`.
    fn column(&self, at: Instant) -> usize {
        let (since, length) = ((at - self.begin).as_nanos(), self.length.as_nanos());
        // One past the floor of the quotient may begin at or before `at`, for `start` is rounded down.
        let column = (since * self.columns as u128 / length) as usize;
        let next = column + 1;
        (if self.start(next) <= at { next } else { column }).min(self.columns - 1)
    }

    fn start(&self, column: usize) -> Instant {
        let nanos = self.length.as_nanos() * column as u128 / self.columns as u128;
        self.begin + Duration::from_nanos(nanos as u64)
    }
}

impl Story {
    /// The story as a timeline of lines no longer than `width`: above, the loop's own lane; then one a task, in spawn
    /// order, with its id and its name or the place of its spawn; below, what the signs mean.
    ///
    /// Each column shows what took the most of its time: running if that took half of it, standing in the queue, or
    /// waiting, by what for. However brief a poll is, it shows. Of more than 40 tasks it shows the 40 that ran and
    /// queued longest. Less than 40 columns are taken for 40.
    ///
    /// # Examples
    /// ```
    /// use glassloop::trace::{Recorder, story::Style};
    /// use glassloop::{Builder, spawn_named, time::sleep};
    /// use std::time::Duration;
    ///
    /// let recorder = Recorder::new();
    /// let runtime = Builder::new().start_paused(true).observer(recorder.observer()).build().unwrap();
    /// runtime.block_on(async { spawn_named("nap", sleep(Duration::from_millis(20))).await.unwrap() });
    ///
    /// let timeline = recorder.story().timeline(50, Style::plain());
    /// let shown = [
    ///     "       0         5 ms       10 ms      15 ms",
    ///     "       ┌─────────┬──────────┬──────────┬──────────",
    ///     "  loop │▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁│",
    ///     "1 root │─────────────────────────────────────────│",
    ///     "2 nap  │·········································│",
    ///     "",
    ///     "│ runs briefly   ▁ asleep",
    ///     "waits for: · timer   ─ task",
    /// ];
    /// assert_eq!(timeline.lines().collect::<Vec<_>>(), shown);
    /// ```
    #[must_use]
    pub fn timeline(&self, width: usize, style: Style) -> String {
        let width = width.max(LEAST_WIDTH);
        let shown = self.most_telling(MOST_LANES);
        let labels = self.labels(&shown, width);
        let indent = words::width(&labels[0]); // the loop's
        let columns = width - indent;
        // A column is never shorter than the clock's finest step.
        let length = self.length().max(Duration::from_nanos(columns as u64));
        let scale = Scale { begin: self.begin, length, columns };
        let mut lanes = vec![self.lane_of_loop(&scale)];
        lanes.extend(shown.iter().map(|task| self.lane_of_task(*task, &scale)));

        let mut text = String::new();
        if self.dropped > 0 {
            text += &format!("({} dropped)\n", count(self.dropped as usize, "older event"));
        }
        axis::draw(&mut text, &scale, indent, style);
        for (label, lane) in labels.iter().zip(&lanes) {
            text += label;
            draw(&mut text, lane, style);
        }
        let left_out = self.tasks.len() - shown.len();
        if left_out > 0 {
            text += &format!("{:indent$}and {}, which ran and queued less\n", "", count(left_out, "more task"));
        }
        legend(&mut text, &lanes.concat(), width, style);
        text
    }

    /// At most so many tasks, in spawn order: the root, those that panicked, and then those that ran and queued
    /// longest, or were polled the most.
    fn most_telling(&self, most: usize) -> Vec<usize> {
        let mut tasks: Vec<usize> = (0..self.tasks.len()).collect();
        if tasks.len() > most {
            tasks.sort_by_cached_key(|place| {
                let (task, totals) = (&self.tasks[*place], self.totals(*place));
                let panicked = matches!(task.ended, Some((_, Outcome::Panicked)));
                let rank = (task.kind == Kind::Root, panicked, totals.busy + totals.queued, totals.polls);
                (std::cmp::Reverse(rank), *place)
            });
            tasks.truncate(most);
            tasks.sort_unstable();
        }
        tasks
    }

    /// The beginnings of the lines, all of the same width.
    fn labels(&self, shown: &[usize], width_of_all: usize) -> Vec<String> {
        let ids: Vec<String> = shown.iter().map(|place| self.tasks[*place].id.to_string()).collect();
        let widths = shown.iter().map(|place| width(&self.tasks[*place].label()));
        let widest = widths.max().unwrap_or(0).max("loop".len());
        let of_name = widest.min(WIDEST_NAME).min(width_of_all / 4);
        let names = shown.iter().map(|place| self.tasks[*place].fitted_label(of_name));
        let of_id = ids.iter().map(String::len).max().unwrap_or(1);
        let of_loop = std::iter::once((String::new(), fitted("loop", of_name)));
        let of_all = of_loop.chain(ids.into_iter().zip(names));
        of_all.map(|(id, name)| format!("{id:>of_id$} {name} ")).collect()
    }

    fn lane_of_loop(&self, scale: &Scale) -> Vec<Mark> {
        let mut lane = Lane::new(scale);
        for poll in &self.polls {
            lane.runs(poll.start, poll.end);
        }
        for sleep in &self.sleeps {
            lane.does(Mark::Asleep, sleep.start, sleep.end);
        }
        lane.marks()
    }

    fn lane_of_task(&self, place: usize, scale: &Scale) -> Vec<Mark> {
        let task = &self.tasks[place];
        let mut lane = Lane::new(scale);
        for poll in task.polls.iter().map(|poll| &self.polls[*poll]) {
            if let Some(woken) = &poll.woken {
                lane.does(Mark::Queued, woken.at, poll.start);
            }
            lane.runs(poll.start, poll.end);
        }
        if let Some(ready) = &task.ready {
            lane.does(Mark::Queued, ready.at, self.end);
        }
        for wait in self.waits(place) {
            lane.does(Mark::Waited(wait.class), wait.from, wait.until);
        }
        match task.ended {
            Some((at, Outcome::Cancelled)) => lane.ends(Mark::Cancelled, at),
            Some((at, Outcome::Panicked)) => lane.ends(Mark::Panicked, at),
            Some((_, Outcome::Ready)) | None => {}
        }
        lane.marks()
    }
}

/// Writes a lane and ends its line. Neighbours of the same colour are painted at once.
fn draw(text: &mut String, lane: &[Mark], style: Style) {
    let end = lane.iter().rposition(|mark| *mark != Mark::Nothing).map_or(0, |last| last + 1);
    for alike in lane[..end].chunk_by(|a, b| a.look().1 == b.look().1) {
        let signs: String = alike.iter().map(|mark| mark.look().0).collect();
        style.paint(text, alike[0].look().1, &signs);
    }
    text.truncate(text.trim_end_matches(' ').len());
    text.push('\n');
}

/// What the signs mean that are used: first what a task does, then what it waits for.
fn legend(text: &mut String, used: &[Mark], width_of_all: usize, style: Style) {
    let used: BTreeSet<Mark> = used.iter().copied().collect();
    let is_wait = |mark: &Mark| matches!(mark, Mark::Waited(_));
    for (title, waits) in [("", false), ("waits for: ", true)] {
        let marks: Vec<Mark> = used.iter().copied().filter(|mark| is_wait(mark) == waits).collect();
        let mut at = width_of_all;
        for (n, mark) in marks.into_iter().filter(|mark| *mark != Mark::Nothing).enumerate() {
            let (sign, color) = mark.look();
            let takes = 2 + width(mark.meaning());
            if at + 3 + takes > width_of_all {
                text.push('\n');
                let before = if n == 0 { title } else { "" };
                text.push_str(&format!("{before:indent$}", indent = title.len()));
                at = title.len();
            } else {
                text.push_str("   ");
                at += 3;
            }
            style.paint(text, color, sign.encode_utf8(&mut [0; 4]));
            text.push(' ');
            text.push_str(mark.meaning());
            at += takes;
        }
    }
    text.push('\n');
}
