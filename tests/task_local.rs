//! Task-local values: where they hold, and who inherits them.

use std::cell::{Cell, RefCell};
use std::future::{Future, pending, poll_fn};
use std::rc::Rc;
use std::task::Poll;
use std::thread_local;

use glassloop::{JoinSet, TaskGroup, run, spawn, task, task_local, yield_now};

task_local! {
    /// A key with an attribute and a visibility.
    pub static NAME: &'static str;
    static LEVEL: u32;
    static SHARED: Rc<Cell<u32>>;
}

task_local!(static NO_SEMICOLON: u8);

#[test]
fn a_value_holds_in_every_poll_of_its_scope_and_in_no_other_task() {
    run(async {
        let first = spawn(NAME.scope("first", async {
            for _ in 0..3 {
                assert_eq!(NAME.get(), "first");
                yield_now().await;
            }
        }));
        let second = spawn(NAME.scope("second", async {
            for _ in 0..3 {
                assert_eq!(NAME.get(), "second");
                yield_now().await;
            }
        }));
        yield_now().await;
        assert!(NAME.try_get().is_err());
        first.await.unwrap();
        second.await.unwrap();
    });
}

#[test]
fn an_inner_scope_hides_the_outer_value_until_it_ends() {
    run(LEVEL.scope(1, async {
        LEVEL
            .scope(2, async {
                assert_eq!(LEVEL.get(), 2);
                yield_now().await;
                assert_eq!(LEVEL.sync_scope(3, || LEVEL.get()), 3);
                assert_eq!(LEVEL.get(), 2);
            })
            .await;
        assert_eq!(LEVEL.get(), 1);
    }));
}

#[test]
fn keys_of_one_type_do_not_mix() {
    task_local! {
        static ONE: u32;
        static OTHER: u32;
    }
    run(ONE.scope(
        1,
        OTHER.scope(2, async {
            assert_eq!((ONE.get(), OTHER.get()), (1, 2));
        }),
    ));
    assert!(ONE.try_get().is_err() && NO_SEMICOLON.try_get().is_err());
}

#[test]
fn a_scope_may_be_opened_while_the_value_is_lent() {
    LEVEL.sync_scope(1, || {
        LEVEL.with(|one| LEVEL.sync_scope(2, || LEVEL.with(|two| assert_eq!((*one, *two), (1, 2)))));
    });
}

#[test]
fn the_value_holds_while_the_scope_is_dropped() {
    thread_local!(static SEEN: RefCell<Vec<Option<u32>>> = const { RefCell::new(Vec::new()) });
    struct Looks;
    impl Drop for Looks {
        fn drop(&mut self) {
            SEEN.with_borrow_mut(|seen| seen.push(LEVEL.try_get().ok()));
        }
    }
    run(async {
        let looks = Looks;
        LEVEL.scope(1, async move { drop(looks) }).await; // at its end
        let looks = Looks;
        let cancelled = spawn(LEVEL.scope(2, async move {
            let _looks = looks;
            pending::<()>().await
        }));
        yield_now().await;
        cancelled.abort();
        cancelled.await.unwrap_err();
        let looks = Looks;
        drop(LEVEL.scope(3, async move { drop(looks) })); // never polled
        drop(Looks);
    });
    assert_eq!(SEEN.take(), [Some(1), Some(2), Some(3), None]);
}

#[test]
fn a_panic_in_a_scope_ends_it() {
    let panic = std::panic::catch_unwind(|| LEVEL.sync_scope(1, || panic!("inside")));
    assert!(panic.is_err());
    assert!(LEVEL.try_get().is_err());
}

#[test]
fn a_scope_that_moves_into_another_scope_sees_what_is_around_its_poll() {
    run(async {
        let mut seen = Vec::new();
        let mut inner = Box::pin(LEVEL.scope(1, async {
            seen.push((NAME.get(), LEVEL.get()));
            yield_now().await;
            seen.push((NAME.get(), LEVEL.get()));
        }));
        let once = poll_fn(|cx| Poll::Ready(inner.as_mut().poll(cx).is_pending()));
        assert!(NAME.scope("here", once).await);
        NAME.scope("there", inner).await;
        assert_eq!(seen, [("here", 1), ("there", 1)]);
    });
}

#[test]
fn children_inherit_on_request_alone_and_share_the_value() {
    let count = Rc::new(Cell::new(0));
    run(SHARED.scope(
        count.clone(),
        NAME.scope("parent", async {
            let plain = spawn(async { NAME.try_get().is_ok() || SHARED.try_with(|_| ()).is_ok() });
            let heir = spawn(task::inherit(async {
                yield_now().await;
                SHARED.with(|count| count.set(count.get() + 1));
                NAME.get()
            }));
            assert!(!plain.await.unwrap());
            assert_eq!(heir.await.unwrap(), "parent");
        }),
    ));
    assert_eq!(count.get(), 1);
}

#[test]
fn an_heir_outlives_the_scope_that_it_inherited_from() {
    run(async {
        let heir = NAME.sync_scope("gone", || {
            spawn(task::inherit(async {
                yield_now().await;
                NAME.get()
            }))
        });
        assert!(NAME.try_get().is_err());
        assert_eq!(heir.await.unwrap(), "gone");
    });
}

#[test]
fn a_scope_of_an_heir_is_its_own() {
    run(LEVEL.scope(1, async {
        let heir = spawn(task::inherit(async {
            LEVEL
                .scope(LEVEL.get() + 1, async {
                    yield_now().await;
                    LEVEL.get()
                })
                .await
        }));
        assert_eq!(heir.await.unwrap(), 2);
        assert_eq!(LEVEL.get(), 1);
    }));
}

#[test]
fn an_heir_that_is_cancelled_drops_its_future_with_what_it_inherited() {
    struct Looks(Rc<Cell<Option<u32>>>);
    impl Drop for Looks {
        fn drop(&mut self) {
            self.0.set(LEVEL.try_get().ok());
        }
    }
    let seen = Rc::new(Cell::new(None));
    let looks = Looks(seen.clone());
    run(LEVEL.scope(7, async move {
        let heir = spawn(task::inherit(async move {
            let _looks = looks;
            pending::<()>().await
        }));
        heir.abort();
        heir.await.unwrap_err();
    }));
    assert_eq!(seen.get(), Some(7));
}

#[test]
fn members_of_sets_and_children_of_groups_inherit_in_the_same_way() {
    run(LEVEL.scope(4, async {
        let mut set = JoinSet::new();
        set.spawn(task::inherit(async { LEVEL.get() }));
        assert_eq!(set.join_all().await, [4]);
        let group = TaskGroup::<()>::run(async |group| {
            // The body runs in the task that opened the group.
            assert_eq!(LEVEL.get(), 4);
            Ok(group.spawn(task::inherit(async { Ok(LEVEL.get()) })).await.unwrap())
        });
        assert_eq!(group.await.unwrap(), 4);
    }));
}

#[test]
fn where_a_key_has_no_value_the_error_names_it_and_says_what_to_do() {
    assert_eq!(
        NAME.try_with(|_| ()).unwrap_err().to_string(),
        "the task-local `NAME` has no value here; give it one with `NAME.scope(value, future)`, and to a task that is \
         spawned in there with `task::inherit(future)`"
    );
    let panic = std::panic::catch_unwind(|| LEVEL.get()).unwrap_err();
    assert!(panic.downcast_ref::<String>().unwrap().starts_with("the task-local `LEVEL` has no value here"));
}
