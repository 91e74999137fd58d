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

/// The page of a recording, and beside it what the story tells of each poll.
fn page(name: &str, recorder: &Recorder) -> String {
    let path = folder().join(name).with_extension("html");
    recorder.write(&path).unwrap();
    fs::write(path.with_extension("facts"), facts(&recorder.story())).unwrap();
    fs::read_to_string(path).unwrap()
}

fn data(page: &str) -> &str {
    page.split_once(r#"id="story">"#).unwrap().1.split_once("</script>").unwrap().0
}

#[test]
fn what_tasks_are_called_stays_inside_the_data() {
    let page = page("hostile", &traces::hostile());
    assert_eq!(page.matches("</script").count(), 2, "the data end, and the code");
    assert!(!data(&page).contains(['<', '\u{2028}', '\u{2029}', '\0']));
    assert!(data(&page).contains(r#""\u003c/script>\u003cimg src=x onerror=\"window.broken=true\">""#));
    assert!(data(&page).contains("{{story}} $&"), "a slot's name in the data is not filled");
}

#[test]
fn the_page_names_nothing_to_fetch_and_forbids_it() {
    let page = page("tour", &traces::tour());
    for word in ["://", "src=", "href=", "@import", "url("] {
        assert!(!page.contains(word), "{word}");
    }
    assert!(page.contains("default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'"));
}

#[test]
fn a_hundred_thousand_events_are_a_few_megabytes() {
    let large = traces::large();
    let page = page("large", &large);
    assert_eq!(large.events().len(), 100_000);
    assert!(data(&page).len() < 3_000_000, "{} bytes", data(&page).len());
    println!(
        "100,000 events are {} bytes, the page around them {}",
        data(&page).len(),
        page.len() - data(&page).len()
    );
}

#[test]
fn every_trace_has_a_page() {
    for (name, recorder) in traces::others() {
        assert!(page(name, &recorder).ends_with("</html>\n"), "{name}");
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
