//! The policies at their seams (virtual clock, seeded order, inline pool), and what time means under them.

mod support;

use std::cell::{Cell, RefCell};
use std::future::{Future, pending, poll_fn};
use std::io::{ErrorKind, Write};
use std::pin::pin;
use std::rc::Rc;
use std::sync::mpsc;
use std::task::{Context, Poll};
use std::time::Duration;

use glassloop::net::{TcpListener, TcpStream};
use glassloop::time::{
    Instant, MissedTickBehavior, advance, interval, interval_at, is_paused, pause, resume, sleep, sleep_until,
    timeout, timeout_at,
};
use glassloop::trace::{Event, Observer, Wait};
use glassloop::{Builder, join_all, run, spawn, spawn_blocking, yield_now};
use support::{Slot, assert_trace, observed, on_thread, poll_once, record};

const SECOND: Duration = Duration::from_secs(1);
const HOUR: Duration = Duration::from_secs(3600);

fn paused() -> Builder {
    Builder::new().start_paused(true)
}

/// Runs `future` under a virtual clock.
fn virtually<F: Future>(future: F) -> F::Output {
    paused().build().unwrap().block_on(future)
}

/// Moves a virtual clock inside the running poll, as a long computation moves a real one.
fn time_passes(by: Duration) {
    let _ = poll_once(advance(by));
}

// The virtual clock.

#[test]
fn a_virtual_clock_stands_still_while_tasks_run() {
    virtually(async {
        let start = Instant::now();
        let begun = std::time::Instant::now();
        while begun.elapsed() < Duration::from_millis(1) {
            yield_now().await;
        }
        assert_eq!(start.elapsed(), Duration::ZERO);
    });
}

#[test]
fn a_virtual_clock_jumps_from_deadline_to_deadline_and_to_nothing_between() {
    let seen = virtually(async {
        let start = Instant::now();
        let naps = [3, 1, 2].map(|hours| {
            spawn(async move {
                sleep(HOUR * hours).await;
                start.elapsed()
            })
        });
        join_all(naps).await
    });
    let seen: Vec<_> = seen.into_iter().map(Result::unwrap).collect();
    assert_eq!(seen, [HOUR * 3, HOUR, HOUR * 2]);
}

#[test]
fn a_jump_is_told_as_a_park_until_the_timer_and_by_how_much() {
    let trace = record(paused(), sleep_in_two());
    assert_trace(
        &trace,
        "
        wake 1: spawned
        turn 1
        run
        poll 1
        pending 1
        park until timer 1
        jump 1s
        turn 2
        fire
        wake 1: timer 1
        run
        poll 1
        pending 1
        park until timer 2
        jump 3600s
        turn 3
        fire
        wake 1: timer 2
        run
        poll 1
        done 1 ready
        ",
    );
}

async fn sleep_in_two() {
    sleep(SECOND).await;
    sleep(HOUR).await;
}

#[test]
fn pause_stops_the_clock_and_resume_lets_it_go_on_from_there() {
    run(async {
        assert!(!is_paused());
        pause();
        assert!(is_paused());
        let stood = Instant::now();
        advance(HOUR).await;
        assert_eq!(stood.elapsed(), HOUR);
        resume();
        assert!(!is_paused());
        let resumed = Instant::now();
        assert!(resumed >= stood + HOUR, "what was advanced stays");
        sleep(Duration::from_millis(1)).await;
        assert!(resumed.elapsed() >= Duration::from_millis(1), "it runs again");
    });
}

#[test]
fn a_timer_made_before_a_pause_fires_at_its_deadline_after_it() {
    run(async {
        let nap = sleep(HOUR);
        let deadline = nap.deadline();
        let nap = spawn(nap);
        yield_now().await;
        pause();
        nap.await.unwrap();
        assert_eq!(Instant::now(), deadline);
    });
}

#[test]
fn advance_returns_behind_every_task_whose_timer_fell_due() {
    virtually(async {
        let log = Rc::new(RefCell::new(Vec::new()));
        for n in [3, 1, 2, 4] {
            let log = log.clone();
            spawn(async move {
                sleep(SECOND * n).await;
                log.borrow_mut().push(n);
            })
            .detach();
        }
        yield_now().await;
        advance(SECOND * 3).await;
        assert_eq!(*log.borrow(), [1, 2, 3]);
    });
}

