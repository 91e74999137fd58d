//! The tour's story comes from the events alone: exact where time is virtual, and another one for another program.

#[path = "../examples/tour/history.rs"]
mod history;
#[path = "../examples/tour/program.rs"]
mod program;
#[path = "../examples/tour/story.rs"]
mod story;
#[path = "../examples/tour/summary.rs"]
mod summary;
#[path = "../examples/tour/words.rs"]
mod words;

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
    let told = turns(story).into_iter().skip_while(|line| !line.starts_with("turn 1"));
    let told: Vec<&str> = told.map(|line| line.trim_end_matches('─').trim_end()).collect();
    assert_eq!(told, wanted, "the whole story:\n{story}");
}

#[test]
fn each_poll_is_told_with_its_cause_and_what_it_waits_for() {
    assert_turns(
        &paused(tea_and_toast(true)),
        "
turn 1     at 0 µs
           task        ran for   was made ready because       and then
  run      root (1)       0 µs   block_on began it            waits 20.0 ms for tea (2)
             spawns tea (2), toast (3)
           tea (2)        0 µs   root (1) spawned it          waits 20.0 ms for timer 1
           toast (3)      0 µs   root (1) spawned it          goes to the back of the queue
           toast (3)      0 µs   it woke itself               ends
  park     the clock is virtual: it jumps 20.0 ms, to timer 1
turn 2     at 20.0 ms
  fire     timer 1 is due: tea (2) is ready
  run      tea (2)        0 µs   timer 1 was due              ends, wakes root (1)
           root (1)       0 µs   tea (2) ended                ends
",
    );
}

#[test]
fn two_swapped_spawns_tell_the_other_story() {
    assert_turns(
        &paused(tea_and_toast(false)),
        "
turn 1     at 0 µs
           task        ran for   was made ready because       and then
  run      root (1)       0 µs   block_on began it            waits 0 µs for toast (2)
             spawns toast (2), tea (3)
           toast (2)      0 µs   root (1) spawned it          goes to the back of the queue
           tea (3)        0 µs   root (1) spawned it          waits 20.0 ms for timer 1
           toast (2)      0 µs   it woke itself               ends, wakes root (1)
           root (1)       0 µs   toast (2) ended              waits 20.0 ms for tea (3)
  park     the clock is virtual: it jumps 20.0 ms, to timer 1
turn 2     at 20.0 ms
  fire     timer 1 is due: tea (3) is ready
  run      tea (3)        0 µs   timer 1 was due              ends, wakes root (1)
           root (1)       0 µs   tea (3) ended                ends
",
    );
}

#[test]
fn two_swapped_guests_of_the_tour_are_served_in_the_other_order() {
    let story = |guests| story_of(Builder::new(), program::program(guests));
    let told = story([("ben", 50), ("ann", 10), ("cleo", 1_000)]);
    assert!(told.contains("spawns server (2), ben (3), ann (4), cleo (5), clock (6), reader (7)"), "{told}");
    let spawned = |name: &str| {
        let row = |line: &&str| line.trim_start().starts_with(name) && line.contains("root (1) spawned it");
        told.lines().position(|line| row(&line)).unwrap_or_else(|| panic!("no row of {name}:\n{told}"))
    };
    assert_eq!(spawned("ann (4)"), spawned("ben (3)") + 1, "{told}");
}

#[test]
fn a_spawn_outside_of_polls_is_told_with_its_place() {
    let recorder = Recorder::new();
    let runtime = Builder::new().observer(recorder.observer()).build().unwrap();
    let line = line!() + 1;
    runtime.block_on(async {});
    let story = story::tell(&recorder.events());
    assert!(story.contains(&format!("root (1) is spawned at tour.rs:{line}\n")), "{story}");
}

#[test]
fn turns_that_go_alike_are_told_once() {
    let story = paused(async {
        let mut ticks = interval(Duration::from_secs(1));
        for _ in 0..20 {
            ticks.tick().await;
        }
    });
    let folded = "\n\
        turns 3 to 20 went the same way:\n           \
        root (1) was polled 18 times, for 0 µs each\n           \
        the thread slept 18 times, for 1.00 s each\n\n\
        turn 21 ";
    assert!(story.contains(folded), "{story}");
}

