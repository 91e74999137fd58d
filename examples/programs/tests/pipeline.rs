//! Producers and consumers over a bounded queue, under virtual time.

use std::process::Command;
use std::time::Duration;

use glassloop::Builder;
use glassloop::time::Instant;
use glassloop::trace::{Leaf, Recorder};
use glassloop_programs::pipeline::{Plan, Report, run};

const fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

/// One item a millisecond is made, and one in ten milliseconds worked off.
const PLAN: Plan = Plan { producers: 1, items: 20, make: ms(1), consumers: 1, work: ms(10), bad: |_| false };

fn took(plan: Plan, room: usize) -> (Report, Duration) {
    let runtime = Builder::new().start_paused(true).build().unwrap();
    runtime.block_on(async {
        let start = Instant::now();
        (run(plan, room).await.unwrap(), start.elapsed())
    })
}

#[test]
fn limit_holds_the_producers_back_and_makes_nobody_later() {
    let (free, free_took) = took(PLAN, 0);
    let (bound, bound_took) = took(PLAN, 4);
    assert_eq!((free.most, bound.most), (18, 4));
    assert_eq!(free.done, bound.done);
    assert_eq!(free_took, ms(1 + 20 * 10)); // the consumer sets the pace, in both
    assert_eq!(free_took, bound_took);
}

#[test]
fn every_item_is_worked_off_once_in_the_order_in_which_it_was_put() {
    let (report, _) = took(Plan { items: 5, ..PLAN }, 1);
    assert_eq!(report.done, ["1.1", "1.2", "1.3", "1.4", "1.5"]);
    let (report, _) = took(Plan { producers: 3, consumers: 4, ..PLAN }, 2);
    let mut done = report.done;
    done.sort_unstable();
    let mut made: Vec<_> = (1..=3).flat_map(|p| (1..=20).map(move |n| format!("{p}.{n}"))).collect();
    made.sort_unstable();
    assert_eq!(done, made);
}

#[test]
fn item_whose_work_fails_does_not_hold_up_the_join() {
    let (report, _) = took(Plan { items: 5, bad: |item| item == "1.2", ..PLAN }, 2);
    assert_eq!(report.failed, ["1.2"]);
    assert_eq!(report.done, ["1.1", "1.3", "1.4", "1.5"]);
}

#[test]
fn worker_that_panics_ends_the_whole_line_by_name() {
    let runtime = Builder::new().start_paused(true).build().unwrap();
    let bad = |item: &str| if item == "1.2" { panic!("cannot work off {item}") } else { false };
    let error = runtime.block_on(run(Plan { bad, ..PLAN }, 2)).unwrap_err();
    assert_eq!(error.first().name(), Some("consumer 1"));
    assert!(error.to_string().contains("cannot work off 1.2"), "{error}");
}

#[test]
fn producers_wait_for_room_is_in_the_trace_and_who_made_room() {
    let recorder = Recorder::new();
    let runtime = Builder::new().start_paused(true).observer(recorder.observer()).build().unwrap();
    runtime.block_on(run(PLAN, 4)).unwrap();
    let story = recorder.story();
    let producer = story.tasks.iter().position(|task| task.name.as_deref() == Some("producer 1")).unwrap();
    let puts: Vec<_> = story
        .waits(producer)
        .filter(|wait| matches!(wait.on, Some(Leaf::Sync { what: "Queue::put", .. })))
        .collect();
    // 20 items: four fill the queue and one is worked at; each later one waits for a place, from its making on.
    assert_eq!(puts.len(), 15);
    assert!(puts.iter().skip(1).all(|wait| wait.until - wait.from == ms(9)));
    assert!(recorder.text().contains("took from the Queue"));
}

#[test]
fn every_order_of_the_tasks_gives_the_same_items() {
    for seed in 0..10 {
        let runtime = Builder::new().start_paused(true).seed(seed).build().unwrap();
        let report = runtime.block_on(run(Plan { producers: 2, consumers: 2, ..PLAN }, 3)).unwrap();
        assert_eq!(report.done.len(), 40, "seed {seed}");
        assert!(report.most <= 3, "seed {seed}");
    }
}

#[test]
fn program_alone_shows_the_wait_and_ends() {
    let output = Command::new(env!("CARGO_BIN_EXE_pipeline")).output().unwrap();
    assert!(output.status.success());
    let text = String::from_utf8(output.stdout).unwrap();
    let wait: Vec<_> = text.lines().rev().take(2).collect();
    assert!(wait[1].contains("for Queue::put at examples/programs/src/pipeline.rs:"), "{text}");
    assert!(wait[0].contains("which took from the Queue made at examples/programs/src/pipeline.rs:"), "{text}");
}
