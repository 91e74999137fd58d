//! The watchdog, the hook on slow polls, and dumps while a poll is stuck. Nothing here sleeps until something has
//! happened: a poll that is to be stuck blocks on a channel until the watchdog has told of it.

use std::cell::{Cell, RefCell};
use std::panic::Location;
use std::rc::Rc;
use std::sync::mpsc::{self, Receiver, Sender};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use glassloop::trace::{Event, Leaf, Observer, Outcome, Recorder};
use glassloop::{
    Builder, DumpNow, Guest, Handle, Runtime, SlowPoll, StuckPoll, TableDump, spawn, spawn_blocking, spawn_named,
    time, yield_now,
};

/// Short, so that tests are; what a busy machine makes of it only makes reports come later.
const LIMIT: Duration = Duration::from_millis(4);

/// A runtime with a watchdog, and what that tells.
fn watched(builder: Builder) -> (Runtime, Receiver<StuckPoll>) {
    let (tell, told) = mpsc::channel();
    let report = move |stuck: &StuckPoll| drop(tell.send(stuck.clone()));
    (builder.on_stuck_poll(LIMIT, report).build().unwrap(), told)
}

/// Blocks the thread until the watchdog tells of it.
fn block(told: &Receiver<StuckPoll>) -> StuckPoll {
    told.iter().find(|stuck| !stuck.is_over).unwrap()
}

#[track_caller]
fn lines_below(site: &Location<'_>, line: u32) -> u32 {
    assert_eq!(site.file(), file!());
    site.line() - line
}

#[test]
fn a_stuck_poll_is_told_while_it_is_stuck_and_again_when_it_is_over() {
    let (runtime, told) = watched(Builder::new());
    let stuck = runtime.block_on(async { block(&told) });
    let id = runtime.id();
    drop(runtime);
    let over = told.recv().unwrap();
    assert_eq!((stuck.task.id, stuck.is_over, stuck.runtime), (over.task.id, false, id));
    assert!(over.is_over && over.elapsed >= stuck.elapsed && stuck.elapsed >= LIMIT);
    assert_eq!(told.iter().count(), 0, "once each");
}

#[test]
fn the_report_names_the_task_its_spawn_and_the_await_that_it_went_on_from() {
    let (runtime, told) = watched(Builder::new().start_paused(true));
    let line = line!();
    let stuck = runtime.block_on(async {
        let busy = spawn_named("busy", async move {
            time::sleep(Duration::from_secs(1)).await;
            time::sleep(Duration::from_secs(2)).await;
            block(&told)
        });
        busy.await.unwrap()
    });
    assert_eq!((stuck.task.id.to_string(), stuck.task.name.as_deref()), ("2".to_owned(), Some("busy")));
    assert_eq!(lines_below(stuck.task.site, line), 2);
    let Some(Leaf::Timer { timer, site }) = stuck.task.last else { panic!("{stuck:?}") };
    assert_eq!((timer.to_string(), lines_below(site, line)), ("2".to_owned(), 4));
    let words = stuck.to_string();
    assert!(words.contains("task 2 (task) \"busy\", spawned at tests/watchdog.rs:"), "{words}");
    assert!(words.contains("and still does; before, it waited for timer 2 made at tests/watchdog.rs:"), "{words}");
}

#[test]
fn a_task_that_waits_for_another_is_told_with_the_one_that_it_waited_for() {
    let (runtime, told) = watched(Builder::new());
    let stuck = runtime.block_on(async {
        spawn(yield_now()).await.unwrap();
        block(&told)
    });
    let Some(Leaf::Join { task, .. }) = stuck.task.last else { panic!("{stuck:?}") };
    assert_eq!(task.to_string(), "2");
}

#[test]
fn the_first_poll_of_a_task_has_no_await_before_it_even_where_another_task_told_one_and_ended() {
    let (runtime, told) = watched(Builder::new());
    let stuck = runtime.block_on(async {
        // Polls a timer to no avail, and ends all the same.
        let found = spawn(async {
            let mut sleep = Box::pin(time::sleep(Duration::from_secs(9)));
            std::future::poll_fn(|cx| std::task::Poll::Ready(sleep.as_mut().poll(cx).is_pending())).await
        });
        let second = spawn(async move {
            let stuck = block(&told);
            yield_now().await;
            (stuck, block(&told))
        });
        assert!(found.await.unwrap());
        second.await.unwrap()
    });
    assert!(stuck.0.task.last.is_none() && stuck.1.task.last.is_none(), "{stuck:?}");
}

