//! Producers that are faster than the consumers, over a queue without a limit and over one with room for four.
//!
//! The documents: a producer that is faster than its consumer fills the memory; `Queue(maxsize)` makes it wait, and
//! `task_done` and `join` tell when the work is done, not merely taken. What waits for room is read from the trace.

use std::error::Error;
use std::time::Duration;

use glassloop::Builder;
use glassloop::trace::story::{Story, Style};
use glassloop::trace::{Leaf, Recorder};
use glassloop_programs::pipeline::{Plan, Report, run};

const PLAN: Plan = Plan {
    producers: 2,
    items: 15,
    make: Duration::from_millis(2),
    consumers: 2,
    work: Duration::from_millis(10),
    bad: |item| item == "2.3",
};

fn main() -> Result<(), Box<dyn Error>> {
    let Plan { producers, items, make, consumers, work, .. } = PLAN;
    println!(
        "{producers} producers make {items} items each, in {make:?}; {consumers} consumers take {work:?} an item"
    );
    println!("the documents: without a limit the queue grows; with one the producers wait, and nobody is later");
    println!();
    println!("             most in the queue   waits for room   all done after   failed");
    show("no limit", 0)?;
    let recorder = show("room for 4", 4)?;

    println!();
    println!("the second, as it was: `=` waits for the queue, producers for room and consumers for items");
    let story = recorder.story();
    print!("{}", story.timeline(100, Style::plain()));

    println!();
    println!("a wait for room, in the trace: who waited for what and where, and who made room by what");
    let lines = recorder.lines();
    let waits = lines.iter().position(|line| line.starts_with("pending") && line.contains("Queue::put"));
    let waits = waits.ok_or("no producer had to wait")?;
    let task = lines[waits].split([' ', ',']).nth(1).ok_or("a line names its task")?;
    let woken = lines[waits..].iter().find(|line| line.starts_with(&format!("wake {task}:")));
    println!("    {}", lines[waits]);
    println!("    {}", woken.ok_or("nobody made room")?);
    Ok(())
}

fn show(name: &str, room: usize) -> Result<Recorder, Box<dyn Error>> {
    let recorder = Recorder::new();
    let runtime = Builder::new().observer(recorder.observer()).build()?;
    let Report { failed, most, .. } = runtime.block_on(run(PLAN, room))?;
    let story = recorder.story();
    let (waits, took) = (waits_for_room(&story), story.length());
    println!("{name:10}   {most:17}   {waits:14}   {took:>14.0?}   {}", failed.join(", "));
    Ok(recorder)
}

fn waits_for_room(story: &Story) -> usize {
    let waits = (0..story.tasks.len()).flat_map(|task| story.waits(task));
    waits.filter(|wait| matches!(wait.on, Some(Leaf::Sync { what: "Queue::put", .. }))).count()
}
