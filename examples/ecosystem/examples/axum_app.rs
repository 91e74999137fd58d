//! An axum program on glassloop: routes, JSON, extractors, state; and an end in good order when SIGTERM comes.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::extract::{Path, State};
use axum::http::{Request, StatusCode};
use axum::routing::{get, post};
use axum::{Json, Router};
use glassloop::compat::hyper::{Exec, Timer};
use glassloop::compat::hyper_util::{Connector, serve};
use glassloop::net::TcpListener;
use glassloop::signal::unix::{SignalKind, signal};
use glassloop::time::sleep;
use http_body_util::BodyExt;
use hyper_util::client::legacy::Client;
use serde::{Deserialize, Serialize};

#[derive(Clone, Deserialize, Serialize)]
struct Note {
    text: String,
}

type Notes = Arc<Mutex<Vec<Note>>>;

async fn add(State(notes): State<Notes>, Json(note): Json<Note>) -> (StatusCode, String) {
    let mut notes = notes.lock().unwrap();
    notes.push(note);
    (StatusCode::CREATED, format!("/notes/{}", notes.len() - 1))
}

async fn read(
    State(notes): State<Notes>,
    Path(id): Path<usize>,
) -> Result<Json<Note>, (StatusCode, &'static str)> {
    sleep(Duration::from_millis(20)).await; // handlers may hold glassloop's sleeps and sockets
    notes.lock().unwrap().get(id).cloned().map(Json).ok_or((StatusCode::NOT_FOUND, "no such note"))
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    glassloop::run(async {
        let app =
            Router::new().route("/notes", post(add)).route("/notes/{id}", get(read)).with_state(Notes::default());
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let client = glassloop::spawn(requests(format!("http://{}", listener.local_addr()?)));

        let mut terminate = signal(SignalKind::terminate())?;
        let served = serve(listener, app.into_make_service())
            .with_graceful_shutdown(async move { _ = terminate.recv().await })
            .shutdown_limit(Duration::from_secs(10))
            .await?;
        client.await?;
        println!("the server is down: {} connections, {} of them cut", served.connections, served.cut);
        Ok(())
    })
}

/// A client in the same program; the last request is running when the program is told to end.
async fn requests(uri: String) {
    let client = Client::builder(Exec).pool_timer(Timer).build::<_, String>(Connector::new());
    let send = async |request: Request<String>| {
        let what = format!("{} {} {}", request.method(), request.uri().path(), request.body());
        let (head, body) = client.request(request).await.unwrap().into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        println!("{} -> {} {}", what.trim_end(), head.status.as_u16(), String::from_utf8_lossy(&body));
    };
    let post = |json: &str| {
        let request = Request::post(format!("{uri}/notes")).header("content-type", "application/json");
        request.body(json.to_owned()).unwrap()
    };
    let get = |id: u32| Request::get(format!("{uri}/notes/{id}")).body(String::new()).unwrap();

    send(post(r#"{"text":"buy paper"}"#)).await;
    send(get(7)).await;
    let last = send(get(0));
    let terminate = async {
        sleep(Duration::from_millis(5)).await;
        rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::TERM).unwrap();
    };
    futures::join!(last, terminate);
}

// Output:
// POST /notes {"text":"buy paper"} -> 201 /notes/0
// GET /notes/7 -> 404 no such note
// GET /notes/0 -> 200 {"text":"buy paper"}
// the server is down: 1 connections, 0 of them cut
