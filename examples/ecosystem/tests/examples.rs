//! Every example prints what its `// Output:` comment says.

use std::path::{Path, PathBuf};
use std::process::Command;

/// `cargo test` builds the examples of the package, and puts them beside its tests.
fn built(name: &str) -> PathBuf {
    let tests = std::env::current_exe().unwrap();
    let folder = tests.parent().and_then(Path::parent).expect("a test lies in target/<profile>/deps");
    folder.join("examples").join(name).with_extension(std::env::consts::EXE_EXTENSION)
}

/// The lines after `// Output:`, to the end of the comment.
fn promised(name: &str) -> Vec<String> {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples").join(name).with_extension("rs");
    let text = std::fs::read_to_string(source).unwrap();
    let lines = text.lines().skip_while(|line| *line != "// Output:").skip(1);
    let lines: Vec<_> = lines.map_while(|line| line.strip_prefix("// ")).map(String::from).collect();
    assert!(!lines.is_empty(), "{name} has no `// Output:` comment");
    lines
}

fn check(name: &str) {
    let program = built(name);
    assert!(program.exists(), "{name} is not built; `cargo test -p glassloop-ecosystem` builds and checks it");
    let run = Command::new(program).output().unwrap();
    assert!(run.status.success(), "{name}: {}", String::from_utf8_lossy(&run.stderr));
    let printed = String::from_utf8(run.stdout).unwrap();
    assert_eq!(printed.lines().collect::<Vec<_>>(), promised(name), "{name}");
}

#[test]
fn blocking_api() {
    check("blocking_api");
}

#[test]
fn guest_in_tokio() {
    check("guest_in_tokio");
}

#[test]
fn guest_in_poll() {
    check("guest_in_poll");
}

#[test]
fn https() {
    check("https");
}

#[test]
fn tls_echo() {
    check("tls_echo");
}

#[test]
fn websocket() {
    check("websocket");
}

/// An example that nobody checks is a defect.
#[test]
fn every_example_is_checked() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples");
    let mut names: Vec<_> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    assert_eq!(
        names,
        ["blocking_api.rs", "guest_in_poll.rs", "guest_in_tokio.rs", "https.rs", "tls_echo.rs", "websocket.rs"]
    );
}
