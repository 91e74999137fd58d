//! What tokio-console is told of a loop.
