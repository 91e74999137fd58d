//! Imports run strictly downwards: a room uses those whose `mod` lines stand under its own in `src/lib.rs`, and no
//! other. This test reads the source; it also holds that no file outgrows what can be read at once.

use std::fs;
use std::path::{Path, PathBuf};

/// A room that outgrows this becomes a folder with the same face.
const MOST_LINES: usize = 450;

#[test]
fn imports_run_strictly_downwards() {
    let rooms = rooms(&read("lib.rs"));
    assert!(rooms.len() > 10, "lib.rs lists the rooms: {rooms:?}");
    let mut wrong = Vec::new();
    let mut imports = 0;
    for file in files().iter().filter(|file| *file != "lib.rs") {
        let (found, violations) = check(file, &read(file), &rooms);
        imports += found;
        wrong.extend(violations);
    }
    assert!(imports > 50, "only {imports} imports were found");
    assert!(wrong.is_empty(), "\n{}\n", wrong.join("\n"));
}

#[test]
fn no_file_is_too_long() {
    let long = files().into_iter().filter_map(|file| too_long(&file, &read(&file)));
    let long: Vec<_> = long.collect();
    assert!(long.is_empty(), "\n{}\n", long.join("\n"));
}

#[test]
fn every_file_belongs_to_a_room() {
    let rooms = rooms(&read("lib.rs"));
    for file in files().iter().filter(|file| *file != "lib.rs") {
        assert!(rooms.contains(&place(file)[0]), "src/{file} is in no room that lib.rs lists");
    }
}

// ---- the source

fn src() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src")
}

fn read(file: &str) -> String {
    fs::read_to_string(src().join(file)).unwrap()
}

/// All `.rs` files under `src`, by their paths from there, with `/` between folders.
fn files() -> Vec<String> {
    fn list(folder: &Path, prefix: &str, into: &mut Vec<String>) {
        for entry in fs::read_dir(folder).unwrap().map(Result::unwrap) {
            let name = format!("{prefix}{}", entry.file_name().to_str().unwrap());
            if entry.path().is_dir() {
                list(&entry.path(), &format!("{name}/"), into);
            } else if name.ends_with(".rs") {
                into.push(name);
            }
        }
    }
    let mut files = Vec::new();
    list(&src(), "", &mut files);
    files.sort();
    files
}

// ---- the rules

/// The rooms in the order of their `mod` lines.
fn rooms(lib: &str) -> Vec<String> {
    let lines = lib.lines().map(|line| line.strip_prefix("pub ").unwrap_or(line));
    lines.filter_map(|line| line.strip_prefix("mod ")?.strip_suffix(';')).map(str::to_owned).collect()
}

/// The path of a file's module: `task/mod.rs` is `task`, `net/tcp/stream.rs` is `net`, `tcp`, `stream`.
fn place(file: &str) -> Vec<String> {
    let path = file.strip_suffix(".rs").unwrap();
    let path = path.strip_suffix("/mod").unwrap_or(path);
    path.split('/').map(str::to_owned).collect()
}

fn too_long(file: &str, text: &str) -> Option<String> {
    let lines = text.lines().count();
    (lines > MOST_LINES).then(|| format!("src/{file} has {lines} lines, and {MOST_LINES} are the most"))
}

/// How many rooms a file's code names, and which of them it may not.
fn check(file: &str, text: &str, rooms: &[String]) -> (usize, Vec<String>) {
    let place = place(file);
    let own = rooms.iter().position(|room| *room == place[0]);
    let mut found = 0;
    let mut wrong = Vec::new();
    for (line, name) in names_of_the_crate(&tokens(text), place.len()) {
        found += 1;
        let why = match (rooms.iter().position(|room| *room == name), own) {
            (None, _) => "the front door, which is above all rooms".to_owned(),
            (Some(room), Some(own)) if room < own => format!("`{name}`, which is above `{}`", place[0]),
            _ => continue,
        };
        wrong.push(format!("src/{file}:{line}: imports `{name}` from {why}"));
    }
    (found, wrong)
}

