//! Lets the tasks of a runtime end by themselves, for so long.

use std::cell::Cell;
use std::future::poll_fn;
use std::panic::Location;
use std::pin::pin;
use std::rc::Rc;
use std::task::Poll;
use std::time::Duration;

use super::dump::{self, TaskView};
use super::start;
use super::turn::{self, Host};
use crate::cell::{NOTED, TaskRef, with_root};
use crate::state::State;
use crate::trace::{Cause, Leaf, Via};
use crate::wake;

/// Turns the loop until its tasks have ended, or `limit` is over. Those that have not.
pub(super) fn drain(state: &State, limit: Duration, site: &'static Location<'static>) -> Vec<TaskView> {
    let (deadline, timer) = (state.clock.now().saturating_add(limit), state.timers.next_id());
    let _awake = turn::Awake::new(state);
    wake::enter(state, || {
        // A root like `block_on`'s, for a turn that runs the last task would else park behind it. It is woken by the end of
        // all tasks that it found, and by its timer, so that a virtual clock, too, knows of the limit.
        let left = Rc::new(Cell::new(0_usize));
        let mut is_armed = false;
        let wait = pin!(poll_fn(|cx| {
            if !is_armed {
                is_armed = true;
                let waiter = wake::waiter(cx, || Leaf::Timer { timer, site });
                state.timers.arm(deadline, timer, waiter, site);
            } else if left.get() > 0 || state.clock.now() >= deadline {
                // Its timer woke it; in the same turn the last task may have ended, and have spawned another.
                return Poll::Ready(());
            }
            // Those that were spawned since the last look are waited for like the others.
            let found = wait_for_all(state, &left);
            if found { Poll::Pending } else { Poll::Ready(()) }
        }));
        with_root(wait, &state.inbox, start::next_id(state), site, |root| {
            {
                state.ready.halt(false); // first, as in `turn_to_end`
                let _leave = start::enrol(state, root);
                start::announce(state, root, None);
                wake::make_ready(state, root.clone(), || Cause::Spawned.into());
                // A limit beyond what the clock can hold is none: then a deadlock may come, and they will never end.
                while !state.ready.is_halted() && turn::turn(state, Host::Own).is_ok() {}
            }
            dump::take(state).into_tasks()
        })
    })
}

/// Wakes the running task, a root, when all others that live now have ended; `false` if there are none.
fn wait_for_all(state: &State, left: &Rc<Cell<usize>>) -> bool {
    let Some(root) = wake::running() else { return false };
    let others: Vec<TaskRef> = state.tasks.all().into_iter().filter(|task| task.id() != root.id()).collect();
    left.set(others.len());
    for task in &others {
        task.header().set(NOTED);
        let (left, root, site) = (left.clone(), root.clone(), task.site());
        let hook = move |_: &_| {
            left.set(left.get() - 1);
            if left.get() == 0 {
                wake::wake_task(root, || Some(Via { what: Via::ENDED, made: site }));
            }
        };
        state.endings.borrow_mut().get_or_default(task.id().0).hooks.push(Box::new(hook));
    }
    !others.is_empty()
}
