//! The wait list, seen through what stands on it: random scripts of who comes, gives up, is polled and gives back, step
//! by step against a model of forty lines. Who is handed what, and who is woken, in which order, must be the same.

use std::any::Any;
use std::cell::RefCell;
use std::collections::{BTreeMap, VecDeque};
use std::fmt::Write as _;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};

use glassloop::sync::{Mutex, Notify, RwLock, Semaphore};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::test_runner::{Config, RngAlgorithm, TestError, TestRng, TestRunner};

/// What the list serves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Thing {
    Mutex,
    RwLock,
    Semaphore,
    Notify,
}

impl Thing {
    const ALL: [Thing; 4] = [Thing::Mutex, Thing::RwLock, Thing::Semaphore, Thing::Notify];

    /// What there is of it at first: a writer takes all of a `RwLock`, a reader one of it.
    fn free(self) -> usize {
        match self {
            Thing::Mutex => 1,
            Thing::RwLock => ALL_READERS,
            Thing::Semaphore => 2,
            Thing::Notify => 0,
        }
    }

    /// What one who comes wants of it.
    fn want(self, n: usize) -> usize {
        match self {
            Thing::RwLock if n > 2 => ALL_READERS,
            Thing::Semaphore => n,
            _ => 1,
        }
    }
}

const ALL_READERS: usize = 1000;

/// One step of a script. Numbers are taken modulo how many there are to choose from.
#[derive(Clone, Copy, Debug)]
enum Step {
    /// Makes a future that wants so much, and polls it.
    Arrive(usize),
    /// Polls a future that is not ready, with its waker or a new one.
    Poll(usize, bool),
    /// Drops a future that is not ready.
    Cancel(usize),
    /// Drops a guard.
    Return(usize),
    /// Adds permits; notifies one, so often.
    Add(usize),
    /// Notifies all.
    All,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        5 => (1..4_usize).prop_map(Step::Arrive),
        4 => (any::<usize>(), any::<bool>()).prop_map(|(k, renamed)| Step::Poll(k, renamed)),
        3 => any::<usize>().prop_map(Step::Cancel),
        4 => any::<usize>().prop_map(Step::Return),
        1 => (1..4_usize).prop_map(Step::Add),
        1 => Just(Step::All),
    ]
}

// ---- the model

/// Ways in which a wait list may be wrong, to see that each is noticed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Bug {
    LetsInWhoFits,
    LetsInWhoComesBetween,
    WakesTheLast,
    LosesATurn,
    StandsStillWhenTheFirstGivesUp,
    PassesOnWhatAllWereTold,
}

#[derive(Default)]
struct Model {
    free: usize,
    /// The most that is kept.
    most: usize,
    line: VecDeque<(u32, usize)>,
    /// Handed over and not taken: how much is to be passed on.
    granted: BTreeMap<u32, usize>,
    bug: Option<Bug>,
}

impl Model {
    fn has(&self, bug: Bug) -> bool {
        self.bug == Some(bug)
    }

    /// Gives, and hands out; who was woken.
    fn give(&mut self, n: usize) -> Vec<u32> {
        self.free = (self.free + n).min(self.most);
        let mut woken = Vec::new();
        loop {
            let fits = |at: &usize| self.line[*at].1 <= self.free;
            let next = if self.has(Bug::LetsInWhoFits) {
                (0..self.line.len()).find(fits)
            } else if self.has(Bug::WakesTheLast) {
                self.line.len().checked_sub(1).filter(fits)
            } else {
                Some(0).filter(|_| !self.line.is_empty()).filter(fits)
            };
            let Some((id, want)) = next.and_then(|at| self.line.remove(at)) else { return woken };
            self.free -= want;
            self.granted.insert(id, want);
            woken.push(id);
        }
    }

