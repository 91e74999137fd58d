//! `examples/mistakes`: what each mistake says, what its mended form says, in which order both run, and the compiler's
//! own words.

mod support;

// Each says `super::mistake`.
#[path = "../examples/mistakes/m01_forgotten_await.rs"]
mod m01;
#[path = "../examples/mistakes/m02_blocking_the_loop.rs"]
mod m02;
#[path = "../examples/mistakes/m03_one_after_the_other.rs"]
mod m03;
#[path = "../examples/mistakes/m04_lost_results.rs"]
mod m04;
#[path = "../examples/mistakes/m05_fire_and_forget.rs"]
mod m05;
#[path = "../examples/mistakes/m06_lost_update.rs"]
mod m06;
#[path = "../examples/mistakes/m07_no_timeout.rs"]
mod m07;
#[path = "../examples/mistakes/m08_fast_producer.rs"]
mod m08;
#[path = "../examples/mistakes/m09_a_connection_a_query.rs"]
mod m09;
#[path = "../examples/mistakes/m10_swallowed_cancellation.rs"]
mod m10;
#[path = "../examples/mistakes/m11_loop_in_a_loop.rs"]
mod m11;
#[path = "../examples/mistakes/m12_cpu_work_on_the_loop.rs"]
mod m12;
#[path = "../examples/mistakes/m13_cached_future.rs"]
mod m13;
#[path = "../examples/mistakes/m14_await_outside_async.rs"]
mod m14;
#[path = "../examples/mistakes/m15_shared_default.rs"]
mod m15;
#[path = "../examples/mistakes/m16_waiting_with_the_thread.rs"]
mod m16;
#[path = "../examples/mistakes/m17_unread_error.rs"]
mod m17;
#[path = "../examples/mistakes/m18_dead_worker.rs"]
mod m18;
#[path = "../examples/mistakes/m19_unheeded_stop.rs"]
mod m19;
#[path = "../examples/mistakes/m20_spawned_and_awaited.rs"]
mod m20;
#[path = "../examples/mistakes/mistake.rs"]
mod mistake;

use std::fs;
use std::path::Path;
use std::process::Command;

use glassloop::Builder;
use glassloop::trace::Recorder;
use mistake::Mistake;
use support::assert_trace;

#[track_caller]
fn assert_said(mistake: &Mistake, wrong: &[&str], mended: &[&str]) {
    assert!(!mistake.title.is_empty());
    assert_eq!((mistake.wrong)(Builder::new()), wrong, "as it is written");
    assert_eq!((mistake.mended)(Builder::new()), mended, "mended");
}

/// What happens in a form, as the canonical lines.
fn traced(form: fn(Builder) -> Vec<String>) -> Vec<String> {
    let recorder = Recorder::new();
    form(Builder::new().observer(recorder.observer()));
    recorder.order()
}

/// The tasks that are polled, in order.
fn polls(trace: &[String]) -> Vec<u32> {
    trace.iter().filter_map(|line| line.strip_prefix("poll ")?.parse().ok()).collect()
}

#[test]
fn a_future_that_is_not_awaited_does_nothing() {
    assert_said(&m01::MISTAKE, &["greeted: false"], &["greeted: true"]);
    // A future that is awaited is polled inside the task that awaits it: either way there is one task, polled once.
    assert_eq!((polls(&traced(m01::MISTAKE.wrong)), polls(&traced(m01::MISTAKE.mended))), (vec![1], vec![1]));
}

#[test]
fn a_blocked_thread_keeps_the_other_task_waiting() {
    let ran = |when| format!("the other task ran {when} the pause");
    assert_said(&m02::MISTAKE, &[&ran("after")], &[&ran("during")]);
    // 2 pauses, 3 is the other: blocked, 2 ends before 3 begins; awaited, it ends after.
    let ends = |trace: Vec<String>| {
        let at = |line: &str| trace.iter().position(|other| other == line).unwrap();
        at("done 2 ready") < at("poll 3")
    };
    assert!(ends(traced(m02::MISTAKE.wrong)));
    assert!(!ends(traced(m02::MISTAKE.mended)));
}

#[test]
fn awaits_one_after_the_other_take_the_sum_and_together_the_longest() {
    let took = |time| format!("fetches of 1, 2 and 3 s took {time}");
    assert_said(&m03::MISTAKE, &[&took("6s")], &[&took("3s")]);
    let jumps = |form| traced(form).into_iter().filter(|line| line.starts_with("jump")).collect::<Vec<_>>();
    assert_eq!(jumps(m03::MISTAKE.wrong), ["jump 1s", "jump 2s", "jump 3s"]);
    assert_eq!(jumps(m03::MISTAKE.mended), ["jump 1s", "jump 1s", "jump 1s"]);
}

