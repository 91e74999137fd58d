//! Crawls a site of 500 linked pages, twenty at a time, until nothing is left or Ctrl-C stops it: then it prints what
//! it has, as the documents ask of a task that is cancelled.
//!
//! `crawl [--stop-after VISITS] [SITE]`: the first presses Ctrl-C by itself, the second crawls a site that is there.

use std::process::ExitCode;
use std::time::Duration;

use glassloop::signal::ctrl_c;
use glassloop::time::Instant;
use glassloop_programs::crawl::{Crawled, crawl, linked_site};
use glassloop_programs::http::{Http, Site};
use rustix::process::{Signal, getpid, kill_process};

const PAGES: usize = 500;
const AT_ONCE: usize = 20;
const LIMIT: Duration = Duration::from_secs(2);

fn main() -> ExitCode {
    let Some(Arguments { stop_after, site }) = Arguments::read(std::env::args().skip(1)) else {
        eprintln!("usage: crawl [--stop-after VISITS] [SITE], such as crawl http://127.0.0.1:8080");
        return ExitCode::from(2);
    };
    let ours = site.is_none().then(|| Site::start(|| linked_site(PAGES)));
    let site = site.or_else(|| Some(ours.as_ref()?.uri(""))).expect("one of both is there");

    let found = glassloop::run(async {
        let start = Instant::now();
        // Heard once; from then on a second Ctrl-C ends the program at once.
        let stop = async { ctrl_c().await.expect("signals can be listened to") };
        let found = crawl(&Http::new(LIMIT), &site, AT_ONCE, stop, |found| tell(found, stop_after)).await;
        println!(
            "{} after {:.2} s",
            if found.stopped { "stopped" } else { "done" },
            start.elapsed().as_secs_f64()
        );
        found
    });
    println!("{} pages visited, {} failed, {} left", found.pages.len(), found.failed.len(), found.left);
    for error in &found.failed {
        println!("    {error}");
    }
    if found.stopped { ExitCode::from(130) } else { ExitCode::SUCCESS } // 128 + SIGINT, as shells say it
}

fn tell(found: &Crawled, stop_after: Option<usize>) {
    let visits = found.pages.len() + found.failed.len();
    if visits.is_multiple_of(50) {
        println!("{visits} visits, {} more pages known", found.left);
    }
    if Some(visits) == stop_after {
        kill_process(getpid(), Signal::INT).expect("one may signal oneself");
    }
}

struct Arguments {
    stop_after: Option<usize>,
    site: Option<String>,
}

impl Arguments {
    fn read(mut arguments: impl Iterator<Item = String>) -> Option<Arguments> {
        let mut read = Arguments { stop_after: None, site: None };
        while let Some(argument) = arguments.next() {
            match argument.as_str() {
                "--stop-after" => read.stop_after = Some(arguments.next()?.parse().ok()?),
                site if site.starts_with("http://") => read.site = Some(site.trim_end_matches('/').to_owned()),
                _ => return None,
            }
        }
        Some(read)
    }
}
