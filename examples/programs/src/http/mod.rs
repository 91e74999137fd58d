//! HTTP from both sides, for the programs that need one.

mod client;
mod site;

pub use client::{Http, HttpError};
pub use site::Site;
