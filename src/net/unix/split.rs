//! A connection in two halves.

use std::fmt;
use std::future::Future;
use std::io;
use std::net::Shutdown;
use std::sync::Arc;

use super::UnixStream;
use crate::net::split::halves;

halves!(UnixStream);
