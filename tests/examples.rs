//! Every numbered example prints exactly what its `// Output:` comment says.

use std::path::{Path, PathBuf};
use std::process::Command;

/// The numbered examples, in their order: the sources `NN_name.rs`.
fn numbered() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples");
    let files = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let is_numbered =
        |file: &PathBuf| file.file_name().unwrap().to_string_lossy().starts_with(|c: char| c.is_ascii_digit());
    let mut files: Vec<PathBuf> = files.filter(is_numbered).collect();
    files.sort();
    files
}

/// The lines of the comment that ends an example, after `// Output:`. `None`: there is no such comment.
fn promised(source: &str) -> Option<Vec<&str>> {
    let (_, comment) = source.split_once("\n// Output:\n")?;
    let lines = comment.lines().map(|line| if line == "//" { Some("") } else { line.strip_prefix("// ") });
    let lines: Option<Vec<&str>> = lines.collect();
    lines.filter(|lines| !lines.is_empty())
}

/// What an example prints. `cargo test` builds the examples, and puts them beside the tests.
fn printed(name: &str) -> String {
    let test = std::env::current_exe().unwrap();
    let folder = test.parent().and_then(Path::parent).expect("a test lies in target/<profile>/deps");
    let program = folder.join("examples").join(name).with_extension(std::env::consts::EXE_EXTENSION);
    assert!(program.exists(), "{name} is not built; `cargo test`, or `cargo build --examples`, builds it");
    let run = Command::new(program).output().unwrap();
    assert!(run.status.success(), "{name}: {}", String::from_utf8_lossy(&run.stderr));
    String::from_utf8(run.stdout).unwrap()
}

#[test]
fn each_prints_what_its_comment_says() {
    for file in numbered() {
        let name = file.file_stem().unwrap().to_string_lossy();
        let source = std::fs::read_to_string(&file).unwrap();
        let promised = promised(&source).unwrap_or_else(|| {
            panic!("{name} must end with `// Output:` and a `// line` for each line it prints")
        });
        assert_eq!(printed(&name).lines().collect::<Vec<_>>(), promised, "{name}");
    }
}

#[test]
fn their_numbers_have_no_gap() {
    let files = numbered();
    assert!(files.len() >= 11, "{files:?}");
    for (n, file) in files.iter().enumerate() {
        let name = file.file_name().unwrap().to_string_lossy();
        assert!(name.starts_with(&format!("{:02}_", n + 1)), "{name} is number {}", n + 1);
    }
}

#[test]
fn an_example_without_its_comment_is_noticed() {
    assert_eq!(promised("fn main() {}\n"), None);
    assert_eq!(promised("fn main() {}\n\n// Output:\n"), None);
    assert_eq!(promised("fn main() {}\n\n// Output:\n// 1\nfn more() {}\n"), None);
    assert_eq!(promised("fn main() {}\n\n// Output:\n// 1\n// 2\n"), Some(vec!["1", "2"]));
}