#[test]
fn many_polls_of_one_turn_are_cut_short() {
    let story = paused(async {
        for _ in 0..50 {
            spawn(async {}).detach();
        }
        yield_now().await;
    });
    // The root is polled twice.
    assert!(story.contains("           … and 41 polls more\n"), "{story}");
    assert!(!turns(&story).iter().any(|line| line.contains("task (40) ") && line.contains("ends")), "{story}");
}

#[test]
fn an_aborted_task_is_told_as_dropped_at_its_turn() {
    let story = paused(async {
        let task = spawn_named("idler", pending::<()>());
        yield_now().await;
        task.abort();
        assert!(task.await.unwrap_err().is_cancelled());
    });
    assert!(story.contains("             aborts idler (2)\n"), "{story}");
    assert!(story.contains("waits 0 µs, until it is aborted\n"), "{story}");
    let row = "           idler (2)   dropped   it was aborted               is cancelled, wakes root (1)\n";
    assert!(story.contains(row), "{story}");
}

#[test]
fn a_task_that_nobody_wakes_is_told_as_left() {
    let story = paused(async {
        spawn_named("idler", pending::<()>()).detach();
        yield_now().await;
    });
    assert!(story.contains("root (1) spawned it          waits, and is never woken\n"), "{story}");
    assert!(story.lines().any(|line| line.contains("idler (2)") && line.contains("was left")), "{story}");
}

#[test]
fn time_in_parks_is_told_as_sleep() {
    let story = paused(async { sleep(Duration::from_secs(3)).await });
    assert!(story.contains("One thread ran 1 task in 3.00 s: 2 polls, in 2 turns of the loop.\n"), "{story}");
    assert!(story.contains("  asleep              3.00 s  100 %"), "{story}");
}

#[test]
fn every_term_is_explained_once_and_no_line_is_wider_than_100_columns() {
    let story = story_of(Builder::new(), program::program([("ann", 10), ("ben", 50), ("cleo", 1_000)]));
    for term in
        ["A task is ", "A turn is ", "collect: ", "fire: ", "run: ", "park: ", "dispatch: ", "A blocking job is "]
    {
        assert_eq!(story.matches(&format!("┆ {term}")).count(), 1, "{term}:\n{story}");
    }
    let wide: Vec<&str> = story.lines().filter(|line| line.chars().count() > 100).collect();
    assert!(wide.is_empty(), "{wide:#?}");
}

#[test]
fn no_events_are_no_story() {
    assert_eq!(story::tell(&[]), "Nothing happened: there are no events.\n");
}

/// A line without what differs from run to run: times, how wide a column is, and which line of a phase it is.
fn fixed(line: &str) -> String {
    let mut words: Vec<&str> = line.split_whitespace().collect();
    for n in 1..words.len() {
        if matches!(words[n], "µs" | "ms" | "s") {
            words[n - 1] = "_";
            words[n] = "_";
        }
    }
    let phases = ["collect", "fire", "run", "park", "dispatch"];
    words.into_iter().skip_while(|word| phases.contains(word)).collect::<Vec<_>>().join(" ")
}

#[test]
fn the_example_prints_what_its_comment_shows() {
    let test = std::env::current_exe().unwrap();
    let folder = test.parent().and_then(Path::parent).expect("a test lies in target/<profile>/deps");
    let tour = folder.join("examples").join("tour").with_extension(std::env::consts::EXE_EXTENSION);
    assert!(tour.exists(), "the tour is not built; `cargo test`, or `cargo build --example tour`, builds it");
    let run = Command::new(tour).output().unwrap();
    assert!(run.status.success(), "{}", String::from_utf8_lossy(&run.stderr));
    let printed = String::from_utf8(run.stdout).unwrap();
    let lines: Vec<String> = printed.lines().map(fixed).collect();

    let source = include_str!("../examples/tour/main.rs");
    let (_, excerpt) = source.split_once("\n// Output, in part:\n").expect("the example shows what it prints");
    let shown: Vec<String> = excerpt.lines().map(|line| fixed(line.trim_start_matches("//"))).collect();
    assert!(shown.len() > 10, "{excerpt}");
    for line in shown.iter().filter(|line| !line.is_empty() && *line != "…") {
        assert!(lines.contains(line), "{line:?} is not in\n{printed}");
    }
}
