//! The timeline as it looks, at two widths, with colours and without, and what it leaves out. The clock is virtual, so
//! each character is known.

mod support;

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::mpsc::{Sender, channel};

use glassloop::net::{TcpListener, TcpStream};
use glassloop::sync::{Mutex, Notify, mpsc};
use glassloop::time::{Instant, sleep};
use glassloop::trace::story::{Story, Style, width};
use glassloop::trace::{Event, Observer, Recorder, Wait};
use glassloop::{Builder, join_all, spawn_blocking, spawn_named, yield_now};
use support::{ms, observed, work};

/// When the loop goes to sleep for a job, moves the clock and lets the job end.
struct Job(RefCell<Option<Sender<()>>>);

impl Observer for Job {
    fn event(&self, _: Instant, event: &Event) {
        if let (Event::Park(Wait::Forever), Some(end)) = (event, &*self.0.borrow()) {
            work(ms(30));
            let _ = end.send(());
        }
    }
}

/// A task of each kind of wait, one that is cancelled, one that panics, and one that holds the loop.
async fn everything(job: std::sync::mpsc::Receiver<()>) {
    let lock = Rc::new(Mutex::new(()));
    let held = lock.clone().lock_owned().await;
    let word = Rc::new(Notify::new());
    let (sender, mut receiver) = mpsc::channel(1);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let heard = word.clone();
    let tasks = [
        spawn_named("timer", sleep(ms(20))),
        spawn_named("socket", async move { drop(listener.accept().await) }),
        spawn_named("lock", async move { drop(lock.lock().await) }),
        spawn_named("channel", async move { while receiver.recv().await.is_some() {} }),
        spawn_named("signal", async move { heard.notified().await }),
        spawn_named("foreign", support::Slot::default().wait()),
        spawn_named("panics", async {
            sleep(ms(35)).await;
            std::panic::resume_unwind(Box::new("quietly"));
        }),
        spawn_named("hog", async {
            sleep(ms(50)).await;
            work(ms(25));
        }),
        spawn_named("queues", async {
            sleep(ms(50)).await;
            work(ms(5));
        }),
    ];
    sleep(ms(40)).await;
    sender.send(()).await.unwrap();
    word.notify_one();
    drop((held, sender));
    tasks[5].abort();
    let _stream = TcpStream::connect(address).await.unwrap();
    join_all(tasks).await;
    spawn_blocking(move || job.recv()).await.unwrap().unwrap();
}

fn story_of_everything() -> Story {
    let (end, job) = channel();
    let recorder = Recorder::new();
    let ends = Rc::new(Job(RefCell::new(Some(end))));
    let builder = Builder::new().start_paused(true).observer(recorder.observer()).observer(ends);
    builder.build().unwrap().block_on(everything(job));
    recorder.story()
}

#[track_caller]
fn assert_golden(width: usize, style: Style, golden: &str) {
    let timeline = story_of_everything().timeline(width, style);
    assert!(timeline == golden, "it is:\n{timeline}\nand should be:\n{golden}");
}

#[test]
fn each_kind_of_wait_has_its_sign_in_80_columns() {
    assert_golden(80, Style::plain(), include_str!("timeline/80.txt"));
}

#[test]
fn a_wider_one_shows_more_of_the_time_in_120_columns() {
    assert_golden(120, Style::plain(), include_str!("timeline/120.txt"));
}

#[test]
fn colours_are_added_to_the_signs_and_change_none_of_them() {
    let golden = include_str!("timeline/80.ansi");
    assert_golden(80, Style::color(), golden);
    let mut plain = String::new();
    for part in golden.split('\x1b') {
        plain += part.strip_prefix('[').map_or(part, |part| part.split_once('m').unwrap().1);
    }
    assert_eq!(plain, include_str!("timeline/80.txt"));
}

/// The story of so many tasks, the later of which run longer.
fn story_of(tasks: usize) -> Story {
    let (runtime, recorder) = observed(Builder::new().start_paused(true));
    runtime.block_on(async {
        join_all((1..=tasks).map(|n| spawn_named(format!("{n}"), async move { work(ms(n as u64)) }))).await;
    });
    recorder.story()
}

