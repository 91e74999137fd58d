//! What the golden-trace tests share.
#![allow(dead_code)] // each test file uses its part

use std::cell::Cell;
use std::future::{Future, poll_fn};
use std::rc::Rc;
use std::task::{Poll, Waker};
use std::time::Duration;

use glassloop::time::{Instant, advance};
use glassloop::trace::{Event, FlightRecorder, Recorder};
use glassloop::{Builder, Runtime};

/// A runtime and what it does, as [`Recorder::order`] tells it.
pub(crate) fn observed(builder: Builder) -> (Runtime, Recorder) {
    let recorder = Recorder::new();
    let runtime = builder.observer(recorder.observer()).build().unwrap();
    (runtime, recorder)
}

/// Runs `future`, and gives the canonical lines of what happened until `block_on` returned. A flight recorder that
/// flew along must tell the same.
#[track_caller]
pub(crate) fn record(builder: Builder, future: impl Future) -> Vec<String> {
    let flight = FlightRecorder::new();
    let (runtime, recorder) = observed(builder.flight_recorder(&flight));
    runtime.block_on(future);
    assert_same_events(&recorder, &flight);
    recorder.order()
}

/// Both recorders must tell the same events in the same order; a flight recorder that was full, the last of them.
#[track_caller]
pub(crate) fn assert_same_events(recorder: &Recorder, flight: &FlightRecorder) {
    let (observed, flown) = (recorder.events(), flight.events());
    let line = |event: &Event| format!("{event} {event:?}"); // `Debug` shows what the line leaves out
    let skipped = usize::try_from(flight.dropped()).unwrap();
    fn at(events: &[(Instant, Event)], n: usize) -> Option<&Event> {
        events.get(n).map(|(_, event)| event)
    }
    let mut all = 0..flown.len().max(observed.len() - skipped);
    let wrong = all.find(|n| at(&observed, skipped + n) != at(&flown, *n));
    if let Some(n) = wrong {
        let lines: Vec<String> = observed.iter().map(|(_, event)| event.to_string()).collect();
        panic!(
            "event {} of {}, {skipped} of them dropped, is {} and was told as {:?}; the whole trace:\n{}\n",
            skipped + n + 1,
            observed.len(),
            at(&observed, skipped + n).map_or("none".into(), line),
            at(&flown, n).map(line),
            lines.join("\n"),
        );
    }
}

/// Compares a whole trace, line by line. In `golden`, blank lines and what follows `//` are for the reader.
#[track_caller]
pub(crate) fn assert_trace(trace: &[String], golden: &str) {
    let golden = golden.lines().map(|line| line.split("//").next().unwrap_or_default().trim());
    let golden: Vec<&str> = golden.filter(|line| !line.is_empty()).collect();
    let same = trace.iter().zip(&golden).take_while(|(line, wanted)| line == wanted).count();
    assert!(
        trace.len() == golden.len() && same == trace.len(),
        "line {} is {:?} and should be {:?}; the whole trace:\n{}\n",
        same + 1,
        trace.get(same),
        golden.get(same),
        trace.join("\n"),
    );
}

/// Where a task waits for exactly one wake, whoever gives it.
#[derive(Clone, Default)]
pub(crate) struct Slot(Rc<Cell<Option<Waker>>>);

impl Slot {
    /// Pending in the first poll, ready in the second: a wake too many or too few shows in the trace.
    pub(crate) fn wait(&self) -> impl Future<Output = ()> + use<> {
        let (slot, mut polled) = (self.clone(), false);
        poll_fn(move |cx| {
            if std::mem::replace(&mut polled, true) {
                return Poll::Ready(());
            }
            slot.0.set(Some(cx.waker().clone()));
            Poll::Pending
        })
    }

    /// The waker of the task that waits here, which waits here no more.
    #[track_caller]
    pub(crate) fn take(&self) -> Waker {
        self.0.take().expect("a task waits here")
    }

    /// Wakes the task that waits here.
    #[track_caller]
    pub(crate) fn wake(&self) {
        self.take().wake();
    }
}

/// Does `act` on a thread of this name, and returns when that thread has ended.
pub(crate) fn on_thread<R: Send + 'static>(name: &str, act: impl FnOnce() -> R + Send + 'static) -> R {
    std::thread::Builder::new().name(name.into()).spawn(act).unwrap().join().unwrap()
}

/// Polls `future` once, with a waker that wakes nobody.
pub(crate) fn poll_once<F: Future>(future: F) -> Poll<F::Output> {
    std::pin::pin!(future).poll(&mut std::task::Context::from_waker(Waker::noop()))
}

pub(crate) const fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

/// Under a virtual clock: the poll that runs takes this much longer.
pub(crate) fn work(time: Duration) {
    let mut jump = std::pin::pin!(advance(time)); // moves the clock when it is polled first, and then waits
    let _ = poll_once(&mut jump);
}

/// What the child that runs `act` as the test `name` of this binary writes on standard error. Empty in the child.
pub(crate) fn stderr_of_child(name: &str, act: impl FnOnce()) -> String {
    const CHILD: &str = "GLASSLOOP_TEST_CHILD";
    if std::env::var_os(CHILD).is_some() {
        act();
        return String::new();
    }
    let mut child = std::process::Command::new(std::env::current_exe().unwrap());
    let output = child.args([name, "--exact", "--nocapture"]).env(CHILD, "1").output().unwrap();
    assert!(output.status.success(), "the child failed");
    String::from_utf8(output.stderr).unwrap()
}
