//! What many calls over HTTP cost one after the other, at once, and a hundred at a time.
//!
//! The documents: 10 requests of 200 ms take 2.0 s in sequence and 0.2 s together; 1000 calls go from 3 minutes to
//! under 10 s. The site is real, on a loop of its own; it only takes its time.

use std::time::Duration;

use glassloop::join_all;
use glassloop::time::Instant;
use glassloop_programs::fetch::{at_most, slow_site};
use glassloop_programs::http::{Http, Site};
use indicatif::{ProgressBar, ProgressStyle};

const CALLS: u32 = 1000;
const CALL: Duration = Duration::from_millis(180);
const AT_ONCE: usize = 100;

fn main() {
    let site = Site::start(slow_site);
    let http = Http::new(Duration::from_secs(30));
    glassloop::run(async {
        ten(&http, &site.uri("/after/200")).await;
        a_thousand(&http, &site.uri("/after/180")).await;
    });
    drop(http); // closes its connections
    println!("the site accepted {} connections for {} calls", site.stop().connections, 20 + CALLS);
}

async fn ten(http: &Http, uri: &str) {
    println!("10 calls of 200 ms; the documents: 2.0 s one after the other, 0.2 s at once");
    let start = Instant::now();
    for _ in 0..10 {
        http.get(uri).await.expect("the site answers");
    }
    let in_turn = start.elapsed();
    println!("    one after the other: {:.2} s", in_turn.as_secs_f64());

    let start = Instant::now();
    for answer in join_all((0..10).map(|_| http.get(uri))).await {
        answer.expect("the site answers");
    }
    let at_once = start.elapsed();
    let gain = in_turn.as_secs_f64() / at_once.as_secs_f64();
    println!("    at once:             {:.2} s, {gain:.1} times as fast", at_once.as_secs_f64());
}

async fn a_thousand(http: &Http, uri: &str) {
    println!("{CALLS} calls of {CALL:?}; the documents: 3 minutes one after the other, under 10 s at once");
    println!("    one after the other: {:.0} s, as computed", (CALL * CALLS).as_secs_f64());
    let calls = (0..CALLS).map(|_| {
        let (http, uri) = (http.clone(), uri.to_owned());
        async move { http.get(&uri).await }
    });
    let (mut failed, bar) = (0, progress(CALLS.into()));
    let start = Instant::now();
    at_most(AT_ONCE, calls, |answer| {
        failed += u32::from(answer.is_err());
        bar.inc(1);
    })
    .await;
    let took = start.elapsed();
    bar.finish();
    println!("    {AT_ONCE} at a time:       {:.2} s, {failed} failed", took.as_secs_f64());
}

/// A bar on standard error, if that is a terminal; else nothing is drawn.
///
/// A thread of its own draws it, ten times a second: `inc` is then an addition. Drawn by `inc`, a terminal that is
/// stopped (Ctrl-S) would stop the loop too.
fn progress(calls: u64) -> ProgressBar {
    let style = ProgressStyle::with_template("    {wide_bar} {pos}/{len}").expect("a template");
    let bar = ProgressBar::new(calls).with_style(style);
    if !bar.is_hidden() {
        bar.enable_steady_tick(Duration::from_millis(100));
    }
    bar
}
