//! tower's and tower-http's layers on glassloop: those that know no runtime, and what stands in for those that want
//! tokio's.

use std::cell::Cell;
use std::convert::Infallible;
use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::error_handling::HandleErrorLayer;
use axum::extract::{DefaultBodyLimit, Extension};
use axum::http::{HeaderName, HeaderValue, Request, Response, StatusCode};
use axum::middleware::{self, Next};
use axum::response::IntoResponse;
use axum::routing::{get, post};
use axum::{BoxError, Router};
use futures::FutureExt;
use glassloop::time::{Elapsed, Instant, sleep, sleep_until, timeout};
use glassloop::{Builder, join_all, spawn, yield_now};
use http_body_util::BodyExt;
use tower::buffer::Buffer;
use tower::{Layer, Service, ServiceBuilder, ServiceExt, service_fn};

fn paused<F: Future>(future: F) -> F::Output {
    Builder::new().start_paused(true).build().unwrap().block_on(future)
}

/// Answers after a second with twice its request.
async fn slow_double(n: u32) -> Result<u32, BoxError> {
    sleep(Duration::from_secs(1)).await;
    Ok(2 * n)
}

async fn ask(app: &Router, request: Request<Body>) -> (Response<Body>, String) {
    let (parts, body) = app.clone().oneshot(request).await.unwrap().into_parts();
    let text = String::from_utf8(body.collect().await.unwrap().to_bytes().to_vec()).unwrap();
    (Response::from_parts(parts, Body::empty()), text)
}

fn request(path: &str) -> Request<Body> {
    Request::get(path).body(Body::empty()).unwrap()
}

// tower's layers that know no runtime

#[test]
fn concurrency_limit_lets_two_in_and_the_rest_wait() {
    paused(async {
        let service = ServiceBuilder::new().concurrency_limit(2).service_fn(slow_double);
        let start = Instant::now();
        let answers = join_all((0..6).map(|n| spawn(service.clone().oneshot(n)))).await;
        assert_eq!(answers.into_iter().map(|a| a.unwrap().unwrap()).sum::<u32>(), 30);
        assert_eq!(start.elapsed(), Duration::from_secs(3));
    });
}

#[test]
fn load_shed_refuses_whom_a_concurrency_limit_would_keep_waiting() {
    paused(async {
        let service = ServiceBuilder::new().load_shed().concurrency_limit(2).service_fn(slow_double);
        let answers = join_all((0..6).map(|n| spawn(service.clone().oneshot(n)))).await;
        let (served, shed): (Vec<_>, Vec<_>) = answers.into_iter().map(Result::unwrap).partition(Result::is_ok);
        assert_eq!((served.len(), shed.len()), (2, 4));
        assert!(shed[0].as_ref().unwrap_err().is::<tower::load_shed::error::Overloaded>());
    });
}

#[test]
fn map_and_then_and_filter_run_in_their_order() {
    paused(async {
        let service = ServiceBuilder::new()
            .filter(|n: u32| if n < 100 { Ok(n) } else { Err(BoxError::from("too large")) })
            .map_request(|n: u32| n + 1)
            .map_response(|n: u32| format!("it is {n}"))
            .map_err(|error: BoxError| error)
            .and_then(|n: u32| async move { Ok::<_, BoxError>(n * 10) })
            .service_fn(slow_double);
        assert_eq!(service.clone().oneshot(2).await.unwrap(), "it is 60");
        assert_eq!(service.oneshot(100).await.unwrap_err().to_string(), "too large");
    });
}

#[test]
fn steer_sends_each_request_to_the_service_that_it_names() {
    paused(async {
        let even = service_fn(|n: u32| async move { Ok::<_, Infallible>(format!("{n} even")) }).boxed();
        let odd = service_fn(|n: u32| async move { Ok::<_, Infallible>(format!("{n} odd")) }).boxed();
        let mut steer = tower::steer::Steer::new([even, odd], |n: &u32, _: &[_]| usize::try_from(*n).unwrap() % 2);
        assert_eq!(steer.ready().await.unwrap().call(3).await.unwrap(), "3 odd");
        assert_eq!(steer.ready().await.unwrap().call(4).await.unwrap(), "4 even");
    });
}

