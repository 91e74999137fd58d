//! tower's layers around an axum program on glassloop. Those that know no runtime are used as they are; a time-out is
//! ours, since tower's asks for tokio's timer.

use std::time::Duration;

use axum::body::Body;
use axum::error_handling::HandleErrorLayer;
use axum::http::{HeaderName, HeaderValue, Request, StatusCode};
use axum::middleware::{Next, from_fn};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{BoxError, Router};
use glassloop::time::{pause, sleep, timeout};
use glassloop::{join_all, spawn};
use tower::{ServiceBuilder, ServiceExt};
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::set_header::SetResponseHeaderLayer;

/// tower's `TimeoutLayer`, by glassloop's clock.
async fn two_seconds(request: Request<Body>, next: Next) -> Response {
    match timeout(Duration::from_secs(2), next.run(request)).await {
        Ok(response) => response,
        Err(_) => StatusCode::GATEWAY_TIMEOUT.into_response(),
    }
}

fn app() -> Router {
    let layers = ServiceBuilder::new() // the first is the outermost
        .layer(SetResponseHeaderLayer::overriding(
            HeaderName::from_static("server"),
            HeaderValue::from_static("glassloop"),
        ))
        .layer(HandleErrorLayer::new(async |_: BoxError| StatusCode::SERVICE_UNAVAILABLE))
        .load_shed() // whoever would have to wait is refused
        .concurrency_limit(2)
        .layer(CatchPanicLayer::new())
        .layer(from_fn(two_seconds));
    Router::new()
        .route("/quick", get(|| async { "quick" }))
        .route("/slow", get(|| async { sleep(Duration::from_secs(1)).await }))
        .route("/never", get(|| async { std::future::pending::<()>().await }))
        .route(
            "/panics",
            get(|| async {
                if true {
                    panic!("a handler that panics")
                }
            }),
        )
        .layer(layers)
        .with_state(()) // puts the layers on, once; `into_make_service` does the same
}

fn main() {
    std::panic::set_hook(Box::new(|_| {})); // `CatchPanicLayer` answers; nothing on standard error
    glassloop::run(async {
        pause(); // virtual time: nobody waits
        let app = app();
        let ask = |path: &'static str| {
            let (app, request) = (app.clone(), Request::get(path).body(Body::empty()).unwrap());
            async move { app.oneshot(request).await.unwrap() }
        };
        for path in ["/quick", "/slow", "/never", "/panics"] {
            let answer = ask(path).await;
            println!("{path}: {} from {}", answer.status(), answer.headers()["server"].to_str().unwrap());
        }
        let answers = join_all((0..5).map(|_| spawn(ask("/slow")))).await;
        let statuses: Vec<_> = answers.into_iter().map(|answer| answer.unwrap().status().as_u16()).collect();
        println!("five at once, of which two are let in: {statuses:?}");
    });
}

// Output:
// /quick: 200 OK from glassloop
// /slow: 200 OK from glassloop
// /never: 504 Gateway Timeout from glassloop
// /panics: 500 Internal Server Error from glassloop
// five at once, of which two are let in: [200, 200, 503, 503, 503]
