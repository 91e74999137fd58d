//! How a user tests code on glassloop: a dependency faked by a trait, virtual time, and the same test under ten seeds.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::Duration;

use glassloop::time::{Instant, sleep, timeout};
use glassloop::{JoinSet, join_all, spawn, yield_now};

// ---- the code under test: a shop that asks a warehouse

trait Warehouse {
    async fn in_stock(&self, item: &str) -> Result<u32, String>;
}

/// What is in stock of each item, in the order asked; an item whose warehouse is silent for a second counts as none.
async fn stock(warehouse: &impl Warehouse, items: &[&str]) -> Vec<u32> {
    let calls = items.iter().map(async |item| {
        let asked = timeout(Duration::from_secs(1), warehouse.in_stock(item)).await;
        asked.ok().and_then(Result::ok).unwrap_or(0)
    });
    join_all(calls).await
}

/// Sells what is there: takes it out before anybody else may look.
async fn sell(stock: Rc<Cell<u32>>) -> bool {
    let left = stock.get();
    if left == 0 {
        return false;
    }
    stock.set(left - 1);
    yield_now().await; // the customer pays
    true
}

// ---- the dependency, faked

/// Has tea, refuses jam, and never answers to anything else; keeps what it was asked.
#[derive(Default)]
struct Fake {
    asked: RefCell<Vec<String>>,
}

impl Warehouse for Fake {
    async fn in_stock(&self, item: &str) -> Result<u32, String> {
        self.asked.borrow_mut().push(item.to_owned());
        match item {
            "tea" => sleep(Duration::from_millis(300)).await,
            "jam" => return Err("no such shelf".to_owned()),
            _ => std::future::pending().await,
        }
        Ok(7)
    }
}

// ---- the tests

#[glassloop::test(start_paused = true)]
async fn a_silent_warehouse_and_a_refusal_count_as_none() {
    let (fake, start) = (Fake::default(), Instant::now());
    assert_eq!(stock(&fake, &["tea", "jam", "ice"]).await, [7, 0, 0]);
    assert_eq!(start.elapsed(), Duration::from_secs(1)); // all were asked at once, and the silent one was given up
    assert_eq!(fake.asked.take(), ["tea", "jam", "ice"]);
}

#[glassloop::test(start_paused = true, seeds = 10, timeout = "60s")]
async fn nothing_is_sold_twice_in_whatever_order_customers_come() {
    let stock = Rc::new(Cell::new(3));
    let customers: JoinSet<bool> = (0..10).map(|_| sell(stock.clone())).collect();
    let sold = customers.join_all().await.into_iter().filter(|sold| *sold).count();
    assert_eq!((sold, stock.get()), (3, 0));
}

/// What rests on first in, first out is found: some of ten seeds make it fail, and the report says which to run again.
#[test]
fn a_test_that_needs_first_in_first_out_fails_under_one_of_ten_seeds() {
    async fn in_order() -> Vec<u32> {
        let said = Rc::new(RefCell::new(Vec::new()));
        let speakers = (0..4).map(|speaker| {
            let said = said.clone();
            spawn(async move { said.borrow_mut().push(speaker) })
        });
        join_all(speakers).await;
        said.take()
    }
    let under = |seed| glassloop::Builder::new().seed(seed).build().unwrap().block_on(in_order());
    assert_eq!(glassloop::run(in_order()), [0, 1, 2, 3]);
    assert!((0..10).any(|seed| under(seed) != [0, 1, 2, 3]));
    assert!((0..10).all(|seed| under(seed) == under(seed)));
}
