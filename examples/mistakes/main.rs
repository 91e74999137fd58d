//! Mistakes of asynchronous programs: what the compiler or the runtime says of each, and each mended.
//!
//! `cargo run --example mistakes` shows all of them, `cargo run --example mistakes -- 6` one.

mod m01_forgotten_await;
mod m02_blocking_the_loop;
mod m03_one_after_the_other;
mod m04_lost_results;
mod m05_fire_and_forget;
mod m06_lost_update;
mod m07_no_timeout;
mod m08_fast_producer;
mod m09_a_connection_a_query;
mod m10_swallowed_cancellation;
mod m11_loop_in_a_loop;
mod m12_cpu_work_on_the_loop;
mod m13_cached_future;
mod m14_await_outside_async;
mod m15_shared_default;
mod m16_waiting_with_the_thread;
mod m17_unread_error;
mod m18_dead_worker;
mod m19_unheeded_stop;
mod m20_spawned_and_awaited;
mod mistake;

use glassloop::Builder;
use mistake::Mistake;

const ALL: &[Mistake] = &[
    m01_forgotten_await::MISTAKE,
    m02_blocking_the_loop::MISTAKE,
    m03_one_after_the_other::MISTAKE,
    m04_lost_results::MISTAKE,
    m05_fire_and_forget::MISTAKE,
    m06_lost_update::MISTAKE,
    m07_no_timeout::MISTAKE,
    m08_fast_producer::MISTAKE,
    m09_a_connection_a_query::MISTAKE,
    m10_swallowed_cancellation::MISTAKE,
    m11_loop_in_a_loop::MISTAKE,
    m12_cpu_work_on_the_loop::MISTAKE,
    m13_cached_future::MISTAKE,
    m14_await_outside_async::MISTAKE,
    m15_shared_default::MISTAKE,
    m16_waiting_with_the_thread::MISTAKE,
    m17_unread_error::MISTAKE,
    m18_dead_worker::MISTAKE,
    m19_unheeded_stop::MISTAKE,
    m20_spawned_and_awaited::MISTAKE,
];

fn main() {
    let only: Option<usize> =
        std::env::args().nth(1).map(|number| number.parse().expect("a number, as they are counted here"));
    for (n, mistake) in (1..).zip(ALL).filter(|(n, _)| only.is_none_or(|only| only == *n)) {
        println!("{n}. {}", mistake.title);
        let [wrong, mended] = [mistake.wrong, mistake.mended].map(|form| form(Builder::new()));
        let compiler = if mistake.compiler.is_empty() { "nothing" } else { mistake.compiler };
        if !mended.is_empty() {
            show("the compiler says", compiler.lines());
        }
        show("as it is written", wrong.iter().map(String::as_str));
        show("mended", mended.iter().map(String::as_str));
        println!();
    }
}

fn show<'a>(what: &str, lines: impl Iterator<Item = &'a str>) {
    for (n, line) in lines.enumerate() {
        println!("   {:>17}  {line}", if n == 0 { what } else { "" });
    }
}

// Output of `cargo run --example mistakes -- 6`:
// 6. a lost update
//    the compiler says  nothing
//     as it is written  100 tasks added 1 each: 1
//               mended  100 tasks added 1 each: 100
//
