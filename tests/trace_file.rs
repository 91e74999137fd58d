//! `Builder::trace_to` and `GLASSLOOP_TRACE`: the file that a runtime leaves. What reads the environment, and what
//! speaks on standard error, is run in a child process.

use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::rc::Rc;
use std::time::Duration;

use glassloop::{Builder, Runtime, spawn_blocking, spawn_named};

const CHILD: &str = "GLASSLOOP_TEST_CHILD";

/// A folder of its own, gone at the end.
struct Folder(PathBuf);

impl Folder {
    fn new(test: &str) -> Folder {
        let path = std::env::temp_dir().join(format!("glassloop-trace-{}-{test}", std::process::id()));
        fs::create_dir_all(&path).unwrap();
        Folder(path)
    }

    fn file(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    /// The names of the files in it.
    fn names(&self) -> Vec<String> {
        let mut names: Vec<_> = fs::read_dir(&self.0)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// Runs the test `name` of this binary again, as a child that is asked for a trace at `path`.
fn child(name: &str, path: &Path) -> Output {
    let mut child = Command::new(std::env::current_exe().unwrap());
    child.args([name, "--exact", "--nocapture"]).env(CHILD, "1").env("GLASSLOOP_TRACE", path).output().unwrap()
}

fn is_child() -> bool {
    std::env::var_os(CHILD).is_some()
}

/// The child's lines that glassloop wrote.
#[track_caller]
fn said(output: &Output) -> Vec<String> {
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "the child failed:\n{}{stderr}", String::from_utf8_lossy(&output.stdout));
    stderr.lines().filter(|line| line.starts_with("glassloop: ")).map(str::to_owned).collect()
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

// ---- Builder::trace_to

fn traced(path: &Path) -> Runtime {
    Builder::new().env(false).trace_to(path).build().unwrap()
}

#[test]
fn the_file_is_made_by_build_and_written_when_the_runtime_is_dropped() {
    let folder = Folder::new("drop");
    let path = folder.file("trace.txt");
    let runtime = traced(&path);
    assert_eq!(read(&path), "");
    runtime.block_on(async {});
    drop(runtime);
    assert!(read(&path).ends_with(" done 1 ready\n"), "{}", read(&path));
}

#[test]
fn the_ends_of_tasks_that_the_runtime_cancels_are_in_it() {
    let folder = Folder::new("cancelled");
    let path = folder.file("trace.txt");
    traced(&path).block_on(async { spawn_named("left", std::future::pending::<()>()).detach() });
    assert!(read(&path).ends_with(" done 2 cancelled\n"), "{}", read(&path));
}

#[test]
fn shutdown_writes_it_too() {
    let folder = Folder::new("shutdown");
    let path = folder.file("trace.txt");
    let runtime = traced(&path);
    let (free, held) = std::sync::mpsc::channel::<()>();
    let (begin, begun) = std::sync::mpsc::channel::<()>();
    runtime.block_on(async {
        spawn_blocking(move || begin.send(()).map(|()| held.recv())).detach();
    });
    begun.recv().unwrap();
    assert!(runtime.shutdown(Duration::from_millis(1)).is_err());
    assert!(read(&path).ends_with(" done 2 cancelled\n"), "{}", read(&path));
    drop(free);
}

#[test]
fn it_is_written_after_a_panic_that_unwinds() {
    let folder = Folder::new("panic");
    let path = folder.file("trace.txt");
    let run = || traced(&path).block_on(async { panic!("in the root") });
    assert!(catch_unwind(AssertUnwindSafe(run)).is_err());
    assert!(read(&path).ends_with(" done 1 panicked\n"), "{}", read(&path));
}

#[test]
fn json_is_whole() {
    let folder = Folder::new("json");
    let path = folder.file("trace.json");
    traced(&path).block_on(async {});
    let json: serde_json::Value = serde_json::from_str(&read(&path)).unwrap();
    assert!(json["traceEvents"].as_array().unwrap().iter().any(|event| event["ph"] == "X"));
}

#[test]
fn html_is_one_page_that_names_the_tasks() {
    let folder = Folder::new("html");
    let path = folder.file("trace.html");
    traced(&path).block_on(async { spawn_named("a task of this name", async {}).await.unwrap() });
    let page = read(&path);
    assert!(page.starts_with("<!doctype html>") && page.trim_end().ends_with("</html>"));
    assert!(page.contains("a task of this name"));
    assert_eq!(folder.names(), ["trace.html"]);
}

#[test]
fn a_path_that_cannot_be_written_is_an_error_of_build_that_names_it_and_the_remedy() {
    let folder = Folder::new("missing");
    let path = folder.file("no such folder").join("trace.txt");
    let error = Builder::new().env(false).trace_to(&path).build().unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::NotFound);
    let words = error.to_string();
    assert!(words.starts_with(&format!("a trace cannot be written to {}: ", path.display())), "{words}");
    assert!(words.ends_with("; name a file in a folder that exists and may be written to"), "{words}");
}

#[test]
fn an_unknown_ending_is_an_error_of_build_and_makes_no_file() {
    let folder = Folder::new("ending");
    let error = Builder::new().env(false).trace_to(folder.file("trace.pdf")).build().unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::InvalidInput);
    let words = error.to_string();
    assert!(words.contains(".txt (the log), .json") && words.contains(".html"), "{words}");
    assert!(folder.names().is_empty());
}

#[test]
fn a_program_that_changes_its_folder_finds_the_trace_where_it_was_asked_for() {
    const NAME: &str = "a_program_that_changes_its_folder_finds_the_trace_where_it_was_asked_for";
    let folder = Folder::new("folder");
    if is_child() {
        let here = PathBuf::from(std::env::var_os("GLASSLOOP_TRACE").unwrap());
        std::env::set_current_dir(&here).unwrap();
        let runtime = traced(Path::new("trace.txt"));
        fs::create_dir(here.join("inner")).unwrap();
        std::env::set_current_dir(here.join("inner")).unwrap();
        return runtime.block_on(async {});
    }
    assert_eq!(said(&child(NAME, &folder.0)), [""; 0], "only who asks by the variable is told");
    assert_eq!(folder.names(), ["inner", "trace.txt"]);
    assert!(!read(&folder.file("trace.txt")).is_empty());
}

#[test]
fn a_trace_that_cannot_be_written_in_the_end_is_told_and_nothing_else_fails() {
    const NAME: &str = "a_trace_that_cannot_be_written_in_the_end_is_told_and_nothing_else_fails";
    let folder = Folder::new("gone");
    if is_child() {
        let inner = PathBuf::from(std::env::var_os("GLASSLOOP_TRACE").unwrap());
        fs::create_dir(&inner).unwrap();
        let runtime = traced(&inner.join("trace.txt"));
        fs::remove_dir_all(&inner).unwrap();
        return runtime.block_on(async {});
    }
    let inner = folder.file("inner");
    let said = said(&child(NAME, &inner));
    let start = format!(
        "glassloop: the trace of runtime 1 is lost: a trace cannot be written to {}: ",
        inner.join("trace.txt").display()
    );
    assert!(said.len() == 1 && said[0].starts_with(&start), "{said:?}");
}

// ---- GLASSLOOP_TRACE

#[test]
fn by_the_variable_a_plain_run_is_traced_and_says_so() {
    const NAME: &str = "by_the_variable_a_plain_run_is_traced_and_says_so";
    if is_child() {
        return glassloop::run(async {});
    }
    let folder = Folder::new("variable");
    let path = folder.file("trace.txt");
    let said = said(&child(NAME, &path));
    let events = read(&path).lines().count();
    assert!(events > 3);
    let line =
        format!("glassloop: the trace of runtime 1 is in {}: {events} events, 0 older dropped", path.display());
    assert_eq!(said, [line]);
}

#[test]
fn by_the_variable_a_panic_that_ends_the_program_leaves_its_trace() {
    const NAME: &str = "by_the_variable_a_panic_that_ends_the_program_leaves_its_trace";
    if is_child() {
        return glassloop::run(async { panic!("the end") });
    }
    let folder = Folder::new("end");
    let path = folder.file("trace.txt");
    assert!(!child(NAME, &path).status.success());
    assert!(read(&path).ends_with(" done 1 panicked\n"), "{}", read(&path));
}

#[test]
fn the_second_runtime_that_reads_the_variable_writes_beside_the_first() {
    const NAME: &str = "the_second_runtime_that_reads_the_variable_writes_beside_the_first";
    if is_child() {
        let first = Runtime::new().unwrap();
        let second = Runtime::new().unwrap();
        second.block_on(async { spawn_named("of the second", async {}).await.unwrap() });
        first.block_on(async {});
        drop(first);
        return drop(second);
    }
    let folder = Folder::new("two");
    let said = said(&child(NAME, &folder.file("trace.txt")));
    assert_eq!(said.len(), 2, "{said:?}");
    assert_eq!(folder.names(), ["trace-2.txt", "trace.txt"]);
    assert!(read(&folder.file("trace-2.txt")).contains("of the second"));
    assert!(!read(&folder.file("trace.txt")).contains("of the second"));
}

#[test]
fn env_false_ends_the_variable() {
    const NAME: &str = "env_false_ends_the_variable";
    if is_child() {
        return Builder::new().env(false).build().unwrap().block_on(async {});
    }
    let folder = Folder::new("env");
    assert_eq!(said(&child(NAME, &folder.file("trace.txt"))), [""; 0]);
    assert!(folder.names().is_empty());
}

#[test]
fn an_empty_variable_asks_for_nothing() {
    const NAME: &str = "an_empty_variable_asks_for_nothing";
    if is_child() {
        return glassloop::run(async {});
    }
    assert_eq!(said(&child(NAME, Path::new(""))), [""; 0]);
}

#[test]
fn trace_to_goes_before_the_variable() {
    const NAME: &str = "trace_to_goes_before_the_variable";
    if is_child() {
        let path = PathBuf::from(std::env::var_os("GLASSLOOP_TRACE").unwrap());
        let runtime = Builder::new().trace_to(path.with_file_name("chosen.txt")).build().unwrap();
        return runtime.block_on(async {});
    }
    let folder = Folder::new("both");
    assert_eq!(said(&child(NAME, &folder.file("trace.txt"))), [""; 0]);
    assert_eq!(folder.names(), ["chosen.txt"]);
}

#[test]
fn a_bad_variable_is_an_error_of_build_that_names_the_variable() {
    const NAME: &str = "a_bad_variable_is_an_error_of_build_that_names_the_variable";
    if is_child() {
        let words = Runtime::new().unwrap_err().to_string();
        return println!("words: {words}");
    }
    let folder = Folder::new("bad");
    for name in ["trace.pdf", "missing/trace.txt"] {
        let output = child(NAME, &folder.file(name));
        assert_eq!(said(&output), [""; 0]);
        let stdout = String::from_utf8(output.stdout).unwrap();
        let words = stdout.lines().find(|line| line.contains("words: ")).unwrap();
        assert!(words.contains(&format!("cannot be written to {}: ", folder.file(name).display())), "{words}");
        assert!(words.contains("; the path is that of the variable GLASSLOOP_TRACE"), "{words}");
    }
    assert!(folder.names().is_empty());
}

#[test]
fn a_task_that_holds_its_runtimes_trace_path_open_is_no_matter() {
    // The runtime owns no descriptor of the file, so a reader may have it open all the time.
    let folder = Folder::new("open");
    let path = folder.file("trace.txt");
    let runtime = traced(&path);
    let reader = Rc::new(fs::File::open(&path).unwrap());
    runtime.block_on(async { drop(reader.clone()) });
    drop(runtime);
    assert!(std::io::read_to_string(&*reader).unwrap().contains("done 1 ready"));
}
