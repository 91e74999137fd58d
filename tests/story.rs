//! What a recording is read as: lives, polls, waits, and who stood in whose way. The clock is virtual, and moves where
//! a task moves it, so that a poll can be long.

mod support;

use std::time::Duration;

use glassloop::sync::Mutex;
use glassloop::time::sleep;
use glassloop::trace::story::{Polled, Story};
use glassloop::trace::{Cause, Class, Event, Kind, Leaf, Outcome, Recorder, TaskId};
use glassloop::{Builder, join_all, spawn, spawn_blocking, spawn_named, yield_now};
use proptest::prelude::*;
use std::rc::Rc;
use support::{ms, observed, work};

fn recorded(program: impl Future) -> Recorder {
    let (runtime, recorder) = observed(Builder::new().start_paused(true));
    runtime.block_on(program);
    recorder
}

/// The story of a program, and where the tasks of these names stand in it.
fn story<const N: usize>(names: [&str; N], program: impl Future) -> (Story, [usize; N]) {
    let story = recorded(program).story();
    let places = names.map(|name| place(&story, name));
    (story, places)
}

#[track_caller]
fn place(story: &Story, name: &str) -> usize {
    story.tasks.iter().position(|task| task.name.as_deref() == Some(name)).expect(name)
}

#[test]
fn a_life_is_told_from_spawn_to_end() {
    let (story, [nap]) = story(["nap"], async {
        sleep(ms(5)).await;
        spawn_named("nap", sleep(ms(20))).await.unwrap();
    });
    let (root, life) = (&story.tasks[0], &story.tasks[nap]);
    assert_eq!((root.kind, life.kind), (Kind::Root, Kind::Task));
    assert_eq!((life.by, life.site.unwrap().file()), (Some(root.id), "tests/story.rs"));
    assert_eq!(life.spawned.unwrap() - story.begin, ms(5));
    assert_eq!((life.ended.unwrap().0 - story.begin, life.ended.unwrap().1), (ms(25), Outcome::Ready));
    assert_eq!((life.polls.len(), root.polls.len()), (2, 3));
    assert_eq!(story.length(), ms(25));
    let asleep: Duration = story.sleeps.iter().map(|sleep| sleep.end - sleep.start).sum();
    assert_eq!(asleep, ms(25));
}

#[test]
fn a_poll_knows_by_whom_and_in_which_poll_it_was_woken() {
    let (story, [child]) = story(["child"], async { spawn_named("child", async {}).await.unwrap() });
    let first = story.tasks[0].polls[0];
    let of_child = story.tasks[child].polls[0];
    let spawned = story.polls[of_child].woken.as_ref().unwrap();
    assert_eq!((&spawned.cause, spawned.during), (&Cause::Spawned, Some(first)));
    let joined = story.polls[story.tasks[0].polls[1]].woken.as_ref().unwrap();
    assert_eq!((&joined.cause, joined.during), (&Cause::Task(story.tasks[child].id), Some(of_child)));
    assert_eq!(joined.via.unwrap().what, "ended");
}

#[test]
fn who_stood_ahead_in_the_queue_is_named_with_the_time_the_longest_first() {
    let (story, [brief, long, last]) = story(["brief", "long", "last"], async {
        let brief = spawn_named("brief", async { work(ms(2)) });
        let long = spawn_named("long", async { work(ms(38)) });
        let last = spawn_named("last", async {});
        drop(join_all([brief, long, last]).await);
    });
    let poll = story.tasks[last].polls[0];
    assert_eq!(story.queued(poll), ms(40));
    let ahead: Vec<_> = story.ahead_of(poll).iter().map(|ahead| (ahead.task, ahead.polls, ahead.time)).collect();
    assert_eq!(ahead, [(long, 1, ms(38)), (brief, 1, ms(2))]);
    assert_eq!(story.wait_before(poll), None, "it was new");
}

#[test]
fn of_the_poll_that_woke_a_task_only_the_rest_stood_ahead() {
    let (story, [late]) = story(["late"], async {
        work(ms(10));
        let late = spawn_named("late", async {});
        work(ms(3));
        late.await.unwrap();
    });
    let ahead = story.ahead_of(story.tasks[late].polls[0]);
    assert_eq!(ahead.iter().map(|ahead| ahead.time).collect::<Vec<_>>(), [ms(3)]);
}

