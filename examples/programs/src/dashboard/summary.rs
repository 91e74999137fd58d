//! Three services called at once.

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use glassloop::{JoinSet, stay};
use serde::Serialize;
use serde_json::Value;

use super::App;
use crate::http::Http;

/// What a service gave: its data, or why there are none. An error is a value, and stands beside the others' data.
#[derive(Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Answer {
    Data(Value),
    Error(String),
}

type Answers = BTreeMap<&'static str, Answer>;

/// It takes as long as the slowest service, and never longer than [`LIMIT`](super::LIMIT). 502 if all fail.
pub(super) async fn summary(State(app): State<App>) -> (StatusCode, Json<Answers>) {
    // A `JoinSet` is the loop's own, and not `Send`, as axum wants all in a handler to be: so it stays where it is.
    let answers = stay(ask_all(app)).await;
    let failed = answers.values().all(|answer| matches!(answer, Answer::Error(_)));
    (if failed { StatusCode::BAD_GATEWAY } else { StatusCode::OK }, Json(answers))
}

/// A task for each, so that the page shows each by its name. Should our client leave, this future is dropped, with it
/// the set, and that aborts the tasks.
async fn ask_all(app: App) -> Answers {
    let mut calls = JoinSet::new();
    for service in app.services.iter().cloned() {
        let http = app.http.clone();
        calls.spawn_named(format!("ask {}", service.name), async move {
            let answer = ask(&http, &service.uri).await.unwrap_or_else(Answer::Error);
            (service.name, answer)
        });
    }
    calls.join_all().await.into_iter().collect()
}

async fn ask(http: &Http, uri: &str) -> Result<Answer, String> {
    let body = http.get(uri).await.map_err(|error| error.to_string())?;
    let data = serde_json::from_slice(&body).map_err(|error| format!("{uri}: not JSON: {error}"))?;
    Ok(Answer::Data(data))
}