#[test]
fn a_wait_that_tells_nothing_leaves_no_older_one_standing() {
    let (runtime, told) = watched(Builder::new().start_paused(true));
    let stuck = runtime.block_on(async {
        time::sleep(Duration::from_secs(1)).await;
        yield_now().await;
        block(&told)
    });
    assert!(stuck.task.last.is_none(), "{stuck:?}");
}

#[test]
fn the_destructor_of_an_aborted_task_is_watched_as_a_poll_is() {
    struct Slow(Receiver<StuckPoll>, Sender<StuckPoll>);
    impl Drop for Slow {
        fn drop(&mut self) {
            self.1.send(block(&self.0)).unwrap();
        }
    }
    let (runtime, told) = watched(Builder::new());
    let (tell, seen) = mpsc::channel();
    runtime.block_on(async {
        let slow = Slow(told, tell);
        let task = spawn_named("slow end", async move {
            let _slow = slow;
            std::future::pending::<()>().await
        });
        yield_now().await;
        task.abort();
        let _ = task.await;
    });
    assert_eq!(seen.recv().unwrap().task.name.as_deref(), Some("slow end"));
}

#[test]
fn a_destructor_at_the_end_of_the_runtime_is_watched() {
    struct Slow(Receiver<StuckPoll>, Sender<StuckPoll>);
    impl Drop for Slow {
        fn drop(&mut self) {
            self.1.send(block(&self.0)).unwrap();
        }
    }
    let (runtime, told) = watched(Builder::new());
    let (tell, seen) = mpsc::channel();
    let slow = Slow(told, tell);
    let task = runtime.spawn(async move {
        let _slow = slow;
        std::future::pending::<()>().await
    });
    task.detach();
    runtime.block_on(yield_now());
    drop(runtime);
    assert_eq!(seen.recv().unwrap().task.id.to_string(), "1");
}

#[test]
fn a_poll_that_follows_a_sleep_of_the_loop_is_watched() {
    let (runtime, told) = watched(Builder::new());
    for _ in 0..3 {
        runtime.block_on(async {
            time::sleep(4 * LIMIT).await; // the watchdog sleeps too, and must be woken
            block(&told);
        });
    }
}

#[test]
fn a_guest_is_watched_in_its_turns() {
    let (runtime, told) = watched(Builder::new());
    let guest = Guest::new(runtime).unwrap();
    let task = guest.spawn(async move { block(&told) });
    while !task.is_finished() {
        guest.turn(Some(Duration::ZERO));
    }
}

#[test]
fn the_systems_time_counts_while_the_runtimes_clock_stands() {
    let (runtime, told) = watched(Builder::new().start_paused(true));
    runtime.block_on(async {
        let before = time::Instant::now();
        assert!(block(&told).elapsed >= LIMIT);
        assert_eq!(before, time::Instant::now());
    });
}

#[test]
fn a_watched_loop_comes_to_its_verdict() {
    let (runtime, _told) = watched(Builder::new());
    assert!(runtime.try_block_on(std::future::pending::<()>()).is_err());
}

#[test]
fn a_report_that_panics_is_not_the_last() {
    let (tell, told) = mpsc::channel();
    let report = move |stuck: &StuckPoll| {
        tell.send(stuck.clone()).unwrap();
        panic!("in a report of a test");
    };
    let runtime = Builder::new().on_stuck_poll(LIMIT, report).build().unwrap();
    runtime.block_on(async {
        block(&told);
        yield_now().await;
        block(&told);
    });
}

#[test]
fn the_end_of_the_runtime_is_the_end_of_the_watchdog() {
    let alive = Arc::new(());
    let held = alive.clone();
    let runtime = Builder::new().on_stuck_poll(LIMIT, move |_| drop(held.clone())).build().unwrap();
    runtime.block_on(yield_now());
    assert_eq!(Arc::strong_count(&alive), 2);
    drop(runtime);
    assert_eq!(Arc::strong_count(&alive), 1);
}

