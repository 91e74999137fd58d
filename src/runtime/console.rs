//! A runtime that tokio-console can look into.

use std::rc::Rc;

use super::Builder;
use crate::trace::{Console, Observer};
use crate::wake;

impl Builder {
    /// Whether the runtime tells `tracing` what tokio-console reads: its tasks, with their polls and wakes, and what
    /// they wait for. It does not by default. The subscriber, console-subscriber's or another, must be set before the
    /// tasks are spawned that it is to see. What a subscriber itself does on this loop is not told to it.
    ///
    /// `docs/console.md` says how to look, what is seen, and what is not.
    ///
    /// # Examples
    /// ```
    /// let runtime = glassloop::Builder::new().console(true).build().unwrap();
    /// runtime.block_on(async {
    ///     glassloop::spawn_named("seen", async {}).await.unwrap();
    /// });
    /// ```
    pub fn console(mut self, tell: bool) -> Builder {
        self.console = tell;
        self
    }
}

pub(super) fn observer() -> Rc<dyn Observer> {
    Rc::new(Console::new(is_held))
}

/// Whether anybody but the loop, the registry and its handle has the task whose poll ends, and so may wake it.
fn is_held() -> bool {
    let the_loop = 1;
    wake::running().is_none_or(|task| task.header().is_shared() || task.held_elsewhere() > the_loop)
}
