//! Timers: never early, in the order of deadlines and then of creation, gone when dropped.

use std::cell::{Cell, RefCell};
use std::future::{Future, pending, poll_fn};
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::task::{Context, Poll, Waker};
use std::thread;
use std::time::Duration;

use glassloop::time::{
    Instant, MissedTickBehavior, advance, interval, interval_at, is_paused, pause, resume, sleep, sleep_until,
    timeout, timeout_at,
};
use glassloop::trace::{Cause, Event, Recorder, Wait};
use glassloop::{Builder, Runtime, join_all, spawn, yield_now};

const SECOND: Duration = Duration::from_secs(1);

fn paused() -> Runtime {
    Builder::new().start_paused(true).build().unwrap()
}

fn poll_once<F: Future>(future: F) -> Poll<F::Output> {
    pin!(future).poll(&mut Context::from_waker(Waker::noop()))
}

/// How many timers and sockets the running task is known to wait for.
fn waits() -> usize {
    glassloop::dump().unwrap().tasks().iter().map(|task| task.waits.len()).sum()
}

/// More polls than a turn has room for: so messages that stood in the inbox have been collected.
async fn another_turn() {
    for _ in 0..256 {
        yield_now().await;
    }
}

/// Numbers that look random and are the same in each run.
fn numbers(mut seed: u64) -> impl FnMut(u64) -> u64 {
    move |below| {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (seed >> 33) % below
    }
}

// ---- never early, on the real clock

#[test]
fn no_sleep_ends_before_its_time_by_either_clock() {
    glassloop::run(async {
        let mut random = numbers(1);
        let sleeps = (0..300).map(|_| {
            let duration = Duration::from_nanos(random(20_000_000));
            async move {
                let (start, real) = (Instant::now(), std::time::Instant::now());
                sleep(duration).await;
                assert!(start.elapsed() >= duration, "early by our clock");
                assert!(real.elapsed() >= duration, "early by the system's");
            }
        });
        let tasks: Vec<_> = sleeps.map(spawn).collect();
        for task in tasks {
            task.await.unwrap();
        }
    });
}

#[test]
fn short_sleeps_one_after_the_other_are_never_early() {
    glassloop::run(async {
        for micros in [1, 10, 50, 100, 199, 200, 201, 500, 999, 1000, 1001, 1500] {
            let duration = Duration::from_micros(micros);
            let start = std::time::Instant::now();
            sleep(duration).await;
            assert!(start.elapsed() >= duration, "a sleep of {duration:?} took {:?}", start.elapsed());
        }
    });
}

#[test]
fn a_sleep_made_late_in_a_long_turn_is_not_early() {
    glassloop::run(async {
        let turn = std::time::Instant::now();
        while turn.elapsed() < Duration::from_millis(4) {
            std::hint::spin_loop(); // the turn's own look at the clock is old now
        }
        let start = std::time::Instant::now();
        sleep(Duration::from_millis(2)).await;
        assert!(start.elapsed() >= Duration::from_millis(2));
    });
}

#[test]
fn sleep_until_a_moment_of_std_ends_after_it() {
    let deadline = std::time::Instant::now() + Duration::from_millis(3);
    glassloop::run(async move { sleep_until(Instant::from_std(deadline)).await });
    assert!(std::time::Instant::now() >= deadline);
}

#[test]
fn sub_millisecond_sleeps_end_in_the_order_of_their_deadlines() {
    let log = Rc::new(RefCell::new(Vec::new()));
    glassloop::run(async {
        let start = Instant::now();
        let tasks = [700, 100, 400, 300, 600, 200, 500].map(|micros| {
            let log = log.clone();
            spawn(async move {
                sleep_until(start + Duration::from_micros(micros)).await;
                log.borrow_mut().push(micros);
            })
        });
        for task in tasks {
            task.await.unwrap();
        }
    });
    assert_eq!(*log.borrow(), [100, 200, 300, 400, 500, 600, 700]);
}

// ---- order

#[test]
fn timers_fire_by_deadline_and_ties_by_creation() {
    let log = Rc::new(RefCell::new(Vec::new()));
    paused().block_on(async {
        let start = Instant::now();
        let mut random = numbers(2);
        let mut expected: Vec<(u64, usize)> = (0..2000).map(|at| (random(50), at)).collect();
        for &(second, at) in &expected {
            let (log, timer) = (log.clone(), sleep_until(start + SECOND * second as u32));
            spawn(async move {
                timer.await;
                log.borrow_mut().push((second, at));
            })
            .detach();
        }
        expected.sort();
        sleep(SECOND * 60).await;
        assert_eq!(*log.borrow(), expected);
    });
}

