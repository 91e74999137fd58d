//! A connection in two halves.

use std::fmt;
use std::future::Future;
use std::io;
use std::net::Shutdown;
use std::sync::Arc;

use super::TcpStream;
use crate::net::split::halves;

halves!(TcpStream);
