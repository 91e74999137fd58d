//! `http_server RUNTIME [timer] [flat]`: serves on a port of its own choice, which it prints, until it is killed.
//! `http_server alone ROUNDS [timer] [flat]`: has 64 connections without a runtime answer so many requests each.

use std::io;

#[path = "../http/mod.rs"]
mod http;

fn main() -> io::Result<()> {
    let mut words = std::env::args().skip(1);
    let name = words.next().unwrap_or_default();
    if name == "alone" {
        let rounds = words.next().and_then(|rounds| rounds.parse().ok()).unwrap_or(0);
        let mut connections = http::alone::connections(64, http::Setup::of(words)?);
        for _ in 0..rounds {
            http::alone::answer(&mut connections);
        }
        return Ok(());
    }
    http::serve(&name, http::Setup::of(words)?)
}