#[test]
fn one_failure_hides_the_other_results_or_stands_among_them() {
    let failed = "Err(\"task 2 failed\")";
    assert_said(&m04::MISTAKE, &[failed], &["Ok(10)", failed, "Ok(30)"]);
    assert_eq!(polls(&traced(m04::MISTAKE.wrong)), [1]);
    assert_eq!(polls(&traced(m04::MISTAKE.mended)), [1, 2, 3, 4, 1]);
}

#[test]
fn a_task_that_nobody_waits_for_is_dropped_with_its_runtime() {
    assert_said(&m05::MISTAKE, &["nothing was saved"], &["saved"]);
    assert!(traced(m05::MISTAKE.wrong).contains(&"done 2 cancelled".to_owned()));
    assert!(traced(m05::MISTAKE.mended).contains(&"done 2 ready".to_owned()));
}

#[test]
fn an_update_is_lost_between_reading_and_writing_and_kept_under_a_lock() {
    let counted = |n| format!("100 tasks added 1 each: {n}");
    assert_said(&m06::MISTAKE, &[&counted(1)], &[&counted(100)]);
    // Wrong: all read, then all write. Mended: each reads and writes, then the next.
    let tasks = 2..=101;
    let wrong = polls(&traced(m06::MISTAKE.wrong));
    assert!(wrong.iter().copied().skip(1).take(200).eq(tasks.clone().chain(tasks.clone())), "{wrong:?}");
    let mended = polls(&traced(m06::MISTAKE.mended));
    let first = mended.iter().copied().skip(1).take(100);
    assert!(first.eq(tasks), "each comes for the lock once, in order: {mended:?}");
    let rest: Vec<u32> = mended[101..].iter().copied().filter(|task| *task > 2).collect();
    assert!(rest.chunks(2).map(|pair| (pair[0], pair[1])).eq((3..=101).map(|n| (n, n))), "{rest:?}");
}

#[test]
fn a_silent_peer_is_waited_for_without_end_or_as_long_as_was_said() {
    let elapsed = "after 2 s: the time was over before the future was ready";
    assert_said(&m07::MISTAKE, &["after an hour the call still waits"], &[elapsed]);
    let jumps = |form| traced(form).into_iter().filter(|line| line.starts_with("jump")).collect::<Vec<_>>();
    assert_eq!(jumps(m07::MISTAKE.wrong), ["jump 3600s"]);
    assert_eq!(jumps(m07::MISTAKE.mended), ["jump 2s"]);
}

#[test]
fn a_producer_runs_ahead_or_is_held_back() {
    let most = |n| format!("at most {n} of 1000 items waited");
    assert_said(&m08::MISTAKE, &[&most(1000)], &[&most(10)]);
    // Wrong: the producer is polled once, and is done. Mended: it waits for the consumer again and again.
    let of_producer = |form| polls(&traced(form)).into_iter().filter(|task| *task == 2).count();
    assert_eq!(of_producer(m08::MISTAKE.wrong), 1);
    assert!(of_producer(m08::MISTAKE.mended) > 100);
}

#[test]
fn queries_open_a_connection_each_or_share_one() {
    assert_said(&m09::MISTAKE, &["20 queries, connections: 20"], &["20 queries, connections: 1"]);
    let spawned = |form| traced(form).iter().filter(|line| line.ends_with(": spawned")).count();
    assert_eq!(spawned(m09::MISTAKE.wrong), 1 + 1 + 20, "root, server, and one a connection");
    assert_eq!(spawned(m09::MISTAKE.mended), 1 + 1 + 1);
}

#[test]
fn a_cleanup_that_awaits_is_left_out_by_an_abort_and_done_after_a_token() {
    assert_said(&m10::MISTAKE, &["works", "task 2 was cancelled"], &["works", "said goodbye"]);
    assert_trace(
        &traced(m10::MISTAKE.wrong),
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
        abort 2 by 1
        wake 2: aborted
        pending 1
        done 2 cancelled  // dropped, not polled
        wake 1: task 2
        poll 1
        done 1 ready
        ",
    );
    assert_trace(
        &traced(m10::MISTAKE.mended),
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
        wake 2: task 1    // the token
        pending 1
        poll 2            // the cleanup, and it may wait
        wake 2: task 2
        pending 2
        poll 2
        done 2 ready
        wake 1: task 2
        poll 1
        done 1 ready
        ",
    );
}

#[test]
fn a_loop_inside_a_loop_is_refused_with_advice() {
    let advice = [
        "a loop cannot run inside a loop. Inside, `.await` the future, or `spawn` it and await its handle",
        "for a loop of its own, give it a thread (`spawn_blocking` or `std::thread::spawn`) and a runtime there",
    ];
    assert_said(&m11::MISTAKE, &advice, &["the answer is 42"]);
    assert!(traced(m11::MISTAKE.wrong).contains(&"done 2 panicked".to_owned()), "the outer loop lives");
}

