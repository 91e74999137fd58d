//! What the compiler says to programs that are wrong. Each program in `refused/` ends with the words that it must get:
//! those that lead to `docs/send.md`.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

/// The words are one compiler's. Another one's are not looked at.
const KEPT_FOR: &str = "rustc 1.95.";

/// Where each program's crates are, as cargo has built them for this test.
fn crates() -> Vec<(String, PathBuf)> {
    let mut cargo = Command::new(env!("CARGO"));
    cargo.args(["test", "--no-run", "--quiet", "--message-format=json"]);
    cargo.args(["--package", env!("CARGO_PKG_NAME"), "--test", env!("CARGO_CRATE_NAME")]);
    if !cfg!(debug_assertions) {
        cargo.arg("--release");
    }
    let built = cargo.current_dir(env!("CARGO_MANIFEST_DIR")).output().unwrap();
    assert!(built.status.success(), "{}", String::from_utf8_lossy(&built.stderr));
    let text = String::from_utf8(built.stdout).unwrap();
    let told = text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let artifacts = told.filter(|told| told["reason"] == "compiler-artifact");
    let library = |artifact: Value| {
        let files = artifact["filenames"].as_array()?;
        let file = files.iter().filter_map(Value::as_str).find(|file| file.ends_with(".rlib"))?;
        Some((artifact["target"]["name"].as_str()?.replace('-', "_"), PathBuf::from(file)))
    };
    artifacts.filter_map(library).collect()
}

/// What the compiler says to `program`: each error, what it says at which line, and the helps and notes.
fn said(program: &Path, crates: &[(String, PathBuf)]) -> Vec<String> {
    let mut rustc = rustc();
    rustc.args(["--edition=2024", "--emit=metadata", "--error-format=json", "--out-dir"]);
    rustc.arg(env!("CARGO_TARGET_TMPDIR")).arg(program.file_name().unwrap());
    for (name, file) in crates.iter().filter(|(name, _)| ["axum", "glassloop", "tokio"].contains(&&**name)) {
        rustc.arg(format!("--extern={name}={}", file.display()));
        rustc.arg(format!("-Ldependency={}", file.parent().unwrap().display()));
    }
    let said = rustc.current_dir(program.parent().unwrap()).output().unwrap();
    assert!(!said.status.success(), "{} is not refused", program.display());
    let text = String::from_utf8(said.stderr).unwrap();
    let told = text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    told.filter(|told| told["level"] == "error" && told["spans"] != Value::Array(vec![])).flat_map(words).collect()
}

fn words(told: Value) -> Vec<String> {
    let own = |span: &&Value| span["file_name"].as_str().is_some_and(|file| !file.contains('/'));
    let at = |told: &Value| {
        let spans = told["spans"].as_array().unwrap().iter().filter(own);
        let labels = spans.filter_map(|span| {
            Some(format!(
                "  line {}: {}",
                span["line_start"],
                span["label"].as_str().filter(|label| !label.is_empty())?
            ))
        });
        labels.collect::<Vec<_>>()
    };
    let mut said = vec![format!("error: {}", told["message"].as_str().unwrap())];
    said.extend(at(&told));
    for child in told["children"].as_array().unwrap() {
        said.push(format!("  {}: {}", child["level"].as_str().unwrap(), child["message"].as_str().unwrap()));
        said.extend(at(child));
    }
    said.iter().flat_map(|words| words.lines()).map(str::to_owned).collect()
}

/// The comment at the program's end.
fn promised(program: &Path) -> Vec<String> {
    let text = std::fs::read_to_string(program).unwrap();
    text.lines().filter_map(|line| line.strip_prefix("// ")).map(str::to_owned).collect()
}

fn rustc() -> Command {
    Command::new(std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into()))
}

#[test]
fn wrong_programs_are_refused_with_words_that_help() {
    let version = String::from_utf8(rustc().arg("--version").output().unwrap().stdout).unwrap();
    if !version.starts_with(KEPT_FOR) {
        eprintln!("SKIPPED: the words are kept for {KEPT_FOR}*, and this is {version}");
        return;
    }
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/refused");
    let crates = crates();
    let mut wrong = Vec::new();
    let mut programs: Vec<_> = folder.read_dir().unwrap().map(|entry| entry.unwrap().path()).collect();
    programs.sort();
    assert_eq!(programs.len(), 10);
    for program in programs {
        let said = said(&program, &crates);
        if said != promised(&program) {
            let said: String = said.iter().map(|line| format!("\n// {line}")).collect();
            wrong.push(format!("{}:{said}", program.display()));
        }
    }
    assert!(wrong.is_empty(), "the compiler says\n{}", wrong.join("\n\n"));
}
