//! Random programs, run by glassloop and by the reference executor: both must tell the same story, line by line.
//!
//! A program is a tree of scripts, one a task. Its tasks spawn, wake by wakers that lie about, clone and drop them,
//! abort, join, yield, panic, and do all that in destructors and on other threads too. A thread is joined at once,
//! so the order in which its messages arrive is exact.
//!
//! `PROPTEST_CASES=100000 cargo test --test against_reference` looks longer.

mod reference;
mod support;

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::fmt::{self, Write};
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};

use glassloop::trace::{FlightRecorder, Recorder};
use glassloop::{AbortHandle, Builder, JoinHandle, yield_now};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::test_runner::{Config, RngAlgorithm, TestError, TestRng, TestRunner};

use reference::{Join, Name, Reference};
use support::assert_same_events;

/// A promise that the reference executor breaks on demand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Bug {
    Lifo,
    WakeAtFront,
    SpawnAtFront,
    SecondWakeMovesToBack,
    DoubleQueue,
    WakeDuringPollLost,
    SpawnInline,
    AbortInline,
    NoBudget,
    FinishedUsesBudget,
    CollectBackwards,
    OneThreadWakeOnly,
    LateWakeFindsNewTask,
    JoinerNotWoken,
    LeftoversBackwards,
}

impl Bug {
    const ALL: [Bug; 15] = [
        Bug::Lifo,
        Bug::WakeAtFront,
        Bug::SpawnAtFront,
        Bug::SecondWakeMovesToBack,
        Bug::DoubleQueue,
        Bug::WakeDuringPollLost,
        Bug::SpawnInline,
        Bug::AbortInline,
        Bug::NoBudget,
        Bug::FinishedUsesBudget,
        Bug::CollectBackwards,
        Bug::OneThreadWakeOnly,
        Bug::LateWakeFindsNewTask,
        Bug::JoinerNotWoken,
        Bug::LeftoversBackwards,
    ];
}

// The programs.

/// Numbers in a script choose among what lies about at that moment, counted around; where nothing does, the step
/// does nothing.
type Choice = u8;

#[derive(Clone)]
struct Program {
    budget: usize,
    /// The futures given to `block_on`, one after the other.
    roots: Vec<Script>,
    /// Done outside of the loop, before the second root.
    between: Vec<Deed>,
}

type Script = Vec<Step>;

/// What a task does.
#[derive(Clone, Debug)]
enum Step {
    Do(Act),
    /// Does it when the task's future is dropped.
    OnDrop(Act),
    /// Leaves its own waker about.
    Keep,
    /// Leaves its own waker about, and waits for any wake.
    Wait,
    /// Wakes itself while it is polled, and steps back.
    Yield,
    /// Awaits a handle; with a waker of its own making if `foreign`.
    Join {
        handle: Choice,
        foreign: bool,
    },
    /// Polls a handle once, and leaves it about.
    PollHandle(Choice),
    Panic,
}

/// What any code on the loop's thread may do.
#[derive(Clone, Debug)]
enum Act {
    Here(Deed),
    /// On another thread, in this order.
    Thread(Vec<Deed>),
    /// Leaves its handle about, and an abort handle too.
    Spawn(Script),
    Abort(Choice),
    DropHandle(Choice),
}

/// What any thread may do.
#[derive(Clone, Debug)]
enum Deed {
    Wake(Choice),
    WakeByRef(Choice),
    CloneWaker(Choice),
    DropWaker(Choice),
    AbortHandle(Choice),
}

fn deed() -> impl Strategy<Value = Deed> {
    (0..5, 0..6u8).prop_map(|(kind, choice)| match kind {
        0 => Deed::Wake(choice),
        1 => Deed::WakeByRef(choice),
        2 => Deed::CloneWaker(choice),
        3 => Deed::DropWaker(choice),
        _ => Deed::AbortHandle(choice),
    })
}

fn act() -> impl Strategy<Value = Act> {
    prop_oneof![
        4 => deed().prop_map(Act::Here),
        2 => vec(deed(), 1..4).prop_map(Act::Thread),
        1 => (0..6u8).prop_map(Act::Abort),
        1 => (0..6u8).prop_map(Act::DropHandle),
    ]
}

