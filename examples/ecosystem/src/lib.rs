//! glassloop among other crates: see `examples` and `tests`. Here stand the programs of the pages about them.

/// Compiled and run.
#[cfg(doctest)]
mod pages {
    #[doc = include_str!("../../../docs/axum.md")]
    struct Axum;
    #[doc = include_str!("../../../docs/hyper.md")]
    struct Hyper;
    #[doc = include_str!("../../../docs/send.md")]
    struct Send;
    #[doc = include_str!("../../../docs/tls.md")]
    struct Tls;
    #[doc = include_str!("../../../docs/websocket.md")]
    struct WebSocket;
}
