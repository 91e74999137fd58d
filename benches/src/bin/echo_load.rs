//! `echo_load ADDRESS CONNECTIONS SERVER_PID`: see [`glassloop_benches::load`].

use std::process::ExitCode;

use glassloop_benches::load::{self, Echo};

fn main() -> ExitCode {
    load::main::<Echo>()
}