#[test]
fn the_clocks_of_two_runtimes_are_their_own() {
    let (still, other) = (paused().build().unwrap(), paused().build().unwrap());
    let before = still.block_on(async { Instant::now() });
    other.block_on(sleep_in_two());
    assert_eq!(still.block_on(async { Instant::now() }), before);
}

#[test]
#[should_panic(expected = "time::pause: the clock stands already")]
fn pausing_twice_is_refused() {
    virtually(async { pause() });
}

#[test]
#[should_panic(expected = "time::resume: the clock runs already")]
fn resuming_a_running_clock_is_refused() {
    run(async { resume() });
}

#[test]
#[should_panic(expected = "s from now lies beyond the end of time")]
fn advancing_beyond_the_end_of_time_is_refused() {
    virtually(advance(Duration::MAX));
}

#[test]
#[should_panic(expected = "time::advance: the clock runs; call time::pause first")]
fn advancing_a_running_clock_is_refused() {
    run(advance(SECOND));
}

// The three things that come before a jump.

#[test]
fn no_jump_while_the_kernel_has_news() {
    let trace = record(paused(), async {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let mut client = std::net::TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (server, _) = listener.accept().unwrap();
        server.set_nonblocking(true).unwrap();
        let probe = server.try_clone().unwrap();
        let server = TcpStream::from_std(server).unwrap();
        let late = sleep(HOUR);
        let reader = spawn(async move { server.read(&mut [0]).await });
        yield_now().await;
        client.write_all(b"!").unwrap();
        arrived(&probe);
        assert_eq!(timeout_at(late.deadline(), reader).await.unwrap().unwrap().unwrap(), 1);
    });
    assert_trace(
        &trace,
        "
        wake 1: spawned
        turn 1
        run
        poll 1
        wake 2: spawned
        wake 1: task 1
        pending 1
        poll 2
        pending 2
        poll 1 // here the kernel has news for task 2
        pending 1
        park not at all
        unpark with 1 event // so the clock stays
        dispatch
        wake 2: socket 1 readable
        turn 2
        run
        poll 2
        done 2 ready
        wake 1: task 2
        poll 1
        done 1 ready
        ",
    );
}

/// Returns when a byte has arrived at `probe`'s socket, so that the kernel's next report names it.
fn arrived(probe: &std::net::TcpStream) {
    while let Err(error) = probe.peek(&mut [0]) {
        assert_eq!(error.kind(), ErrorKind::WouldBlock);
        std::hint::spin_loop();
    }
}

#[test]
fn no_jump_while_a_blocking_job_is_out() {
    let (release, held) = mpsc::channel();
    let (runtime, recorder) = observed(paused().observer(Rc::new(AtSleep(Cell::new(Some(release))))));
    runtime.block_on(async {
        let start = Instant::now();
        let job = spawn_blocking(move || held.recv().unwrap());
        timeout(SECOND, job).await.expect("the job ended first").unwrap();
        assert_eq!(start.elapsed(), Duration::ZERO);
    });
    let mut trace = recorder.order();
    // Where the job is faster than the loop's last steps to its bed, the loop does not lie down.
    trace.retain(|line| line != "unpark with 0 events");
    assert_trace(
        &trace,
        "
        wake 1: spawned
        turn 1
        run
        poll 1
        pending 1
        park until woken // although a timer is armed
        turn 2
        collect
        wake 2: its job ended
        run
        poll 2
        done 2 ready
        wake 1: task 2
        poll 1
        done 1 ready
        ",
    );
}

/// Lets a job end when the loop is about to sleep, or to jump.
struct AtSleep(Cell<Option<mpsc::Sender<()>>>);

impl Observer for AtSleep {
    fn event(&self, _at: Instant, event: &Event) {
        if let Event::Park(_) = event
            && let Some(release) = self.0.take()
        {
            release.send(()).unwrap();
        }
    }
}

