//! Many calls, so many at once.

use std::cell::Cell;
use std::fs::File;
use std::io::Read;
use std::process::{Command, Stdio};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::time::Duration;

use axum::Router;
use axum::extract::Path;
use axum::http::StatusCode;
use axum::routing::get;
use glassloop::time::{Instant, sleep, timeout};
use glassloop::{Builder, join_all};
use glassloop_programs::fetch::at_most;
use glassloop_programs::http::{Http, Site};
use rustix::pty;
use tokio::sync::Barrier;

fn in_virtual_time<F: Future>(future: F) -> F::Output {
    Builder::new().start_paused(true).build().unwrap().block_on(future)
}

/// How long so many calls take.
async fn took(at_once: usize, calls: usize, call: Duration) -> Duration {
    let start = Instant::now();
    at_most(at_once, (0..calls).map(|_| async move { sleep(call).await }), |()| {}).await;
    start.elapsed()
}

#[test]
fn ten_calls_at_once_take_as_long_as_one() {
    in_virtual_time(async {
        let call = Duration::from_millis(200);
        assert_eq!(took(1, 10, call).await, Duration::from_secs(2));
        assert_eq!(took(10, 10, call).await, call);
    });
}

#[test]
fn a_thousand_calls_take_three_minutes_in_turn_and_under_ten_seconds_a_hundred_at_a_time() {
    in_virtual_time(async {
        let call = Duration::from_millis(180);
        assert_eq!(took(1, 1000, call).await, Duration::from_secs(180));
        assert_eq!(took(100, 1000, call).await, Duration::from_millis(1800));
    });
}

/// Answers when `at_once` calls are there, and never before; counts the most there ever were.
fn meeting(at_once: usize) -> (Site, Arc<AtomicUsize>) {
    let most = Arc::new(AtomicUsize::new(0));
    let (meeting, told) = (Arc::new((Barrier::new(at_once), AtomicUsize::new(0))), most.clone());
    let meet = move || {
        let (meeting, told) = (meeting.clone(), told.clone());
        async move {
            told.fetch_max(meeting.1.fetch_add(1, SeqCst) + 1, SeqCst);
            meeting.0.wait().await;
            sleep(Duration::from_millis(10)).await; // one too many comes meanwhile
            meeting.1.fetch_sub(1, SeqCst);
        }
    };
    (Site::start(|| Router::new().route("/", get(meet))), most)
}

#[test]
fn so_many_calls_are_at_the_site_at_once_and_no_more() {
    let (site, most) = meeting(10);
    let http = Http::new(Duration::from_secs(60));
    let mut good = 0;
    glassloop::run(async {
        let calls = (0..50).map(|_| {
            let (http, uri) = (http.clone(), site.uri("/"));
            async move { http.get(&uri).await }
        });
        at_most(10, calls, |answer| good += u32::from(answer.is_ok())).await;
    });
    assert_eq!((good, most.load(SeqCst)), (50, 10));
}

#[test]
fn joined_calls_are_all_at_the_site_at_once() {
    let (site, most) = meeting(10);
    let uri = site.uri("/");
    let answers = glassloop::run(async {
        let http = Http::new(Duration::from_secs(60));
        join_all((0..10).map(|_| http.get(&uri))).await
    });
    assert!(answers.iter().all(Result::is_ok), "{answers:?}");
    assert_eq!(most.load(SeqCst), 10);
}

#[test]
fn a_call_that_fails_is_a_result_and_the_others_go_on() {
    async fn no_third(Path(n): Path<u32>) -> Result<String, StatusCode> {
        if n.is_multiple_of(3) { Err(StatusCode::NOT_FOUND) } else { Ok(n.to_string()) }
    }
    let site = Site::start(|| Router::new().route("/{n}", get(no_third)));
    let http = Http::new(Duration::from_secs(60));
    let (mut good, mut bad) = (Vec::new(), Vec::new());
    glassloop::run(async {
        let calls = (1..=6).map(|n| {
            let (http, uri) = (http.clone(), site.uri(&format!("/{n}")));
            async move { http.get(&uri).await }
        });
        at_most(1, calls, |answer| match answer {
            Ok(body) => good.push(body),
            Err(error) => bad.push(error.to_string()),
        })
        .await;
    });
    assert_eq!(good, ["1", "2", "4", "5"]);
    assert_eq!(bad, ["/3", "/6"].map(|path| format!("{}: 404 Not Found", site.uri(path))));
}

#[test]
fn calls_are_cancelled_with_whoever_waits_for_them() {
    in_virtual_time(async {
        let made = Rc::new(Cell::new(0));
        let calls = (0..10).map(|_| {
            let made = made.clone();
            async move {
                made.set(made.get() + 1);
                sleep(Duration::from_secs(10)).await;
            }
        });
        let waiting = timeout(Duration::from_secs(15), at_most(3, calls, |()| {}));
        assert!(waiting.await.is_err());
        sleep(Duration::from_secs(60)).await;
        assert_eq!(made.get(), 6); // three of ten seconds, then three that were cut
        assert_eq!(Rc::strong_count(&made), 1); // and nobody is left who would call
    });
}

/// Runs the program, with a standard error of our choice.
fn program(stderr: impl Into<Stdio>) -> String {
    let run = Command::new(env!("CARGO_BIN_EXE_fetch")).stderr(stderr).stdout(Stdio::piped()).spawn();
    let run = run.unwrap().wait_with_output().unwrap();
    assert!(run.status.success() && run.stderr.is_empty(), "{}", String::from_utf8_lossy(&run.stderr));
    String::from_utf8(run.stdout).unwrap()
}

#[test]
fn program_prints_the_claims_and_draws_no_bar_into_a_pipe() {
    let told = program(Stdio::piped()); // which stays empty
    assert!(told.contains("the documents: 2.0 s one after the other, 0.2 s at once"), "{told}");
    assert!(told.contains("one after the other: 180 s, as computed"), "{told}");
    assert!(told.contains(" s, 0 failed"), "{told}");
}

#[test]
fn program_draws_its_bar_on_a_terminal() {
    let ours = pty::openpt(pty::OpenptFlags::RDWR | pty::OpenptFlags::NOCTTY).unwrap();
    pty::grantpt(&ours).unwrap();
    pty::unlockpt(&ours).unwrap();
    let theirs = pty::ptsname(&ours, Vec::new()).unwrap();
    let theirs = File::options().read(true).write(true).open(theirs.to_str().unwrap()).unwrap();
    let drawn = std::thread::spawn(move || {
        let (mut ours, mut drawn, mut bytes) = (File::from(ours), Vec::new(), [0; 4096]);
        while let Ok(read @ 1..) = ours.read(&mut bytes) {
            drawn.extend_from_slice(&bytes[..read]); // until the last who has the other end is gone
        }
        String::from_utf8_lossy(&drawn).into_owned()
    });
    program(theirs);
    let drawn = drawn.join().unwrap();
    assert!(drawn.contains(" 1000/1000"), "{drawn}");
    assert!(drawn.matches("/1000").count() > 1, "{drawn}"); // and before it was full
}
