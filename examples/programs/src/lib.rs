//! What the programs share.

pub mod dashboard;
pub mod http;
pub mod pool;
pub mod redis_client;
pub mod servers;
pub mod sqlite;
