//! What the programs share.

pub mod servers;
