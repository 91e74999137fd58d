//! `#[glassloop::main]` and `#[glassloop::test]`: what a function becomes, and what a test that fails says. What the
//! compiler says of mistakes is in `attributes_mistakes.rs`.

use std::cell::RefCell;
use std::future::{pending, poll_fn};
use std::panic::catch_unwind;
use std::process::{Command, ExitCode, Termination};
use std::rc::Rc;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::mpsc;
use std::task::Poll;
use std::time::Duration;

use glassloop::time::{Instant, is_paused, sleep};
use glassloop::{Builder, spawn, spawn_blocking, spawn_named, yield_now};

/// The order in which ten tasks run that were spawned in order.
async fn order() -> Vec<u32> {
    let ran: Rc<RefCell<Vec<u32>>> = Rc::default();
    let tasks = (0..10).map(|n| {
        let ran = ran.clone();
        spawn(async move { ran.borrow_mut().push(n) })
    });
    for task in tasks.collect::<Vec<_>>() {
        task.await.unwrap();
    }
    ran.take()
}

fn order_under(seed: u64) -> Vec<u32> {
    Builder::new().seed(seed).build().unwrap().block_on(order())
}

/// The words with which `act` panics.
#[track_caller]
fn panics(act: fn()) -> String {
    *catch_unwind(act).unwrap_err().downcast::<String>().expect("a report is a `String`")
}

/// What a test of this file prints, run alone by another process, with `variables`.
fn printed(test: &str, variables: &[(&str, &str)]) -> String {
    let mut child = Command::new(std::env::current_exe().unwrap());
    child.args([test, "--exact", "--nocapture"]).envs(variables.iter().copied()).env_remove("RUST_BACKTRACE");
    let output = child.output().unwrap();
    String::from_utf8(output.stdout).unwrap() + &String::from_utf8(output.stderr).unwrap()
}

// ---- main

#[test]
fn main_runs_the_body_and_returns_its_output() {
    #[glassloop::main]
    async fn program() -> Result<u32, std::num::ParseIntError> {
        yield_now().await;
        "42".parse()
    }
    assert_eq!(program(), Ok(42));
}

#[test]
fn main_may_start_paused_and_seeded() {
    #[glassloop::main(start_paused = true, seed = 7)]
    async fn program() -> Vec<u32> {
        assert!(is_paused());
        order().await
    }
    assert_eq!(program(), order_under(7));
    assert_ne!(program(), (0..10).collect::<Vec<_>>());
}

#[test]
fn main_without_arguments_polls_first_in_first_out_on_a_clock_that_runs() {
    #[glassloop::main]
    async fn program() -> Vec<u32> {
        assert!(!is_paused());
        order().await
    }
    assert_eq!(program(), (0..10).collect::<Vec<_>>());
}

#[test]
fn main_may_return_what_has_no_name() {
    #[glassloop::main]
    async fn program() -> impl Termination {
        ExitCode::from(3)
    }
    assert_eq!(program().report(), ExitCode::from(3));
}

#[test]
fn main_may_return_never() {
    #[glassloop::main]
    async fn program() -> ! {
        yield_now().await;
        std::panic::panic_any(String::from("out of paper"))
    }
    assert_eq!(panics(|| program()), "out of paper");
}

#[test]
fn main_keeps_its_visibility_and_the_attributes_below_and_above() {
    mod inner {
        #[must_use]
        #[glassloop::main]
        #[deny(unused_must_use)]
        pub(super) async fn program() -> u32 {
            1
        }

        #[glassloop::main]
        #[cfg(any())]
        pub(super) async fn program() -> u32 {
            2
        }
    }
    assert_eq!(inner::program(), 1);
}

#[test]
fn the_root_was_spawned_where_the_function_has_its_name() {
    #[glassloop::main]
    async fn program() -> (u32, u32) {
        let site = glassloop::dump().unwrap().tasks()[0].site;
        (site.line(), site.column())
    }
    assert_eq!(program(), (line!() - 4, 14));
}

