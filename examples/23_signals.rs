//! A signal is awaited like anything else. Those that come before the task looks are heard as one.

use glassloop::signal::unix::{SignalKind, signal};
use glassloop::{run, spawn, yield_now};

fn main() {
    run(async {
        let mut hangup = signal(SignalKind::hangup()).unwrap(); // from now on it does not end this program
        let mut terminate = signal(SignalKind::terminate()).unwrap();
        let configuration = spawn(async move {
            loop {
                hangup.recv().await;
                println!("SIGHUP: reading the configuration again");
            }
        });
        send(SignalKind::hangup());
        send(SignalKind::hangup()); // the task has not looked yet
        yield_now().await;
        send(SignalKind::terminate());
        terminate.recv().await;
        println!("SIGTERM: tidying up");
        configuration.abort();
    });
}

/// As `kill` would from outside.
fn send(kind: SignalKind) {
    signal_hook::low_level::raise(kind.as_raw_value()).unwrap();
}

// Output:
// SIGHUP: reading the configuration again
// SIGTERM: tidying up