#[test]
fn a_report_whose_destructor_panics_does_not_keep_the_runtime_from_its_end() {
    struct Panics;
    impl Drop for Panics {
        fn drop(&mut self) {
            panic!("in a destructor of a test");
        }
    }
    let held = Panics;
    let report = move |_: &StuckPoll| {
        let _ = &held;
    };
    let runtime = Builder::new().on_stuck_poll(LIMIT, report).build().unwrap();
    let begun = Instant::now();
    runtime.shutdown(Duration::from_secs(30)).unwrap();
    assert!(begun.elapsed() < Duration::from_secs(30), "it waited for a thread that was gone");
}

#[test]
fn a_shutdown_waits_for_a_report_no_longer_than_it_is_told_to() {
    let (free, held) = mpsc::channel::<()>();
    let (tell, told) = mpsc::channel();
    let report = move |_: &StuckPoll| {
        let _ = tell.send(());
        let _ = held.recv();
    };
    let runtime = Builder::new().on_stuck_poll(LIMIT, report).build().unwrap();
    runtime.block_on(async { told.recv().unwrap() });
    runtime.shutdown(Duration::from_millis(1)).unwrap();
    drop(free); // only now can the report end
}

#[test]
fn a_limit_of_zero_is_refused_by_name() {
    for (builder, name) in [
        (Builder::new().watchdog(Duration::ZERO), "Builder::watchdog"),
        (Builder::new().on_stuck_poll(Duration::ZERO, |_| ()), "Builder::watchdog"),
        (Builder::new().on_slow_poll(Duration::ZERO, |_| ()), "Builder::on_slow_poll"),
    ] {
        let error = builder.build().unwrap_err();
        assert_eq!(error.kind(), std::io::ErrorKind::InvalidInput);
        assert!(error.to_string().starts_with(name), "{error}");
    }
}

/// A runtime that tells each poll, for every poll takes a nanosecond; and what it told.
fn all_slow(builder: Builder) -> (Runtime, Rc<RefCell<Vec<SlowPoll>>>) {
    let told = Rc::new(RefCell::new(Vec::new()));
    let tell = told.clone();
    let runtime = builder
        .on_slow_poll(Duration::from_nanos(1), move |slow| tell.borrow_mut().push(slow.clone()))
        .build()
        .unwrap();
    (runtime, told)
}

#[test]
fn slow_polls_are_told_in_their_order_with_what_the_task_waits_for_or_how_it_ended() {
    let (runtime, told) = all_slow(Builder::new().start_paused(true));
    runtime.block_on(async {
        let sleeper = spawn_named("sleeper", time::sleep(Duration::from_secs(1)));
        sleeper.await.unwrap();
    });
    let told = told.borrow();
    let words: Vec<String> = told
        .iter()
        .map(|slow| {
            let on = slow.on.map(|leaf| leaf.class().to_string());
            format!("{} {} {:?} {:?} {:?}", slow.id, slow.kind, slow.name.as_deref(), on.as_deref(), slow.outcome)
        })
        .collect();
    assert_eq!(
        words,
        [
            "1 root None Some(\"join\") None",
            "2 task Some(\"sleeper\") Some(\"timer\") None",
            "2 task Some(\"sleeper\") None Some(Ready)",
            "1 root None None Some(Ready)"
        ]
    );
    assert!(told.iter().all(|slow| slow.took > Duration::ZERO), "by the system's clock");
    assert!(
        told[1].to_string().contains("held the loop for ") && told[1].to_string().contains("waits for timer 1")
    );
}

#[test]
fn a_poll_below_the_limit_is_not_told() {
    let runtime = Builder::new().on_slow_poll(Duration::MAX, |slow| panic!("{slow}")).build().unwrap();
    runtime.block_on(yield_now());
}

#[test]
fn a_poll_is_not_charged_with_the_sleep_of_the_loop_before_it() {
    /// When the loop last awoke.
    struct Awoke(Cell<Instant>);
    impl Observer for Awoke {
        fn event(&self, _at: time::Instant, event: &Event) {
            if let Event::Unpark(_) = event {
                self.0.set(Instant::now());
            }
        }
    }
    let awoke = Rc::new(Awoke(Cell::new(Instant::now())));
    let (runtime, told) = all_slow(Builder::new().observer(awoke.clone()));
    runtime.block_on(async { time::sleep(Duration::from_millis(30)).await });
    let since = awoke.0.get().elapsed();
    let last = told.borrow().last().unwrap().took;
    assert!(last <= since, "{last:?}, and the loop is awake since {since:?}");
}

