//! Crawling a site: each page once, so many at once, to its end or until somebody stops it.

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Read};
use std::process::{Command, Output, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex, mpsc};
use std::time::Duration;

use axum::Router;
use axum::extract::{Path, Request};
use axum::middleware::{Next, from_fn};
use axum::response::Html;
use axum::routing::get;
use glassloop::spawn_blocking;
use glassloop::sync::CancellationToken;
use glassloop::time::sleep;
use glassloop_programs::crawl::{Crawled, crawl, linked_site};
use glassloop_programs::http::{Http, HttpError, Site};
use rustix::process::{Pid, Signal, kill_process};
use tokio::sync::Barrier;

const LONG: Duration = Duration::from_secs(60);

async fn to_the_end(http: &Http, site: &Site, at_once: usize) -> Crawled {
    crawl(http, &site.uri(""), at_once, std::future::pending(), |_| {}).await
}

/// A page with links to `targets`.
fn page<T: AsRef<str>>(targets: impl IntoIterator<Item = T>) -> Html<String> {
    Html(targets.into_iter().map(|target| format!("<a href=\"{}\">there</a>", target.as_ref())).collect())
}

#[test]
fn every_page_is_visited_once_and_what_is_broken_or_slow_is_reported() {
    let asked = Arc::new(Mutex::new(HashMap::<String, u32>::new()));
    let count = asked.clone();
    let counting = from_fn(move |request: Request, next: Next| {
        *count.lock().unwrap().entry(request.uri().path().to_owned()).or_default() += 1;
        next.run(request)
    });
    let site = Site::start(|| linked_site(500).layer(counting));
    let mut found = glassloop::run(async { to_the_end(&Http::new(Duration::from_secs(2)), &site, 20).await });

    assert_eq!((found.pages.len(), found.left, found.stopped), (500, 0, false));
    found.failed.sort_by_key(|error| error.to_string());
    assert_eq!(found.failed[0].to_string(), format!("{}: 404 Not Found", site.uri("/gone")));
    assert!(matches!(&found.failed[1], HttpError::Slow(uri, _) if *uri == site.uri("/never")), "{found:?}");
    assert_eq!(found.failed.len(), 2);
    let asked = asked.lock().unwrap();
    assert_eq!((asked.len(), asked.values().max()), (502, Some(&1)));
}

#[test]
fn so_many_pages_are_asked_for_at_once_and_no_more() {
    let most = Arc::new(AtomicUsize::new(0));
    // A leaf comes when eight are asked for.
    let (told, meeting) = (most.clone(), Arc::new((Barrier::new(8), AtomicUsize::new(0))));
    let leaf = move || {
        let (told, meeting) = (told.clone(), meeting.clone());
        async move {
            told.fetch_max(meeting.1.fetch_add(1, SeqCst) + 1, SeqCst);
            meeting.0.wait().await;
            sleep(Duration::from_millis(10)).await; // one too many comes meanwhile
            meeting.1.fetch_sub(1, SeqCst);
            page(["/"])
        }
    };
    let root = || async { page((0..24).map(|n| format!("/leaf/{n}"))) };
    let site = Site::start(move || Router::new().route("/", get(root)).route("/leaf/{n}", get(leaf)));
    let found = glassloop::run(async { to_the_end(&Http::new(LONG), &site, 8).await });
    assert_eq!((found.pages.len(), most.load(SeqCst)), (25, 8), "{:?}", found.failed);
}

#[test]
fn links_to_other_sites_are_not_followed_and_a_place_in_a_page_is_its_page() {
    let root =
        || async { page(["http://example.test/", "//example.test/", "mailto:a@example.test", "#b", "/c#d"]) };
    let site = Site::start(move || Router::new().route("/", get(root)).route("/c", get("no link, \"href=\"")));
    let found = glassloop::run(async { to_the_end(&Http::new(LONG), &site, 1).await });
    assert_eq!((found.pages, found.failed.len()), (vec!["/".to_owned(), "/c".to_owned()], 0));
}

#[test]
fn a_site_that_is_not_there_is_one_failure() {
    let site = Site::start(Router::new);
    let uri = site.uri("");
    drop(site);
    let found = glassloop::run(async { crawl(&Http::new(LONG), &uri, 8, std::future::pending(), |_| {}).await });
    assert_eq!((found.pages.len(), found.failed.len(), found.left), (0, 1, 0));
    assert!(found.failed[0].to_string().contains("Connection refused"), "{found:?}");
}

/// Tells when it is dropped.
struct Told(mpsc::Sender<()>);

impl Drop for Told {
    fn drop(&mut self) {
        _ = self.0.send(());
    }
}

