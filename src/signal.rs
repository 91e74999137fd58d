//! Unix signals.