#[test]
fn the_end_of_a_runtime_is_not_charged_with_the_time_that_nobody_drove_it() {
    let (runtime, told) = all_slow(Builder::new());
    runtime.spawn(std::future::pending::<()>()).detach();
    runtime.block_on(yield_now());
    thread::sleep(Duration::from_millis(30)); // what must not be charged
    let ends = Instant::now();
    drop(runtime);
    let last = told.borrow().last().unwrap().clone();
    assert_eq!(last.outcome, Some(Outcome::Cancelled));
    assert!(last.took <= ends.elapsed(), "{last}, and the runtime ends since {:?}", ends.elapsed());
}

#[test]
fn a_root_that_a_deadlock_ends_is_not_charged_with_the_sleep_of_the_loop_before_it() {
    let (runtime, told) = all_slow(Builder::new());
    let handle = runtime.handle();
    let thread = thread::spawn(move || {
        thread::sleep(Duration::from_millis(30)); // what must not be charged
        let gone = Instant::now();
        drop(handle); // the last that could wake the loop
        gone
    });
    runtime.try_block_on(std::future::pending::<()>()).unwrap_err();
    let gone = thread.join().unwrap();
    let last = told.borrow().last().unwrap().clone();
    assert_eq!(last.outcome, Some(Outcome::Cancelled));
    assert!(last.took <= gone.elapsed(), "{last}, and the loop is awake since {:?}", gone.elapsed());
}

#[test]
fn a_hook_on_slow_polls_may_spawn_wake_and_ask_for_a_dump() {
    let spawned = Rc::new(RefCell::new(None));
    let keep = spawned.clone();
    let builder = Builder::new().on_slow_poll(Duration::from_nanos(1), move |slow| {
        assert!(glassloop::dump().is_ok());
        if slow.id.to_string() == "1" && keep.borrow().is_none() {
            *keep.borrow_mut() = Some(spawn(async { 5 }));
        }
    });
    let runtime = builder.build().unwrap();
    runtime.block_on(yield_now());
    let handle = spawned.borrow_mut().take().unwrap();
    assert_eq!(runtime.block_on(handle).unwrap(), 5);
}

#[test]
fn a_hook_on_slow_polls_that_panics_is_called_again() {
    let calls = Rc::new(RefCell::new(0));
    let count = calls.clone();
    let builder = Builder::new().on_slow_poll(Duration::from_nanos(1), move |_| {
        *count.borrow_mut() += 1;
        panic!("in a hook of a test");
    });
    builder.build().unwrap().block_on(yield_now());
    assert_eq!(*calls.borrow(), 2);
}

#[test]
fn who_hears_of_turns_changes_nothing_in_the_order_and_beside_it_observers_see_all() {
    let main = || async {
        let a = spawn(yield_now());
        let b = spawn(time::sleep(Duration::from_millis(1)));
        a.await.unwrap();
        b.abort();
        assert!(b.await.is_err());
    };
    let order = |builder: Builder| {
        let recorder = Recorder::new();
        let runtime = builder.start_paused(true).observer(recorder.observer()).build().unwrap();
        runtime.block_on(main());
        drop(runtime);
        let ends = recorder.events().iter().filter(|(_, event)| matches!(event, Event::Done { .. })).count();
        (recorder.order(), ends)
    };
    let watched = Builder::new().watchdog(Duration::from_secs(60)).on_slow_poll(Duration::from_nanos(1), |_| ());
    assert_eq!(order(watched), order(Builder::new()));
}

/// What the watchdog's table says, of a loop that does not answer.
#[track_caller]
fn table(dump: DumpNow) -> TableDump {
    match dump {
        DumpNow::Table(table) => table,
        DumpNow::Whole(dump) => panic!("the loop has answered:\n{dump}"),
    }
}

