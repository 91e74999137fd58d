//! Producers and consumers over a queue that has room for so many items.

use std::cell::RefCell;
use std::convert::Infallible;
use std::rc::Rc;
use std::time::Duration;

use glassloop::sync::Queue;
use glassloop::time::sleep;
use glassloop::{GroupError, TaskGroup, join_all};

/// How many work, and for how long at an item.
#[derive(Clone, Copy)]
pub struct Plan {
    /// How many make items.
    pub producers: u32,
    /// How many items each makes.
    pub items: u32,
    /// How long an item takes to make.
    pub make: Duration,
    /// How many work items off.
    pub consumers: u32,
    /// How long that takes an item.
    pub work: Duration,
    /// Whose work fails.
    pub bad: fn(&str) -> bool,
}

/// What was seen of a run.
#[derive(Default, Debug, PartialEq, Eq)]
pub struct Report {
    /// The items that were worked off, in that order.
    pub done: Vec<String>,
    /// Those whose work failed.
    pub failed: Vec<String>,
    /// The most items that stood in the queue at once.
    pub most: usize,
}

/// Makes all items and works them off, over a queue of at most `room` items; 0: of any number.
///
/// # Errors
/// If one of the workers panics: the others are cancelled then, for its item would never be called done.
///
/// # Panics
/// Outside of a running loop.
pub async fn run(plan: Plan, room: usize) -> Result<Report, GroupError<Infallible>> {
    let queue = Queue::new(room);
    let report = Rc::new(RefCell::new(Report::default()));
    TaskGroup::run(async |group| {
        for n in 1..=plan.consumers {
            group.spawn_named(format!("consumer {n}"), consume(plan, queue.clone(), report.clone()));
        }
        let producers = (1..=plan.producers)
            .map(|n| group.spawn_named(format!("producer {n}"), produce(plan, n, queue.clone(), report.clone())));
        join_all(producers.collect::<Vec<_>>()).await; // all is put
        queue.join().await; // all is worked off, which is later
        queue.close(); // the consumers see it, and end
        Ok(())
    })
    .await?;
    Ok(report.take())
}

async fn produce(
    plan: Plan,
    producer: u32,
    queue: Queue<String>,
    report: Rc<RefCell<Report>>,
) -> Result<(), Infallible> {
    for n in 1..=plan.items {
        sleep(plan.make).await;
        let put = queue.put(format!("{producer}.{n}")).await; // waits for room: this is the back-pressure
        put.expect("it is closed when all producers have ended");
        let mut report = report.borrow_mut();
        report.most = report.most.max(queue.len());
    }
    Ok(())
}

async fn consume(plan: Plan, queue: Queue<String>, report: Rc<RefCell<Report>>) -> Result<(), Infallible> {
    while let Ok(item) = queue.get().await {
        sleep(plan.work).await;
        let mut report = report.borrow_mut();
        if (plan.bad)(&item) {
            report.failed.push(item);
        } else {
            report.done.push(item);
        }
        queue.task_done(); // also for an item whose work failed: `join` waits for every one
    }
    Ok(())
}
