//! What of tokio's runtime there is in a process.

use std::any::type_name;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::future::Future;
use std::process::Command;
use std::rc::Rc;
use std::sync::Mutex;

use glassloop::Builder;
use glassloop::time::Instant;
use glassloop::trace::{Event, Observer};

/// Runs `body` in a process in which nothing else runs: once more this program, for the one test that `Scene`, a
/// closure, is written in.
pub fn alone<Scene>(body: impl FnOnce()) {
    const ALONE: &str = "NO_TOKIO_ALONE";
    if std::env::var_os(ALONE).is_some() {
        return body();
    }
    let closure = type_name::<Scene>(); // no_tokio::a_module::a_test::{{closure}}
    let test = closure.split_once("::").and_then(|(_crate, path)| path.split_once("::{{"));
    let run = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", test.expect(closure).0, "--test-threads=1", "--nocapture"])
        .env(ALONE, "1")
        .output()
        .unwrap();
    let said = format!("{}{}", String::from_utf8_lossy(&run.stdout), String::from_utf8_lossy(&run.stderr));
    assert!(run.status.success(), "{said}");
    assert!(said.contains("1 passed"), "no test is called {test:?}:\n{said}");
}

/// What was found, each thing once, and the places that were looked at.
#[derive(Default)]
struct Seen {
    /// The threads that were there at the start, by their ids.
    own: BTreeSet<String>,
    /// The others, and how each was called last: a new thread bears its maker's name until it takes its own.
    others: BTreeMap<String, String>,
    found: BTreeSet<String>,
    places: BTreeSet<&'static str>,
}

static SEEN: Mutex<Option<Seen>> = Mutex::new(None);

/// Looks around. `loops` of glassloop are alive.
fn look_with(place: &'static str, loops: usize) {
    let mut seen = SEEN.lock().unwrap();
    let seen = seen.get_or_insert_default();
    seen.places.insert(place);
    for (thread, name) in threads() {
        if !seen.own.contains(&thread) {
            seen.others.insert(thread, name);
        }
    }
    if tokio::runtime::Handle::try_current().is_ok() {
        seen.found.insert("a runtime of tokio is entered".into());
    }
    let epolls = descriptors("anon_inode:[eventpoll]");
    if epolls != loops {
        seen.found.insert(format!("epoll descriptors: {epolls}, of glassloop: {loops}"));
    }
    let timers = descriptors("anon_inode:[timerfd]");
    if timers != 0 {
        seen.found.insert(format!("timer descriptors: {timers}"));
    }
}

/// Looks around in a handler or a task.
pub fn look(place: &'static str) {
    look_with(place, 1);
}

/// The threads of this process: ids and names.
fn threads() -> Vec<(String, String)> {
    let tasks = fs::read_dir("/proc/self/task").unwrap().map(|entry| entry.unwrap());
    // One that ends meanwhile has no name to read.
    tasks
        .filter_map(|task| {
            let name = fs::read_to_string(task.path().join("comm")).ok()?;
            Some((task.file_name().into_string().unwrap(), name.trim_end().into()))
        })
        .collect()
}

/// How many descriptors of this process are such a thing.
fn descriptors(what: &str) -> usize {
    let all = fs::read_dir("/proc/self/fd").unwrap().map(|entry| entry.unwrap());
    // The one by which the folder is read is gone when it is asked for.
    all.filter(|entry| fs::read_link(entry.path()).is_ok_and(|link| link.to_str() == Some(what))).count()
}

/// Looks around at every event of the loop.
struct Looks;

impl Observer for Looks {
    fn event(&self, _at: Instant, _event: &Event) {
        look("an event");
    }
}

/// Runs the scene on a loop, and gives back what of tokio was found. It must come past `places`.
pub fn watch<F: Future>(places: &[&'static str], scene: impl FnOnce() -> F) -> Vec<String> {
    let own = threads().into_iter().map(|(thread, _)| thread).collect();
    *SEEN.lock().unwrap() = Some(Seen { own, ..Seen::default() });
    look_with("before", 0);
    let runtime = Builder::new().observer(Rc::new(Looks)).build().unwrap();
    runtime.block_on(async { scene().await });
    drop(runtime);
    look_with("after", 0);
    let mut seen = SEEN.lock().unwrap().take().unwrap();
    let strangers = seen.others.values().filter(|name| !name.starts_with("glassloop-"));
    seen.found.extend(strangers.map(|name| format!("a thread: {name}")));
    for place in places.iter().chain(&["an event"]) {
        assert!(seen.places.contains(place), "{place} was never looked at");
    }
    // Counted from 1 through the whole process, as a test in `found` shows.
    let number = tokio::runtime::Builder::new_current_thread().build().unwrap().handle().id().to_string();
    if number != "1" {
        seen.found.insert(format!("this runtime of tokio is number {number}"));
    }
    seen.found.into_iter().collect()
}

/// A test in which nothing of tokio may be found.
pub fn without<S: FnOnce() -> F, F: Future>(places: &[&'static str], scene: S) {
    alone::<S>(|| assert_eq!(watch(places, scene), [""; 0]));
}
