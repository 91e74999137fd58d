//! What the programs share.

pub mod http;