#[test]
fn ties_go_by_creation_and_not_by_first_poll() {
    let log = Rc::new(RefCell::new(Vec::new()));
    paused().block_on(async {
        let timers = [sleep(SECOND), sleep(SECOND), sleep(SECOND)];
        let tasks = timers.into_iter().enumerate().rev().map(|(at, timer)| {
            let log = log.clone();
            spawn(async move {
                timer.await; // polled in the order 2, 1, 0
                log.borrow_mut().push(at);
            })
        });
        for task in tasks.collect::<Vec<_>>() {
            task.await.unwrap();
        }
    });
    assert_eq!(*log.borrow(), [0, 1, 2]);
}

#[test]
fn a_reset_timer_counts_as_created_anew() {
    let log = Rc::new(RefCell::new(Vec::new()));
    paused().block_on(async {
        let deadline = Instant::now() + SECOND;
        let mut first = sleep_until(deadline);
        let second = sleep_until(deadline);
        first.reset(deadline);
        let tasks = [("first", first), ("second", second)].map(|(name, timer)| {
            let log = log.clone();
            spawn(async move {
                timer.await;
                log.borrow_mut().push(name);
            })
        });
        for task in tasks {
            task.await.unwrap();
        }
    });
    assert_eq!(*log.borrow(), ["second", "first"]);
}

#[test]
fn a_sleep_of_zero_waits_for_the_next_fire_phase() {
    let recorder = Recorder::new();
    let runtime = Builder::new().start_paused(true).observer(recorder.observer()).build().unwrap();
    runtime.block_on(async { sleep(Duration::ZERO).await });
    assert_eq!(
        recorder.order(),
        [
            "wake 1: spawned",
            "turn 1",
            "run",
            "poll 1",
            "pending 1",
            "turn 2",
            "fire",
            "wake 1: timer 1",
            "run",
            "poll 1",
            "done 1 ready"
        ]
    );
}

#[test]
fn a_deadline_in_the_past_is_waited_for_once() {
    paused().block_on(async {
        let past = Instant::now();
        advance(SECOND).await;
        let mut late = sleep_until(past);
        assert!(!late.is_elapsed() && poll_once(&mut late).is_pending());
        late.await;
        assert_eq!(past.elapsed(), SECOND, "it took no time");
    });
}

#[test]
fn an_endless_sleep_never_ends_and_keeps_nobody_waiting() {
    for runtime in [Runtime::new().unwrap(), paused()] {
        let verdict = runtime.try_block_on(async { sleep(Duration::MAX).await });
        assert!(verdict.unwrap_err().to_string().contains("waits for timer 1"));
    }
}

// ---- crowds, on the real clock

/// What a loop did with timers that were all armed before the first of them fired, in the order of their making.
struct Crowd {
    deadlines: Vec<Instant>,
    /// The timers that its sleeps were for, each with the timer that was then the next to fire.
    sleeps: Vec<(usize, usize)>,
    /// The timers as they fired.
    fired: Vec<usize>,
}

impl Crowd {
    /// How much later than the next deadline the loop wanted to wake from its longest sleep.
    fn longest_delay(&self) -> Duration {
        self.sleeps.iter().map(|&(last, next)| self.deadlines[last] - self.deadlines[next]).max().unwrap()
    }

    /// The timers in the order of their deadlines, ties by creation.
    fn in_order(&self) -> Vec<usize> {
        let mut timers: Vec<usize> = (0..self.deadlines.len()).collect();
        timers.sort_by_key(|&timer| self.deadlines[timer]);
        timers
    }
}

async fn wait_for_all(deadlines: Vec<Instant>) {
    let mut sleeps: Vec<_> = deadlines.into_iter().map(sleep_until).collect();
    poll_fn(|cx| {
        sleeps.iter_mut().for_each(|sleep| assert!(Pin::new(sleep).poll(cx).is_pending()));
        Poll::Ready(())
    })
    .await;
    for sleep in sleeps {
        sleep.await;
    }
}