#[test]
fn no_jump_while_a_threads_message_waits() {
    let trace = record(paused(), async {
        let slot = Slot::default();
        let woken = spawn(slot.wait());
        yield_now().await;
        let waker = slot.take();
        on_thread("helper", move || waker.wake());
        timeout(SECOND, woken).await.expect("the message came first").unwrap();
    });
    assert_trace(
        &trace,
        "
        wake 1: spawned
        turn 1
        run
        poll 1
        wake 2: spawned
        wake 1: task 1
        pending 1
        poll 2
        pending 2
        poll 1 // here the thread leaves its message, and then a timer is armed
        pending 1
        turn 2
        collect
        wake 2: thread \"helper\"
        run
        poll 2
        done 2 ready
        wake 1: task 2
        poll 1
        done 1 ready
        ",
    );
}

#[test]
fn no_jump_when_a_thread_leaves_its_message_during_the_last_look() {
    /// Has a thread wake as the loop looks at the kernel.
    struct AtLook(Slot);
    impl Observer for AtLook {
        fn event(&self, _at: Instant, event: &Event) {
            if let Event::Park(Wait::Look) = event {
                let waker = self.0.take();
                on_thread("helper", move || waker.wake());
            }
        }
    }
    let slot = Slot::default();
    let trace = record(paused().observer(Rc::new(AtLook(slot.clone()))), async {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let _listener = TcpListener::from_std(listener).unwrap(); // or there would be nothing to look at
        timeout(SECOND, slot.wait()).await.expect("the message came first");
    });
    assert_trace(
        &trace,
        "
        wake 1: spawned
        turn 1
        run
        poll 1
        pending 1
        park not at all
        turn 2
        collect
        wake 1: thread \"helper\"
        run
        poll 1
        done 1 ready
        ",
    );
}

#[test]
fn a_handle_elsewhere_does_not_hold_back_a_jump() {
    let runtime = paused().build().unwrap();
    let handle = runtime.handle();
    runtime.block_on(sleep_in_two());
    drop(handle);
}

// The seeded order.

#[test]
fn a_seed_draws_the_next_task_from_all_that_are_ready() {
    let order = |seed| {
        let runtime = Builder::new().seed(seed).build().unwrap();
        runtime.block_on(async {
            let log = Rc::new(RefCell::new(Vec::new()));
            let tasks = (0..4).map(|n| {
                let log = log.clone();
                spawn(async move { log.borrow_mut().push(n) })
            });
            join_all(tasks.collect::<Vec<_>>()).await;
            log.take()
        })
    };
    let orders: std::collections::HashSet<Vec<i32>> = (0..400).map(order).collect();
    assert_eq!(orders.len(), 24, "each of the 4! orders comes under some seed");
}

#[test]
fn a_seeds_order_is_the_same_in_every_version() {
    let trace = record(Builder::new().seed(7), async {
        join_all([spawn(yield_now()), spawn(yield_now()), spawn(yield_now())]).await;
    });
    assert_trace(
        &trace,
        "
        wake 1: spawned
        turn 1
        run
        poll 1
        wake 2: spawned
        wake 3: spawned
        wake 4: spawned
        pending 1
        poll 2
        wake 2: task 2
        pending 2
        poll 2
        done 2 ready
        wake 1: task 2
        poll 3
        wake 3: task 3
        pending 3
        poll 1
        pending 1
        poll 4
        wake 4: task 4
        pending 4
        poll 3
        done 3 ready
        wake 1: task 3
        poll 4
        done 4 ready
        wake 1 again: task 4
        poll 1
        done 1 ready
        ",
    );
}

#[test]
fn under_a_seed_a_wake_is_still_one_poll() {
    for seed in 0..50 {
        let runtime = Builder::new().seed(seed).build().unwrap();
        let polls = runtime.block_on(async {
            let mut polls = 0;
            let restless = spawn(poll_fn(move |cx| {
                polls += 1;
                cx.waker().wake_by_ref();
                cx.waker().wake_by_ref();
                if polls == 5 { Poll::Ready(polls) } else { Poll::Pending }
            }));
            restless.await.unwrap()
        });
        assert_eq!(polls, 5);
    }
}

// The inline pool.

