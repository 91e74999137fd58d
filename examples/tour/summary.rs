//! What the turns come to: time, tasks, who woke whom, and what happened at the same time.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::time::Duration;

use glassloop::time::Instant;
use glassloop::trace::{Cause, Kind, Outcome, TaskId, Wait};

use crate::history::{History, Park, Poll, Step, Then};
use crate::words::{WIDTH, list, name, site, time, wrap};

/// The picture's columns; the names stand before them.
const COLUMNS: usize = 84;
/// So many tasks have a line of their own.
const ROWS: usize = 24;

/// Writes the summary.
pub(crate) fn add_up(history: &History, text: &mut String) {
    let _ = writeln!(text, "\n{:═^WIDTH$}\n", " in sum ");
    time_spent(history, text);
    tasks(history, text);
    who_woke_whom(history, text);
    at_the_same_time(history, text);
}

fn parks(history: &History) -> impl Iterator<Item = &Park> {
    let steps = history.turns.iter().flat_map(|turn| &turn.stretches).flat_map(|stretch| &stretch.steps);
    steps.filter_map(|step| match step {
        Step::Park(park) if park.wait != Wait::Look => Some(park),
        _ => None,
    })
}

fn ran(poll: &Poll) -> Duration {
    poll.end - poll.at
}

fn plural(count: usize, one: &str) -> String {
    if count == 1 { format!("1 {one}") } else { format!("{count} {one}s") }
}

fn paragraph(text: &mut String, words: &str) {
    for line in wrap(words, WIDTH) {
        let _ = writeln!(text, "{line}");
    }
}

fn time_spent(history: &History, text: &mut String) {
    let all = history.end - history.start;
    let asleep: Duration = parks(history).map(|park| park.end - park.at).sum();
    let polls: Duration = history.polls.iter().map(ran).sum();
    let turns = history.turns.iter().filter(|turn| turn.number > 0).count();
    paragraph(
        text,
        &format!(
            "One thread ran {} in {}: {}, in {} of the loop.",
            plural(history.tasks.len(), "task"),
            time(all),
            plural(history.polls.iter().filter(|poll| !poll.dropped).count(), "poll"),
            plural(turns, "turn"),
        ),
    );
    let _ = writeln!(text);
    let own = all.saturating_sub(asleep + polls);
    for (what, part) in [("asleep", asleep), ("in polls", polls), ("loop and recorder", own)] {
        let share = if all.is_zero() { 0.0 } else { part.as_secs_f64() / all.as_secs_f64() };
        let bar = "█".repeat((share * 50.0).round() as usize);
        let line = format!("  {what:18}{:>8} {:>4.0} %  {bar}", time(part), share * 100.0);
        let _ = writeln!(text, "{}", line.trim_end());
    }
    let _ = writeln!(text);
    if let Some(longest) = history.polls.iter().max_by_key(|poll| ran(poll)) {
        let _ = writeln!(
            text,
            "The longest poll: {}, {}, in turn {}. Nothing else could run meanwhile.",
            name(history, longest.task),
            time(ran(longest)),
            longest.turn
        );
    }
    let queued = |poll: &Poll| poll.because.as_ref().map_or(Duration::ZERO, |wake| poll.at - wake.at);
    if let Some(last) = history.polls.iter().max_by_key(|poll| queued(poll)) {
        let _ = writeln!(
            text,
            "The longest stay in the queue: {}, {}, in turn {}, while others went first.",
            name(history, last.task),
            time(queued(last)),
            last.turn
        );
    }
}

fn waited(poll: &Poll) -> Option<(Instant, Instant)> {
    match &poll.then {
        Then::Waits(Some(wake)) if wake.at > poll.end => Some((poll.end, wake.at)),
        _ => None,
    }
}

fn tasks(history: &History, text: &mut String) {
    let _ = writeln!(
        text,
        "\n  task           polls   ran for   longest   waited for   lived for   and then       made at"
    );
    for (id, task) in history.tasks.iter().take(ROWS) {
        let polls: Vec<&Poll> = history.polls.iter().filter(|poll| poll.task == *id).collect();
        let waits: Duration = polls.iter().filter_map(|poll| waited(poll)).map(|(from, to)| to - from).sum();
        let end =
            polls.iter().find_map(|poll| if let Then::Done(outcome) = poll.then { Some(outcome) } else { None });
        let end = match end {
            Some(Outcome::Ready) => "ended",
            Some(Outcome::Panicked) => "panicked",
            Some(Outcome::Cancelled) => "was cancelled",
            None => "was left",
        };
        let _ = writeln!(
            text,
            "  {:14} {:5}  {:>8}  {:>8}     {:>8}    {:>8}   {end:13}  {}",
            name(history, *id),
            polls.iter().filter(|poll| !poll.dropped).count(),
            time(polls.iter().map(|poll| ran(poll)).sum()),
            time(polls.iter().map(|poll| ran(poll)).max().unwrap_or_default()),
            time(waits),
            time(task.ended.unwrap_or(history.end) - task.born),
            site(history, *id),
        );
    }
    if history.tasks.len() > ROWS {
        let _ = writeln!(text, "  … and {} more", history.tasks.len() - ROWS);
    }
}

