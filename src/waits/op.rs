//! What is waited for, in words, and what that says of who can end the wait.

use crate::trace::{Class, What};

/// What is waited for: `Mutex::lock`. One `static` each.
#[derive(Debug)]
pub(crate) struct Op {
    pub(crate) what: What,
    /// What whoever ends the wait does, for traces: `released the Mutex`.
    pub(crate) gives: &'static str,
    /// What whoever says that it will never come does: `closed the mpsc channel`.
    pub(crate) closes: &'static str,
    /// Whoever was granted it holds it until it gives it back: only the holders can end the wait.
    pub(crate) is_lock: bool,
    /// Of a lock: others hold it beside the one who is granted it, if they came by a shared wait too.
    pub(crate) is_shared: bool,
    /// Of a lock: its guard may be given to another task, which then is the one to end the wait.
    pub(crate) may_move: bool,
    /// What is lost when the wait is dropped, for debug mode.
    pub(crate) loses: &'static str,
}

impl Op {
    /// A wait that any task may end, by doing what `gives` says.
    pub(crate) const fn new(class: Class, name: &'static str, gives: &'static str) -> Op {
        let loses = "its place in the line";
        Op {
            what: What { name, class },
            gives,
            closes: gives,
            is_lock: false,
            is_shared: false,
            may_move: false,
            loses,
        }
    }

    /// Dropped, it loses this; nothing that is worth a word, if it is empty.
    pub(crate) const fn losing(self, loses: &'static str) -> Op {
        Op { loses, ..self }
    }

    /// Whoever says that it will never come ([`Grant::Closed`](super::Grant::Closed)) does this.
    #[cfg_attr(not(feature = "sync"), allow(dead_code))]
    pub(crate) const fn closing(self, closes: &'static str) -> Op {
        Op { closes, ..self }
    }

    /// A wait that only those can end who hold what is waited for.
    #[cfg_attr(not(feature = "sync"), allow(dead_code))]
    pub(crate) const fn lock(name: &'static str, gives: &'static str) -> Op {
        Op { is_lock: true, ..Op::new(Class::Lock, name, gives) }
    }

    /// A lock's wait for a guard that may be given to another task.
    #[cfg_attr(not(feature = "sync"), allow(dead_code))]
    pub(crate) const fn owned(self) -> Op {
        Op { may_move: true, ..self }
    }

    /// A lock's wait that others of its kind are granted together, and that others which came before stop.
    #[cfg_attr(not(feature = "sync"), allow(dead_code))]
    pub(crate) const fn shared(self) -> Op {
        Op { is_shared: true, ..self }
    }
}