    fn arrive(&mut self, id: u32, want: usize) -> bool {
        let is_had = want <= self.free && (self.line.is_empty() || self.has(Bug::LetsInWhoComesBetween));
        if is_had {
            self.free -= want;
        } else {
            self.line.push_back((id, want));
        }
        is_had
    }

    fn cancel(&mut self, id: u32) -> Vec<u32> {
        self.line.retain(|(other, _)| *other != id);
        match self.granted.remove(&id) {
            Some(_) if self.has(Bug::LosesATurn) => Vec::new(),
            None if self.has(Bug::StandsStillWhenTheFirstGivesUp) => Vec::new(),
            handed => self.give(handed.unwrap_or(0)),
        }
    }

    fn tell_all(&mut self) -> Vec<u32> {
        let passed_on = usize::from(self.has(Bug::PassesOnWhatAllWereTold));
        let told: Vec<u32> = self.line.drain(..).map(|(id, _)| id).collect();
        self.granted.extend(told.iter().map(|id| (*id, passed_on)));
        told
    }
}

// ---- the real thing

thread_local! {
    static WOKEN: RefCell<Vec<u32>> = const { RefCell::new(Vec::new()) };
}

/// A waker by number.
struct Number(u32);

impl Wake for Number {
    fn wake(self: Arc<Self>) {
        WOKEN.with_borrow_mut(|woken| woken.push(self.0));
    }
}

type Wait = Pin<Box<dyn Future<Output = Box<dyn Any>>>>;

/// A thing under test, by its verbs.
struct Real {
    wait: Box<dyn Fn(usize) -> Wait>,
    add: Box<dyn Fn(usize)>,
    tell_all: Box<dyn Fn()>,
    /// Whether so much could be had at once.
    could_have: Box<dyn Fn(usize) -> bool>,
}

impl Real {
    fn new(thing: Thing) -> Real {
        match thing {
            Thing::Mutex => Real::mutex(),
            Thing::RwLock => Real::rwlock(),
            Thing::Semaphore => Real::semaphore(thing.free()),
            Thing::Notify => Real::notify(),
        }
    }

    fn mutex() -> Real {
        let lock = Rc::new(Mutex::new(()));
        let other = lock.clone();
        Real {
            wait: Box::new(move |_| {
                let wait = lock.clone().lock_owned();
                Box::pin(async { Box::new(wait.await) as Box<dyn Any> })
            }),
            add: Box::new(|_| {}),
            tell_all: Box::new(|| {}),
            could_have: Box::new(move |_| other.try_lock().is_ok()),
        }
    }

    fn rwlock() -> Real {
        let lock = Rc::new(RwLock::new(()));
        let other = lock.clone();
        Real {
            wait: Box::new(move |want| {
                let lock = lock.clone();
                if want == ALL_READERS {
                    Box::pin(async { Box::new(lock.write_owned().await) as Box<dyn Any> })
                } else {
                    Box::pin(async { Box::new(lock.read_owned().await) as Box<dyn Any> })
                }
            }),
            add: Box::new(|_| {}),
            tell_all: Box::new(|| {}),
            could_have: Box::new(move |want| {
                if want == ALL_READERS { other.try_write().is_ok() } else { other.try_read().is_ok() }
            }),
        }
    }

    fn semaphore(permits: usize) -> Real {
        let semaphore = Rc::new(Semaphore::new(permits));
        let (waited, added) = (semaphore.clone(), semaphore.clone());
        Real {
            wait: Box::new(move |want| {
                let wait = waited.clone().acquire_many_owned(want.try_into().unwrap());
                Box::pin(async { Box::new(wait.await.unwrap()) as Box<dyn Any> })
            }),
            add: Box::new(move |n| added.add_permits(n)),
            tell_all: Box::new(|| {}),
            could_have: Box::new(move |want| semaphore.available_permits() >= want),
        }
    }

