//! What the programs share.

pub mod crawl;
pub mod fetch;
pub mod http;
pub mod pool;
pub mod rate_limited;
pub mod redis_client;
pub mod servers;
pub mod sqlite;