/// Lets timers come due so long after a moment, in a loop that `drive` drives.
fn crowd_in(after: impl Iterator<Item = Duration>, drive: impl FnOnce(Runtime, Vec<Instant>)) -> Crowd {
    let recorder = Recorder::new();
    let start = Instant::now() + Duration::from_millis(5);
    let deadlines: Vec<Instant> = after.map(|after| start + after).collect();
    drive(Builder::new().observer(recorder.observer()).build().unwrap(), deadlines.clone());
    assert_eq!(recorder.dropped(), 0);

    let mut crowd = Crowd { deadlines, sleeps: Vec::new(), fired: Vec::new() };
    let order = crowd.in_order();
    for (_, event) in recorder.events() {
        let number = |id: glassloop::trace::TimerId| id.to_string().parse::<usize>().unwrap() - 1;
        match event {
            Event::Park(Wait::Timer(id)) => crowd.sleeps.push((number(id), order[crowd.fired.len()])),
            Event::Wake { cause: Cause::Timer(id), .. } | Event::Merge { cause: Cause::Timer(id), .. } => {
                crowd.fired.push(number(id));
            }
            _ => {}
        }
    }
    crowd
}

fn crowd(after: impl Iterator<Item = Duration>) -> Crowd {
    crowd_in(after, |runtime, deadlines| runtime.block_on(wait_for_all(deadlines)))
}

#[test]
fn timers_of_a_crowd_share_sleeps() {
    let crowd = crowd((0..2000).map(|n| Duration::from_micros(20) * n));
    // One by one to begin with, and where only eleven are left; twelve and more together between.
    assert!(crowd.sleeps.len() <= 1 + 2000 / 12 + 11, "{} sleeps for 2000 timers", crowd.sleeps.len());
}

#[test]
fn no_sleep_goes_on_for_more_than_800_microseconds_after_a_deadline() {
    let mut random = numbers(11);
    let crowd = crowd((0..2000).map(|_| Duration::from_nanos(random(40_000_000))));
    assert!(crowd.longest_delay() <= Duration::from_micros(800), "{:?}", crowd.longest_delay());
}

#[test]
fn timers_of_a_crowd_fire_by_deadline_and_ties_by_creation() {
    let mut random = numbers(12);
    let crowd = crowd((0..2000).map(|_| Duration::from_micros(random(1000) * 20)));
    assert_eq!(crowd.fired, crowd.in_order());
}

#[test]
fn eleven_timers_in_800_microseconds_are_no_crowd() {
    let groups = (0..20).map(|group| Duration::from_micros(1480) * group); // each begins 780 µs after the last ended
    let crowd = crowd(groups.flat_map(|start| (0..11).map(move |n| start + Duration::from_micros(70) * n)));
    assert_eq!(crowd.longest_delay(), Duration::ZERO);
}

#[test]
#[cfg(unix)]
fn a_guest_sleeps_for_the_next_timer_alone() {
    let crowd = crowd_in((0..500).map(|n| Duration::from_micros(20) * n), |runtime, deadlines| {
        let guest = glassloop::Guest::new(runtime).unwrap();
        let end = *deadlines.last().unwrap();
        let task = guest.spawn(wait_for_all(deadlines));
        while !task.is_finished() {
            guest.turn(Some(end - Instant::now()));
        }
    });
    assert_eq!(crowd.longest_delay(), Duration::ZERO);
}

// ---- cancel and reset

#[test]
fn a_dropped_sleep_is_gone() {
    let recorder = Recorder::new();
    let runtime = Builder::new().start_paused(true).observer(recorder.observer()).build().unwrap();
    runtime.block_on(async {
        let mut dropped = sleep(SECOND);
        assert!(poll_fn(|cx| Poll::Ready(Pin::new(&mut dropped).poll(cx))).await.is_pending());
        assert_eq!(waits(), 1);
        drop(dropped);
        assert_eq!(waits(), 0);
        sleep(SECOND * 2).await;
    });
    let jumps: Vec<_> = recorder.order().into_iter().filter(|line| line.starts_with("jump")).collect();
    assert_eq!(jumps, ["jump 2s"]);
}

#[test]
fn a_sleep_dropped_on_another_thread_is_gone_after_the_next_collect() {
    Runtime::new().unwrap().block_on(async {
        let mut armed = sleep(SECOND * 3600);
        assert!(poll_fn(|cx| Poll::Ready(Pin::new(&mut armed).poll(cx))).await.is_pending());
        thread::spawn(move || drop(armed)).join().unwrap();
        assert_eq!(waits(), 1, "its message stands in the inbox");
        another_turn().await;
        assert_eq!(waits(), 0);
    });
}