fn who_woke_whom(history: &History, text: &mut String) {
    // In the order of the first wake of each, who and how often.
    let mut wakers: Vec<(String, BTreeMap<TaskId, usize>)> = Vec::new();
    for wake in &history.wakes {
        let waker = match &wake.cause {
            Cause::Spawned if history.tasks.get(&wake.task).is_some_and(|task| task.kind == Kind::Root) => {
                continue;
            }
            Cause::Spawned => match history.tasks.get(&wake.task).and_then(|task| task.by) {
                Some(by) => format!("{}, by spawning", name(history, by)),
                None => "spawned from outside".into(),
            },
            Cause::Task(id) if *id == wake.task => format!("{}, itself", name(history, *id)),
            Cause::Task(id) if wake.by_ending => format!("{}, by ending", name(history, *id)),
            Cause::Task(id) => name(history, *id),
            Cause::Timer(_) => "timers".into(),
            Cause::Source(..) => "sockets".into(),
            Cause::Thread(Some(name)) => format!("thread {name:?}"),
            Cause::Thread(None) => "a thread".into(),
            Cause::Job => "jobs that ended".into(),
            Cause::Aborted => "aborts".into(),
            other => other.to_string(),
        };
        let at = wakers.iter().position(|(known, _)| *known == waker).unwrap_or_else(|| {
            wakers.push((waker, BTreeMap::new()));
            wakers.len() - 1
        });
        *wakers[at].1.entry(wake.task).or_default() += 1;
    }
    if wakers.is_empty() {
        return;
    }
    let _ = writeln!(text, "\nWho woke whom:");
    for (waker, woken) in wakers.iter().take(ROWS) {
        let woken: Vec<String> = woken
            .iter()
            .map(|(task, times)| match times {
                1 => name(history, *task),
                n => format!("{} {n} times", name(history, *task)),
            })
            .collect();
        for (n, line) in wrap(&list(&woken), WIDTH - 28).into_iter().enumerate() {
            let (waker, arrow) = if n == 0 { (waker.as_str(), "→") } else { ("", " ") };
            let _ = writeln!(text, "  {waker:23} {arrow} {line}");
        }
    }
    if wakers.len() > ROWS {
        let _ = writeln!(text, "  … and {} more", wakers.len() - ROWS);
    }
}

fn at_the_same_time(history: &History, text: &mut String) {
    let waits: Vec<(Instant, Instant)> = history.polls.iter().filter_map(waited).collect();
    let sum: Duration = waits.iter().map(|(from, to)| *to - *from).sum();
    let most = waits
        .iter()
        .map(|(at, _)| (waits.iter().filter(|(from, to)| from <= at && at < to).count(), *at))
        .max_by_key(|(count, at)| (*count, std::cmp::Reverse(*at)));
    let _ = writeln!(text, "\nAt the same time:");
    if let Some((count, at)) = most {
        let words = format!(
            "Together the tasks waited {}, and the clock counted {}: their waits overlap, up to {count} at a \
             time (at {}), and cost the thread nothing.",
            time(sum),
            time(history.end - history.start),
            time(at - history.start),
        );
        paragraph(text, &words);
    }
    for (id, task) in history.tasks.iter().filter(|(_, task)| matches!(task.kind, Kind::Blocking | Kind::Cpu)) {
        let end = history.wakes.iter().find(|wake| wake.task == *id && wake.cause == Cause::Job);
        let Some(end) = end else { continue };
        let polls = history.polls.iter().filter(|poll| poll.at > task.born && poll.end < end.at).count();
        let words = format!(
            "While another thread worked for {}, {}, the loop made {}.",
            name(history, *id),
            time(end.at - task.born),
            plural(polls, "poll")
        );
        paragraph(text, &words);
    }
    picture(history, text);
}

/// One line a task, one column a slice of time.
fn picture(history: &History, text: &mut String) {
    let all = (history.end - history.start).as_nanos().max(1);
    let column =
        |at: Instant| ((at - history.start).as_nanos() * COLUMNS as u128 / all).min(COLUMNS as u128 - 1) as usize;
    let width = WIDTH - COLUMNS - 1;
    let scale = time(history.end - history.start);
    let _ = writeln!(text, "\n{:width$} 0{scale:>1$}", "", COLUMNS - 1);
    for (id, task) in history.tasks.iter().take(ROWS) {
        let mut line = vec![' '; COLUMNS];
        let wait = if matches!(task.kind, Kind::Blocking | Kind::Cpu) { '▒' } else { '·' };
        line[column(task.born)..=column(task.ended.unwrap_or(history.end))].fill(wait);
        for poll in history.polls.iter().filter(|poll| poll.task == *id) {
            line[column(poll.at)..=column(poll.end)].fill('█');
        }
        let line: String = line.into_iter().collect();
        let _ = writeln!(text, "{:width$} {}", name(history, *id), line.trim_end());
    }
    let mut line = vec!['█'; COLUMNS];
    for park in parks(history) {
        let (from, to) = (column(park.at), column(park.end));
        if from + 1 < to {
            line[from + 1..to].fill(' ');
        }
    }
    let line: String = line.into_iter().collect();
    let _ = writeln!(text, "{:width$} {}", "the thread", line.trim_end());
    let _ = writeln!(text, "\n{:width$} █ runs   · waits   ▒ a blocking job, on another thread", "");
}
