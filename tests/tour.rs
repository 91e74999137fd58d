//! The tour's story comes from the events alone: exact where time is virtual, and another one for another program.

#[path = "../examples/tour/history.rs"]
mod history;
#[path = "../examples/tour/program.rs"]
mod program;
#[path = "../examples/tour/story.rs"]
mod story;
#[path = "../examples/tour/summary.rs"]
mod summary;

use std::future::{Future, pending};
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use glassloop::time::{interval, sleep};
use glassloop::trace::Recorder;
use glassloop::{Builder, spawn, spawn_named, yield_now};

/// The story of a program, on the clock that the builder chose.
fn story_of(builder: Builder, program: impl Future) -> String {
    let recorder = Recorder::new();
    let runtime = builder.observer(recorder.observer()).build().unwrap();
    runtime.block_on(program);
    story::tell(&recorder.events())
}

/// Under a virtual clock polls take no time, and a story is the same each time.
fn paused(program: impl Future) -> String {
    story_of(Builder::new().start_paused(true), program)
}

/// The turns, without the lines that explain terms and those that are empty.
fn turns(story: &str) -> Vec<&str> {
    let turns = story.split("═").next().unwrap_or_default();
    turns.lines().filter(|line| !line.trim().is_empty() && !line.contains('┆')).collect()
}

async fn tea_and_toast(tea_first: bool) {
    let tea = || spawn_named("tea", sleep(Duration::from_millis(20)));
    let toast = || spawn_named("toast", yield_now());
    let (one, other) = if tea_first { (tea(), toast()) } else { (toast(), tea()) };
    one.await.unwrap();
    other.await.unwrap();
}

#[track_caller]
fn assert_turns(story: &str, wanted: &str) {
    let wanted: Vec<&str> = wanted.lines().filter(|line| !line.is_empty()).collect();
    let told: Vec<String> = turns(story).iter().map(|line| line.trim_end_matches('─').trim_end().into()).collect();
    assert_eq!(told, wanted, "the whole story:\n{story}");
}

#[test]
fn tells_each_poll_with_its_cause_and_what_it_waits_for() {
    let line = line!() + 1;
    let story = paused(tea_and_toast(true));
    let wanted = format!(
        "
before     at 0 µs
           root (1) is spawned at tour.rs:{root}
turn 1     at 0 µs
           task        ran for   was made ready because       and then
  run      root (1)       0 µs   block_on began it            waits 20.0 ms for tea (2)
             spawns tea (2), toast (3)
           tea (2)        0 µs   root (1) spawned it          waits 20.0 ms for timer 1
           toast (3)      0 µs   root (1) spawned it          goes to the back of the queue
           toast (3)      0 µs   it woke itself               ends
  park     sleeps 0 µs, until timer 1 is due
           the clock is virtual: it jumps 20.0 ms ahead instead of waiting
turn 2     at 20.0 ms
  fire     timer 1 is due: tea (2) is ready
  run      tea (2)        0 µs   timer 1 was due              ends, wakes root (1)
           root (1)       0 µs   tea (2) ended                ends
",
        root = line - 0,
    );
    assert_turns(&story, &wanted);
}
