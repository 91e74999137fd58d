//! Recorded runs as files: golden ones, and the rules of Chrome's trace events.

mod golden;

use std::collections::{BTreeMap, HashMap};
use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use glassloop::net::{TcpListener, TcpStream};
use glassloop::trace::{FlightRecorder, Recorder};
use glassloop::{Builder, spawn, spawn_named, yield_now};
use golden::{assert_golden, exact};
use serde_json::Value;

fn recorded() -> Recorder {
    let recorder = Recorder::new();
    golden::recorded(&recorder);
    recorder
}

fn folder() -> PathBuf {
    let folder = std::env::temp_dir().join(format!("glassloop-export-{}", std::process::id()));
    fs::create_dir_all(&folder).unwrap();
    folder
}

/// What `recorder` writes to a file of this name.
fn written(recorder: &Recorder, name: &str) -> String {
    let path = folder().join(name);
    recorder.write(&path).unwrap();
    let text = fs::read_to_string(&path).unwrap();
    fs::remove_file(path).unwrap();
    text
}

fn events(json: &str) -> Vec<Value> {
    let mut file: Value = serde_json::from_str(json).unwrap();
    let Value::Array(events) = file["traceEvents"].take() else { panic!("traceEvents is a list") };
    events
}

/// The events of one kind.
fn of<'a>(events: &'a [Value], ph: &str) -> Vec<&'a Value> {
    events.iter().filter(|event| event["ph"] == ph).collect()
}

/// A time of an event, in nanoseconds.
#[track_caller]
fn nanos(event: &Value, key: &str) -> u64 {
    let micros = event[key].as_f64().unwrap_or_else(|| panic!("{event} has no {key}"));
    (micros * 1000.0).round() as u64
}

// ---- golden files

#[test]
fn the_log_is_the_golden_one() {
    assert_golden("run.txt", &written(&recorded(), "golden.txt"));
}

#[test]
fn the_trace_events_are_the_golden_ones() {
    assert_golden("run.json", &written(&recorded(), "golden.json"));
}

// ---- the log

#[test]
fn the_log_without_its_times_is_the_text() {
    let recorder = recorded();
    let log = written(&recorder, "text.txt");
    let lines: Vec<_> = log.lines().map(|line| &line[17..]).collect();
    assert_eq!(lines, recorder.text().lines().collect::<Vec<_>>());
}

#[test]
fn the_log_and_the_trace_events_say_how_much_was_dropped() {
    let recorder = Recorder::with_capacity(4);
    let runtime = exact().observer(recorder.observer()).build().unwrap();
    runtime.block_on(async {});
    runtime.block_on(async {});
    let dropped = recorder.dropped();
    assert!(dropped > 0);
    let log = written(&recorder, "dropped.txt");
    assert_eq!(log.lines().next().unwrap().trim(), format!("({dropped} older events dropped)"));
    assert_eq!(log.lines().count(), 5);
    let json: Value = serde_json::from_str(&written(&recorder, "dropped.json")).unwrap();
    assert_eq!(json["otherData"]["dropped_events"], dropped);
}

#[test]
fn an_empty_recording_is_an_empty_log_and_whole_json() {
    let recorder = Recorder::new();
    assert_eq!(written(&recorder, "empty.txt"), "");
    assert!(of(&events(&written(&recorder, "empty.json")), "X").is_empty());
}

// ---- the rules of trace events