fn step() -> impl Strategy<Value = Step> {
    let plain = prop_oneof![
        8 => act().prop_map(Step::Do),
        1 => act().prop_map(Step::OnDrop),
        2 => Just(Step::Keep),
        4 => Just(Step::Wait),
        3 => Just(Step::Yield),
        2 => (0..6u8, any::<bool>()).prop_map(|(handle, foreign)| Step::Join { handle, foreign }),
        1 => (0..6u8).prop_map(Step::PollHandle),
        1 => Just(Step::Panic),
    ];
    plain.prop_recursive(3, 40, 6, |step| {
        let spawn = vec(step.clone(), 0..7).prop_map(Act::Spawn);
        prop_oneof![
            2 => step,
            5 => spawn.clone().prop_map(Step::Do),
            1 => spawn.prop_map(Step::OnDrop),
        ]
    })
}

fn program() -> impl Strategy<Value = Program> {
    let budget = proptest::sample::select(vec![1, 2, 3, 16]);
    (budget, vec(vec(step(), 0..10), 1..3), vec(deed(), 0..4)).prop_map(|(budget, roots, between)| Program {
        budget,
        roots,
        between,
    })
}

/// One step a line, a spawned task's further in.
impl fmt::Debug for Program {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "budget {}", self.budget)?;
        for (n, root) in self.roots.iter().enumerate() {
            if n > 0 {
                write!(f, "\nbetween: {:?}", self.between)?;
            }
            write!(f, "\nroot:")?;
            write_script(f, root, 1)?;
        }
        Ok(())
    }
}

fn write_script(f: &mut fmt::Formatter<'_>, script: &Script, depth: usize) -> fmt::Result {
    let indent = 4 * depth;
    script.iter().try_for_each(|step| match step {
        Step::Do(Act::Spawn(child)) => {
            write!(f, "\n{:indent$}Spawn:", "")?;
            write_script(f, child, depth + 1)
        }
        Step::OnDrop(Act::Spawn(child)) => {
            write!(f, "\n{:indent$}OnDrop(Spawn):", "")?;
            write_script(f, child, depth + 1)
        }
        Step::Do(act) => write!(f, "\n{:indent$}{act:?}", ""),
        step => write!(f, "\n{:indent$}{step:?}", ""),
    })
}

// How they are run: the same futures on either executor.

