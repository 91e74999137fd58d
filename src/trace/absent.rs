//! Without the feature `glass` nobody hears of turns alone: a value of this type is never made.

use std::panic::Location;
use std::sync::Arc;

use super::{About, Kind, Leaf, Outcome, TaskId};

pub(crate) enum Turns {}

impl Turns {
    pub(super) fn tells_names(&self) -> bool {
        match *self {}
    }

    pub(super) fn spawned(&self, _: TaskId, _: Kind, _: &'static Location<'static>, _: Option<&Arc<str>>) {
        match *self {}
    }

    pub(super) fn run(&self) {
        match *self {}
    }

    pub(super) fn begin(&self, _: TaskId) {
        match *self {}
    }

    pub(super) fn begin_unless_inside(&self, _: TaskId) {
        match *self {}
    }

    pub(super) fn pending(&self, _: TaskId, _: Option<Leaf>, _: impl FnOnce() -> About) {
        match *self {}
    }

    pub(super) fn done(&self, _: TaskId, _: Outcome, _: impl FnOnce() -> About) {
        match *self {}
    }

    pub(super) fn rest(&self) {
        match *self {}
    }

    pub(super) fn resume(&self) {
        match *self {}
    }
}