#[test]
fn a_deadlock_in_main_panics_with_its_report() {
    #[glassloop::main]
    async fn program() {
        pending().await
    }
    assert!(panics(program).starts_with("deadlock: nothing can ever wake this loop again\n"));
}

// ---- test

#[glassloop::test]
async fn test_runs_the_body_on_a_loop() {
    assert_eq!(spawn(async { 6 * 7 }).await.unwrap(), 42);
}

#[glassloop::test(start_paused = true, timeout = "60s")]
async fn a_day_of_virtual_time_is_within_a_minute_of_real_time() {
    let start = Instant::now();
    sleep(Duration::from_secs(86_400)).await;
    assert_eq!(start.elapsed(), Duration::from_secs(86_400));
}

#[glassloop::test(start_paused = false)]
async fn a_clock_that_is_not_to_start_paused_runs() {
    assert!(!is_paused());
}

#[glassloop::test(seed = 42)]
async fn a_seed_gives_the_order_that_the_builder_gives() {
    let seen = order().await;
    assert_eq!(std::thread::spawn(|| order_under(42)).join().unwrap(), seen);
}

#[glassloop::test]
#[should_panic(expected = "out of paper")]
async fn a_panic_is_the_tests_own() {
    panic!("out of paper")
}

#[glassloop::test(timeout = 60)]
#[should_panic(expected = "out of paper")]
async fn a_panic_within_a_limit_is_the_tests_own() {
    panic!("out of paper")
}

#[glassloop::test]
#[should_panic(expected = "deadlock: nothing can ever wake this loop again")]
async fn a_deadlock_fails_a_test_at_once() {
    pending().await
}

#[glassloop::test(timeout = "1h")]
#[should_panic(expected = "deadlock: nothing can ever wake this loop again")]
async fn a_deadlock_fails_a_test_at_once_whatever_its_limit() {
    pending().await
}

#[glassloop::test]
#[cfg(any())]
async fn a_test_that_is_configured_away_is_not_compiled() {
    nonsense
}

macro_rules! seeded {
    ($($name:ident: $seed:literal, $seeds:expr, $limit:expr;)*) => {$(
        #[glassloop::test(seed = $seed, timeout = $limit)]
        async fn $name() {
            assert_eq!(order().await.len(), 10);
            #[glassloop::test(seeds = $seeds)]
            #[allow(unnameable_test_items)]
            async fn within() {}
            std::thread::spawn(within).join().unwrap();
        }
    )*};
}

seeded! {
    arguments_may_come_from_a_macro: 1, 0..3, "1m";
    arguments_may_come_from_a_macro_as_numbers: 2, 3, 60;
}

mod renamed {
    use glassloop as gl;

    #[gl::test(crate = "gl")]
    async fn the_crate_may_have_another_name() {
        #[gl::main(crate = self::gl)]
        async fn program() -> u32 {
            1
        }
        assert_eq!(std::thread::spawn(program).join().unwrap(), 1);
    }
}

#[test]
#[allow(unnameable_test_items)]
fn an_err_is_a_failure_also_where_it_is_not_send() {
    #[glassloop::test]
    async fn plain() -> Result<(), Rc<str>> {
        Err("no".into())
    }
    #[glassloop::test(timeout = "1m")]
    async fn limited() -> Result<(), Rc<str>> {
        Err("no".into())
    }
    #[glassloop::test(timeout = "1m")]
    async fn good() -> Result<(), Rc<str>> {
        Ok(())
    }
    assert_eq!([plain(), limited(), good()], [ExitCode::FAILURE, ExitCode::FAILURE, ExitCode::SUCCESS]);
}

// ---- seeds