#[test]
fn a_dump_while_a_poll_is_stuck_comes_from_the_table() {
    let runtime = Builder::new().start_paused(true).watchdog(LIMIT).build().unwrap();
    let line = line!();
    let table = runtime.block_on(async {
        let sleeper = spawn_named("sleeper", time::sleep(Duration::from_secs(1)));
        let unpolled = Rc::new(RefCell::new(None));
        let keep = unpolled.clone();
        let busy = spawn(async move {
            *keep.borrow_mut() = Some(spawn(yield_now())); // in the very poll that is stuck
            let handle = Handle::current();
            table(thread::spawn(move || handle.dump_now().unwrap()).join().unwrap())
        });
        let table = busy.await.unwrap();
        sleeper.abort();
        table
    });
    let stuck = table.stuck.as_ref().unwrap();
    assert_eq!((stuck.task.id.to_string(), stuck.is_over, table.is_awake), ("3".to_owned(), false, true));
    let ids: Vec<String> = table.tasks.iter().map(|task| task.id.to_string()).collect();
    assert_eq!(ids, ["1", "2", "3", "4"]);
    assert_eq!(table.tasks[1].name.as_deref(), Some("sleeper"));
    assert!(matches!(table.tasks[1].last, Some(Leaf::Timer { site, .. }) if lines_below(site, line) == 2));
    assert!(matches!(table.tasks[0].last, Some(Leaf::Join { .. })) && table.tasks[3].last.is_none());
    let words = table.to_string();
    assert!(
        words.starts_with("  the loop does not answer: task 3 (task), spawned at tests/watchdog.rs:"),
        "{words}"
    );
    assert!(words.lines().nth(2).unwrap().starts_with("  task 2 (task) \"sleeper\", spawned at "), "{words}");
    assert!(words.lines().nth(2).unwrap().contains("waited for timer 1 made at tests/watchdog.rs:"), "{words}");
    assert!(words.lines().nth(3).unwrap().ends_with(", is running"), "{words}");
    assert!(words.lines().nth(4).unwrap().ends_with(", has told no wait"), "{words}");
}

#[test]
fn a_loop_that_goes_on_answers_by_itself() {
    let runtime = Builder::new().watchdog(Duration::from_secs(60)).build().unwrap();
    let dump = runtime.block_on(async {
        let handle = Handle::current();
        spawn_blocking(move || handle.dump_now().unwrap()).await.unwrap()
    });
    let DumpNow::Whole(dump) = dump else { panic!("{dump}") };
    assert_eq!(dump.tasks().len(), 2);
}

#[test]
fn a_loop_that_has_slept_for_longer_than_the_limit_answers_by_itself() {
    const LIMIT: Duration = Duration::from_millis(50);
    let runtime = Builder::new().watchdog(LIMIT).build().unwrap();
    let dump = runtime.block_on(async {
        let handle = Handle::current();
        let ask = move || {
            thread::sleep(2 * LIMIT); // meanwhile the loop sleeps, too
            handle.dump_now().unwrap()
        };
        spawn_blocking(ask).await.unwrap()
    });
    assert!(matches!(dump, DumpNow::Whole(_)), "{dump}");
}

#[test]
fn a_task_is_answered_at_once_and_by_the_loop() {
    let runtime = Builder::new().watchdog(LIMIT).build().unwrap();
    let dump = runtime.block_on(async { Handle::current().dump_now().unwrap() });
    assert!(matches!(dump, DumpNow::Whole(_)), "{dump}");
}

#[test]
fn a_job_on_the_pool_may_ask_while_the_loop_is_stuck() {
    let runtime = Builder::new().watchdog(LIMIT).build().unwrap();
    let stuck = runtime.block_on(async {
        let handle = Handle::current();
        let (tell, told) = mpsc::channel();
        let job = spawn_blocking(move || tell.send(handle.dump_now().unwrap()).unwrap());
        let table = table(told.recv().unwrap());
        job.await.unwrap();
        table.stuck
    });
    assert_eq!(stuck.unwrap().task.id.to_string(), "1");
}