// What wants tokio's runtime, and what stands in for it

/// So that this page is mended when tower is.
#[test]
fn tower_s_timeout_and_rate_limit_panic_for_want_of_tokios_timer() {
    paused(async {
        let limited = ServiceBuilder::new().timeout(Duration::from_secs(1)).service_fn(slow_double);
        let panic = AssertUnwindSafe(limited.oneshot(1)).catch_unwind().await.unwrap_err();
        assert!(words(panic).contains("no reactor running"));
        let rated = || ServiceBuilder::new().rate_limit(1, Duration::from_secs(1)).service_fn(slow_double);
        assert!(words(std::panic::catch_unwind(rated).err().unwrap()).contains("no reactor running"));
    });
}

fn words(panic: Box<dyn std::any::Any + Send>) -> String {
    panic
        .downcast_ref::<String>()
        .cloned()
        .or_else(|| panic.downcast_ref::<&str>().map(|s| s.to_string()))
        .unwrap()
}

#[test]
fn a_timeout_is_map_future_with_ours() {
    paused(async {
        let limit = |limit| {
            ServiceBuilder::new()
                .map_future(move |answer| async move { timeout(limit, answer).await? })
                .service_fn(slow_double)
        };
        assert_eq!(limit(Duration::from_secs(2)).oneshot(4).await.unwrap(), 8);
        let error: BoxError = limit(Duration::from_millis(999)).oneshot(4).await.unwrap_err();
        assert!(error.is::<Elapsed>());
    });
}

#[test]
fn a_retry_waits_by_our_clock_in_its_policy() {
    /// Three tries, 1, 2, 4 seconds apart.
    #[derive(Clone)]
    struct Backoff(u32);

    impl<R: Clone, A, E> tower::retry::Policy<R, A, E> for Backoff {
        type Future = glassloop::time::Sleep;

        fn retry(&mut self, _: &mut R, answer: &mut Result<A, E>) -> Option<Self::Future> {
            if answer.is_ok() || self.0 == 3 {
                return None;
            }
            self.0 += 1;
            Some(sleep(Duration::from_secs(1 << (self.0 - 1))))
        }

        fn clone_request(&mut self, request: &R) -> Option<R> {
            Some(request.clone())
        }
    }
    paused(async {
        let tries = Rc::new(Cell::new(0));
        let count = tries.clone();
        let fails = service_fn(move |_: ()| {
            count.set(count.get() + 1);
            async { Err::<(), _>("no answer") }
        });
        let start = Instant::now();
        let service = ServiceBuilder::new().retry(Backoff(0)).service(fails);
        assert_eq!(service.oneshot(()).await.unwrap_err(), "no answer");
        assert_eq!((tries.get(), start.elapsed()), (4, Duration::from_secs(7)));
    });
}

#[test]
fn a_buffers_worker_is_spawned_by_us() {
    paused(async {
        let (buffer, worker) = Buffer::pair(service_fn(slow_double), 8);
        spawn(worker).detach();
        let answers = join_all((0..4).map(|n| spawn(buffer.clone().oneshot(n)))).await;
        assert_eq!(answers.into_iter().map(|a| a.unwrap().unwrap()).sum::<u32>(), 12);
    });
}

#[test]
fn a_rate_is_a_lock_that_is_held_until_the_next_moment() {
    paused(async {
        let next = Arc::new(async_lock::Mutex::new(Instant::now()));
        let pace = middleware::from_fn(move |request, then: Next| {
            let next = next.clone();
            async move {
                let mut next = next.lock().await;
                sleep_until(*next).await;
                *next = Instant::now() + Duration::from_millis(100);
                drop(next);
                then.run(request).await
            }
        });
        let app = Router::new().route("/", get(|| async {})).layer(pace);
        let start = Instant::now();
        join_all((0..5).map(|_| spawn(app.clone().oneshot(request("/"))))).await;
        assert_eq!(start.elapsed(), Duration::from_millis(400));
    });
}