#[test]
fn stopped_it_gives_what_it_has_and_leaves_no_call_behind() {
    let (given_up, calls) = mpsc::channel();
    let all_there = Arc::new(Barrier::new(3));
    let never = {
        let all_there = all_there.clone();
        move || {
            let (told, all_there) = (Told(given_up.clone()), all_there.clone());
            async move {
                let _told = told;
                all_there.wait().await;
                std::future::pending::<()>().await;
            }
        }
    };
    // Comes when two that never come are under way.
    let c = move || {
        let all_there = all_there.clone();
        async move { _ = all_there.wait().await }
    };
    let root = || async { page(["/a", "/b", "/never/1", "/never/2", "/c", "/never/3", "/never/4"]) };
    let site = Site::start(move || {
        let pages = Router::new().route("/", get(root)).route("/a", get("no links")).route("/b", get("no links"));
        pages.route("/c", get(c)).route("/never/{n}", get(never))
    });
    glassloop::run(async {
        let (http, stop) = (Http::new(Duration::from_secs(3600)), CancellationToken::new());
        let stop_at_four = |found: &Crawled| {
            if found.pages.len() == 4 {
                stop.cancel();
            }
        };
        let mut found = crawl(&http, &site.uri(""), 3, stop.cancelled(), stop_at_four).await;
        found.pages.sort();
        assert_eq!((found.pages, found.stopped), (["/", "/a", "/b", "/c"].map(String::from).to_vec(), true));
        assert_eq!((found.failed.len(), found.left), (0, 4));
        // The two calls under way are given up, though the client lives on.
        let both = move || [(); 2].map(|()| calls.recv_timeout(LONG));
        assert_eq!(spawn_blocking(both).await.unwrap(), [Ok(()); 2]);
        drop(http);
    });
}

/// Gives `visits` pages, each with links to many more, and then none.
fn site_of(visits: usize) -> Site {
    let given = Arc::new(AtomicUsize::new(0));
    let give = move |n: Option<Path<usize>>| {
        let given = given.clone();
        async move {
            if given.fetch_add(1, SeqCst) >= visits {
                std::future::pending::<()>().await;
            }
            let n = n.map_or(0, |Path(n)| n);
            page((10 * n + 1..=10 * n + 10).map(|n| format!("/{n}")))
        }
    };
    Site::start(|| Router::new().route("/", get(give.clone())).route("/{n}", get(give)))
}

#[test]
fn ctrl_c_ends_the_program_with_what_it_has() {
    let site = site_of(50);
    let mut program = Command::new(env!("CARGO_BIN_EXE_crawl"));
    let mut running = program.arg(site.uri("")).stdout(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(running.stdout.take().unwrap());
    let mut line = String::new();
    lines.read_line(&mut line).unwrap();
    assert_eq!(line, "50 visits, 451 more pages known\n");

    kill_process(Pid::from_child(&running), Signal::INT).unwrap();
    let mut rest = String::new();
    lines.read_to_string(&mut rest).unwrap();
    assert_eq!(running.wait().unwrap().code(), Some(130), "{rest}");
    assert!(rest.contains("stopped after") && rest.contains("\n50 pages visited, "), "{rest}");
}

fn program(arguments: &[&str]) -> (Output, String) {
    let run = Command::new(env!("CARGO_BIN_EXE_crawl")).args(arguments).output().unwrap();
    let told = String::from_utf8(run.stdout.clone()).unwrap();
    (run, told)
}

#[test]
fn program_crawls_its_own_site_to_the_end() {
    let (run, told) = program(&[]);
    assert_eq!(run.status.code(), Some(0), "{told}");
    assert!(told.contains("500 pages visited, 2 failed, 0 left\n"), "{told}");
    assert!(told.contains("/gone: 404 Not Found\n") && told.contains("/never: no answer within 2s\n"), "{told}");
}

#[test]
fn program_presses_ctrl_c_by_itself_if_it_is_asked_to() {
    let (run, told) = program(&["--stop-after", "50"]);
    assert_eq!(run.status.code(), Some(130), "{told}");
    let at = told.find(" pages visited, ").unwrap();
    let visited: usize = told[..at].rsplit('\n').next().unwrap().parse().unwrap();
    assert!((40..500).contains(&visited), "{told}");
}

#[test]
fn arguments_that_make_no_sense_are_told() {
    for arguments in [&["--stop-after"][..], &["--stop-after", "soon"], &["ftp://example.test"], &["-x"]] {
        let (run, _) = program(arguments);
        assert_eq!(run.status.code(), Some(2), "{arguments:?}");
        assert!(String::from_utf8(run.stderr).unwrap().starts_with("usage: crawl"), "{arguments:?}");
    }
}
