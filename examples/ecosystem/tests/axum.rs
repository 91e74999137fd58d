//! axum's routers, extractors and handlers, served by glassloop.

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use axum::extract::{Path, Query, State};
use axum::http::{Request, StatusCode};
use axum::routing::{get, post};
use axum::{Json, Router};
use glassloop::compat::hyper::{Exec, Timer};
use glassloop::compat::hyper_util::{Connector, serve};
use glassloop::net::TcpListener;
use glassloop::time::{Instant, sleep};
use glassloop::{Builder, join_all, spawn};
use http_body_util::BodyExt;
use hyper_util::client::legacy::Client;
use serde::{Deserialize, Serialize};

/// Runs `test` with a client of a server of `app`.
fn with<F: Future>(app: Router, test: impl FnOnce(Site) -> F) -> F::Output {
    glassloop::run(async {
        let site = Site::new(app).await;
        glassloop::time::timeout(Duration::from_secs(60), test(site)).await.expect("it hangs")
    })
}

#[derive(Clone)]
struct Site {
    client: Client<Connector, String>,
    uri: String,
}

impl Site {
    async fn new(app: Router) -> Site {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let uri = format!("http://{}", listener.local_addr().unwrap());
        spawn(serve(listener, app.into_make_service()).into_future()).detach();
        Site { client: Client::builder(Exec).pool_timer(Timer).build(Connector::new()), uri }
    }

    async fn get(&self, path: &str) -> (u16, String) {
        self.send(Request::get(format!("{}{path}", self.uri)).body(String::new()).unwrap()).await.unwrap()
    }

    async fn post(&self, path: &str, kind: &str, body: &str) -> (u16, String) {
        let request = Request::post(format!("{}{path}", self.uri)).header("content-type", kind);
        self.send(request.body(body.to_owned()).unwrap()).await.unwrap()
    }

    async fn send(&self, request: Request<String>) -> Result<(u16, String), hyper_util::client::legacy::Error> {
        let answer = self.client.request(request).await?;
        let status = answer.status().as_u16();
        let body = answer.into_body().collect().await.unwrap().to_bytes();
        Ok((status, String::from_utf8(body.to_vec()).unwrap()))
    }
}

#[derive(Deserialize, Serialize)]
struct User {
    name: String,
    age: u32,
}

fn people() -> Router {
    Router::new().route(
        "/users",
        post(|Json(user): Json<User>| async move { (StatusCode::CREATED, Json(User { age: user.age + 1, ..user })) }),
    )
}

#[test]
fn a_route_with_a_part_of_the_path_and_a_query() {
    #[derive(Deserialize)]
    struct Page {
        page: u32,
    }
    let item = |Path(id): Path<u32>, Query(Page { page }): Query<Page>| async move { format!("{id} on {page}") };
    with(Router::new().route("/items/{id}", get(item)), async |site| {
        assert_eq!(site.get("/items/7?page=3").await, (200, "7 on 3".into()));
        assert_eq!(site.get("/items/seven?page=3").await.0, 400);
        assert_eq!(site.get("/nothing").await.0, 404);
        assert_eq!(site.post("/items/7", "text/plain", "").await.0, 405);
    });
}

