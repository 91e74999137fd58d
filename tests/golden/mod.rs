//! Golden files, and the run that they tell of.

#![allow(dead_code, unused_imports)] // each test file uses its part

mod run;

use std::path::Path;

pub(crate) use run::{exact, midst, recorded};

/// Asserts that `text` is what stands in `tests/golden/{name}`.
#[track_caller]
pub(crate) fn assert_golden(name: &str, text: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(name);
    if std::env::var_os("GLASSLOOP_GOLDEN").is_some_and(|how| how == "write") {
        std::fs::write(&path, text).unwrap();
    }
    let golden = std::fs::read_to_string(&path).unwrap_or_default().replace("\r\n", "\n");
    let differs = golden.lines().zip(text.lines()).position(|(golden, line)| golden != line);
    let line = differs.unwrap_or(golden.lines().count().min(text.lines().count()));
    assert!(
        golden == text,
        "tests/golden/{name} differs from line {} on:\n  golden {:?}\n  now    {:?}",
        line + 1,
        golden.lines().nth(line),
        text.lines().nth(line)
    );
}