#[test]
fn a_wait_for_a_lock_lasts_until_it_is_given_and_says_which() {
    let (story, [waits]) = story(["waits"], async {
        let lock = Rc::new(Mutex::new(()));
        let held = lock.clone().lock_owned().await;
        let waits = spawn_named("waits", async move { drop(lock.lock().await) });
        sleep(ms(30)).await;
        drop(held);
        waits.await.unwrap();
    });
    let polls = &story.tasks[waits].polls;
    let wait = story.wait_before(polls[1]).unwrap();
    assert_eq!(
        (wait.length(), wait.class, wait.after, wait.before),
        (ms(30), Class::Lock, Some(polls[0]), Some(polls[1]))
    );
    assert!(matches!(wait.on, Some(Leaf::Sync { what: "Mutex::lock", .. })));
    assert_eq!(story.waits(waits).collect::<Vec<_>>(), [wait]);
    let totals = story.totals(waits);
    assert_eq!((totals.polls, totals.waited, totals.busy), (2, ms(30), ms(0)));
}

#[test]
fn a_task_that_only_yields_waits_for_nothing() {
    let (story, []) = story([], async {
        yield_now().await;
        yield_now().await;
    });
    assert_eq!((story.waits(0).count(), story.polls.len()), (0, 3));
}

#[test]
fn what_a_task_polled_in_vain_before_it_ended_is_not_what_the_next_one_waits_for() {
    let (story, [other]) = story(["other"], async {
        let over = spawn(async {
            let _ = support::poll_once(sleep(ms(5)));
        });
        let other = spawn_named("other", std::future::pending::<()>());
        over.await.unwrap();
        other.abort();
    });
    let of_other = story.polls[story.tasks[other].polls[0]].result;
    assert_eq!(of_other, Polled::Pending(None));
}

#[test]
fn a_job_and_whoever_awaits_it_wait_for_the_pool() {
    let (story, []) = story([], async { spawn_blocking(|| ()).await.unwrap() });
    let job = story.tasks.iter().position(|task| task.kind == Kind::Blocking).unwrap();
    let of_job: Vec<_> = story.waits(job).map(|wait| (wait.class, wait.after)).collect();
    assert_eq!(of_job, [(Class::Pool, None)]);
    assert_eq!(story.waits(0).map(|wait| wait.class).collect::<Vec<_>>(), [Class::Pool]);
}

#[test]
fn an_aborted_task_ends_in_a_turn_of_its_own_that_lasts_as_long_as_its_destructors() {
    struct Slow;
    impl Drop for Slow {
        fn drop(&mut self) {
            work(ms(3));
            work(ms(4));
        }
    }
    let (story, [doomed]) = story(["doomed"], async {
        let slow = Slow;
        let doomed = spawn_named("doomed", async move {
            let _slow = slow;
            std::future::pending::<()>().await;
        });
        yield_now().await;
        doomed.abort();
        assert!(doomed.await.is_err());
    });
    let life = &story.tasks[doomed];
    assert_eq!(life.aborted.unwrap().1, Some(story.tasks[0].id));
    let last = &story.polls[*life.polls.last().unwrap()];
    assert_eq!((last.result, last.length()), (Polled::Done(Outcome::Cancelled), ms(7)));
    assert_eq!(last.woken.as_ref().unwrap().cause, Cause::Aborted);
}

#[test]
fn a_task_that_is_still_ready_or_waits_at_the_end_says_so() {
    let (runtime, recorder) = observed(Builder::new().start_paused(true));
    runtime.block_on(async {
        spawn_named("waits", std::future::pending::<()>()).detach();
        yield_now().await;
        spawn_named("ready", async {}).detach();
        work(ms(4));
    });
    let story = recorder.story();
    let (waits, ready) = (place(&story, "waits"), place(&story, "ready"));
    assert!(story.tasks[waits].ended.is_none() && story.tasks[waits].ready.is_none());
    assert_eq!(story.waits(waits).map(|wait| (wait.length(), wait.before)).collect::<Vec<_>>(), [(ms(4), None)]);
    assert_eq!(story.tasks[ready].ready.as_ref().unwrap().cause, Cause::Spawned);
    assert_eq!(story.totals(ready).queued, ms(4));
}