#[test]
fn a_sleep_polled_by_another_task_wakes_that_task() {
    let recorder = Recorder::new();
    let runtime = Builder::new().start_paused(true).observer(recorder.observer()).build().unwrap();
    runtime.block_on(async {
        let mut moved = sleep(SECOND);
        assert!(poll_fn(|cx| Poll::Ready(Pin::new(&mut moved).poll(cx))).await.is_pending());
        spawn(moved).await.unwrap();
    });
    let wakes = recorder.order().into_iter().filter(|line| line.contains("timer 1") && line.starts_with("wake"));
    assert_eq!(wakes.collect::<Vec<_>>(), ["wake 2: timer 1"]);
}

#[test]
fn a_reset_moves_the_deadline_of_a_waiting_task_without_another_poll() {
    for (to, expected) in [(SECOND, SECOND), (SECOND * 9, SECOND * 9)] {
        paused().block_on(async {
            let start = Instant::now();
            let timer = Rc::new(RefCell::new(sleep(SECOND * 5)));
            let polls = Rc::new(Cell::new(0));
            let task = {
                let (timer, polls) = (timer.clone(), polls.clone());
                spawn(poll_fn(move |cx| {
                    polls.set(polls.get() + 1);
                    Pin::new(&mut *timer.borrow_mut()).poll(cx)
                }))
            };
            yield_now().await;
            timer.borrow_mut().reset(start + to);
            assert_eq!(timer.borrow().deadline(), start + to);
            task.await.unwrap();
            assert_eq!((start.elapsed(), polls.get()), (expected, 2));
        });
    }
}

#[test]
fn a_sleep_that_is_over_can_be_reset_and_waits_again() {
    paused().block_on(async {
        let start = Instant::now();
        let mut timer = sleep(SECOND);
        (&mut timer).await;
        assert!(timer.is_elapsed());
        timer.reset(start + SECOND * 3);
        assert!(!timer.is_elapsed());
        (&mut timer).await;
        assert_eq!(start.elapsed(), SECOND * 3);
    });
}

#[test]
fn a_reset_between_firing_and_polling_puts_the_end_off() {
    paused().block_on(async {
        let start = Instant::now();
        let mut timer = sleep(SECOND);
        assert!(poll_once(&mut timer).is_pending());
        advance(SECOND).await;
        assert!(timer.is_elapsed(), "it fired, and nobody has polled it since");
        timer.reset(start + SECOND * 2);
        timer.await;
        assert_eq!(start.elapsed(), SECOND * 2);
    });
}

#[test]
fn cancelled_timers_among_many_do_not_disturb_the_others() {
    paused().block_on(async {
        let start = Instant::now();
        let mut random = numbers(3);
        let fired = Rc::new(RefCell::new(Vec::new()));
        let mut kept = Vec::new();
        let mut tasks = Vec::new();
        for at in 0..900_u64 {
            let (second, fired) = (random(100), fired.clone());
            let task = spawn(async move {
                sleep_until(start + SECOND * second as u32).await;
                fired.borrow_mut().push((second, at));
            });
            if at % 3 > 0 {
                kept.push((second, at));
            }
            tasks.push(task);
        }
        yield_now().await; // all are armed
        tasks.iter().step_by(3).for_each(|task| task.abort());
        for (at, task) in tasks.into_iter().enumerate() {
            assert_eq!(task.await.is_ok(), at % 3 > 0);
        }
        kept.sort();
        assert_eq!(*fired.borrow(), kept);
    });
}

// ---- time-outs

#[test]
fn a_future_that_is_ready_in_the_turn_in_which_its_time_ends_wins() {
    paused().block_on(async {
        assert_eq!(timeout(SECOND, sleep(SECOND)).await, Ok(()));
        assert!(timeout(SECOND, sleep(SECOND * 2)).await.is_err());
        assert_eq!(timeout(Duration::ZERO, async { 3 }).await, Ok(3));
    });
}

#[test]
fn timeout_at_ends_at_its_moment_and_leaves_no_timer() {
    paused().block_on(async {
        let start = Instant::now();
        let error = timeout_at(start + SECOND, pending::<()>()).await.unwrap_err();
        assert_eq!(start.elapsed(), SECOND);
        assert_eq!(error.to_string(), "the time was over before the future was ready");
        assert_eq!(std::io::Error::from(error).kind(), std::io::ErrorKind::TimedOut);
        assert_eq!(timeout(SECOND, async { 1 }).await, Ok(1));
        assert_eq!(waits(), 0);
    });
}

