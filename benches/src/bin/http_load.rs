//! `http_load ADDRESS CONNECTIONS SERVER_PID`: see [`glassloop_benches::load`].

use std::process::ExitCode;

use glassloop_benches::load::{self, Http};

fn main() -> ExitCode {
    load::main::<Http>()
}