    fn notify() -> Real {
        let notify = Rc::new(Notify::new());
        let (waited, told) = (notify.clone(), notify.clone());
        Real {
            wait: Box::new(move |_| {
                let wait = waited.clone().notified_owned();
                Box::pin(async {
                    wait.await;
                    Box::new("a notice") as Box<dyn Any>
                })
            }),
            add: Box::new(move |n| (0..n).for_each(|_| notify.notify_one())),
            tell_all: Box::new(move || told.notify_waiters()),
            could_have: Box::new(|_| unreachable!("a look would take what is kept")),
        }
    }
}

// ---- both, side by side

struct Waiting {
    /// Of its latest waker; the model knows it by this number too.
    id: u32,
    want: usize,
    future: Wait,
}

struct Pair {
    thing: Thing,
    real: Real,
    model: Model,
    waiting: Vec<Waiting>,
    /// What is held: the guard, and how much it is.
    held: Vec<(Box<dyn Any>, usize)>,
    ids: u32,
    told: String,
}

fn poll(wait: &mut Wait, id: u32) -> Poll<Box<dyn Any>> {
    let waker: Waker = Arc::new(Number(id)).into();
    wait.as_mut().poll(&mut Context::from_waker(&waker))
}

fn chosen<T>(from: &[T], k: usize) -> Option<usize> {
    (!from.is_empty()).then(|| k % from.len())
}

impl Pair {
    fn new(thing: Thing, bug: Option<Bug>) -> Pair {
        let most = if thing == Thing::Notify { 1 } else { usize::MAX };
        let model = Model { free: thing.free(), most, bug, ..Model::default() };
        let (real, told) = (Real::new(thing), String::new());
        WOKEN.take();
        Pair { thing, real, model, waiting: Vec::new(), held: Vec::new(), ids: 0, told }
    }

    fn id(&mut self) -> u32 {
        self.ids += 1;
        self.ids
    }

    /// Does a step on both sides.
    fn step(&mut self, step: Step) -> Result<(), String> {
        let woken = match step {
            Step::Arrive(n) => {
                let (id, want) = (self.id(), self.thing.want(n));
                let mut future = (self.real.wait)(want);
                match (poll(&mut future, id), self.model.arrive(id, want)) {
                    (Poll::Ready(guard), true) => self.hold(guard, want),
                    (Poll::Pending, false) => self.waiting.push(Waiting { id, want, future }),
                    (real, model) => return self.differs(step, &real.is_ready(), &model),
                }
                Vec::new()
            }
            Step::Poll(k, renamed) => self.poll(step, k, renamed)?,
            Step::Cancel(k) => match chosen(&self.waiting, k) {
                Some(at) => {
                    let gone = self.waiting.remove(at);
                    drop(gone.future);
                    self.model.cancel(gone.id)
                }
                None => Vec::new(),
            },
            Step::Return(k) => match chosen(&self.held, k) {
                Some(at) => {
                    let (guard, n) = self.held.remove(at);
                    drop(guard);
                    self.model.give(n)
                }
                None => Vec::new(),
            },
            Step::Add(n) => {
                (self.real.add)(n);
                match self.thing {
                    Thing::Semaphore => self.model.give(n),
                    Thing::Notify => (0..n).flat_map(|_| self.model.give(1)).collect(),
                    Thing::Mutex | Thing::RwLock => Vec::new(),
                }
            }
            Step::All => {
                (self.real.tell_all)();
                if self.thing == Thing::Notify { self.model.tell_all() } else { Vec::new() }
            }
        };
        self.compare(step, &woken)
    }