#[test]
fn a_computation_stops_the_heart_or_leaves_it_beating() {
    let beats = |how| format!("the heart beat {how} meanwhile");
    assert_said(&m12::MISTAKE, &[&beats("no more")], &[&beats("on")]);
    // Heart 2; the computing task 3 is polled once either way, and between its poll and its end nothing else is.
    let trace = traced(m12::MISTAKE.wrong);
    let at = trace.iter().position(|line| line == "poll 3").unwrap();
    assert_eq!(trace[at + 1], "done 3 ready");
    assert!(traced(m12::MISTAKE.mended).iter().any(|line| line.ends_with(": its job ended")));
}

#[test]
fn three_callers_fetch_three_times_or_once() {
    assert_said(&m13::MISTAKE, &["[42, 42, 42] by 3 fetches"], &["[42, 42, 42] by 1 fetch"]);
    // Wrong: all three yield, and come back together. Mended: one yields; when it has come back, it wakes the others.
    let wakes = |form| traced(form).into_iter().filter(|line| line.starts_with("wake 1")).collect::<Vec<_>>();
    assert_eq!(
        wakes(m13::MISTAKE.wrong),
        ["wake 1: spawned", "wake 1: task 1", "wake 1 again: task 1", "wake 1 again: task 1"]
    );
    assert_eq!(
        wakes(m13::MISTAKE.mended),
        ["wake 1: spawned", "wake 1: task 1", "wake 1: task 1", "wake 1 again: task 1"]
    );
}

#[test]
fn what_does_not_compile_has_only_a_mended_form() {
    assert_said(&m14::MISTAKE, &[], &["the answer is 42"]);
    assert_eq!(polls(&traced(m14::MISTAKE.mended)), [1]);
    assert_said(&m15::MISTAKE, &[], &[]);
}

#[test]
fn a_task_that_waits_with_the_thread_for_another_is_told_by_the_watchdog() {
    let wrong = ["task 2 \"reader\" holds the loop, and still does", "the reader got help"];
    assert_said(&m16::MISTAKE, &wrong, &["the reader got news"]);
    // Wrong: the reader ends before the writer begins. Mended: it waits, and the writer comes first.
    assert_eq!(polls(&traced(m16::MISTAKE.wrong)), [1, 2, 3, 1]);
    assert_eq!(polls(&traced(m16::MISTAKE.mended)), [1, 2, 3, 2, 1]);
}

#[test]
fn an_error_that_nobody_reads_is_lost_or_said() {
    assert_said(&m17::MISTAKE, &["nobody heard of it"], &["task 2 \"saver\": disk full"]);
    assert!(traced(m17::MISTAKE.wrong).contains(&"done 2 ready".to_owned()), "it ended as if all were well");
}

#[test]
fn a_worker_dies_and_its_server_lives_on_or_stops_with_it() {
    assert_said(
        &m18::MISTAKE,
        &["3 requests were accepted, 1 was begun"],
        &["1 request was accepted, 1 was begun", "stopped: out of paper"],
    );
    // Wrong: the root is polled on and on after the worker's end. Mended: nothing is.
    let after = |form| {
        let trace = traced(form);
        let end = trace.iter().position(|line| line == "done 2 panicked").unwrap();
        polls(&trace[end..])
    };
    assert!(after(m18::MISTAKE.wrong).len() > 1);
    assert_eq!(after(m18::MISTAKE.mended), [0; 0]);
}

#[test]
fn a_task_that_does_not_heed_the_stop_is_waited_for_in_silence_or_named() {
    assert_said(
        &m19::MISTAKE,
        &["after an hour the program still waits, and does not say for whom"],
        &["the connection said goodbye", "\"heartbeat\" waits for timer"],
    );
}

#[test]
fn tasks_awaited_one_by_one_are_advised_to_run_together_and_together_get_no_advice() {
    let wrong = (m20::MISTAKE.wrong)(Builder::new()).join("\n").replace("tests/../examples/mistakes/m20_", "");
    let golden = r#"it took 900ms
these 3 awaits of task 1 (spawned_and_awaited.rs:36) ran one after another
   400 ms for task 2 "user" (spawned_and_awaited.rs:23)
   300 ms for task 3 "orders" (spawned_and_awaited.rs:23)
   200 ms for task 4 "news" (spawned_and_awaited.rs:23)
together they would take 400 ms instead of 900 ms, if none needs another's result"#;
    assert_eq!(wrong, golden);
    assert_eq!((m20::MISTAKE.mended)(Builder::new()), ["it took 400ms"]);
}

