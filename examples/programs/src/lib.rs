//! What the programs share.

pub mod chat;
pub mod cores;
pub mod crawl;
pub mod dashboard;
pub mod fetch;
pub mod files;
pub mod how_many;
pub mod http;
pub mod pipeline;
pub mod pool;
pub mod rate_limited;
pub mod redis_client;
pub mod servers;
pub mod sqlite;

/// The programs of the pages, compiled; those that need no server are run.
#[cfg(doctest)]
mod pages {
    #[doc = include_str!("../../../docs/cores.md")]
    struct Cores;
    #[doc = include_str!("../../../docs/databases.md")]
    struct Databases;
}
