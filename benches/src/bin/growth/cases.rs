//! The table: what is measured, how it may grow, and where it is plotted.

use std::fmt;

use crate::{operations as o, waiters as w};

pub struct Case {
    pub name: &'static str,
    /// Which plot it is in.
    pub group: &'static str,
    pub law: Law,
    /// The largest crowd: of sockets, as many as a process may have descriptors.
    pub most: usize,
    pub run: fn(usize),
}

/// How a cost may grow with the crowd, from what it is beside a hundred.
#[derive(Clone, Copy)]
pub enum Law {
    /// Not at all: a few instructions, for where memory has to grow, once.
    Constant,
    /// As `Constant`; but so many tasks that end at once exceed the memory that is kept of them, and it goes to malloc.
    Malloc,
    /// With each doubling by so many instructions.
    Logarithm(f64),
    /// With the crowd, which is known, and not mended yet, or meant: why.
    Linear(&'static str),
}

impl Law {
    /// Whether the costs, by the size of the crowd, break it.
    pub fn broken(self, costs: &[(usize, f64)]) -> bool {
        let Some((_, base)) = costs.iter().find(|(n, _)| *n == 100) else { return false };
        let most = |n: usize| match self {
            Law::Constant => base + 16.0,
            // glibc takes 410 a cell of 128 bytes among a million.
            Law::Malloc => base + if n > 10_000 { 450.0 } else { 32.0 },
            Law::Logarithm(each) => base + 16.0 + each * (n as f64 / 100.0).log2(),
            Law::Linear(_) => f64::INFINITY,
        };
        costs.iter().any(|(n, cost)| *n > 100 && *cost > most(*n))
    }
}

impl fmt::Display for Law {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Law::Constant => f.write_str("O(1)"),
            Law::Malloc => f.write_str("O(1), malloc"),
            Law::Logarithm(_) => f.write_str("O(log n)"),
            Law::Linear(why) => write!(f, "O(n): {why}"),
        }
    }
}

const MILLION: usize = 1_000_000;
const SOCKETS: usize = 10_000;

const fn case(group: &'static str, name: &'static str, law: Law, most: usize, run: fn(usize)) -> Case {
    Case { name, group, law, most, run }
}

use Law::{Constant, Linear, Logarithm, Malloc};

pub const CASES: &[Case] = &[
    case("tasks", "spawn_join", Constant, MILLION, o::spawn_join),
    case("tasks", "spawn_named_join", Constant, MILLION, o::spawn_named_join),
    case("tasks", "spawn_hooked", Constant, MILLION, o::spawn_hooked),
    case("tasks", "turn_beside_tasks", Constant, MILLION, o::turn_beside_tasks),
    case("tasks", "wake_one", Constant, MILLION, o::wake_one),
    case("tasks", "batch", Malloc, MILLION, o::batch),
    case("tasks", "ready_in_turn", Constant, MILLION, o::ready_in_turn),
    case(
        "tasks",
        "ready_by_seed",
        Linear("the root ends it, and is drawn one time in n: up to some times as many polls as are counted"),
        MILLION,
        o::ready_by_seed,
    ),
    case("tasks", "abort", Malloc, MILLION, o::abort),
    case("tasks", "panics", Constant, SOCKETS, o::panics),
    case("tasks", "shutdown", Malloc, MILLION, o::shutdown),
    case("tasks", "dump", Constant, MILLION, o::dump),
    case(
        "tasks",
        "guest_turn",
        Linear("a guest that may be idle counts who holds its tasks, ten times a second at most"),
        MILLION,
        o::guest_turn,
    ),
    case(
        "tasks",
        "park_for_thread",
        Linear("how often it really parks is up to the thread; the task that was shared last is asked first"),
        MILLION,
        o::park_for_thread,
    ),
    case("tasks", "park_with_lock", Malloc, MILLION, w::park_with_lock),
    case("tasks", "jobs", Logarithm(60.0), MILLION, o::jobs),
    case("tasks", "messages", Malloc, MILLION, o::messages),
    case("timers", "turn_beside_timers", Constant, MILLION, o::turn_beside_timers),
    case("timers", "timer_make_drop", Logarithm(60.0), MILLION, o::timer_make_drop),
    case("timers", "timer_cancel_any", Logarithm(60.0), MILLION, o::timer_cancel_any),
    case("timers", "timer_fire", Logarithm(100.0), MILLION, o::timer_fire),
    case("timers", "timer_fire_beside", Logarithm(120.0), MILLION, o::timer_fire_beside),
    case("sockets", "turn_beside_sockets", Constant, SOCKETS, o::turn_beside_sockets),
    case("sockets", "register_beside_sockets", Constant, SOCKETS, o::register_beside_sockets),
    case("sockets", "echo_beside_sockets", Constant, SOCKETS, o::echo_beside_sockets),
    case(
        "sockets",
        "waiters_of_a_socket",
        Linear("who was woken in vain and waits again looks for its place among those of its socket"),
        SOCKETS,
        o::waiters_of_a_socket,
    ),
    case("waiters", "mutex_hand_over", Malloc, MILLION, w::mutex_hand_over),
    case("waiters", "mutex_leave", Constant, MILLION, w::mutex_leave),
    case("waiters", "mutex_abort", Malloc, MILLION, w::mutex_abort),
    case("waiters", "mutex_dump", Logarithm(60.0), MILLION, w::mutex_dump),
    case("waiters", "circle", Logarithm(120.0), 100_000, w::circle),
    case("waiters", "semaphore_hand_over", Malloc, MILLION, w::semaphore_hand_over),
    case("waiters", "semaphore_leave", Constant, MILLION, w::semaphore_leave),
    case(
        "waiters",
        "semaphore_untaken",
        Linear("a permit that is left lying is told once a line, with all who wait behind it"),
        1000,
        w::semaphore_untaken,
    ),
    case("waiters", "rwlock_readers", Malloc, MILLION, w::rwlock_readers),
    case("waiters", "barrier", Malloc, MILLION, w::barrier),
    case("waiters", "notify_all", Malloc, MILLION, w::notify_all),
    case("waiters", "notify_leave", Constant, MILLION, w::notify_leave),
    case("waiters", "notify_abort", Malloc, MILLION, w::notify_abort),
    case("waiters", "mpsc_senders", Malloc, MILLION, w::mpsc_senders),
    case("waiters", "mpsc_unbounded", Constant, MILLION, w::mpsc_unbounded),
    case("waiters", "broadcast_receivers", Malloc, MILLION, w::broadcast_receivers),
    case("waiters", "watch_receivers", Malloc, MILLION, w::watch_receivers),
    case("waiters", "token_cancel", Logarithm(60.0), MILLION, w::token_cancel),
    case("waiters", "token_child", Logarithm(140.0), MILLION, w::token_child),
    case("members", "set_join_next", Constant, MILLION, w::set_join_next),
    case("members", "set_shutdown", Malloc, MILLION, w::set_shutdown),
    case("members", "set_drop", Malloc, MILLION, w::set_drop),
    case("members", "group_child", Malloc, MILLION, w::group_child),
    case("members", "group_ends", Malloc, MILLION, w::group_ends),
    case("members", "group_fails", Malloc, MILLION, w::group_fails),
    case("members", "join_chain", Malloc, MILLION, w::join_chain),
];