#[test]
fn what_was_before_the_recording_is_unknown_and_what_was_spawned_before_still_stands_in_order() {
    let recorder = Recorder::with_capacity(12);
    let runtime = Builder::new().start_paused(true).observer(recorder.observer()).build().unwrap();
    runtime.block_on(async {
        let early = spawn_named("early", sleep(ms(50)));
        for _ in 0..10 {
            spawn(async {}).await.unwrap();
        }
        early.await.unwrap();
    });
    let story = recorder.story();
    assert!(story.dropped > 0 && story.dropped == recorder.dropped());
    assert!(story.tasks.is_sorted_by_key(|task| task.id));
    let early = &story.tasks[story.task(task_id(2)).unwrap()];
    assert!(early.name.is_none() && early.spawned.is_none());
    assert_eq!(early.site.unwrap().file(), "tests/story.rs", "whoever awaits it knows where it was spawned");
    assert_consistent(&story);
}

/// The id of this number, as a runtime gives it.
fn task_id(number: usize) -> TaskId {
    glassloop::run(async move {
        let mut last = spawn(async {}).id();
        while last.to_string() != number.to_string() {
            last = spawn(async {}).id();
        }
        last
    })
}

/// What holds of every story, wherever its recording begins.
fn assert_consistent(story: &Story) {
    for pair in story.polls.windows(2) {
        assert!(pair[0].end <= pair[1].start, "one thread polls: {pair:?}");
    }
    assert!(story.tasks.is_sorted_by_key(|task| task.id));
    for (place, task) in story.tasks.iter().enumerate() {
        assert_eq!(story.task(task.id), Some(place));
        assert!(task.polls.iter().all(|poll| story.polls[*poll].task == place));
        let totals = story.totals(place);
        let sum = totals.busy + totals.queued + totals.waited;
        assert!(sum <= story.length(), "{sum:?} of {:?}: a moment is of one kind", story.length());
    }
    for (place, poll) in story.polls.iter().enumerate() {
        assert!(story.begin <= poll.start && poll.start <= poll.end && poll.end <= story.end);
        let during = poll.woken.as_ref().and_then(|woken| woken.during);
        assert!(during.is_none_or(|during| during < place));
        let ahead: Duration = story.ahead_of(place).iter().map(|ahead| ahead.time).sum();
        assert!(ahead <= story.queued(place));
    }
}

/// A program of one task: what it does, one after the other.
#[derive(Clone, Debug)]
enum Act {
    Sleep(u64),
    Work(u64),
    Yield,
    Lock(u64),
    Spawn(Vec<Act>),
    SpawnAndJoin(Vec<Act>),
    SpawnAndAbort(Vec<Act>),
    Job,
}

fn acts() -> impl Strategy<Value = Vec<Act>> {
    let leaf = prop_oneof![
        (0..20u64).prop_map(Act::Sleep),
        (0..20u64).prop_map(Act::Work),
        Just(Act::Yield),
        (0..20u64).prop_map(Act::Lock),
        Just(Act::Job),
    ];
    let act = leaf.prop_recursive(3, 24, 4, |inner| {
        let some = || prop::collection::vec(inner.clone(), 0..4);
        prop_oneof![
            some().prop_map(Act::Spawn),
            some().prop_map(Act::SpawnAndJoin),
            some().prop_map(Act::SpawnAndAbort),
        ]
    });
    prop::collection::vec(act, 0..6)
}

fn perform(acts: Vec<Act>, lock: Rc<Mutex<()>>) -> std::pin::Pin<Box<dyn Future<Output = ()>>> {
    Box::pin(async move {
        for act in acts {
            match act {
                Act::Sleep(time) => sleep(ms(time)).await,
                Act::Work(time) => work(ms(time)),
                Act::Yield => yield_now().await,
                Act::Lock(time) => {
                    let _held = lock.lock().await;
                    sleep(ms(time)).await;
                }
                Act::Spawn(acts) => spawn(perform(acts, lock.clone())).detach(),
                Act::SpawnAndJoin(acts) => drop(spawn(perform(acts, lock.clone())).await),
                Act::SpawnAndAbort(acts) => {
                    let task = spawn(perform(acts, lock.clone()));
                    yield_now().await;
                    task.abort();
                }
                Act::Job => spawn_blocking(|| ()).await.unwrap(),
            }
        }
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn any_part_of_what_happened_can_be_read(acts in acts()) {
        let (runtime, recorder) = observed(Builder::new().start_paused(true));
        runtime.block_on(perform(acts, Rc::default()));
        drop(runtime); // what is left is cancelled
        let events: Vec<(_, Event)> = recorder.events();
        for cut in 0..=events.len() {
            assert_consistent(&Story::of(&events[cut..]));
            assert_consistent(&Story::of(&events[..cut]));
        }
    }
}