#[test]
#[allow(unnameable_test_items)]
fn seeds_run_a_test_once_for_each() {
    static SEEN: Mutex<Vec<Vec<u32>>> = Mutex::new(Vec::new());
    #[glassloop::test(seeds = 5..=8)]
    async fn each() {
        let order = order().await;
        SEEN.lock().unwrap().push(order);
    }
    each();
    assert_eq!(*SEEN.lock().unwrap(), [5, 6, 7, 8].map(order_under));
}

#[test]
#[allow(unnameable_test_items)]
fn a_number_of_seeds_begins_at_0() {
    static SEEN: Mutex<Vec<Vec<u32>>> = Mutex::new(Vec::new());
    #[glassloop::test(seeds = 2, timeout = "1m")]
    async fn each() {
        let order = order().await;
        SEEN.lock().unwrap().push(order);
    }
    each();
    assert_eq!(*SEEN.lock().unwrap(), [0, 1].map(order_under));
}

/// Fails under seed 3: its third run, whatever the orders are. (A child process runs it alone.)
#[glassloop::test(seeds = 1..10)]
#[should_panic(expected = "the third")]
async fn fails_under_its_third_seed() {
    static RUNS: AtomicU32 = AtomicU32::new(0);
    let run = RUNS.fetch_add(1, Ordering::Relaxed) + 1;
    println!("run {run}");
    assert!(run < 3, "the third");
}

#[test]
fn the_first_seed_that_fails_is_told_and_is_the_last_to_run() {
    let printed = printed("fails_under_its_third_seed", &[]);
    let told = "glassloop: fails_under_its_third_seed failed under seed 3, of 1 to 9; to run it alone: \
                GLASSLOOP_SEED=3 cargo test fails_under_its_third_seed -- --exact\n";
    assert!(printed.contains(told), "{printed}");
    assert!(printed.contains("run 3") && !printed.contains("run 4"), "{printed}");
}

/// (A child process runs it alone.)
#[glassloop::test(seeds = 10)]
async fn prints_its_order() {
    println!("order {:?}", order().await);
}

#[test]
fn the_variable_runs_one_seed_alone() {
    let printed = printed("prints_its_order", &[("GLASSLOOP_SEED", "77")]);
    assert!(printed.contains(&format!("order {:?}", order_under(77))), "{printed}");
    assert_eq!(printed.matches("order [").count(), 1, "{printed}");
}

#[test]
fn a_variable_that_is_no_seed_is_refused() {
    let printed = printed("prints_its_order", &[("GLASSLOOP_SEED", "x")]);
    assert!(
        printed.contains("the variable GLASSLOOP_SEED is \"x\", and must be a seed: a number, as 7"),
        "{printed}"
    );
}

// ---- time-outs

/// Waits for a wake that may come, as far as the loop can know.
async fn waits_for_a_foreign_wake() {
    let mut kept = None;
    poll_fn(|cx| {
        kept = Some(cx.waker().clone());
        Poll::<()>::Pending
    })
    .await
}

#[test]
#[allow(unnameable_test_items)]
fn a_test_that_hangs_says_its_limit_and_what_every_task_waits_for() {
    #[glassloop::test(timeout = "500ms")]
    async fn hangs() {
        spawn_named("sleeper", sleep(Duration::from_secs(1000))).detach();
        waits_for_a_foreign_wake().await;
    }
    let report = panics(hangs);
    assert!(
        report.starts_with("test hangs did not end within its `timeout` of 500ms. Its tasks:\n  task 1 (root)")
    );
    let sleeper = report.lines().find(|line| line.contains("task 2 (task) \"sleeper\"")).expect(&report);
    assert!(sleeper.contains("waits for timer 1"), "{report}");
}

#[test]
#[allow(unnameable_test_items)]
fn a_virtual_clock_that_ticks_for_ever_is_stopped_in_real_time() {
    #[glassloop::test(timeout = "500ms", start_paused = true)]
    async fn ticks() {
        loop {
            sleep(Duration::from_secs(3600)).await;
        }
    }
    assert!(panics(ticks).starts_with("test ticks did not end within its `timeout` of 500ms. Its tasks:\n"));
}