    fn poll(&mut self, step: Step, k: usize, renamed: bool) -> Result<Vec<u32>, String> {
        let Some(at) = chosen(&self.waiting, k) else { return Ok(Vec::new()) };
        if renamed {
            let (before, after) = (self.waiting[at].id, self.id());
            self.waiting[at].id = after;
            self.model.line.iter_mut().filter(|(id, _)| *id == before).for_each(|(id, _)| *id = after);
            if let Some(n) = self.model.granted.remove(&before) {
                self.model.granted.insert(after, n);
            }
        }
        let waiting = &mut self.waiting[at];
        match (poll(&mut waiting.future, waiting.id), self.model.granted.remove(&waiting.id)) {
            (Poll::Pending, None) => {}
            (Poll::Ready(guard), Some(_)) => {
                let want = self.waiting.remove(at).want;
                self.hold(guard, want);
            }
            (real, model) => return self.differs(step, &real.is_ready(), &model.is_some()).map(|()| Vec::new()),
        }
        Ok(Vec::new())
    }

    /// A notice is used up by being taken.
    fn hold(&mut self, guard: Box<dyn Any>, n: usize) {
        if self.thing != Thing::Notify {
            self.held.push((guard, n));
        }
    }

    fn compare(&mut self, step: Step, woken: &[u32]) -> Result<(), String> {
        let real = WOKEN.take();
        let _ = writeln!(self.told, "{step:?}: woken {real:?}");
        if real != woken {
            return self.differs(step, &real, &woken);
        }
        if self.thing == Thing::Notify {
            return Ok(());
        }
        for want in [1, 2, 3].map(|n| self.thing.want(n)) {
            let real = (self.real.could_have)(want);
            let model = self.model.line.is_empty() && self.model.free >= want;
            if real != model {
                return self.differs(step, &("could have", want, real), &model);
            }
        }
        Ok(())
    }

    fn differs(&self, step: Step, real: &dyn std::fmt::Debug, model: &dyn std::fmt::Debug) -> Result<(), String> {
        Err(format!("{:?} at {step:?}: {real:?}, and the model says {model:?}\n{}", self.thing, self.told))
    }
}

/// Plays a script, gives everything up and back, and looks that all is there again.
fn play(thing: Thing, script: &[Step], bug: Option<Bug>) -> Result<(), String> {
    let mut pair = Pair::new(thing, bug);
    script.iter().try_for_each(|step| pair.step(*step))?;
    while !pair.waiting.is_empty() {
        pair.step(Step::Cancel(0))?;
    }
    while !pair.held.is_empty() {
        pair.step(Step::Return(0))?;
    }
    let all = if thing == Thing::Semaphore { pair.model.free } else { thing.free() };
    if thing == Thing::Notify || (pair.real.could_have)(all) { Ok(()) } else { Err(format!("{thing:?} is stuck")) }
}

fn config() -> Config {
    Config { failure_persistence: None, ..Config::default() }
}

fn script() -> impl Strategy<Value = (Thing, Vec<Step>)> {
    (proptest::sample::select(Thing::ALL.to_vec()), vec(step(), 0..60))
}

proptest! {
    #![proptest_config(Config { cases: 1024, ..config() })]

    #[test]
    fn who_is_handed_what_and_who_is_woken_is_as_in_the_model((thing, script) in script()) {
        let told = play(thing, &script, None);
        prop_assert!(told.is_ok(), "{}", told.unwrap_err());
    }
}

#[test]
fn every_broken_rule_is_noticed() {
    use Bug::*;
    let bugs = [
        LetsInWhoFits,
        LetsInWhoComesBetween,
        WakesTheLast,
        LosesATurn,
        StandsStillWhenTheFirstGivesUp,
        PassesOnWhatAllWereTold,
    ];
    for bug in bugs {
        let config = Config { cases: 4096, ..config() };
        let mut runner = TestRunner::new_with_rng(config, TestRng::deterministic_rng(RngAlgorithm::ChaCha));
        let searched =
            runner.run(&script(), |(thing, script)| play(thing, &script, Some(bug)).map_err(TestCaseError::fail));
        let Err(TestError::Fail(why, script)) = searched else { panic!("{bug:?} was not noticed: {searched:?}") };
        println!("{bug:?} is noticed by {script:?}\n{why}");
    }
}
