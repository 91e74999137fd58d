//! A mutable default argument, shared by all calls, has no counterpart: Rust has no default arguments.

use super::mistake::{Mistake, nothing};

pub(super) const MISTAKE: Mistake = Mistake {
    title: "a mutable default argument: no counterpart, for Rust has no default arguments",
    compiler: "",
    wrong: nothing,
    mended: nothing,
};
