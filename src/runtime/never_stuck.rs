//! In place of `stuck`, where no lock can be made: a binary is 30 KiB smaller without the look and its reports.

use std::time::Duration;

use crate::state::State;

pub(super) fn look(_: &State) {}

pub(super) fn patience(_: &State) -> Option<Duration> {
    None
}