#[test]
fn of_many_tasks_the_root_and_those_that_ran_and_queued_longest_are_shown_and_the_others_counted() {
    let timeline = story_of(100).timeline(80, Style::plain());
    let lanes = timeline.lines().skip(2).map(str::split_whitespace); // below the axis
    let lanes = lanes.filter(|words| words.clone().next().is_some_and(|id| id.parse::<u32>().is_ok()));
    let lanes: Vec<&str> = lanes.filter_map(|mut words| words.nth(1)).collect();
    assert!(timeline.contains("\n         and 61 more tasks, which ran and queued less\n"), "{timeline}");
    let named = |name: &str| lanes.contains(&name);
    assert!(lanes.len() == 40 && named("root") && named("62") && named("100") && !named("61"), "{timeline}");
    assert!(!story_of(39).timeline(80, Style::plain()).contains("more task"));
}

#[test]
fn no_line_is_wider_than_was_asked_for_and_forty_columns_are_the_least() {
    let story = story_of_everything();
    for width in 0..150 {
        let timeline = story.timeline(width, Style::plain());
        let widest = timeline.lines().map(|line| line.chars().count()).max().unwrap();
        assert!(widest <= width.max(40), "{width}:\n{timeline}");
    }
    assert_eq!(story.timeline(0, Style::plain()), story.timeline(40, Style::plain()));
}

#[test]
fn a_long_name_is_cut_at_its_end_and_a_place_in_the_source_at_its_beginning() {
    let (runtime, recorder) = observed(Builder::new().start_paused(true));
    runtime.block_on(async {
        spawn_named("a name that is longer than anybody wants to read", async {}).await.unwrap();
        spawn_named("日本語の名前は幅が二倍になるので半分で切れる", async {}).await.unwrap();
        glassloop::spawn(async {}).await.unwrap();
    });
    let line = line!() - 2;
    let timeline = recorder.story().timeline(44, Style::plain());
    let names: Vec<&str> =
        timeline.lines().skip(2).take(5).filter_map(|line| line.split_once('│')).map(|(name, _)| name).collect();
    assert_eq!(
        names,
        ["  loop        ", "1 root        ", "2 a name tha… ", "3 日本語の名… ", &format!("4 …ine.rs:{line} ")],
        "{timeline}"
    );
}

#[test]
fn a_name_cannot_steer_the_terminal() {
    let (runtime, recorder) = observed(Builder::new().start_paused(true));
    runtime.block_on(async { spawn_named("\x1b[2J\r\n", async {}).await.unwrap() });
    let timeline = recorder.story().timeline(80, Style::plain());
    assert!(timeline.contains("2 \\u{1b}[2J\\r\\n "), "{timeline}");
    assert!(!timeline.contains(['\x1b', '\r']));
}

#[test]
fn what_was_dropped_is_said_and_nothing_at_all_can_be_shown() {
    let recorder = Recorder::with_capacity(3);
    let runtime = Builder::new().start_paused(true).observer(recorder.observer()).build().unwrap();
    runtime.block_on(yield_now());
    let timeline = recorder.story().timeline(80, Style::plain());
    assert!(timeline.starts_with(&format!("({} older events dropped)\n", recorder.dropped())), "{timeline}");
    assert!(Story::of(&[]).timeline(80, Style::plain()).contains("loop"));
}

#[cfg(target_os = "linux")]
#[test]
fn the_width_is_the_terminals_and_of_no_other_file() {
    use rustix::termios::{Winsize, tcsetwinsize};

    let terminal = std::fs::File::options().read(true).write(true).open("/dev/ptmx").unwrap();
    assert_eq!(width(&terminal), None, "it does not say yet");
    tcsetwinsize(&terminal, Winsize { ws_row: 30, ws_col: 97, ws_xpixel: 0, ws_ypixel: 0 }).unwrap();
    assert_eq!(width(&terminal), Some(97));
    assert_eq!(width(&std::fs::File::open("/dev/null").unwrap()), None);
}
