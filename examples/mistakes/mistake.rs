//! What a mistake consists of.

use glassloop::Builder;

/// One mistake. Both forms run on a runtime of the given builder, so that a test can watch them, and return what
/// they have to say.
pub(super) struct Mistake {
    pub(super) title: &'static str,
    /// What the compiler says of the wrong form; empty if it says nothing. A test asks the real compiler.
    pub(super) compiler: &'static str,
    pub(super) wrong: fn(Builder) -> Vec<String>,
    pub(super) mended: fn(Builder) -> Vec<String>,
}

/// For what cannot be run: it does not compile, or has no counterpart.
pub(super) fn nothing(_: Builder) -> Vec<String> {
    Vec::new()
}
