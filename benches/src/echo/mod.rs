//! The same server for every runtime: it sends back what it reads, a task a connection, each with a buffer of its own.

pub(crate) mod compio;
pub(crate) mod glassloop;
pub(crate) mod glommio;
pub(crate) mod mio;
pub(crate) mod monoio;
pub(crate) mod smol;
pub(crate) mod tokio;

/// Of each connection.
const BUFFER: usize = 1024;