#[test]
fn a_report_may_ask_for_a_dump() {
    let (tell, told) = mpsc::channel();
    let asker = Arc::new(Mutex::new(None::<Handle>));
    let handle = asker.clone();
    let report = move |stuck: &StuckPoll| {
        let dump = handle.lock().unwrap().as_ref().map(Handle::dump_now);
        if !stuck.is_over {
            tell.send(dump.unwrap().unwrap()).unwrap();
        }
    };
    let runtime = Builder::new().on_stuck_poll(LIMIT, report).build().unwrap();
    *asker.lock().unwrap() = Some(runtime.handle());
    let dump = runtime.block_on(async { told.recv().unwrap() });
    asker.lock().unwrap().take();
    assert_eq!(table(dump).tasks.len(), 1);
}

#[test]
fn a_loop_that_nobody_drives_is_told_from_the_table() {
    let runtime = Builder::new().watchdog(LIMIT).build().unwrap();
    runtime.spawn(std::future::pending::<()>()).detach();
    runtime.block_on(yield_now()); // it was driven, and is no more
    let handle = runtime.handle();
    let from_afar = table(thread::spawn(move || handle.dump_now().unwrap()).join().unwrap());
    let from_its_own_thread = table(runtime.handle().dump_now().unwrap());
    for table in [from_afar, from_its_own_thread] {
        assert!(table.stuck.is_none() && !table.is_awake && table.tasks.len() == 1);
        assert!(table.to_string().starts_with("  the loop does not answer: nobody drives it; "), "{table}");
    }
}

#[test]
fn a_loop_that_is_held_by_a_closure_is_told_from_the_table() {
    let runtime = Builder::new().watchdog(LIMIT).build().unwrap();
    let table = runtime.block_on(async {
        let handle = Handle::current();
        let (tell, told) = mpsc::channel();
        let asker = handle.clone();
        handle
            .call_soon(move || {
                tell.send(thread::spawn(move || asker.dump_now().unwrap()).join().unwrap()).unwrap();
            })
            .unwrap();
        loop {
            match told.try_recv() {
                Ok(dump) => break table(dump),
                Err(_) => yield_now().await, // until the loop collects
            }
        }
    });
    assert!(table.stuck.is_none() && table.is_awake, "{table}");
    assert!(table.to_string().contains("it is held outside of every task"), "{table}");
}

#[test]
fn a_dump_of_a_runtime_that_is_gone_is_an_error() {
    let runtime = Builder::new().watchdog(LIMIT).build().unwrap();
    let handle = runtime.handle();
    drop(runtime);
    assert!(handle.dump_now().is_err());
}

#[test]
fn without_a_watchdog_the_loop_is_waited_for() {
    let runtime = Runtime::new().unwrap();
    let handle = runtime.handle();
    let asker = thread::spawn(move || handle.dump_now().unwrap());
    runtime.block_on(async move {
        while !asker.is_finished() {
            yield_now().await;
        }
        assert!(matches!(asker.join().unwrap(), DumpNow::Whole(_)));
    });
}

#[test]
fn an_ended_task_leaves_the_table() {
    let runtime = Builder::new().watchdog(LIMIT).build().unwrap();
    runtime.block_on(async {
        let aborted = spawn_named("aborted", std::future::pending::<()>());
        spawn_named("ended", async {}).await.unwrap();
        aborted.abort();
        let _ = aborted.await;
        let panicked = spawn(async { panic!("in a task of a test") });
        assert!(panicked.await.unwrap_err().is_panic());
    });
    assert!(table(runtime.handle().dump_now().unwrap()).tasks.is_empty());
}

#[test]
fn the_outcome_of_a_cancelled_task_is_told_as_such() {
    let (runtime, told) = all_slow(Builder::new());
    runtime.block_on(async {
        let task = spawn(std::future::pending::<()>());
        yield_now().await;
        task.abort();
        let _ = task.await;
    });
    let ends: Vec<Option<Outcome>> = told.borrow().iter().map(|slow| slow.outcome).collect();
    assert!(ends.contains(&Some(Outcome::Cancelled)), "{ends:?}");
}

#[cfg(unix)]
mod in_its_own_process {
    use std::io::{BufRead, BufReader, Read, stdin};
    use std::os::unix::process::ExitStatusExt;
    use std::process::{Child, Command, Stdio};

    use glassloop::signal::unix::SignalKind;
    use signal_hook::low_level::raise;

    use super::*;

    const CHILD: &str = "GLASSLOOP_TEST_IS_CHILD";

    fn is_child() -> bool {
        std::env::var_os(CHILD).is_some()
    }

