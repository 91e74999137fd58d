//! The pages about other crates, so that each of their programs is compiled and run.
#![cfg(doctest)]

#[doc = include_str!("../../../docs/tls.md")]
struct Tls;
#[doc = include_str!("../../../docs/websocket.md")]
struct WebSocket;