#[test]
fn a_timed_out_future_is_dropped_with_its_timeout() {
    paused().block_on(async {
        let held = Rc::new(());
        let inner = {
            let held = held.clone();
            async move {
                let _held = held;
                pending::<()>().await;
            }
        };
        assert!(timeout(SECOND, inner).await.is_err());
        assert_eq!(Rc::strong_count(&held), 1);
    });
}

#[test]
fn many_timers_in_one_task_all_end() {
    paused().block_on(async {
        let start = Instant::now();
        join_all((0..50).map(|n| sleep(SECOND * (n % 7)))).await;
        assert_eq!(start.elapsed(), SECOND * 6);
    });
}

// ---- intervals

/// For when an interval that began at 0 plans its ticks, if its user looks 3.5 periods late at the second.
fn planned(behavior: MissedTickBehavior) -> Vec<Duration> {
    paused().block_on(async {
        let start = Instant::now();
        let mut ticks = interval(SECOND);
        ticks.set_missed_tick_behavior(behavior);
        assert_eq!((ticks.missed_tick_behavior(), ticks.period()), (behavior, SECOND));
        let mut planned = vec![ticks.tick().await - start];
        advance(SECOND * 9 / 2).await;
        for _ in 0..6 {
            let tick = ticks.tick().await;
            assert!(start.elapsed() >= tick - start, "a tick came early");
            planned.push(tick - start);
        }
        planned
    })
}

fn halves(halves: [u32; 7]) -> Vec<Duration> {
    halves.map(|half| SECOND * half / 2).to_vec()
}

#[test]
fn an_interval_in_burst_makes_up_for_missed_ticks() {
    assert_eq!(planned(MissedTickBehavior::Burst), halves([0, 2, 4, 6, 8, 10, 12]));
    assert_eq!(MissedTickBehavior::default(), MissedTickBehavior::Burst);
}

#[test]
fn an_interval_in_delay_starts_anew_from_the_late_tick() {
    assert_eq!(planned(MissedTickBehavior::Delay), halves([0, 2, 11, 13, 15, 17, 19]));
}

#[test]
fn an_interval_in_skip_goes_on_with_its_plan() {
    assert_eq!(planned(MissedTickBehavior::Skip), halves([0, 2, 10, 12, 14, 16, 18]));
}

#[test]
fn an_interval_ticks_at_its_start_and_then_every_period() {
    paused().block_on(async {
        let start = Instant::now();
        let mut ticks = interval_at(start + SECOND * 5, SECOND * 2);
        for second in [5, 7, 9] {
            assert_eq!(ticks.tick().await - start, SECOND * second);
            assert_eq!(start.elapsed(), SECOND * second);
        }
        advance(SECOND).await;
        ticks.reset();
        assert_eq!(ticks.tick().await - start, SECOND * 12);
    });
}

#[test]
fn a_tick_dropped_while_it_waits_uses_up_no_tick() {
    paused().block_on(async {
        let start = Instant::now();
        let mut ticks = interval(SECOND * 4);
        ticks.tick().await;
        assert!(timeout(SECOND, ticks.tick()).await.is_err());
        assert_eq!(ticks.tick().await - start, SECOND * 4);
    });
}

// ---- the virtual clock

#[test]
fn a_stopped_clock_moves_by_deadlines_alone() {
    glassloop::run(async {
        assert!(!is_paused());
        pause();
        assert!(is_paused());
        let start = Instant::now();
        let real = std::time::Instant::now();
        sleep(SECOND * 86_400).await;
        assert_eq!(start.elapsed(), SECOND * 86_400);
        assert!(real.elapsed() < SECOND * 3600);
        resume();
        assert!(start.elapsed() >= SECOND * 86_400, "it goes on from where it stood");
        sleep(Duration::from_micros(10)).await;
        assert!(start.elapsed() > SECOND * 86_400);
    });
}

#[test]
fn advance_fires_what_is_due_and_nothing_else() {
    paused().block_on(async {
        let tasks = [1, 2, 3].map(|second| spawn(sleep(SECOND * second)));
        yield_now().await;
        advance(SECOND * 2).await;
        assert_eq!(tasks.each_ref().map(|task| task.is_finished()), [true, true, false]);
    });
}
