//! The program calls itself, and tells what it sees.

use std::error::Error;
use std::net::SocketAddr;
use std::pin::pin;

use axum::http::{Method, Request};
use glassloop::compat::hyper::{Exec, Timer};
use glassloop::compat::hyper_util::Connector;
use glassloop::time::Instant;
use glassloop::{join_all, select};
use http_body_util::BodyExt;
use hyper::Response;
use hyper::body::Incoming;
use hyper_util::client::legacy::Client;

use crate::http::Site;

type Answered = (u16, String);

/// Calls every route of the dashboard at `addr`, and stops the services when it comes to what happens without them.
pub async fn tour(addr: SocketAddr, services: Vec<Site>) -> Result<(), Box<dyn Error>> {
    let client = Client::builder(Exec).pool_timer(Timer).build::<_, String>(Connector::new());
    let send = async |method: Method, path: &str| -> Result<Response<Incoming>, Box<dyn Error>> {
        let request = Request::builder().method(method).uri(format!("http://{addr}{path}")).body(String::new())?;
        Ok(client.request(request).await?)
    };
    let ask = async |method, path: &str| read(send(method, path).await?).await;

    println!("Three services that take 0.3, 0.2 and 0.4 s, called at once: as long as the slowest, 0.4 s");
    let start = Instant::now();
    let (status, body) = ask(Method::GET, "/summary").await?;
    println!("    {status} in {:.2} s: {body}", start.elapsed().as_secs_f64());

    println!(
        "Four more at the same time, of which one meets a service that fails, and one a service that is slow:"
    );
    println!("what is there is given, errors beside it as values, and nobody waits longer than 1 s");
    let start = Instant::now();
    for answer in join_all((0..4).map(|_| ask(Method::GET, "/summary"))).await {
        let (status, body) = answer?;
        println!("    {status}: {body}");
    }
    println!("    in {:.2} s", start.elapsed().as_secs_f64());

    println!("A plain function that blocks, on a thread of the pool; meanwhile the loop answers others");
    let (mut checksum, mut others) = (pin!(ask(Method::GET, "/checksum")), 0);
    let (status, sum) = loop {
        select! {
            answer = &mut checksum => break answer?,
            other = ask(Method::GET, "/journal") => {
                other?;
                others += 1;
            }
        }
    };
    println!("    {status}: {sum}; {others} other requests were answered before it");

    println!("A session, given back whether the handler succeeds or fails");
    for item in ["tea", "dragons"] {
        let (status, body) = ask(Method::POST, &format!("/orders?item={item}")).await?;
        println!("    {item}: {status} {body}");
    }

    println!("A background task, after the answer");
    let start = Instant::now();
    let (status, body) = ask(Method::POST, "/signup?name=ann").await?;
    println!("    {status} {body} in {:.3} s; the mail takes 1.5 s more", start.elapsed().as_secs_f64());

    println!("Ten rows, 0.1 s each, read as they are made: the first after 0.1 s, the last after 1 s");
    let start = Instant::now();
    let mut rows = send(Method::GET, "/rows?of=10").await?;
    let mut arrived = Vec::new();
    while let Some(row) = rows.frame().await {
        row?;
        arrived.push(format!("{:.2}", start.elapsed().as_secs_f64()));
    }
    println!("    they came after {} s", arrived.join(", "));

    println!("All services gone");
    glassloop::spawn_blocking(|| drop(services)).await?;
    let (status, body) = ask(Method::GET, "/summary").await?;
    println!("    {status}: {body}");

    println!("What happened, by the journal");
    let (_, journal) = ask(Method::GET, "/journal").await?;
    println!("    {journal}");
    println!("The loop in numbers, from /metrics");
    let (_, metrics) = ask(Method::GET, "/metrics").await?;
    for line in metrics.lines().filter(|line| line.starts_with("glassloop") && !line.contains("bucket")) {
        println!("    {line}");
    }
    Ok(())
}

async fn read(response: Response<Incoming>) -> Result<Answered, Box<dyn Error>> {
    let status = response.status().as_u16();
    let body = response.into_body().collect().await?.to_bytes();
    Ok((status, String::from_utf8_lossy(&body).into_owned()))
}
