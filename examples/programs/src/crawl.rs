//! Every page that a site's links lead to, so many at once.
//!
//! Who knows when nothing is left? One task alone finds new pages, hands them out and takes the results back, so that
//! it always knows: nothing waits, and nobody is under way who could find more. The set of tasks tells it, by `None`.
//! (Tasks that spawn each other, in a `TaskGroup`, would end as cleanly. But what was seen, and how many run, would
//! then be shared by all.)

use std::collections::{HashSet, VecDeque};
use std::pin::pin;
use std::time::Duration;

use axum::Router;
use axum::extract::Path;
use axum::http::StatusCode;
use axum::response::Html;
use axum::routing::get;
use glassloop::time::sleep;
use glassloop::{JoinSet, select};

use crate::http::{Http, HttpError};

/// What a crawl has found.
#[derive(Debug, Default)]
pub struct Crawled {
    /// The paths of the pages that came, in the order in which they came.
    pub pages: Vec<String>,
    /// Why others did not.
    pub failed: Vec<HttpError>,
    /// How many were known, and not visited to the end, when it was stopped.
    pub left: usize,
    /// It was stopped before it had seen everything.
    pub stopped: bool,
}

/// Visits the front page of `site`, such as `http://127.0.0.1:8080`, and each page of the site that links lead to,
/// once; at most `at_once` at a time. `each` sees what there is after every visit.
///
/// When `stop` is ready, the visits under way are cancelled, and what was found until then is given.
///
/// # Cancel safety
/// Dropped, it cancels its visits, and what was found is lost.
pub async fn crawl(
    http: &Http,
    site: &str,
    at_once: usize,
    stop: impl Future<Output = ()>,
    mut each: impl FnMut(&Crawled),
) -> Crawled {
    let mut stop = pin!(stop);
    let mut found = Crawled { left: 1, ..Crawled::default() };
    let mut seen = HashSet::from(["/".to_owned()]);
    let mut waiting = VecDeque::from(["/".to_owned()]);
    let mut visits = JoinSet::new();
    loop {
        while visits.len() < at_once
            && let Some(path) = waiting.pop_front()
        {
            let (http, uri) = (http.clone(), format!("{site}{path}"));
            visits.spawn(async move { (path, links(&http, &uri).await) });
        }
        let visited = select! {
            () = &mut stop => {
                visits.shutdown().await; // cancels them, and waits until they are gone
                found.stopped = true;
                return found;
            }
            visited = visits.join_next() => visited,
        };
        let Some(visited) = visited else { return found };
        match visited.expect("a visit does not panic") {
            (path, Ok(links)) => {
                found.pages.push(path);
                waiting.extend(links.into_iter().filter(|link| seen.insert(link.clone())));
            }
            (_, Err(error)) => found.failed.push(error),
        }
        found.left = waiting.len() + visits.len();
        each(&found);
    }
}

/// Where a page's links lead, as far as they stay on its site and name it from its root.
async fn links(http: &Http, uri: &str) -> Result<Vec<String>, HttpError> {
    let page = http.get(uri).await?;
    let page = String::from_utf8_lossy(&page);
    let targets = page.split("href=\"").skip(1).filter_map(|rest| rest.split(['"', '#']).next());
    Ok(targets.filter(|link| link.starts_with('/') && !link.starts_with("//")).map(String::from).collect())
}

/// A site of so many pages, 10 ms each, in a tree; a page links to its parent and to its neighbour too. One link leads
/// nowhere, and one to a page that never comes.
pub fn linked_site(pages: usize) -> Router {
    let page = move |n: usize| async move {
        sleep(Duration::from_millis(10)).await;
        if n >= pages {
            return Err(StatusCode::NOT_FOUND);
        }
        let children = (2 * n + 1..=2 * n + 2).filter(|&child| child < pages);
        let others = [(n + 1) % pages, n.saturating_sub(1) / 2];
        let mut links: Vec<_> = children.chain(others).map(path).collect();
        match n {
            13 => links.push("/gone".to_owned()),
            37 => links.push("/never".to_owned()),
            _ => {}
        }
        Ok(Html(links.iter().map(|link| format!("<a href=\"{link}\">{link}</a>\n")).collect::<String>()))
    };
    Router::new()
        .route("/", get(move || page(0)))
        .route("/page/{n}", get(move |Path(n): Path<usize>| page(n)))
        .route("/never", get(std::future::pending::<()>))
}

fn path(page: usize) -> String {
    if page == 0 { "/".to_owned() } else { format!("/page/{page}") }
}
