//! Around hyper-util's client and its connections: a [`Connector`] for the one, and [`serve`] for the other.
//!
//! No tokio runtime runs beneath them: sockets, timers, tasks and the look-up of names are this loop's.
//!
//! # Examples
//! A server, and a client that keeps its connections in a pool:
//! ```
//! use glassloop::compat::hyper::{Exec, Timer};
//! use glassloop::compat::hyper_util::{Connector, serve_hyper};
//! use glassloop::net::TcpListener;
//! use hyper::{Request, Response, StatusCode, body::Incoming, service::service_fn};
//! use hyper_util::client::legacy::Client;
//! use std::convert::Infallible;
//!
//! glassloop::run(async {
//!     let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
//!     let uri = format!("http://{}/", listener.local_addr().unwrap());
//!     let hello = service_fn(|_: Request<Incoming>| async { Ok::<_, Infallible>(Response::new("hello".to_owned())) });
//!     let (stop, stopped) = glassloop::sync::oneshot::channel::<()>();
//!     let server = serve_hyper(listener, move |_, _| hello).with_graceful_shutdown(async { _ = stopped.await });
//!     let server = glassloop::spawn(server.into_future());
//!
//!     let client = Client::builder(Exec).pool_timer(Timer).build::<_, String>(Connector::new());
//!     for _ in 0..3 {
//!         assert_eq!(client.get(uri.parse().unwrap()).await.unwrap().status(), StatusCode::OK);
//!     }
//!     drop(stop);
//!     assert_eq!(server.await.unwrap().unwrap().connections, 1); // for three requests
//! });
//! ```

mod connect;
mod listener;
mod server;
mod service;

pub use connect::Connector;
#[cfg(unix)]
pub use connect::UnixConnector;
pub use listener::{AndThen, Listener};
pub use server::{Serve, Served, serve, serve_hyper};
pub use service::{Each, Make, MakesServices, Serves, Tower};