#[test]
fn an_axum_timeout_is_a_middleware_of_five_lines() {
    paused(async {
        let limit = middleware::from_fn(async |request, next: Next| {
            match timeout(Duration::from_secs(2), next.run(request)).await {
                Ok(answer) => answer,
                Err(_) => StatusCode::GATEWAY_TIMEOUT.into_response(),
            }
        });
        let nap = |seconds| move || async move { sleep(Duration::from_secs(seconds)).await };
        let app = Router::new().route("/1", get(nap(1))).route("/3", get(nap(3))).layer(limit);
        assert_eq!(ask(&app, request("/1")).await.0.status(), 200);
        assert_eq!(ask(&app, request("/3")).await.0.status(), 504);
    });
}

// In an axum app

#[test]
fn load_shed_becomes_503_by_axums_error_layer() {
    paused(async {
        let shed = ServiceBuilder::new()
            .layer(HandleErrorLayer::new(async |_: BoxError| StatusCode::SERVICE_UNAVAILABLE))
            .load_shed()
            .concurrency_limit(1);
        let nap = || async { sleep(Duration::from_secs(1)).await };
        let app = Router::new().route("/", get(nap)).layer(shed).with_state(()); // layers are put on once
        let first = spawn(app.clone().oneshot(request("/")));
        yield_now().await;
        assert_eq!(ask(&app, request("/")).await.0.status(), 503);
        assert_eq!(first.await.unwrap().unwrap().status(), 200);
    });
}

#[test]
fn catch_panic_answers_500_and_keeps_the_connection() {
    use tower_http::catch_panic::CatchPanicLayer;
    paused(async {
        let app = Router::new()
            .route(
                "/",
                get(|| async {
                    if true {
                        panic!("out of paper")
                    }
                }),
            )
            .layer(CatchPanicLayer::new());
        assert_eq!(ask(&app, request("/")).await.0.status(), 500);
    });
}

#[test]
fn cors_answers_a_preflight() {
    use tower_http::cors::{Any, CorsLayer};
    paused(async {
        let cors = CorsLayer::new().allow_origin(Any).allow_methods([axum::http::Method::PUT]);
        let app = Router::new().route("/", get(|| async {})).layer(cors);
        let preflight =
            Request::options("/").header("origin", "http://x").header("access-control-request-method", "PUT");
        let (answer, _) = ask(&app, preflight.body(Body::empty()).unwrap()).await;
        assert_eq!(answer.headers()["access-control-allow-origin"], "*");
        assert_eq!(answer.headers()["access-control-allow-methods"], "PUT");
    });
}

#[test]
fn a_body_over_the_limit_is_413() {
    use tower_http::limit::RequestBodyLimitLayer;
    paused(async {
        let app = Router::new()
            .route("/", post(|body: String| async move { body.len().to_string() }))
            .layer(DefaultBodyLimit::disable())
            .layer(RequestBodyLimitLayer::new(10));
        let send = |body: &'static str| Request::post("/").body(Body::from(body)).unwrap();
        assert_eq!(ask(&app, send("0123456789")).await.1, "10");
        assert_eq!(ask(&app, send("0123456789a")).await.0.status(), 413);
    });
}

