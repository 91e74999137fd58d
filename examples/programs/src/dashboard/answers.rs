//! The short handlers.

use std::fs::File;
use std::hash::{DefaultHasher, Hasher};
use std::io::{self, Read};
use std::time::Duration;

use axum::Json;
use axum::extract::{Query, State};
use axum::http::StatusCode;
use glassloop::time::sleep;
use glassloop::{spawn_blocking, stay};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{App, Background, Journal, Session};

/// A failure as a response: a status, and a sentence.
type Failed = (StatusCode, String);

/// Runs a plain function on a thread of the pool, where it may block; FastAPI does so with an endpoint that is `def`
/// and not `async def`. Its panic is this request's alone. A function that has begun runs to its end, even if the client leaves.
pub async fn on_pool<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, Failed> {
    let job = spawn_blocking(work);
    stay(job).await.map_err(|error| (StatusCode::INTERNAL_SERVER_ERROR, error.to_string()))
}

pub(super) async fn checksum(State(app): State<App>) -> Result<Json<Value>, Failed> {
    let (bytes, sum) = on_pool(move || checksum_of(File::open(app.file)?))
        .await?
        .map_err(|error| (StatusCode::INTERNAL_SERVER_ERROR, error.to_string()))?;
    Ok(Json(json!({"bytes": bytes, "checksum": format!("{sum:016x}")})))
}

/// Knows nothing of loops and tasks: it reads, and blocks as it does.
fn checksum_of(mut file: impl Read) -> io::Result<(usize, u64)> {
    let (mut sum, mut bytes, mut part) = (DefaultHasher::new(), 0, vec![0; 1 << 16]);
    loop {
        match file.read(&mut part)? {
            0 => return Ok((bytes, sum.finish())),
            n => {
                sum.write(&part[..n]);
                bytes += n;
            }
        }
    }
}

#[derive(Deserialize)]
pub(super) struct Order {
    item: String,
}

/// The session is given back at the end of this function, whichever of its ends that is.
pub(super) async fn order(session: Session, Query(order): Query<Order>) -> Result<StatusCode, Failed> {
    sleep(Duration::from_millis(200)).await;
    if order.item != "tea" && order.item != "ink" {
        return Err((StatusCode::NOT_FOUND, format!("no {:?} is sold here", order.item)));
    }
    session.note(&format!("{} is ordered", order.item));
    Ok(StatusCode::CREATED)
}

#[derive(Deserialize)]
pub(super) struct Signup {
    name: String,
}

/// The mail is sent after the answer.
pub(super) async fn signup(
    State(background): State<Background>,
    State(journal): State<Journal>,
    Query(Signup { name }): Query<Signup>,
) -> Result<(StatusCode, String), Failed> {
    if name.is_empty() || name.chars().count() > 40 {
        return Err((StatusCode::BAD_REQUEST, "a name has 1 to 40 characters".to_owned()));
    }
    let (task, welcome) = (format!("mail to {name}"), format!("welcome, {name}"));
    let send = async move {
        sleep(Duration::from_millis(1500)).await; // a mail server takes its time
        journal.note(format!("mail sent to {name:?}"));
    };
    background.spawn(task, send).await;
    Ok((StatusCode::ACCEPTED, welcome))
}

#[derive(Deserialize)]
pub(super) struct Block {
    ms: u64,
}

/// What a handler must not do: it holds the loop's thread, and every other task waits in the queue meanwhile.
pub(super) async fn block(Query(Block { ms }): Query<Block>) -> StatusCode {
    std::thread::sleep(Duration::from_millis(ms.min(1000)));
    StatusCode::NO_CONTENT
}