trait Executor: 'static {
    type Join: 'static;
    type Aborter: Send + 'static;
    fn spawn(future: impl Future<Output = ()> + 'static) -> Self::Join;
    fn poll_join(join: &mut Self::Join, cx: &mut Context<'_>) -> Poll<&'static str>;
    fn abort(join: &Self::Join);
    fn aborter(join: &Self::Join) -> Self::Aborter;
    fn abort_by(aborter: &Self::Aborter);
}

struct Glassloop;

impl Executor for Glassloop {
    type Join = JoinHandle<()>;
    type Aborter = AbortHandle;

    fn spawn(future: impl Future<Output = ()> + 'static) -> JoinHandle<()> {
        glassloop::spawn(future)
    }

    fn poll_join(join: &mut JoinHandle<()>, cx: &mut Context<'_>) -> Poll<&'static str> {
        pin!(join).poll(cx).map(|result| match result {
            Ok(()) => "ready",
            Err(error) if error.is_panic() => "panicked",
            Err(_) => "cancelled",
        })
    }

    fn abort(join: &JoinHandle<()>) {
        join.abort();
    }

    fn aborter(join: &JoinHandle<()>) -> AbortHandle {
        join.abort_handle()
    }

    fn abort_by(aborter: &AbortHandle) {
        aborter.abort();
    }
}

impl Executor for Reference {
    type Join = Join;
    type Aborter = Arc<Name>;

    fn spawn(future: impl Future<Output = ()> + 'static) -> Join {
        reference::spawn(future)
    }

    fn poll_join(join: &mut Join, cx: &mut Context<'_>) -> Poll<&'static str> {
        pin!(join).poll(cx)
    }

    fn abort(join: &Join) {
        join.name.abort();
    }

    fn aborter(join: &Join) -> Arc<Name> {
        join.name.clone()
    }

    fn abort_by(aborter: &Arc<Name>) {
        aborter.abort();
    }
}

/// What lies about, and what was seen.
struct World<E: Executor> {
    tools: RefCell<Tools<E>>,
    handles: RefCell<Vec<Handle<E>>>,
    /// Handles that were let go of, of tasks that panic: kept to be read in the end, or glassloop says each time on
    /// standard error that a panic was lost.
    unread: RefCell<Vec<E::Join>>,
    /// How often a script was polled.
    polls: Cell<usize>,
    /// What awaited handles gave.
    outcomes: RefCell<Vec<&'static str>>,
}

struct Handle<E: Executor> {
    join: E::Join,
    /// The script says so.
    panics: bool,
}

/// What may go to other threads.
struct Tools<E: Executor> {
    wakers: Vec<Waker>,
    aborters: Vec<E::Aborter>,
}

fn place(choice: Choice, len: usize) -> Option<usize> {
    usize::from(choice).checked_rem(len)
}

impl<E: Executor> Tools<E> {
    fn new() -> Tools<E> {
        Tools { wakers: Vec::new(), aborters: Vec::new() }
    }

    fn apply(&mut self, deed: &Deed) {
        let waker = |choice: Choice| place(choice, self.wakers.len());
        match *deed {
            Deed::Wake(choice) => {
                if let Some(n) = waker(choice) {
                    self.wakers.remove(n).wake();
                }
            }
            Deed::WakeByRef(choice) => {
                if let Some(n) = waker(choice) {
                    self.wakers[n].wake_by_ref();
                }
            }
            Deed::CloneWaker(choice) => {
                if let Some(n) = waker(choice) {
                    self.wakers.push(self.wakers[n].clone());
                }
            }
            Deed::DropWaker(choice) => {
                if let Some(n) = waker(choice) {
                    drop(self.wakers.remove(n));
                }
            }
            Deed::AbortHandle(choice) => {
                if let Some(n) = place(choice, self.aborters.len()) {
                    E::abort_by(&self.aborters[n]);
                }
            }
        }
    }
}

impl<E: Executor> World<E> {
    fn new() -> Rc<World<E>> {
        Rc::new(World {
            tools: RefCell::new(Tools::new()),
            handles: RefCell::default(),
            unread: RefCell::default(),
            polls: Cell::new(0),
            outcomes: RefCell::default(),
        })
    }

    fn with_tools(&self, act: impl FnOnce(Tools<E>) -> Tools<E>) {
        // Nothing stays borrowed: a broken reference runs destructors anywhere, and they look for tools too.
        let tools = self.tools.replace(Tools::new());
        let mut tools = act(tools);
        let mut added = self.tools.borrow_mut();
        tools.wakers.append(&mut added.wakers);
        tools.aborters.append(&mut added.aborters);
        *added = tools;
    }

    fn act(self: &Rc<Self>, act: &Act) {
        match act {
            Act::Here(deed) => self.with_tools(|mut tools| {
                tools.apply(deed);
                tools
            }),
            Act::Thread(deeds) => self.with_tools(|mut tools| {
                let deeds = deeds.clone();
                let thread = std::thread::Builder::new().name("helper".into()).spawn(move || {
                    deeds.iter().for_each(|deed| tools.apply(deed));
                    tools
                });
                thread.unwrap().join().unwrap()
            }),
            Act::Spawn(script) => {
                let join = E::spawn(Player::new(self, script));
                self.tools.borrow_mut().aborters.push(E::aborter(&join));
                let panics = script.iter().any(|step| matches!(step, Step::Panic));
                self.handles.borrow_mut().push(Handle { join, panics });
            }
            Act::Abort(choice) => {
                if let Some(handle) = self.take_handle(*choice) {
                    E::abort(&handle.join);
                    self.handles.borrow_mut().push(handle);
                }
            }
            Act::DropHandle(choice) => self.let_go(self.take_handle(*choice)),
        }
    }

    fn take_handle(&self, choice: Choice) -> Option<Handle<E>> {
        let mut handles = self.handles.borrow_mut();
        place(choice, handles.len()).map(|n| handles.remove(n))
    }

    fn let_go(&self, handle: Option<Handle<E>>) {
        if let Some(loud) = handle.filter(|handle| handle.panics) {
            self.unread.borrow_mut().push(loud.join);
        }
    }
}

/// A task: it plays a script.
struct Player<E: Executor> {
    world: Rc<World<E>>,
    script: VecDeque<Step>,
    joining: Option<(Handle<E>, bool)>,
    on_drop: Vec<Act>,
    /// Of a root: nothing will happen any more, so it must not wait.
    over: Option<Rc<Cell<bool>>>,
}

impl<E: Executor> Player<E> {
    fn new(world: &Rc<World<E>>, script: &Script) -> Player<E> {
        Player {
            world: world.clone(),
            script: script.iter().cloned().collect(),
            joining: None,
            on_drop: Vec::new(),
            over: None,
        }
    }

    fn play(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let world = self.world.clone();
        loop {
            if let Some((handle, foreign)) = &mut self.joining {
                let outcome = poll_join::<E>(&mut handle.join, *foreign, cx);
                let Poll::Ready(outcome) = outcome else { return Poll::Pending };
                world.outcomes.borrow_mut().push(outcome);
                self.joining = None;
            }
            let Some(step) = self.script.pop_front() else { return Poll::Ready(()) };
            match step {
                Step::Do(act) => world.act(&act),
                Step::OnDrop(act) => self.on_drop.push(act),
                Step::Keep => world.tools.borrow_mut().wakers.push(cx.waker().clone()),
                Step::Wait => {
                    world.tools.borrow_mut().wakers.push(cx.waker().clone());
                    return Poll::Pending;
                }
                Step::Yield => {
                    cx.waker().wake_by_ref();
                    return Poll::Pending;
                }
                Step::Join { handle, foreign } => {
                    self.joining = world.take_handle(handle).map(|handle| (handle, foreign));
                }
                Step::PollHandle(choice) => {
                    if let Some(mut handle) = world.take_handle(choice) {
                        match poll_join::<E>(&mut handle.join, false, cx) {
                            Poll::Ready(outcome) => world.outcomes.borrow_mut().push(outcome),
                            Poll::Pending => world.handles.borrow_mut().push(handle),
                        }
                    }
                }
                Step::Panic => resume_unwind(Box::new("as the script says")), // quiet: no hook is called
            }
        }
    }
}

fn poll_join<E: Executor>(join: &mut E::Join, foreign: bool, cx: &mut Context<'_>) -> Poll<&'static str> {
    struct Foreign(Waker);
    impl Wake for Foreign {
        fn wake(self: Arc<Self>) {
            self.0.wake_by_ref();
        }
    }
    if !foreign {
        return E::poll_join(join, cx);
    }
    let waker = Waker::from(Arc::new(Foreign(cx.waker().clone())));
    E::poll_join(join, &mut Context::from_waker(&waker))
}

impl<E: Executor> Future for Player<E> {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        self.world.polls.set(self.world.polls.get() + 1);
        if self.over.as_ref().is_some_and(|over| over.get()) { Poll::Ready(()) } else { self.play(cx) }
    }
}

impl<E: Executor> Unpin for Player<E> {}

impl<E: Executor> Drop for Player<E> {
    fn drop(&mut self) {
        self.world.let_go(self.joining.take().map(|(handle, _)| handle));
        for act in std::mem::take(&mut self.on_drop) {
            self.world.act(&act);
        }
    }
}

/// A root that never waits for ever: a task beside it, its first, ends it when more than a turn long nobody else was polled.
async fn root<E: Executor>(world: Rc<World<E>>, script: Script, budget: usize) {
    let over = Rc::new(Cell::new(false));
    let mut player = Player::new(&world, &script);
    player.over = Some(over.clone());
    let waker = std::future::poll_fn(|cx| Poll::Ready(cx.waker().clone())).await;
    let ended = over.clone();
    drop(E::spawn(async move {
        let mut alone = 0;
        while alone <= budget && !ended.get() {
            let polls = world.polls.get();
            yield_now().await;
            alone = if world.polls.get() == polls { alone + 1 } else { 0 };
        }
        ended.set(true);
        waker.wake();
    }));
    player.await;
    over.set(true);
}

type Root = Pin<Box<dyn Future<Output = ()>>>;

/// What an executor made of a program.
struct Told {
    trace: Vec<String>,
    outcomes: Vec<&'static str>,
}

/// Plays a program to its last root's end.
fn play<E: Executor>(program: &Program, block_on: impl Fn(Root)) -> Rc<World<E>> {
    let world = World::<E>::new();
    for (n, script) in program.roots.iter().enumerate() {
        if n > 0 {
            program.between.iter().for_each(|deed| world.act(&Act::Here(deed.clone())));
        }
        let root = root(world.clone(), script.clone(), program.budget);
        let _ = catch_unwind(AssertUnwindSafe(|| block_on(Box::pin(root))));
    }
    world
}

/// The executor is gone, and what is left of the program is used: late wakes and aborts do nothing, and handles
/// give what became of their tasks.
fn tell<E: Executor>(world: &World<E>, trace: Vec<String>) -> Told {
    let tools = world.tools.replace(Tools::new());
    tools.wakers.iter().for_each(Waker::wake_by_ref);
    tools.aborters.iter().for_each(E::abort_by);
    let handles = world.handles.take().into_iter().map(|handle| handle.join);
    let mut outcomes = world.outcomes.take();
    for mut join in handles.chain(world.unread.take()) {
        if let Poll::Ready(outcome) = E::poll_join(&mut join, &mut Context::from_waker(Waker::noop())) {
            outcomes.push(outcome);
        }
    }
    Told { trace, outcomes }
}

fn told_by_glassloop(program: &Program) -> Told {
    let (recorder, flight) = (Recorder::new(), FlightRecorder::new());
    let builder = Builder::new().budget(program.budget as u32).observer(recorder.observer());
    let runtime = builder.flight_recorder(&flight).build().unwrap();
    let world = play::<Glassloop>(program, |root| runtime.block_on(root));
    drop(runtime);
    assert_same_events(&recorder, &flight);
    tell(&world, recorder.order())
}

fn told_by_reference(program: &Program, bug: Option<Bug>) -> Told {
    let reference = Reference::new(program.budget, bug);
    let world = play::<Reference>(program, |root| reference.block_on(root));
    reference.close();
    tell(&world, reference.trace.take())
}

/// The first line that differs, and the traces side by side up to a little after it.
fn compare(glassloop: &Told, reference: &Told) -> Result<(), String> {
    let (ours, theirs) = (&glassloop.trace, &reference.trace);
    if ours == theirs {
        let same = glassloop.outcomes == reference.outcomes;
        return if same {
            Ok(())
        } else {
            Err(format!("awaited handles gave {:?}, not {:?}", glassloop.outcomes, reference.outcomes))
        };
    }
    let line = ours.iter().zip(theirs).take_while(|(a, b)| a == b).count();
    let mut text = format!("line {} differs\n    {:40}reference\n", line + 1, "glassloop");
    for n in 0..(line + 4).min(ours.len().max(theirs.len())) {
        let (a, b) = (ours.get(n).map_or("", |l| l), theirs.get(n).map_or("", |l| l));
        let _ = writeln!(text, "{} {a:40}{b}", if n == line { "-->" } else { "   " });
    }
    Err(text)
}

fn config() -> Config {
    // Nothing to keep between runs: a failure prints its program, which then becomes a test of its own.
    Config { failure_persistence: None, ..Config::default() }
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn glassloop_and_the_reference_tell_the_same(program in program()) {
        let told = compare(&told_by_glassloop(&program), &told_by_reference(&program, None));
        prop_assert!(told.is_ok(), "{}", told.unwrap_err());
    }
}

/// The smallest program found by which a broken reference gives itself away.
fn unmask(bug: Bug) -> Option<(Program, String)> {
    let config = Config { cases: 4096, ..config() };
    let mut runner = TestRunner::new_with_rng(config, TestRng::deterministic_rng(RngAlgorithm::ChaCha));
    let searched = runner.run(&program(), |program| {
        compare(&told_by_glassloop(&program), &told_by_reference(&program, Some(bug))).map_err(TestCaseError::fail)
    });
    match searched {
        Ok(()) => None,
        Err(TestError::Fail(why, program)) => Some((program, why.message().to_owned())),
        Err(TestError::Abort(why)) => panic!("the search for {bug:?} stopped: {why}"),
    }
}

#[test]
fn every_broken_promise_is_noticed() {
    for bug in Bug::ALL {
        let Some((program, why)) = unmask(bug) else { panic!("{bug:?} was not noticed") };
        println!("{bug:?} is noticed by\n{program:?}\n{why}");
    }
}
