//! How many can wait at once, as tasks and as threads; and what waiting at once is worth.

mod gain;
mod service;
mod waiting;

pub use gain::{Gain, calls, computations, steps};
pub use service::service;
pub use waiting::{Waiters, Waiting, wait};
