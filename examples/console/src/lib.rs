//! What tokio-console is told of a loop.

/// The program of the page, compiled.
#[cfg(doctest)]
#[doc = include_str!("../../../docs/console.md")]
struct Page;