/// The real compiler's words, of a package made for it.
#[test]
fn the_compilers_words_are_those_that_are_shown() {
    let warned = compiled(
        "async fn greet() {}\n\
         fn main() {\n\
             glassloop::run(async {\n\
                 greet();\n\
                 glassloop::time::sleep(std::time::Duration::ZERO);\n\
                 glassloop::spawn(greet());\n\
             });\n\
         }\n",
    );
    assert_words(&warned, m01::MISTAKE.compiler);
    assert_words(&warned, m05::MISTAKE.compiler);
    assert_words(&warned, "generated 3 warnings"); // a timer that is not awaited says so too
    assert_words(&compiled("async fn greet() {}\nfn main() {\n    greet().await;\n}\n"), m14::MISTAKE.compiler);
    let twice = "async fn fetch() {}\nasync fn twice() {\n    let cached = fetch();\n    cached.await;\n    \
                 cached.await;\n}\nfn main() {\n    glassloop::run(twice());\n}\n";
    assert_words(&compiled(twice), m13::MISTAKE.compiler);
    // Of no mistake here: what leaves the loop's thread must be `Send`, and what stays need not.
    let shared = "fn main() {\n    let shared = std::rc::Rc::new(1);\n    \
                  glassloop::spawn_blocking(move || *shared).detach();\n}\n";
    let refused = "`Rc<i32>` cannot be sent between threads safely\nrequired by a bound in `spawn_blocking`";
    assert_words(&compiled(shared), refused);
}

/// What the example prints for these arguments. `cargo test` builds the examples, and puts them beside the tests.
fn printed(arguments: &[&str]) -> String {
    let test = std::env::current_exe().unwrap();
    let folder = test.parent().and_then(Path::parent).expect("a test lies in target/<profile>/deps");
    let mistakes = folder.join("examples").join("mistakes").with_extension(std::env::consts::EXE_EXTENSION);
    assert!(mistakes.exists(), "it is not built; `cargo test`, or `cargo build --example mistakes`, builds it");
    let run = Command::new(mistakes).args(arguments).output().unwrap();
    assert!(run.status.success(), "{}", String::from_utf8_lossy(&run.stderr));
    String::from_utf8(run.stdout).unwrap()
}

#[test]
fn the_example_prints_what_its_comment_shows() {
    let source = include_str!("../examples/mistakes/main.rs");
    let (_, shown) = source.split_once("\n// Output of `cargo run --example mistakes -- 6`:\n").unwrap();
    let shown: Vec<&str> = shown.lines().map(|line| line.trim_start_matches("//").trim()).collect();
    assert!(shown.len() > 3, "{shown:?}");
    assert_eq!(printed(&["6"]).lines().map(str::trim).collect::<Vec<_>>(), shown);
}

#[test]
fn the_example_shows_all_of_them_in_their_order() {
    let all = include_str!("../examples/mistakes/main.rs").matches("::MISTAKE,").count() as u32;
    let printed = printed(&[]);
    let titles = printed.lines().filter(|line| line.starts_with(|first: char| first.is_ascii_digit()));
    let numbers = titles.map(|title| title.split('.').next().unwrap().parse::<u32>().unwrap());
    assert!(all >= 15 && numbers.eq(1..=all), "{printed}");
}

#[track_caller]
fn assert_words(said: &str, words: &str) {
    assert!(!words.is_empty());
    for line in words.lines() {
        assert!(said.contains(line.trim()), "{line:?} is not in:\n{said}");
    }
}

/// What the compiler says to a program that uses this crate.
fn compiled(program: &str) -> String {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("mistakes");
    fs::create_dir_all(folder.join("src")).unwrap();
    fs::write(folder.join("src/main.rs"), program).unwrap();
    let manifest = format!(
        "[package]\nname = \"mistakes\"\nversion = \"0.0.0\"\nedition = \"2024\"\n\
         [dependencies]\nglassloop = {{ path = {root:?} }}\n[workspace]\n"
    );
    fs::write(folder.join("Cargo.toml"), manifest).unwrap();
    fs::copy(root.join("Cargo.lock"), folder.join("Cargo.lock")).unwrap(); // the versions that are at hand
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.args(["check", "--offline", "--color", "never", "--target-dir"]).arg(folder.join("target"));
    cargo.arg("--manifest-path").arg(folder.join("Cargo.toml"));
    for flags in ["RUSTFLAGS", "CARGO_ENCODED_RUSTFLAGS", "CARGO_BUILD_TARGET", "CARGO_BUILD_RUSTFLAGS"] {
        cargo.env_remove(flags); // a sanitizer's, perhaps
    }
    let output = cargo.output().unwrap();
    String::from_utf8(output.stderr).unwrap()
}
