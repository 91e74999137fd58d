//! The client and the site that the programs share.

use std::time::Duration;

use axum::http::StatusCode;
use axum::{Router, routing::get};
use glassloop_programs::http::{Http, HttpError, Site};

fn site() -> Site {
    Site::start(|| {
        Router::new()
            .route("/hello", get("hello"))
            .route("/no", get(StatusCode::IM_A_TEAPOT))
            .route("/never", get(std::future::pending::<()>))
    })
}

#[test]
fn calls_one_after_the_other_share_a_connection() {
    let site = site();
    glassloop::run(async {
        let http = Http::new(Duration::from_secs(60));
        for _ in 0..3 {
            assert_eq!(http.get(&site.uri("/hello")).await.unwrap(), "hello");
        }
    });
    assert_eq!(site.stop().connections, 1);
}

#[test]
fn an_answer_that_says_no_is_an_error_that_names_the_address() {
    let site = site();
    let error =
        glassloop::run(async { Http::new(Duration::from_secs(60)).get(&site.uri("/no")).await.unwrap_err() });
    assert_eq!(error.to_string(), format!("{}: 418 I'm a teapot", site.uri("/no")));
}

#[test]
fn an_answer_that_does_not_come_is_given_up() {
    let site = site();
    let error =
        glassloop::run(async { Http::new(Duration::from_millis(20)).get(&site.uri("/never")).await.unwrap_err() });
    assert!(matches!(error, HttpError::Slow(..)), "{error}");
}

#[test]
fn nobody_there_is_told_with_the_systems_words() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let uri = format!("http://{}/", listener.local_addr().unwrap());
    drop(listener);
    let error = glassloop::run(async { Http::new(Duration::from_secs(60)).get(&uri).await.unwrap_err() });
    assert!(error.to_string().contains("Connection refused"), "{error}");
}