    fn dumping() -> Runtime {
        Builder::new().watchdog(LIMIT).dump_on_signal(SignalKind::user_defined2()).build().unwrap()
    }

    fn signal() {
        raise(SignalKind::user_defined2().as_raw_value()).unwrap();
    }

    /// This test in a process of its own, for the signal and standard error are the process's; what it says there is
    /// given to `hear` line by line, until that has heard enough.
    fn heard(test: &str, hear: impl Fn(&str) -> bool) -> (Vec<String>, Child) {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args(["--exact", "--nocapture", &format!("in_its_own_process::{test}")]).env(CHILD, "1");
        let io = command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::piped());
        let mut child = io.spawn().unwrap();
        let mut lines = Vec::new();
        for line in BufReader::new(child.stderr.take().unwrap()).lines().map(Result::unwrap) {
            let is_enough = hear(&line);
            lines.push(line);
            if is_enough {
                break;
            }
        }
        (lines, child)
    }

    /// Until the parent has heard enough.
    fn wait_for_parent() {
        let _ = stdin().read(&mut [0]);
    }

    #[test]
    fn in_debug_mode_a_stuck_poll_is_told_on_standard_error() {
        if is_child() {
            let runtime = Builder::new().debug(true).build().unwrap();
            return runtime.block_on(async { wait_for_parent() });
        }
        let test = "in_debug_mode_a_stuck_poll_is_told_on_standard_error";
        let (lines, mut child) = heard(test, |line| line.contains(" and still does; "));
        assert!(child.wait().unwrap().success());
        assert!(
            lines.last().unwrap().starts_with("glassloop: task 1 (root), spawned at tests/watchdog.rs:"),
            "{lines:?}"
        );
    }

    #[test]
    fn at_a_signal_while_a_poll_is_stuck_the_table_is_dumped() {
        if is_child() {
            return dumping().block_on(async {
                let busy = spawn_named("busy", async {
                    signal();
                    wait_for_parent();
                });
                busy.await.unwrap();
            });
        }
        let test = "at_a_signal_while_a_poll_is_stuck_the_table_is_dumped";
        let (lines, mut child) = heard(test, |line| line.ends_with(", is running"));
        assert!(child.wait().unwrap().success()); // `wait` closes its input
        let from =
            lines.iter().position(|line| line == "glassloop: runtime 1 at SIGUSR2:").expect("its first line");
        let dump = &lines[from + 1..];
        assert!(
            dump[0].starts_with("  the loop does not answer: task 2 (task) \"busy\", spawned at "),
            "{dump:?}"
        );
        assert!(dump[1].starts_with("  task 1 (root), ") && dump[1].contains("waited for task 2 spawned at "));
        assert!(dump[2].starts_with("  task 2 (task) \"busy\", "), "{dump:?}");
    }

    #[test]
    fn a_signal_while_the_loop_sleeps_is_answered_by_it_and_after_its_end_the_signal_does_what_it_did() {
        if is_child() {
            dumping().block_on(async {
                signal();
                spawn_blocking(wait_for_parent).await.unwrap();
            });
            return signal();
        }
        let test =
            "a_signal_while_the_loop_sleeps_is_answered_by_it_and_after_its_end_the_signal_does_what_it_did";
        let (lines, mut child) = heard(test, |line| line.contains("waits for its job on the blocking pool"));
        let status = child.wait().unwrap();
        assert_eq!(status.signal(), Some(SignalKind::user_defined2().as_raw_value()), "{lines:?}");
        assert!(lines.iter().any(|line| line.ends_with(", waits for task 2 to finish")), "{lines:?}");
    }

    #[test]
    fn whoever_would_hear_a_signal_keeps_no_loop_from_its_verdict() {
        let runtime = Builder::new().dump_on_signal(SignalKind::user_defined1()).build().unwrap();
        assert!(runtime.try_block_on(std::future::pending::<()>()).is_err());
    }

    #[test]
    fn a_signal_that_cannot_be_heard_is_refused_when_the_runtime_is_built() {
        let error = Builder::new().dump_on_signal(SignalKind::from_raw(9)).build().unwrap_err();
        assert!(error.to_string().starts_with("SIGKILL cannot be caught"), "{error}");
    }
}
