//! Whoever looks on may act: an observer that meddles at every event, beside all else that can look on at once.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::Duration;

use glassloop::sync::{Mutex, mpsc};
use glassloop::time::{Instant, sleep};
use glassloop::trace::{Event, FlightRecorder, Observer, Recorder};
use glassloop::{
    AbortHandle, Builder, Handle, Runtime, dump, metrics, spawn, spawn_blocking, spawn_named, yield_now,
};

/// At each event, as long as there are some left, the next of all that an observer may do.
struct Meddler {
    flight: FlightRecorder,
    acts: Cell<usize>,
    left: Cell<usize>,
    tasks: RefCell<Vec<AbortHandle>>,
}

const ACTS: usize = 9;

impl Observer for Meddler {
    fn event(&self, _at: Instant, _event: &Event) {
        let act = self.acts.replace(self.acts.get() + 1);
        let Some(left) = self.left.get().checked_sub(1) else { return };
        self.left.set(left);
        match act % ACTS {
            0 => drop(self.flight.events()),
            1 => drop(self.flight.story()),
            2 => self.flight.clear(),
            _ if Handle::try_current().is_err() => {} // a task that was spawned before the loop runs
            3 => self.tasks.borrow_mut().push(spawn(sleep(Duration::from_millis(1))).abort_handle()),
            4 => {
                let task = self.tasks.borrow_mut().pop();
                task.inspect(AbortHandle::abort);
            }
            5 => drop(Handle::current().dump_now().unwrap()),
            6 => drop((dump().unwrap().to_string(), metrics())),
            7 => drop(spawn_blocking(|| ())),
            _ => Handle::current().call_soon(|| drop(spawn(yield_now()))).unwrap(),
        }
    }
}

/// Tasks that wait for timers, a lock, a channel and each other.
fn work(runtime: &Runtime) {
    runtime.block_on(async {
        let lock = Rc::new(Mutex::new(0));
        let (sender, mut receiver) = mpsc::channel(1);
        for _ in 0..5 {
            let (lock, sender) = (lock.clone(), sender.clone());
            let worker = async move {
                for n in 1..=5 {
                    *lock.lock().await += 1;
                    sleep(Duration::from_millis(1)).await;
                    sender.send(n).await.unwrap();
                }
            };
            spawn_named("worker", worker).detach();
        }
        drop(sender);
        let mut sum = 0;
        while let Some(n) = receiver.recv().await {
            sum += n;
        }
        assert_eq!((sum, *lock.lock().await), (75, 25));
    });
}

#[test]
fn an_observer_may_do_all_that_a_task_may_at_every_event() {
    for (first, paused) in (0..ACTS).flat_map(|first| [(first, true), (first, false)]) {
        let (flight, recorder, slow) = (FlightRecorder::with_capacity(64), Recorder::new(), Rc::new(Cell::new(0)));
        let (acts, left) = (Cell::new(first), Cell::new(400));
        let meddler = Rc::new(Meddler { flight: flight.clone(), acts, left, tasks: RefCell::default() });
        let count = slow.clone();
        let runtime = Builder::new()
            .start_paused(paused)
            .observer(meddler.clone())
            .observer(recorder.observer())
            .flight_recorder(&flight)
            .metrics(true)
            .track_waits(true)
            .watchdog(Duration::from_secs(60))
            .on_slow_poll(Duration::from_nanos(1), move |_| {
                if count.replace(count.get() + 1) < 50 {
                    spawn(yield_now()).abort();
                    drop(dump());
                }
            })
            .build()
            .unwrap();
        work(&runtime);
        work(&runtime);
        drop(runtime);
        let (observed, flown) = (recorder.events(), flight.events());
        assert_eq!(meddler.acts.get() - first, observed.len(), "it was removed, or told something twice");
        let event = |(_, event): &(Instant, Event)| event.clone();
        assert!(observed[observed.len() - flown.len()..].iter().map(event).eq(flown.iter().map(event)));
        assert!(flown.len() > 60 && slow.get() > 0);
    }
}