/// What code names directly under the crate's root, with its line: by `crate::`, or by as many `super::` as lead
/// there from a module of `depth`. Modules for tests are left out: they may look where they like.
fn names_of_the_crate(tokens: &[(usize, &str)], depth: usize) -> Vec<(usize, String)> {
    let text = |at: usize| tokens.get(at).map_or("", |token| token.1);
    let mut names = Vec::new();
    let mut braces: Vec<bool> = Vec::new(); // whether each open brace is a module's
    let mut at = 0;
    while at < tokens.len() {
        match text(at) {
            "#" if is_for_tests(tokens, at) => {
                at = end_of_item(tokens, at);
                continue;
            }
            "{" => braces.push(at >= 2 && text(at - 2) == "mod"),
            "}" => drop(braces.pop()),
            "crate" if text(at + 1) == "::" => names_at(tokens, at + 2, &mut names),
            "super" if at == 0 || text(at - 1) != "::" => {
                let mut after = at;
                let mut up = 0;
                while text(after) == "super" && text(after + 1) == "::" {
                    up += 1;
                    after += 2;
                }
                let inline = braces.iter().filter(|is_module| **is_module).count();
                if up >= depth + inline {
                    names_at(tokens, after, &mut names);
                }
            }
            _ => {}
        }
        at += 1;
    }
    names
}

/// The first name of a path, or of each path in braces.
fn names_at(tokens: &[(usize, &str)], at: usize, names: &mut Vec<(usize, String)>) {
    let Some(&(line, first)) = tokens.get(at) else { return };
    if first != "{" {
        names.push((line, first.to_owned()));
        return;
    }
    let mut depth = 0;
    let mut is_first = false;
    for &(line, token) in &tokens[at..] {
        match token {
            "{" => {
                depth += 1;
                is_first = depth == 1;
            }
            "}" if depth == 1 => return,
            "}" => depth -= 1,
            "," => is_first = depth == 1,
            _ if is_first => {
                names.push((line, token.to_owned()));
                is_first = false;
            }
            _ => {}
        }
    }
}

/// Whether an attribute begins here that says `cfg(test)`, or `cfg(all(test, …))`.
fn is_for_tests(tokens: &[(usize, &str)], at: usize) -> bool {
    let words: Vec<_> = tokens[at..].iter().map(|token| token.1).take_while(|word| *word != "]").collect();
    words.starts_with(&["#", "[", "cfg", "(", "test"])
        || words.starts_with(&["#", "[", "cfg", "(", "all", "(", "test"])
}

/// Where the item that begins here ends: after its `;`, or after the brace that closes it.
fn end_of_item(tokens: &[(usize, &str)], at: usize) -> usize {
    let mut depth = 0;
    for (n, &(_, token)) in tokens.iter().enumerate().skip(at) {
        match token {
            ";" if depth == 0 => return n + 1,
            "{" => depth += 1,
            "}" if depth == 1 => return n + 1,
            "}" => depth -= 1,
            _ => {}
        }
    }
    tokens.len()
}

/// The names and marks of a source text, each with its line; comments, strings and characters are left out.
fn tokens(text: &str) -> Vec<(usize, &str)> {
    let mut tokens = Vec::new();
    let (mut at, mut line) = (0, 1);
    while let Some(next) = text[at..].chars().next() {
        let rest = &text[at..];
        let length = if rest.starts_with("//") {
            rest.find('\n').unwrap_or(rest.len())
        } else if rest.starts_with("/*") {
            rest.find("*/").map_or(rest.len(), |end| end + 2)
        } else if let Some(length) = literal(rest) {
            length
        } else if next.is_alphanumeric() || next == '_' {
            let length = rest.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(rest.len());
            tokens.push((line, &rest[..length]));
            length
        } else if rest.starts_with("::") {
            tokens.push((line, &rest[..2]));
            2
        } else {
            let length = next.len_utf8();
            if !next.is_whitespace() {
                tokens.push((line, &rest[..length]));
            }
            length
        };
        line += rest[..length].matches('\n').count();
        at += length;
    }
    tokens
}

/// The length of the string or character that begins here.
fn literal(rest: &str) -> Option<usize> {
    let raw = rest.strip_prefix("br").or_else(|| rest.strip_prefix('r'));
    if let Some(raw) = raw {
        let hashes = raw.len() - raw.trim_start_matches('#').len();
        if raw[hashes..].starts_with('"') {
            let end = format!("\"{}", "#".repeat(hashes));
            let start = rest.len() - raw.len() + hashes + 1;
            return Some(rest[start..].find(&end).map_or(rest.len(), |at| start + at + end.len()));
        }
    }
    let quote = rest.chars().next().filter(|quote| matches!(quote, '"' | '\''))?;
    let mut escaped = false;
    for (at, c) in rest.char_indices().skip(1) {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            _ if c == quote => return Some(at + 1),
            // 'a is a lifetime, 'a' a character.
            _ if quote == '\'' && at > 1 && !rest.starts_with("'\\") => return None,
            _ => {}
        }
    }
    None
}

