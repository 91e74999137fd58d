//! What the programs share.

pub mod pool;
pub mod servers;
pub mod sqlite;
