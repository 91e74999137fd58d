//! What the compiler says of mistakes with `#[glassloop::main]` and `#[glassloop::test]`: `tests/attributes/*.rs` are
//! compiled, and each has its words beside it, with the place in the user's code at which they point.
//! `GLASSLOOP_GOLDEN=write` writes them anew, `GLASSLOOP_GOLDEN=show` prints what a user sees.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

#[test]
fn each_mistake_is_told_where_it_stands() {
    let cases = cases();
    assert!(cases.len() >= 8, "{cases:?}");
    let said = compiled(&cases);
    for case in cases {
        let said = said.get(&case).map_or("", String::as_str);
        let golden = folder().join(&case).with_extension("txt");
        if std::env::var_os("GLASSLOOP_GOLDEN").is_some_and(|how| how == "write") {
            fs::write(&golden, said).unwrap();
        }
        let golden = fs::read_to_string(golden).unwrap_or_default().replace("\r\n", "\n");
        assert!(!said.is_empty(), "{case}.rs compiles");
        assert!(golden == said, "of {case}.rs the compiler is to say\n\n{golden}\nand says\n\n{said}");
    }
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/attributes")
}

fn cases() -> Vec<String> {
    let files = fs::read_dir(folder()).unwrap().map(|entry| entry.unwrap().path());
    let cases = files.filter(|path| path.extension().is_some_and(|ending| ending == "rs"));
    let mut cases: Vec<String> =
        cases.map(|path| path.file_stem().unwrap().to_str().unwrap().to_owned()).collect();
    cases.sort();
    cases
}

/// What the compiler says of each case: programs (`main_…`) are examples of a package that uses this crate, for a test
/// must not depend on one that does not compile; all others are its tests.
fn compiled(cases: &[String]) -> BTreeMap<String, String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let package = Path::new(env!("CARGO_TARGET_TMPDIR")).join("attributes");
    for of in ["examples", "tests", "src"] {
        let _ = fs::remove_dir_all(package.join(of));
        fs::create_dir_all(package.join(of)).unwrap();
    }
    for case in cases {
        let of = if case.starts_with("main_") { "examples" } else { "tests" };
        fs::copy(folder().join(case).with_extension("rs"), package.join(of).join(case).with_extension("rs"))
            .unwrap();
    }
    fs::write(package.join("src/lib.rs"), "").unwrap();
    let manifest = format!(
        "[package]\nname = \"attributes\"\nversion = \"0.0.0\"\nedition = \"2024\"\n[workspace]\n\
         [dependencies]\nglassloop = {{ path = {root:?}, default-features = false, features = [\"macros\"] }}\n"
    );
    fs::write(package.join("Cargo.toml"), manifest).unwrap();
    fs::copy(root.join("Cargo.lock"), package.join("Cargo.lock")).unwrap(); // the versions that are at hand
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.args(["check", "--offline", "--quiet", "--keep-going", "--examples", "--test", "*"]);
    cargo.args(["--message-format", "json", "--target-dir"]).arg(package.join("target"));
    cargo.arg("--manifest-path").arg(package.join("Cargo.toml"));
    for flags in ["RUSTFLAGS", "CARGO_ENCODED_RUSTFLAGS", "CARGO_BUILD_TARGET", "CARGO_BUILD_RUSTFLAGS"] {
        cargo.env_remove(flags); // a sanitizer's, perhaps
    }
    let output = cargo.output().unwrap();
    let mut said: BTreeMap<String, String> = BTreeMap::new();
    for line in String::from_utf8(output.stdout).unwrap().lines() {
        let line: Value = serde_json::from_str(line).unwrap();
        let message = &line["message"];
        if line["reason"] == "compiler-message"
            && message["spans"].as_array().is_some_and(|spans| !spans.is_empty())
        {
            let case = line["target"]["name"].as_str().unwrap().to_owned();
            said.entry(case).or_default().push_str(&told(message));
        }
    }
    assert!(!said.is_empty(), "{}", String::from_utf8_lossy(&output.stderr));
    said
}

/// The message, and each place at which it points: its line and column, and the text from there. Of the compiler's own errors
/// the code stands for the message, for their words change from one compiler to the next.
fn told(message: &Value) -> String {
    if std::env::var_os("GLASSLOOP_GOLDEN").is_some_and(|how| how == "show") {
        eprintln!("{}", message["rendered"].as_str().unwrap());
    }
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let words = message["code"]["code"].as_str().map_or_else(|| text(&message["message"]), str::to_owned);
    let mut told = format!("{}: {words}\n", text(&message["level"]));
    for span in message["spans"].as_array().unwrap().iter().filter(|span| span["is_primary"] == true) {
        let _ = writeln!(told, "    {}:{}: {}", span["line_start"], span["column_start"], marked(span));
    }
    told + "\n"
}

/// The rest of the line from where a span begins. Where it ends differs: stable compilers cannot join two tokens.
fn marked(span: &Value) -> String {
    let line = &span["text"][0];
    let start = line["highlight_start"].as_u64().map_or(0, |column| column as usize - 1);
    line["text"].as_str().unwrap_or_default().chars().skip(start).collect()
}
