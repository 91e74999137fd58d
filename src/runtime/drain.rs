//! Lets the tasks of a runtime end by themselves, for so long.

use std::cell::Cell;
use std::future::poll_fn;
use std::panic::Location;
use std::pin::pin;
use std::rc::Rc;
use std::task::Poll;
use std::time::{Duration, Instant};

use super::dump::{self, TaskView};
use super::start;
use super::turn::{self, Host};
use crate::cell::{NOTED, TaskRef, with_root};
use crate::state::State;
use crate::trace::{Cause, Leaf, Way};
use crate::wake;

/// Turns the loop until its tasks have ended, or `limit` is over, which for jobs is `until`. Those that have not.
pub(super) fn drain(
    state: &State,
    limit: Duration,
    until: Option<Instant>,
    site: &'static Location<'static>,
) -> Vec<TaskView> {
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
                while !state.ready.is_halted() && goes_on(state, until) {}
            }
            dump::take(state).into_tasks()
        })
    })
}

/// One turn; `false` if there is no use in another. A virtual clock stands while a job is out, and the root's timer with
/// it: then the system's says when the limit is over.
fn goes_on(state: &State, until: Option<Instant>) -> bool {
    let until = until.filter(|_| state.clock.is_paused());
    let left = until.map(|until| until.saturating_duration_since(Instant::now()));
    let is_over = left == Some(Duration::ZERO) && state.pool.outstanding() > 0 && state.ready.is_idle();
    !is_over && turn::turn(state, Host::Own(left)).is_ok()
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
                wake::wake_task(root, || Some(Way::ended(site)));
            }
        };
        state.endings.borrow_mut().get_or_default(task.id().0).hooks.push(Box::new(hook));
    }
    !others.is_empty()
}
