//! What the programs share.

pub mod pool;
pub mod redis_client;
pub mod servers;
pub mod sqlite;
