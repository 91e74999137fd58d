//! A loop a core: two threads, each with a loop and a listener of its own at one address (`SO_REUSEPORT`). They share
//! nothing; what one wants of the other it asks by a message. What two loops gain over one is measured, beside what
//! else the machine did; then ctrl-c ends them, and no request that runs is lost.
//!
//! `cores serve [ADDRESS]` serves until ctrl-c.

use std::convert::Infallible;
use std::error::Error;
use std::io::Read;
use std::net::SocketAddr;
use std::process::{Command, Stdio};
use std::time::Duration;

use glassloop::time::{Instant, sleep, timeout};
use glassloop::{join_all, spawn, try_join_all};
use glassloop_programs::cores::{Cores, Requests, app, requests};
use glassloop_programs::http::{Http, HttpError};
use rustix::process::{Signal, getpid, kill_process};
use rustix::time::{ClockId, clock_gettime};

type Outcome<T = ()> = Result<T, Box<dyn Error>>;

/// How long the load lasts.
const LOAD: Duration = Duration::from_secs(1);
/// How many connections it has.
const CONNECTIONS: usize = 32;
/// Some hundred microseconds of work each.
const REQUEST: &str = "/primes/10000";

fn main() -> Outcome {
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    match &arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        [] => {
            scaling()?;
            ctrl_c()
        }
        ["load", addr] => load(addr),
        ["serve"] => serve("127.0.0.1:0".parse()?),
        ["serve", addr] => serve(addr.parse()?),
        _ => Err("cores, or cores serve [ADDRESS]".into()),
    }
}

fn serve(addr: SocketAddr) -> Outcome {
    let cores = Cores::start(addr, std::thread::available_parallelism()?.get().max(2), app)?;
    println!("http://{}", cores.addr());
    for (number, served) in cores.wait()?.iter().enumerate() {
        println!("loop {number} ended after {} connections", served.connections);
    }
    Ok(())
}

fn scaling() -> Outcome {
    println!("requests that compute ({REQUEST}), {CONNECTIONS} connections from another process");
    println!("           answered:  a second    a second of   processors:  server   load  others     of");
    println!("                                  the server's");
    let (mut rates, mut efficiencies) = ([0.0; 2], [0.0; 2]);
    for loops in [1, 2, 1, 2] {
        let Measured { rate, server, load, others, processors } = measure(loops)?;
        let efficiency = rate / server;
        println!(
            "{loops} loops {rate:>21.0} {efficiency:>14.0} {server:>21.2} {load:>6.2} {others:>7.2} {processors:>6}"
        );
        rates[loops - 1] += rate;
        efficiencies[loops - 1] += efficiency;
    }
    let (rate, efficiency) = (rates[1] / rates[0], efficiencies[1] / efficiencies[0]);
    println!("Two loops answer {rate:.2} times as many as one a second, and for each second of processor that");
    println!(
        "they were given {efficiency:.2} times as many. The first ratio is bounded by what others leave them; among"
    );
    println!("others it mostly says that two threads get a greater share. The second says what a loop costs.\n");
    Ok(())
}

struct Measured {
    /// Answers a second.
    rate: f64,
    // How many processors each had, on average.
    server: f64,
    load: f64,
    others: f64,
    processors: usize,
}

fn measure(loops: usize) -> Outcome<Measured> {
    let cores = Cores::start("127.0.0.1:0".parse()?, loops, app)?;
    let (start, busy, server) = (Instant::now(), busy()?, processor_time());
    let mut child = Command::new(std::env::current_exe()?);
    let child = child.args(["load", &cores.addr().to_string()]).stdout(Stdio::piped()).spawn()?;
    let output = child.wait_with_output()?;
    let seconds = start.elapsed().as_secs_f64();
    let (busy, server) = (self::busy()? - busy, processor_time() - server);
    if !output.status.success() {
        return Err(format!("the load failed: {}", output.status).into());
    }
    let load = Duration::from_nanos(String::from_utf8(output.stdout)?.trim().parse()?);
    let each: Vec<Requests> = {
        let peers = cores.peers().clone();
        glassloop::run(async move { peers.ask(requests).await.into_iter().collect::<Result<_, _>>() })?
    };
    cores.stop()?;
    let answered: u64 = each.iter().map(|requests| requests.answered).sum();
    Ok(Measured {
        rate: answered as f64 / seconds,
        server: server.as_secs_f64() / seconds,
        load: load.as_secs_f64() / seconds,
        others: (busy - (server + load).as_secs_f64()).max(0.0) / seconds,
        processors: std::thread::available_parallelism()?.get(),
    })
}

/// Asks on every connection, one request after the other, and says how much processor time that took.
fn load(addr: &str) -> Outcome {
    let uri = format!("http://{addr}{REQUEST}");
    let asking = async {
        let http = Http::new(Duration::from_secs(30));
        try_join_all((0..CONNECTIONS).map(|_| asks(&http, &uri))).await
    };
    if let Ok(Err(error)) = glassloop::run(async { timeout(LOAD, asking).await }) {
        return Err(error.into());
    }
    println!("{}", processor_time().as_nanos());
    Ok(())
}

async fn asks(http: &Http, uri: &str) -> Result<Infallible, HttpError> {
    loop {
        assert_eq!(http.get(uri).await?, "1229");
    }
}

/// What this process has used of the processors.
fn processor_time() -> Duration {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}

/// For how many seconds the processors of this machine have been at work; Linux counts them in hundredths.
fn busy() -> Outcome<f64> {
    let mut told = String::new();
    std::fs::File::open("/proc/stat")?.read_to_string(&mut told)?;
    let all = told.lines().next().ok_or("an empty /proc/stat")?;
    let parts = all.split_whitespace().skip(1).map(str::parse).collect::<Result<Vec<u64>, _>>()?;
    let [user, nice, system, _idle, _iowait, irq, softirq, steal, ..] = parts[..] else {
        return Err("a strange /proc/stat".into());
    };
    Ok((user + nice + system + irq + softirq + steal) as f64 / 100.0)
}

fn ctrl_c() -> Outcome {
    let cores = Cores::start("127.0.0.1:0".parse()?, 2, app)?;
    let uri = format!("http://{}", cores.addr());
    let answers = glassloop::run(async {
        let http = Http::new(Duration::from_secs(30));
        let asking = (0..8).map(|_| {
            let (http, uri) = (http.clone(), format!("{uri}/wait/300"));
            spawn(async move { http.get(&uri).await })
        });
        let asking: Vec<_> = asking.collect();
        let running = async || {
            let each: Result<Vec<_>, _> = cores.peers().ask(requests).await.into_iter().collect();
            each.map(|each| each.iter().map(|requests| requests.running).collect::<Vec<_>>())
        };
        let mut each = running().await?;
        while each.iter().sum::<u64>() < 8 {
            sleep(Duration::from_millis(1)).await;
            each = running().await?;
        }
        println!("ctrl-c, while the loops are at {each:?} requests");
        kill_process(getpid(), Signal::INT)?;
        Ok::<_, Box<dyn Error>>(join_all(asking).await)
    })?;
    let answered = answers.iter().filter(|answer| matches!(answer, Ok(Ok(_)))).count();
    let connections: Vec<_> = cores.wait()?.iter().map(|served| served.connections).collect();
    println!("answered: {answered} of {}; the loops have ended, after {connections:?} connections", answers.len());
    Ok(())
}
