//! A web service on axum, and a page that shows the loop beneath it at work: tasks, what each waits for, queue delay.
//!
//! Serves until Ctrl-C. With `--once` it calls itself instead, and prints what the documents claim beside what it
//! measured: three services that take 0.3, 0.2 and 0.4 s, called at once, take 0.4 s; a service that fails or is slow
//! takes its own part of the answer away and no more; rows arrive before the last is made.

use std::error::Error;
use std::process::ExitCode;
use std::rc::Rc;
use std::time::Duration;

use glassloop::compat::hyper_util::serve;
use glassloop::net::TcpListener;
use glassloop::signal::ctrl_c;
use glassloop::sync::oneshot;
use glassloop::{Builder, spawn_named};
use glassloop_programs::dashboard::{App, Watch, services, tour};

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let is_once = match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        [] => false,
        ["--once"] => true,
        _ => {
            eprintln!("usage: dashboard [--once]");
            return ExitCode::from(2);
        }
    };
    match run(is_once) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn run(is_once: bool) -> Result<(), Box<dyn Error>> {
    let (services, sites) = services::start();
    let watch = Watch::default();
    let app = App::new(services, std::env::current_exe()?, watch.clone());
    let runtime = Builder::new().metrics(true).observer(Rc::new(watch)).build()?;
    runtime.block_on(async {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let addr = listener.local_addr()?;
        println!("http://{addr}/");

        let (background, journal) = (app.background.clone(), app.journal.clone());
        let (stop, stopped) = oneshot::channel::<()>();
        let server = serve(listener, app.router().into_make_service())
            .with_graceful_shutdown(async { _ = stopped.await })
            .shutdown_limit(Duration::from_secs(10));
        let server = spawn_named("server", server.into_future());

        let ended = if is_once { tour(addr, sites).await } else { ctrl_c().await.map_err(Into::into) };
        drop(stop);
        let served = server.await??;
        background.all_ended().await;
        println!("the end: {} connections, {} of them cut", served.connections, served.cut);
        if let Some(line) = journal.lines().last() {
            println!("the journal's last line: {line}");
        }
        ended
    })
}