#[test]
fn a_request_id_is_made_passed_on_and_sent_back() {
    use tower_http::request_id::{MakeRequestId, PropagateRequestIdLayer, RequestId, SetRequestIdLayer};
    #[derive(Clone, Default)]
    struct Counted(u32);
    impl MakeRequestId for Counted {
        fn make_request_id<B>(&mut self, _: &Request<B>) -> Option<RequestId> {
            self.0 += 1;
            Some(RequestId::new(HeaderValue::from(self.0)))
        }
    }
    paused(async {
        let name = HeaderName::from_static("x-request-id");
        let handler = |Extension(id): Extension<RequestId>| async move { format!("{:?}", id.header_value()) };
        let app = Router::new()
            .route("/", get(handler))
            .layer(PropagateRequestIdLayer::new(name.clone()))
            .layer(SetRequestIdLayer::new(name, Counted::default()));
        let (answer, text) = ask(&app, request("/")).await;
        assert_eq!((answer.headers()["x-request-id"].as_bytes(), text.as_str()), (&b"1"[..], "\"1\""));
    });
}

#[test]
fn headers_extensions_and_statuses_are_set() {
    use tower_http::add_extension::AddExtensionLayer;
    use tower_http::propagate_header::PropagateHeaderLayer;
    use tower_http::set_header::SetResponseHeaderLayer;
    use tower_http::set_status::SetStatusLayer;
    paused(async {
        let server = HeaderValue::from_static("glassloop");
        let app = Router::new()
            .route("/", get(|Extension(word): Extension<&'static str>| async move { word }))
            .layer(AddExtensionLayer::new("a word"))
            .layer(SetResponseHeaderLayer::overriding(HeaderName::from_static("server"), server))
            .layer(PropagateHeaderLayer::new(HeaderName::from_static("x-trace")))
            .layer(SetStatusLayer::new(StatusCode::ACCEPTED));
        let asked = Request::get("/").header("x-trace", "7").body(Body::empty()).unwrap();
        let (answer, text) = ask(&app, asked).await;
        assert_eq!((answer.status(), text.as_str()), (StatusCode::ACCEPTED, "a word"));
        assert_eq!(
            (&answer.headers()["server"], &answer.headers()["x-trace"]),
            (&"glassloop".parse().unwrap(), &"7".parse().unwrap())
        );
    });
}

#[test]
fn a_sensitive_header_is_not_printed() {
    use axum::http::HeaderMap;
    use tower_http::sensitive_headers::SetSensitiveRequestHeadersLayer;
    paused(async {
        let app = Router::new()
            .route("/", get(|headers: HeaderMap| async move { format!("{:?}", headers["authorization"]) }))
            .layer(SetSensitiveRequestHeadersLayer::new([HeaderName::from_static("authorization")]));
        let asked = Request::get("/").header("authorization", "secret").body(Body::empty()).unwrap();
        assert_eq!(ask(&app, asked).await.1, "Sensitive");
    });
}

#[test]
fn a_slash_at_the_end_is_normalized_and_content_is_validated() {
    use tower_http::normalize_path::NormalizePathLayer;
    use tower_http::validate_request::ValidateRequestHeaderLayer;
    paused(async {
        let app = Router::new()
            .route("/a", get(|| async { "here" }))
            .layer(ValidateRequestHeaderLayer::accept("application/json"));
        let app = NormalizePathLayer::trim_trailing_slash().layer(app);
        let ask = |accept| {
            let asked = Request::get("/a/").header("accept", accept).body(Body::empty()).unwrap();
            app.clone().oneshot(asked)
        };
        assert_eq!(ask("application/json").await.unwrap().status(), 200);
        assert_eq!(ask("text/html").await.unwrap().status(), 406);
    });
}

#[test]
fn trace_tells_each_request_and_its_answer() {
    use tower_http::trace::TraceLayer;
    paused(async {
        let (told, lines) = std::sync::mpsc::channel();
        let answered = told.clone();
        let trace = TraceLayer::new_for_http()
            .on_request(move |request: &Request<Body>, _: &_| told.send(request.uri().to_string()).unwrap())
            .on_response(move |answer: &Response<_>, _: Duration, _: &_| {
                answered.send(answer.status().to_string()).unwrap();
            });
        let app = Router::new().route("/a", get(|| async {})).layer(trace);
        ask(&app, request("/a")).await;
        assert_eq!(lines.try_iter().collect::<Vec<_>>(), ["/a", "200 OK"]);
    });
}