#[test]
#[allow(unnameable_test_items)]
fn a_test_under_a_seed_that_hangs_says_the_seed_too() {
    #[glassloop::test(timeout = "500ms", seeds = 3..5)]
    async fn hangs() {
        waits_for_a_foreign_wake().await;
    }
    let report = panics(hangs);
    assert!(
        report.starts_with("test hangs, under seed 3, did not end within its `timeout` of 500ms."),
        "{report}"
    );
    assert!(report.ends_with("run it alone: GLASSLOOP_SEED=3 cargo test hangs -- --exact"), "{report}");
}

#[test]
#[allow(unnameable_test_items)]
fn what_a_stopped_test_holds_is_dropped_before_its_report() {
    static DROPPED: AtomicBool = AtomicBool::new(false);
    struct Held;
    impl Drop for Held {
        fn drop(&mut self) {
            DROPPED.store(true, Ordering::Relaxed);
        }
    }
    #[glassloop::test(timeout = "500ms")]
    async fn hangs() {
        let held = Held;
        spawn(async move {
            let _held = held;
            waits_for_a_foreign_wake().await;
        })
        .await
        .unwrap();
    }
    assert!(panics(hangs).contains("task 2 (task)"));
    assert!(DROPPED.load(Ordering::Relaxed));
}

#[test]
#[allow(unnameable_test_items)]
fn a_test_that_panics_in_time_and_is_not_dropped_in_time_fails_with_its_panic() {
    struct Slow;
    impl Drop for Slow {
        fn drop(&mut self) {
            std::thread::sleep(Duration::from_millis(600));
        }
    }
    #[glassloop::test(timeout = "300ms")]
    async fn fails() {
        spawn(async {
            let _slow = Slow;
            waits_for_a_foreign_wake().await;
        })
        .detach();
        yield_now().await;
        std::panic::panic_any(String::from("out of paper"))
    }
    assert_eq!(panics(fails), "out of paper");
}

#[test]
#[allow(unnameable_test_items)]
fn a_poll_that_never_ends_is_named_and_its_test_ends() {
    static GATE: Mutex<Option<mpsc::Receiver<()>>> = Mutex::new(None);
    #[glassloop::test(timeout = "500ms")]
    async fn blocks() {
        let gate = GATE.lock().unwrap().take().unwrap();
        let _ = spawn_named("blocker", async move { gate.recv() }).await;
    }
    let (open, gate) = mpsc::channel();
    *GATE.lock().unwrap() = Some(gate);
    let report = panics(blocks);
    drop(open);
    let start = "test blocks did not end within its `timeout` of 500ms:\n  the loop does not answer: task 2 (task) \
                 \"blocker\", spawned at tests/attributes.rs:";
    assert!(report.starts_with(start), "{report}");
    assert!(report.contains("task 1 (root)") && report.contains("waited for"), "{report}");
}

#[test]
#[allow(unnameable_test_items)]
fn a_job_that_runs_on_is_a_failure_of_a_test_with_a_limit() {
    static GATE: Mutex<Option<mpsc::Receiver<()>>> = Mutex::new(None);
    #[glassloop::test(timeout = "500ms")]
    async fn leaves_a_job() {
        let gate = GATE.lock().unwrap().take().unwrap();
        let (begin, begun) = mpsc::channel();
        spawn_blocking(move || (begin.send(()), gate.recv())).detach();
        begun.recv().unwrap();
    }
    let (open, gate) = mpsc::channel();
    *GATE.lock().unwrap() = Some(gate);
    let report = panics(leaves_a_job);
    drop(open);
    let start =
        "test leaves_a_job has ended, but not all that it began, within its `timeout` of 500ms: 1 blocking job";
    assert!(report.starts_with(start), "{report}");
}
