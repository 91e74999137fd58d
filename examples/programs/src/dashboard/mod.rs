//! A web service as they are written every day, and a page that shows the loop beneath it at work.
//!
//! | route | what it teaches |
//! |---|---|
//! | `GET /summary` | three services called at once; errors are values; 502 if all fail |
//! | `GET /checksum` | a plain function that blocks, on a thread of the pool |
//! | `POST /orders?item=tea` | a dependency with a teardown: [`Session`] |
//! | `POST /signup?name=ann` | a background task that begins after the answer |
//! | `GET /rows?of=10` | rows, streamed as they are made |
//! | `POST /block?ms=300` | a mistake on purpose: everybody waits; see it on the page |
//! | `GET /`, `/loop.json`, `/metrics` | the loop, for people, for the page and for Prometheus |
//! | `GET /journal` | what the others did |

mod answers;
mod background;
mod journal;
mod rows;
pub mod services;
mod session;
mod summary;
mod tour;
mod watch;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::FromRef;
use axum::routing::{get, post};

pub use answers::on_pool;
pub use background::Background;
pub use journal::Journal;
pub use services::Service;
pub use session::{Session, Sessions};
pub use tour::tour;
pub use watch::Watch;

use crate::http::Http;

/// How long a service may take to answer.
pub const LIMIT: Duration = Duration::from_secs(1);

/// What the handlers share. A handler asks for the part that it needs, by `State<Journal>`.
#[derive(Clone)]
pub struct App {
    pub http: Http,
    pub services: Arc<[Service]>,
    pub sessions: Sessions,
    pub background: Background,
    pub journal: Journal,
    pub watch: Watch,
    /// The file that `/checksum` reads.
    pub file: PathBuf,
}

impl App {
    pub fn new(services: impl Into<Arc<[Service]>>, file: impl Into<PathBuf>, watch: Watch) -> App {
        let journal = Journal::default();
        App {
            http: Http::new(LIMIT),
            services: services.into(),
            sessions: Sessions::new(journal.clone()),
            background: Background::default(),
            journal,
            watch,
            file: file.into(),
        }
    }

    pub fn router(self) -> Router {
        Router::new()
            .route("/", get(watch::page))
            .route("/loop.json", get(watch::loop_json))
            .route("/metrics", get(watch::metrics))
            .route("/summary", get(summary::summary))
            .route("/checksum", get(answers::checksum))
            .route("/orders", post(answers::order))
            .route("/signup", post(answers::signup))
            .route("/rows", get(rows::rows))
            .route("/block", post(answers::block))
            .route("/journal", get(journal::journal))
            .with_state(self)
    }
}

impl FromRef<App> for Journal {
    fn from_ref(app: &App) -> Journal {
        app.journal.clone()
    }
}

impl FromRef<App> for Background {
    fn from_ref(app: &App) -> Background {
        app.background.clone()
    }
}

impl FromRef<App> for Sessions {
    fn from_ref(app: &App) -> Sessions {
        app.sessions.clone()
    }
}
