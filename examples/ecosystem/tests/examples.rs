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

macro_rules! checked {
    ($($name:ident)*) => {
        $(
            #[test]
            fn $name() {
                check(stringify!($name));
            }
        )*

        /// An example that nobody checks is a defect.
        #[test]
        fn every_example_is_checked() {
            let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples");
            let files = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
            let mut names: Vec<_> = files.map(|file| file.file_stem().unwrap().to_owned()).collect();
            names.sort();
            assert_eq!(names, [$(stringify!($name)),*]);
        }
    };
}

checked! {
    axum_app
    blocking_api
    guest_in_poll
    guest_in_tokio
    http_client
    https
    hyper_hello
    tls_echo
    tower_layers
    websocket
}