// ---- the checker itself can fail

fn violations(file: &str, text: &str) -> Vec<String> {
    let rooms = ["time", "runtime", "wake", "task"].map(str::to_owned);
    check(file, text, &rooms).1
}

#[test]
fn rooms_are_the_mod_lines_in_their_order() {
    let lib =
        "//! mod doc;\n// mod comment;\npub mod net;\nmod task;\npub use task::X;\n#[cfg(unix)]\nmod pool;\n";
    assert_eq!(rooms(lib), ["net", "task", "pool"]);
}

#[test]
fn an_import_from_above_is_named_with_file_and_line() {
    assert_eq!(
        violations("wake.rs", "//! Doc.\n\nuse crate::task::TaskRef;\nuse crate::runtime::Runtime;\n"),
        ["src/wake.rs:4: imports `runtime` from `runtime`, which is above `wake`"]
    );
    assert_eq!(
        violations("task/cell.rs", "use crate::wake;"),
        ["src/task/cell.rs:1: imports `wake` from `wake`, which is above `task`"]
    );
}

#[test]
fn imports_from_below_and_within_the_room_are_allowed() {
    let text =
        "use crate::task::{Cell, TaskRef};\nuse crate::wake;\nuse crate::runtime::turn;\nuse super::turn::T;";
    assert_eq!(violations("runtime/start.rs", text), [""; 0]);
    assert_eq!(check("runtime/start.rs", text, &["runtime", "wake", "task"].map(str::to_owned)).0, 3);
}

#[test]
fn an_import_by_the_front_door_is_refused() {
    assert_eq!(
        violations("task.rs", "fn f() {\n    crate::spawn(async {});\n}"),
        ["src/task.rs:2: imports `spawn` from the front door, which is above all rooms"]
    );
}

#[test]
fn every_path_of_a_group_is_looked_at() {
    let text = "use crate::{\n    task::{A, B},\n    wake,\n    time::{Sleep, c::{D, E}},\n    runtime as r,\n};";
    let wrong = violations("wake.rs", text);
    assert_eq!(wrong.len(), 2, "{wrong:?}");
    assert!(wrong[0].starts_with("src/wake.rs:4: imports `time`"), "{wrong:?}");
    assert!(wrong[1].starts_with("src/wake.rs:5: imports `runtime`"), "{wrong:?}");
}

#[test]
fn a_path_in_the_middle_of_code_counts_too() {
    assert_eq!(violations("wake.rs", "fn f(_: &'static crate::time::Sleep) -> char { 'x' }").len(), 1);
    assert_eq!(violations("wake.rs", "macro_rules! m { () => { $crate::time::now() } }").len(), 1);
}

#[test]
fn super_beyond_the_room_is_an_import_like_any_other() {
    assert_eq!(violations("wake.rs", "use super::time::Sleep;").len(), 1);
    assert_eq!(violations("wake/far.rs", "use super::super::time::Sleep;").len(), 1);
    assert_eq!(violations("wake/far.rs", "use super::time::Sleep;"), [""; 0]);
    assert_eq!(violations("wake.rs", "mod inner { use super::time; }"), [""; 0]);
    assert_eq!(violations("wake.rs", "mod inner { use super::super::time; }").len(), 1);
}

#[test]
fn comments_strings_and_tests_are_left_out() {
    let text = r##"
        //! Says crate::time::sleep.
        /// Says [`crate::time::sleep`].
        /* use crate::time; */
        const A: &str = "crate::time\" crate::time";
        const B: &str = r#"crate::time " crate::time"#;
        #[cfg(test)]
        mod tests { use crate::time; fn f() { { crate::runtime::run(); } } }
        #[cfg(all(test, loom))]
        use crate::time;
        use crate::task;
    "##;
    assert_eq!(violations("wake.rs", text), [""; 0]);
    let after = format!("{text}\nuse crate::time;");
    assert_eq!(violations("wake.rs", &after).len(), 1, "what follows them is looked at");
}

#[test]
fn a_file_of_one_line_too_many_is_named() {
    assert_eq!(too_long("wake.rs", &"\n".repeat(MOST_LINES)), None);
    assert_eq!(
        too_long("wake.rs", &"\n".repeat(MOST_LINES + 1)),
        Some("src/wake.rs has 451 lines, and 450 are the most".to_owned())
    );
}
