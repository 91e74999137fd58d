//! The page as a file: what it holds, and what it must not. `.ci/page` opens the same pages in a browser.

use std::fmt::Write;
use std::fs;
use std::path::PathBuf;

use glassloop::trace::Recorder;
use glassloop::trace::story::{Polled, Story};

#[path = "../examples/tour/program.rs"]
mod program;
#[path = "page/traces.rs"]
mod traces;

/// Where the pages go: to `GLASSLOOP_PAGES` if that is set, for a browser.
fn folder() -> PathBuf {
    let folder = std::env::var_os("GLASSLOOP_PAGES").map(PathBuf::from);
    let folder = folder.unwrap_or_else(|| PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("pages"));
    fs::create_dir_all(&folder).unwrap();
    folder
}

fn page(name: &str, recorder: &Recorder) -> String {
    let path = folder().join(name).with_extension("html");
    recorder.write(&path).unwrap();
    fs::read_to_string(path).unwrap()
}

#[test]
fn a_page_is_written_of_every_trace_and_nothing_breaks_out_of_it() {
    for (name, recorder) in traces::all() {
        let page = page(name, &recorder);
        let scripts = page.matches("</script").count();
        assert_eq!(scripts, 2, "{name}: one block of data and one of code end");
        let data = page.split_once(r#"id="story">"#).unwrap().1.split_once("</script>").unwrap().0;
        assert!(!data.contains(['<', '\u{2028}', '\u{2029}', '\0']), "{name}: the data hold no markup");
        assert!(!page.contains("://"), "{name}: no address stands in the page");
        fs::write(folder().join(name).with_extension("facts"), facts(&recorder.story())).unwrap();
        println!("{name}: {} events, {} KB", recorder.events().len(), page.len() / 1024);
    }
}

/// What the story tells of each poll, a line a poll: the browser test holds the page's sentences against it.
fn facts(story: &Story) -> String {
    let mut facts = String::new();
    for (place, poll) in story.polls.iter().enumerate() {
        let task = &story.tasks[poll.task];
        let (start, took) = ((poll.start - story.begin).as_nanos(), poll.length().as_nanos());
        let queued = story.queued(place).as_nanos();
        let cause = poll.woken.as_ref().map_or(String::new(), |woken| woken.cause.to_string());
        let via = poll.woken.as_ref().and_then(|woken| woken.via).map_or(String::new(), |via| via.to_string());
        let ended = match poll.result {
            Polled::Pending(on) => on.map_or("untold".to_owned(), |leaf| leaf.to_string()),
            result => format!("{result:?}"),
        };
        writeln!(facts, "{}\t{start}\t{took}\t{queued}\t{cause}\t{via}\t{ended}", task.id).unwrap();
    }
    facts
}
