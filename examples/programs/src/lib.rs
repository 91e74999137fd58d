//! What the programs share.

pub mod chat;
pub mod files;
pub mod http;
pub mod pipeline;
pub mod pool;
pub mod redis_client;
pub mod servers;
pub mod sqlite;
