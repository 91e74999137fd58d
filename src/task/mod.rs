//! The task that runs, and all others; values that belong to a task.