/// What is wrong with the events by the rules of their format.
fn violations(events: &[Value]) -> Vec<String> {
    let mut wrong = Vec::new();
    let mut lanes: HashMap<u64, (u64, String)> = HashMap::new();
    let mut now = 0;
    for event in events {
        let mut must = |holds: bool, what: &str| {
            if !holds {
                wrong.push(format!("{what}: {event}"));
            }
        };
        let ph = event["ph"].as_str().unwrap_or_default();
        must(event["name"].is_string(), "has a name");
        must(event["pid"].is_u64() && event["tid"].is_u64(), "has a process and a thread");
        must(["M", "X", "s", "f", "i", "C"].contains(&ph), "is of a known phase");
        if ph == "M" {
            must(event["args"].is_object(), "metadata has arguments");
            continue;
        }
        must(event["ts"].is_number() && event["cat"].is_string(), "has a time and a category");
        let at = nanos(event, "ts");
        must(at >= now, "times never go back");
        now = at;
        match ph {
            "X" => {
                must(event["dur"].is_number(), "a slice has a length");
                let end = at + nanos(event, "dur");
                let before = lanes.insert(event["tid"].as_u64().unwrap(), (end, event.to_string()));
                must(before.is_none_or(|before| before.0 <= at), "slices of a lane follow each other");
            }
            "s" | "f" => must(event["id"].is_number(), "an arrow has an id"),
            "i" => must(["t", "p", "g"].iter().any(|scope| event["s"] == *scope), "an instant has a scope"),
            "C" => must(event["args"]["tasks"].is_u64(), "a counter has a value"),
            _ => {}
        }
    }
    wrong.extend(loose_arrows(events));
    wrong
}

/// Each arrow begins and ends once, in this order, and at each end there is a slice that it can be bound to.
fn loose_arrows(events: &[Value]) -> Vec<String> {
    let mut arrows: BTreeMap<u64, Vec<&Value>> = BTreeMap::new();
    for end in events.iter().filter(|event| event["ph"] == "s" || event["ph"] == "f") {
        arrows.entry(end["id"].as_u64().unwrap_or(u64::MAX)).or_default().push(end);
    }
    let slices = of(events, "X");
    // What ends at that very moment is not open any more, unless it has no length at all.
    let is_within = |end: &Value| {
        let at = nanos(end, "ts");
        slices.iter().filter(|slice| slice["cat"] == "poll" && slice["tid"] == end["tid"]).any(|slice| {
            let (start, length) = (nanos(slice, "ts"), nanos(slice, "dur"));
            (start..start + length.max(1)).contains(&at)
        })
    };
    let is_whole = |ends: &[&Value]| {
        let phases: Vec<_> = ends.iter().map(|end| end["ph"].as_str().unwrap()).collect();
        phases == ["s", "f"] && ends[1]["bp"] == "e" && ends.iter().all(|end| is_within(end))
    };
    arrows
        .into_iter()
        .filter(|(_, ends)| !is_whole(ends))
        .map(|(id, ends)| format!("arrow {id}: {ends:?}"))
        .collect()
}

#[test]
fn the_golden_run_keeps_the_rules() {
    let events = events(&written(&recorded(), "rules.json"));
    assert_eq!(violations(&events), [""; 0]);
    assert!(of(&events, "s").len() > 5 && of(&events, "X").len() > 10 && of(&events, "C").len() > 1);
}

#[test]
fn a_run_in_real_time_with_sockets_and_threads_keeps_the_rules() {
    let recorder = Recorder::new();
    let runtime = Builder::new().observer(recorder.observer()).build().unwrap();
    runtime.block_on(async {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let server = spawn_named("server", async move { listener.accept().await.map(drop) });
        TcpStream::connect(address).await.unwrap();
        server.await.unwrap().unwrap();
        glassloop::spawn_blocking(|| ()).await.unwrap();
        let many: Vec<_> = (0..50).map(|_| spawn(yield_now())).collect();
        for one in many {
            one.await.unwrap();
        }
    });
    drop(runtime);
    let events = events(&written(&recorder, "real.json"));
    assert_eq!(violations(&events), [""; 0]);
    let waits = of(&events, "X").into_iter().filter(|slice| slice["args"]["class"] == "socket");
    assert!(waits.count() > 0);
}

