//! `select!`, `join!`, `try_join!`: tokio's macros, in the order in which they are written.

use std::cell::RefCell;
use std::future::{pending, ready};
use std::time::Duration;

use glassloop::time::{pause, sleep};
use glassloop::{join, run, select, try_join, yield_now};

#[test]
fn select_takes_the_upper_of_two_that_are_ready_each_time() {
    run(async {
        for _ in 0..100 {
            let first = select! {
                () = ready(()) => 1,
                () = ready(()) => 2,
            };
            assert_eq!(first, 1);
        }
    });
}

#[test]
fn select_bears_the_word_biased() {
    let taken = run(async {
        select! {
            biased;
            word = ready("upper") => word,
            word = ready("lower") => word,
        }
    });
    assert_eq!(taken, "upper");
}

#[test]
fn select_passes_over_a_pattern_that_does_not_match_and_ends_in_else() {
    run(async {
        let mut left = vec![Some(1), None];
        let mut seen = Vec::new();
        loop {
            select! {
                Some(n) = ready(left.remove(0)) => seen.push(n),
                Some(n) = ready(None) => seen.push(n),
                else => break,
            }
        }
        assert_eq!(seen, [1]);
    });
}

#[test]
fn select_does_not_poll_a_branch_whose_condition_is_false() {
    let taken = run(async {
        let closed = true;
        select! {
            () = async { panic!("polled") }, if !closed => "closed",
            () = yield_now() => "open",
        }
    });
    assert_eq!(taken, "open");
}

#[test]
fn select_drops_the_branches_that_lost() {
    struct Noted<'a>(&'a RefCell<Vec<&'static str>>);
    impl Drop for Noted<'_> {
        fn drop(&mut self) {
            self.0.borrow_mut().push("dropped");
        }
    }
    let log = RefCell::new(Vec::new());
    run(async {
        pause();
        select! {
            () = async { let _noted = Noted(&log); pending().await } => unreachable!(),
            () = sleep(Duration::from_secs(1)) => log.borrow_mut().push("won"),
        }
    });
    assert_eq!(*log.borrow(), ["dropped", "won"]);
}

#[test]
#[allow(clippy::needless_return)] // that a branch may return is what is tested
fn a_handler_may_leave_the_function_and_use_the_question_mark() {
    async fn first() -> Result<u32, std::num::ParseIntError> {
        select! {
            text = ready("7") => { let n: u32 = text.parse()?; return Ok(n) }
        }
    }
    assert_eq!(run(first()), Ok(7));
}

#[test]
fn join_polls_in_the_written_order_each_time() {
    let log = RefCell::new(Vec::new());
    let named = |name| {
        let log = &log;
        async move {
            for _ in 0..2 {
                log.borrow_mut().push(name);
                yield_now().await;
            }
            name
        }
    };
    let outputs = run(async { join!(named("a"), named("b"), named("c")) });
    assert_eq!(outputs, ("a", "b", "c"));
    assert_eq!(*log.borrow(), ["a", "b", "c", "a", "b", "c"]);
    assert_eq!(run(async { join!(biased; ready(1), ready('a')) }), (1, 'a'));
}

#[test]
fn try_join_gives_the_first_written_error_of_one_poll() {
    let both = run(async { try_join!(ready(Err::<(), _>("upper")), ready(Err::<(), _>("lower"))) });
    assert_eq!(both, Err("upper"));
    let fine = run(async { try_join!(biased; ready(Ok::<_, ()>(1)), async { yield_now().await; Ok(2) }) });
    assert_eq!(fine, Ok((1, 2)));
}
