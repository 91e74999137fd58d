//! The dashboard's page: what it holds as a file, and what it does in a headless Chromium, where there is one.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

const PAGE: &str = include_str!("../src/dashboard/page.html");

#[test]
fn the_page_names_nothing_to_fetch_from_elsewhere_and_forbids_it() {
    for word in ["://", "src=", "@import", "url(", "innerHTML", "insertAdjacentHTML", "eval("] {
        assert!(!PAGE.replace("http://www.w3.org/2000/svg", "").contains(word), "{word}");
    }
    assert!(PAGE.contains("default-src 'none'; connect-src 'self'; img-src data:; style-src 'unsafe-inline'"));
}

/// The program, until it is dropped.
struct Dashboard(Child);

impl Drop for Dashboard {
    fn drop(&mut self) {
        _ = self.0.kill();
        _ = self.0.wait();
    }
}

/// Pictures are left in the folder that `GLASSLOOP_PAGES` names, if it names one.
#[test]
fn the_page_in_a_browser() {
    let is_there = |program: &str| {
        Command::new(program).arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok()
    };
    if !is_there("python3") || !["chromium", "chromium-browser", "google-chrome"].into_iter().any(is_there) {
        eprintln!("SKIPPED: the page in a browser needs Chromium and Python");
        return;
    }
    let program = Command::new(env!("CARGO_BIN_EXE_dashboard")).stdout(Stdio::piped()).spawn();
    let mut program = Dashboard(program.unwrap());
    let mut address = String::new();
    BufReader::new(program.0.stdout.take().unwrap()).read_line(&mut address).unwrap();
    let browse = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/dashboard/browse.py");
    let mut python = Command::new("python3");
    python.arg("-B").arg(browse).arg(address.trim()).args(std::env::var_os("GLASSLOOP_PAGES"));
    let out = python.output().unwrap();
    let told = String::from_utf8_lossy(&out.stdout);
    assert!(out.status.success(), "{told}{}", String::from_utf8_lossy(&out.stderr));
}