#[test]
fn a_flight_recorders_files_keep_the_rules_and_say_what_was_dropped() {
    for capacity in [1, 7, 100, 100_000] {
        let flight = FlightRecorder::with_capacity(capacity);
        let runtime = Builder::new().env(false).flight_recorder(&flight).build().unwrap();
        runtime.block_on(async {
            glassloop::spawn_blocking(|| ()).await.unwrap();
            for one in (0..50).map(|_| spawn(yield_now())).collect::<Vec<_>>() {
                one.await.unwrap();
            }
        });
        drop(runtime);
        let path = folder().join(format!("flight-{capacity}.json"));
        flight.write(&path).unwrap();
        let json = fs::read_to_string(&path).unwrap();
        fs::remove_file(&path).unwrap();
        assert_eq!(violations(&events(&json)), [""; 0], "the newest {capacity} polls");
        let file: Value = serde_json::from_str(&json).unwrap();
        assert_eq!(file["otherData"]["dropped_events"], flight.dropped());
        assert_eq!(flight.dropped() > 0, capacity <= 7);
    }
}

#[test]
fn every_cut_of_the_golden_run_keeps_the_rules() {
    let whole = recorded().events().len();
    for capacity in 1..whole {
        let recorder = Recorder::with_capacity(capacity);
        golden::recorded(&recorder);
        let wrong = violations(&events(&written(&recorder, "cut.json")));
        assert_eq!(wrong, [""; 0], "the newest {capacity} of {whole} events");
    }
}

