//! Every server of the echo rows gives back the bytes it was sent: a rival that does less would look fast.

#[path = "../src/echo/rivals.rs"]
mod rivals;

use std::io::{Write, stderr};

use glassloop_benches::FOREIGN;
use rivals::RUNTIMES;

/// The load compares every byte and ends when one differs.
#[test]
fn ten_connections_send_a_hundred_messages_each_and_every_server_echoes_them() {
    for name in RUNTIMES.into_iter().chain(FOREIGN) {
        let server = match rivals::start(name) {
            Ok(server) => server,
            Err(error) if name.contains("uring") || name == "glommio" || FOREIGN.contains(&name) => {
                // Not `eprintln!`, which a test that passes swallows.
                writeln!(stderr(), "!!! {name} is NOT tested here: {error}").unwrap();
                continue;
            }
            Err(error) => panic!("{name} does not start: {error}"),
        };
        let mut load =
            rivals::connect(&server, 10).unwrap_or_else(|error| panic!("{name} does not echo: {error}"));
        load.run(100).unwrap_or_else(|error| panic!("{name} echoes wrongly: {error}"));
        server.memory().unwrap();
    }
}