#[test]
fn an_inline_job_runs_in_its_tasks_first_poll() {
    let trace = record(Builder::new().inline_blocking(), async {
        let here = std::thread::current().id();
        let job = spawn_blocking(|| std::thread::current().id());
        assert_eq!(job.await.unwrap(), here);
    });
    assert_trace(
        &trace,
        "
        wake 1: spawned
        turn 1
        run
        poll 1
        wake 2: spawned
        pending 1
        poll 2
        done 2 ready
        wake 1: task 2
        poll 1
        done 1 ready
        ",
    );
}

#[test]
fn an_inline_jobs_panic_is_its_awaiters_error() {
    let runtime = Builder::new().inline_blocking().build().unwrap();
    let error = runtime.block_on(async { spawn_blocking(|| panic!("no")).await.unwrap_err() });
    assert_eq!(error.to_string(), "task 2 panicked: no");
}

#[test]
fn an_inline_job_aborted_before_its_turn_never_runs() {
    let trace = record(Builder::new().inline_blocking(), async {
        let job = spawn_blocking(|| unreachable!("it was aborted"));
        job.abort();
        assert!(job.await.unwrap_err().is_cancelled());
    });
    assert_trace(
        &trace,
        "
        wake 1: spawned
        turn 1
        run
        poll 1
        wake 2: spawned
        abort 2 by 1
        wake 2 again: aborted
        pending 1
        done 2 cancelled
        wake 1: task 2
        poll 1
        done 1 ready
        ",
    );
}

// Intervals. Each test comes three and a half periods late to its second tick.

/// When five ticks came, in half periods from the start; the second is awaited at half period 9 instead of 2.
fn ticks(behavior: MissedTickBehavior) -> Vec<(u128, u128)> {
    virtually(async {
        let start = Instant::now();
        let half = |at: Instant| (at - start).as_millis() / 500;
        let mut ticks = interval(SECOND);
        ticks.set_missed_tick_behavior(behavior);
        let mut seen = Vec::new();
        for n in 0..8 {
            if n == 1 {
                time_passes(SECOND * 9 / 2);
            }
            let planned = ticks.tick().await;
            seen.push((half(planned), half(Instant::now())));
        }
        seen
    })
}

#[test]
fn burst_gives_missed_ticks_at_once_until_the_plan_is_met() {
    let seen = ticks(MissedTickBehavior::Burst);
    assert_eq!(seen, [(0, 0), (2, 9), (4, 9), (6, 9), (8, 9), (10, 10), (12, 12), (14, 14)]);
}

#[test]
fn delay_moves_the_plan_to_the_late_tick() {
    let seen = ticks(MissedTickBehavior::Delay);
    assert_eq!(seen, [(0, 0), (2, 9), (11, 11), (13, 13), (15, 15), (17, 17), (19, 19), (21, 21)]);
}

#[test]
fn skip_leaves_out_what_was_missed_and_keeps_the_plan() {
    let seen = ticks(MissedTickBehavior::Skip);
    assert_eq!(seen, [(0, 0), (2, 9), (10, 10), (12, 12), (14, 14), (16, 16), (18, 18), (20, 20)]);
}

#[test]
fn burst_is_what_an_interval_does_unless_told() {
    virtually(async { assert_eq!(interval(SECOND).missed_tick_behavior(), MissedTickBehavior::Burst) });
}

#[test]
fn a_tick_that_is_dropped_before_its_time_is_not_used_up() {
    virtually(async {
        let start = Instant::now();
        let mut ticks = interval_at(start + SECOND, SECOND);
        assert!(timeout(SECOND / 2, ticks.tick()).await.is_err());
        assert_eq!(ticks.tick().await - start, SECOND);
        assert_eq!(start.elapsed(), SECOND);
    });
}

#[test]
fn an_interval_reset_ticks_a_period_from_now() {
    virtually(async {
        let start = Instant::now();
        let mut ticks = interval(SECOND);
        ticks.tick().await;
        advance(SECOND / 2).await;
        ticks.reset();
        assert_eq!(ticks.tick().await - start, SECOND * 3 / 2);
    });
}

#[test]
#[should_panic(expected = "an interval of period zero would tick without end")]
fn an_interval_of_period_zero_is_refused() {
    virtually(async { drop(interval(Duration::ZERO)) });
}

// Timeouts.