#[test]
fn the_rules_can_be_broken() {
    let good = |ph: &str, at: u64, more: &str| {
        format!(r#"{{"ph":"{ph}","cat":"poll","name":"n","pid":1,"tid":1,"ts":{at}{more}}}"#)
    };
    let wrong = |lines: &[String]| {
        let lines: Vec<_> = lines.iter().map(|line| serde_json::from_str(line).unwrap()).collect();
        violations(&lines).len()
    };
    let (first, second) = (good("X", 0, r#","dur":5"#), good("X", 5, r#","dur":5"#));
    let (from, to) = (good("s", 2, r#","id":1"#), good("f", 5, r#","id":1,"bp":"e""#));
    assert_eq!(wrong(&[first.clone(), from.clone(), second.clone(), to.clone()]), 0);
    assert_eq!(
        wrong(&[first.clone(), second.clone(), from.clone()]),
        2,
        "time goes back, and the arrow has no end"
    );
    assert_eq!(wrong(&[first.clone(), good("X", 4, r#","dur":5"#)]), 1, "slices overlap");
    assert_eq!(wrong(&[first, from, good("f", 11, r#","id":1,"bp":"e""#)]), 1, "it ends in no slice");
    assert_eq!(wrong(&[good("i", 0, "")]), 1, "an instant without a scope");
}

// ---- what the trace events tell

#[test]
fn each_task_is_a_thread_with_its_name_and_number() {
    let events = events(&written(&recorded(), "names.json"));
    let names = of(&events, "M").into_iter().filter(|event| event["name"] == "thread_name");
    let names: Vec<_> =
        names.map(|event| (event["tid"].as_u64().unwrap(), event["args"]["name"].as_str().unwrap())).collect();
    assert_eq!(
        names,
        [
            (8, "the loop"),
            (1, "task 1 root"),
            (2, "task 2 first"),
            (3, "task 3 </script>\"\\\n\u{1}🦀"),
            (4, "task 4"),
            (5, "task 5 stranger"),
            (6, "task 6 blocking"),
            (7, "task 7 left"),
        ]
    );
}

/// The poll of task 3 that the release of the lock led to.
fn poll_of_the_lock(events: &[Value]) -> &Value {
    let mut polls = of(events, "X").into_iter().filter(|slice| slice["cat"] == "poll" && slice["tid"] == 3);
    polls.find(|poll| poll["args"]["why"].as_str().is_some_and(|why| why.contains("released the Mutex"))).unwrap()
}

#[test]
fn a_poll_says_why_it_ran_how_long_it_queued_and_what_came_of_it() {
    let events = events(&written(&recorded(), "why.json"));
    let args = &poll_of_the_lock(&events)["args"];
    let why = args["why"].as_str().unwrap();
    assert!(why.starts_with("task 2, which released the Mutex made at tests/golden/run.rs:"), "{why}");
    assert_eq!(args["queued_us"], 1500.0);
    assert_eq!(args["then"], "done: ready");
    assert!(args["spawned"].as_str().unwrap().starts_with("tests/golden/run.rs:"), "{args}");
}

#[test]
fn an_arrow_leads_from_the_poll_that_released_a_lock_to_the_poll_that_got_it() {
    let events = events(&written(&recorded(), "arrow.json"));
    let (from, to) = (of(&events, "s"), of(&events, "f"));
    let at = &poll_of_the_lock(&events)["ts"];
    let head = to.into_iter().find(|head| head["tid"] == 3 && head["ts"] == *at).expect("an arrow ends there");
    let tail = from.into_iter().find(|tail| tail["id"] == head["id"]).unwrap();
    assert_eq!(tail["tid"], 2);
}

#[test]
fn the_counter_of_ready_tasks_ends_at_none_and_never_skips_a_change() {
    let events = events(&written(&recorded(), "ready.json"));
    let counts: Vec<_> = of(&events, "C").into_iter().map(|c| c["args"]["tasks"].as_u64().unwrap()).collect();
    assert_eq!(counts.last(), Some(&0), "{counts:?}");
    assert!(counts.windows(2).all(|two| two[0] != two[1]), "{counts:?}");
}

#[test]
fn an_abort_and_a_lost_future_are_instants() {
    let recorder = Recorder::new();
    let runtime = exact().debug(true).observer(recorder.observer()).build().unwrap();
    runtime.block_on(async {
        let mutex = glassloop::sync::Mutex::new(());
        let _guard = mutex.lock().await;
        glassloop::time::timeout(Duration::ZERO, mutex.lock()).await.unwrap_err();
        let doomed = spawn(std::future::pending::<()>());
        yield_now().await;
        doomed.abort();
        doomed.await.unwrap_err();
    });
    let events = events(&written(&recorder, "instants.json"));
    let mut told: Vec<_> =
        of(&events, "i").into_iter().map(|i| (i["name"].as_str().unwrap(), i["tid"].as_u64().unwrap())).collect();
    told.sort_unstable(); // both are of one moment
    assert_eq!(told, [("abort", 2), ("lost", 1)]);
}

// ---- bad ends

#[test]
fn an_unknown_ending_is_an_error_that_names_the_three() {
    for name in ["trace.pdf", "trace", "txt", ".json"] {
        let error = Recorder::new().write(name).unwrap_err();
        assert_eq!(error.kind(), std::io::ErrorKind::InvalidInput);
        let words = error.to_string();
        assert!(words.starts_with(&format!("a trace cannot be written to {name}: ")), "{words}");
        assert!(words.contains(".txt") && words.contains(".json") && words.contains(".html"), "{words}");
    }
}

#[test]
fn an_ending_in_capitals_is_known() {
    assert!(written(&recorded(), "SHOUT.TXT").contains("poll 1"));
}

#[test]
fn a_path_that_cannot_be_written_is_named() {
    let path = folder().join("no such folder").join("trace.txt");
    let words = Recorder::new().write(&path).unwrap_err().to_string();
    assert!(words.starts_with(&format!("a trace cannot be written to {}: ", path.display())), "{words}");
}

#[test]
#[cfg(target_os = "linux")]
fn a_device_that_is_full_is_an_error_that_names_the_file() {
    let path = folder().join("full.txt");
    std::os::unix::fs::symlink("/dev/full", &path).unwrap();
    let error = recorded().write(&path).unwrap_err();
    fs::remove_file(&path).unwrap();
    assert_eq!(error.kind(), std::io::ErrorKind::StorageFull);
    assert!(
        error.to_string().starts_with(&format!("a trace cannot be written to {}: ", path.display())),
        "{error}"
    );
}
