//! A dump as other programs read it.

use std::panic::Location;
use std::time::Duration;

use super::{Dump, Holder, Outlook, TaskState, TaskView, Waits};
use crate::trace::export::json_text::{self, Json};
use crate::trace::{Direction, Leaf};

impl Dump {
    /// The dump as JSON, a line a task, with keys that stay:
    ///
    /// - `outlook`: `"goes_on"`, `"unknown"` or `"deadlock"`.
    /// - `circles`: lists of the ids of tasks that await each other.
    /// - `tasks`, in spawn order, each with
    ///   - `id`, `kind` (`"task"`, `"root"`, `"blocking"`, `"cpu"`), `name` or null, `site` (where it was spawned, as
    ///     `"file:line:column"`), `state` (`"running"`, `"ready"`, `"waiting"`), `has_wakers`;
    ///   - `polls`, `busy_ns`, `waited_ns`: null where they are not known;
    ///   - `waits`: what it is known to wait for, each with `for`: `"timer"` (with `timer`, `due_in_ns`, `site`),
    ///     `"source"` (`source`, `thing`, `direction`, `site` or null), `"join"` (`task`), `"job"`, `"cpu_job"`, or
    ///     `"sync"` (`what`, `site`, `made`, and `held_by`: of each holder `task` or null, `site`, `is_untaken`,
    ///     `is_before`, `may_have_moved`);
    ///   - `leaf`: null, or what its last poll found first: `for` is `"timer"` (`timer`, `site`), `"source"` (`source`,
    ///     `direction`, `site`), `"join"` (`task`, `spawned`) or `"sync"` (`what`, `class`, `site`, `made`).
    ///
    /// A later version may add keys, and words where it adds variants.
    ///
    /// # Examples
    /// ```
    /// glassloop::run(async {
    ///     let json = glassloop::dump().unwrap().to_json();
    ///     assert!(json.starts_with("{\"outlook\":\"goes_on\",\"circles\":[],\"tasks\":["));
    /// });
    /// ```
    #[must_use]
    pub fn to_json(&self) -> String {
        let mut text = Vec::new();
        let mut json = Json::new(&mut text);
        json.object(|json| {
            json.member("outlook", outlook(self.outlook()));
            json.key("circles").array(|json| {
                for circle in self.circles() {
                    json.array(|json| circle.iter().for_each(|task| json.number(task.0.get())));
                }
            });
            json.key("tasks").array(|json| {
                for task in &self.tasks {
                    json.line();
                    json.object(|json| self.task(json, task));
                }
                json.line();
            });
        });
        json.finish().expect("memory takes all that is written to it");
        String::from_utf8(text).expect("text is written as text")
    }

    fn task(&self, json: &mut Json<'_>, task: &TaskView) {
        json.key("id").number(task.id.0.get());
        json.member("kind", task.kind);
        optional(json, "name", task.name.as_ref(), |json, name| json.text(name));
        json.member("site", task.site);
        json.member("state", state(task.state));
        json.key("has_wakers").bool(task.has_wakers);
        optional(json, "polls", task.polls, |json, polls| json.number(polls));
        optional(json, "busy_ns", task.busy, nanos);
        optional(json, "waited_ns", task.waited, nanos);
        json.key("waits").array(|json| {
            for waits in &task.waits {
                json.object(|json| self.waits(json, waits));
            }
        });
        optional(json, "leaf", task.leaf, |json, leaf| json.object(|json| of_leaf(json, &leaf)));
    }

    fn waits(&self, json: &mut Json<'_>, waits: &Waits) {
        match waits {
            Waits::Timer { timer, deadline, site } => {
                json.member("for", "timer");
                json.key("timer").number(timer.0);
                nanos(json.key("due_in_ns"), *deadline - self.at);
                json.member("site", site);
            }
            Waits::Source { source, thing, direction, site } => {
                json.member("for", "source");
                json.key("source").number(source.0);
                json.member("thing", thing);
                json.member("direction", way(*direction));
                optional(json, "site", *site, site_text);
            }
            Waits::Join(task) => {
                json.member("for", "join");
                json.key("task").number(task.0.get());
            }
            Waits::Job => json.member("for", "job"),
            Waits::CpuJob => json.member("for", "cpu_job"),
            Waits::Sync { what, site, made, held_by } => {
                json.member("for", "sync");
                json.member("what", what);
                json.member("site", site);
                json.member("made", made);
                json.key("held_by")
                    .array(|json| held_by.iter().for_each(|one| json.object(|json| holder(json, one))));
            }
        }
    }
}

fn of_leaf(json: &mut Json<'_>, leaf: &Leaf) {
    match leaf {
        Leaf::Timer { timer, site } => {
            json.member("for", "timer");
            json.key("timer").number(timer.0);
            json.member("site", site);
        }
        Leaf::Source { source, direction, site } => {
            json.member("for", "source");
            json.key("source").number(source.0);
            json.member("direction", way(*direction));
            json.member("site", site);
        }
        Leaf::Join { task, spawned } => {
            json.member("for", "join");
            json.key("task").number(task.0.get());
            json.member("spawned", spawned);
        }
        Leaf::Sync { what, class, site, made } => {
            json.member("for", "sync");
            json.member("what", what);
            json.member("class", class);
            json.member("site", site);
            json.member("made", made);
        }
    }
}

fn holder(json: &mut Json<'_>, holder: &Holder) {
    optional(json, "task", holder.task, |json, task| json.number(task.0.get()));
    json.member("site", holder.site);
    json.key("is_untaken").bool(holder.is_untaken);
    json.key("is_before").bool(holder.is_before);
    json.key("may_have_moved").bool(holder.may_have_moved);
}

fn optional<T>(json: &mut Json<'_>, key: &str, value: Option<T>, write: impl FnOnce(&mut Json<'_>, T)) {
    let json = json.key(key);
    match value {
        Some(value) => write(json, value),
        None => json.null(),
    }
}

fn nanos(json: &mut Json<'_>, time: Duration) {
    json.number(json_text::nanos(time));
}

fn site_text(json: &mut Json<'_>, site: &Location<'_>) {
    json.text(site);
}

fn outlook(outlook: Outlook) -> &'static str {
    match outlook {
        Outlook::GoesOn => "goes_on",
        Outlook::Unknown => "unknown",
        Outlook::Deadlock => "deadlock",
    }
}

fn state(state: TaskState) -> &'static str {
    match state {
        TaskState::Running => "running",
        TaskState::Ready => "ready",
        TaskState::Waiting => "waiting",
    }
}

fn way(direction: Direction) -> &'static str {
    match direction {
        Direction::Read => "read",
        Direction::Write => "write",
    }
}