#[test]
fn a_future_ready_in_the_turn_of_its_timeout_gives_its_output() {
    virtually(async {
        // Both timers fall due together; the time-out's was made first, so it fires first.
        let limit = Instant::now() + SECOND;
        let both = timeout_at(limit, async move { sleep_until(limit).await });
        assert_eq!(both.await, Ok(()));
    });
}

#[test]
fn a_task_that_ends_before_its_awaiters_turn_is_not_too_late() {
    let trace = record(paused(), async {
        let task = spawn(sleep(SECOND)); // its timer is the first to fire
        timeout(SECOND, task).await.unwrap().unwrap();
    });
    assert_trace(
        &trace,
        "
        wake 1: spawned
        turn 1
        run
        poll 1
        wake 2: spawned
        pending 1
        poll 2
        pending 2
        park until timer 1
        jump 1s
        turn 2
        fire
        wake 2: timer 1
        wake 1: timer 2
        run
        poll 2
        done 2 ready
        wake 1 again: task 2
        poll 1
        done 1 ready
        ",
    );
}

#[test]
fn a_task_that_ends_after_its_awaiters_turn_is_too_late_by_a_place_in_the_queue() {
    let trace = record(paused(), async {
        let task = spawn(async { sleep(SECOND).await }); // it makes its timer when it is polled
        assert!(timeout(SECOND, task).await.is_err());
    });
    assert_trace(
        &trace,
        "
        wake 1: spawned
        turn 1
        run
        poll 1
        wake 2: spawned
        pending 1
        poll 2
        pending 2
        park until timer 1
        jump 1s
        turn 2
        fire
        wake 1: timer 1
        wake 2: timer 2
        run
        poll 1
        done 1 ready
        ",
    );
}

#[test]
fn a_future_ready_a_moment_after_its_timeout_is_too_late() {
    virtually(async {
        let moment = Duration::from_nanos(1);
        let error = timeout(SECOND, sleep(SECOND + moment)).await.unwrap_err();
        assert_eq!(error.to_string(), "the time was over before the future was ready");
        assert_eq!(std::io::Error::from(error).kind(), ErrorKind::TimedOut);
    });
}

#[test]
fn a_timeout_of_zero_polls_the_future_once() {
    virtually(async {
        assert_eq!(timeout(Duration::ZERO, async { 7 }).await, Ok(7));
        assert!(timeout(Duration::ZERO, pending::<()>()).await.is_err());
    });
}

#[test]
fn a_timeouts_time_counts_from_its_making() {
    virtually(async {
        let start = Instant::now();
        let limited = timeout(SECOND, pending::<()>());
        advance(SECOND * 3 / 4).await;
        assert!(limited.await.is_err());
        assert_eq!(start.elapsed(), SECOND);
    });
}

// Sleeps.

#[test]
fn a_sleep_reset_to_later_fires_then() {
    virtually(async {
        let start = Instant::now();
        let mut nap = sleep(SECOND);
        assert!(poll_once(&mut nap).is_pending()); // armed
        nap.reset(start + SECOND * 2);
        nap.await;
        assert_eq!(start.elapsed(), SECOND * 2);
    });
}

#[test]
fn a_sleep_reset_to_earlier_fires_then() {
    virtually(async {
        let start = Instant::now();
        let mut nap = sleep(HOUR);
        assert!(poll_once(&mut nap).is_pending());
        nap.reset(start + SECOND);
        nap.await;
        assert_eq!(start.elapsed(), SECOND);
    });
}

#[test]
fn a_sleep_reset_while_a_task_awaits_it_still_wakes_that_task() {
    let trace = record(paused(), async {
        let nap = Rc::new(RefCell::new(Box::pin(sleep(HOUR))));
        let waiter = nap.clone();
        let task = spawn(poll_fn(move |cx| waiter.borrow_mut().as_mut().poll(cx)));
        yield_now().await;
        nap.borrow_mut().reset(Instant::now() + SECOND);
        task.await.unwrap();
    });
    assert_trace(
        &trace,
        "
        wake 1: spawned
        turn 1
        run
        poll 1
        wake 2: spawned
        wake 1: task 1
        pending 1
        poll 2
        pending 2
        poll 1
        pending 1
        park until timer 2 // the reset made it a new timer for ties
        jump 1s
        turn 2
        fire
        wake 2: timer 2
        run
        poll 2
        done 2 ready
        wake 1: task 2
        poll 1
        done 1 ready
        ",
    );
}