#[test]
fn json_comes_in_and_goes_out() {
    with(people(), async |site| {
        let created = site.post("/users", "application/json", r#"{"name":"Ada","age":36}"#).await;
        assert_eq!(created, (201, r#"{"name":"Ada","age":37}"#.into()));
    });
}

#[test]
fn json_that_is_none_is_400_other_content_415_and_other_fields_422() {
    with(people(), async |site| {
        let (status, why) = site.post("/users", "application/json", r#"{"name":"#).await;
        assert_eq!(status, 400);
        assert!(why.contains("EOF while parsing"), "{why}");
        let (status, why) = site.post("/users", "text/plain", r#"{"name":"Ada","age":36}"#).await;
        assert_eq!(status, 415);
        assert!(why.contains("Content-Type: application/json"), "{why}");
        let (status, why) = site.post("/users", "application/json", r#"{"name":"Ada","age":"old"}"#).await;
        assert_eq!(status, 422);
        assert!(why.contains("age: invalid type"), "{why}");
    });
}

#[test]
fn state_is_shared_by_all_requests_of_all_connections() {
    let hit =
        |State(hits): State<Arc<AtomicU32>>| async move { (hits.fetch_add(1, Ordering::Relaxed) + 1).to_string() };
    let hits = Arc::new(AtomicU32::new(0));
    with(Router::new().route("/", get(hit)).with_state(hits.clone()), async |site| {
        let answers = join_all((0..20).map(|_| {
            let site = site.clone();
            spawn(async move { site.get("/").await.1.parse::<u32>().unwrap() })
        }));
        let mut numbers: Vec<_> = answers.await.into_iter().map(Result::unwrap).collect();
        numbers.sort();
        assert_eq!(numbers, Vec::from_iter(1..=20));
    });
    assert_eq!(hits.load(Ordering::Relaxed), 20);
}

#[test]
fn a_nested_router_sees_its_own_part_of_the_path() {
    let inner =
        Router::new().route("/{name}", get(|Path(name): Path<String>| async move { format!("user {name}") }));
    let app = Router::new().nest("/api", Router::new().nest("/users", inner)).fallback(|| async { "elsewhere" });
    with(app, async |site| {
        assert_eq!(site.get("/api/users/ada").await.1, "user ada");
        assert_eq!(site.get("/api/ada").await.1, "elsewhere");
    });
}

#[test]
fn a_handler_sleeps_by_the_loops_clock() {
    let nap = |Path(seconds): Path<u64>| async move {
        sleep(Duration::from_secs(seconds)).await;
        seconds.to_string()
    };
    let runtime = Builder::new().start_paused(true).build().unwrap();
    runtime.block_on(async {
        let site = Site::new(Router::new().route("/{seconds}", get(nap))).await;
        let start = Instant::now();
        let answers = join_all([5, 20, 10].map(|seconds| {
            let site = site.clone();
            spawn(async move { site.get(&format!("/{seconds}")).await.1 })
        }));
        let answers: Vec<_> = answers.await.into_iter().map(Result::unwrap).collect();
        assert_eq!(answers, ["5", "20", "10"]);
        assert_eq!(start.elapsed(), Duration::from_secs(20)); // together, not one after the other
    });
}

#[test]
fn a_handler_that_panics_ends_its_own_connection_and_is_told_by_name() {
    use glassloop::trace::OnUnhandled;
    let app = Router::new()
        .route(
            "/panic",
            get(|| async {
                if true {
                    panic!("out of paper")
                }
            }),
        )
        .route("/wait", get(|| async { sleep(Duration::from_secs(1)).await }));
    let (told, failures) = std::sync::mpsc::channel();
    let policy = OnUnhandled::call(move |failure| {
        told.send((failure.name.as_deref().unwrap().to_owned(), failure.message.clone())).unwrap();
    });
    let runtime = Builder::new().start_paused(true).on_unhandled(policy).build().unwrap();
    runtime.block_on(async {
        let site = Site::new(app).await;
        let other = site.clone();
        let waits = spawn(async move { other.get("/wait").await });
        let request = Request::get(format!("{}/panic", site.uri)).body(String::new()).unwrap();
        assert!(site.send(request).await.is_err());
        assert_eq!(waits.await.unwrap().0, 200); // it was in another connection
        assert_eq!(site.get("/wait").await.0, 200); // and the server lives
    });
    let (name, message) = failures.try_recv().unwrap();
    assert!(name.starts_with("http from 127.0.0.1:"), "{name}");
    assert_eq!(message, "out of paper");
}

/// `Router` as a service puts its layers on anew with each request; as `into_make_service` gives it, once.
#[test]
fn a_layers_state_is_shared_by_all_requests() {
    use tower::limit::ConcurrencyLimitLayer;
    let app = Router::new()
        .route("/", get(|| async { sleep(Duration::from_secs(1)).await }))
        .layer(ConcurrencyLimitLayer::new(2));
    let runtime = Builder::new().start_paused(true).build().unwrap();
    runtime.block_on(async {
        let site = Site::new(app).await;
        let start = Instant::now();
        join_all((0..6).map(|_| {
            let site = site.clone();
            spawn(async move { site.get("/").await })
        }))
        .await;
        assert_eq!(start.elapsed(), Duration::from_secs(3));
    });
}