#[test]
fn a_sleep_that_ended_can_be_reset_and_awaited_again() {
    virtually(async {
        let start = Instant::now();
        let mut nap = sleep(SECOND);
        (&mut nap).await;
        assert!(nap.is_elapsed());
        nap.reset(start + HOUR);
        assert!(!nap.is_elapsed());
        nap.await;
        assert_eq!(start.elapsed(), HOUR);
    });
}

#[test]
fn a_sleep_reset_stands_behind_one_of_the_same_deadline_made_before_the_reset() {
    let trace = record(paused(), async {
        let mut reset = sleep(SECOND); // timer 1
        let other = sleep(SECOND); // timer 2
        reset.reset(reset.deadline()); // timer 3
        let (reset, other) = (spawn(reset), spawn(other));
        reset.await.unwrap();
        other.await.unwrap();
    });
    assert_trace(
        &trace,
        "
        wake 1: spawned
        turn 1
        run
        poll 1
        wake 2: spawned
        wake 3: spawned
        pending 1
        poll 2
        pending 2
        poll 3
        pending 3
        park until timer 2
        jump 1s
        turn 2
        fire
        wake 3: timer 2
        wake 2: timer 3
        run
        poll 3
        done 3 ready
        poll 2
        done 2 ready
        wake 1: task 2
        poll 1
        done 1 ready
        ",
    );
}

#[test]
fn a_sleep_that_is_dropped_wakes_nobody_and_holds_no_clock() {
    let trace = record(paused(), async {
        timeout(SECOND, async {}).await.unwrap();
        let mut nap = pin!(sleep(SECOND));
        let mut short = Some(Box::pin(sleep(SECOND / 2)));
        poll_fn(|cx: &mut Context<'_>| {
            if let Some(mut short) = short.take() {
                assert!(short.as_mut().poll(cx).is_pending()); // armed for this task, and dropped
            }
            nap.as_mut().poll(cx)
        })
        .await;
    });
    assert_trace(
        &trace,
        "
        wake 1: spawned
        turn 1
        run
        poll 1
        pending 1
        park until timer 2
        jump 1s
        turn 2
        fire
        wake 1: timer 2
        run
        poll 1
        done 1 ready
        ",
    );
}

#[test]
fn a_sleep_that_is_dropped_on_a_thread_is_cancelled_at_collect() {
    let trace = record(paused(), async {
        let mut nap = sleep(SECOND);
        assert!(poll_once(&mut nap).is_pending());
        on_thread("helper", move || drop(nap));
        sleep(HOUR).await;
    });
    assert_trace(
        &trace,
        "
        wake 1: spawned
        turn 1
        run
        poll 1
        pending 1
        turn 2
        collect
        park until timer 2
        jump 3600s
        turn 3
        fire
        wake 1: timer 2
        run
        poll 1
        done 1 ready
        ",
    );
}

#[test]
fn a_sleep_of_the_longest_duration_never_ends_and_delays_nobody() {
    virtually(async {
        let start = Instant::now();
        let forever = spawn(sleep(Duration::MAX));
        sleep(HOUR * 24 * 365 * 100).await;
        assert_eq!(start.elapsed(), HOUR * 24 * 365 * 100);
        assert!(!forever.is_finished());
    });
}

#[test]
fn a_sleep_of_the_longest_duration_alone_is_a_deadlock() {
    let runtime = paused().build().unwrap();
    let deadlock = runtime.try_block_on(async { sleep(Duration::MAX).await }).unwrap_err();
    assert!(deadlock.to_string().contains("waits for timer 1"), "{deadlock}");
}

#[test]
fn a_timeout_of_the_longest_duration_is_none() {
    let answer = virtually(timeout_of_the_longest());
    assert_eq!(answer, Ok(7));
}

async fn timeout_of_the_longest() -> Result<i32, glassloop::time::Elapsed> {
    timeout(Duration::MAX, async {
        sleep(HOUR).await;
        7
    })
    .await
}
