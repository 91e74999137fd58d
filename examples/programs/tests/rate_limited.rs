//! The rate-limited consumer, by the second: HTTP over streams in memory, in virtual time.

use std::cell::{Cell, RefCell};
use std::convert::Infallible;
use std::process::Command;
use std::rc::Rc;
use std::time::Duration;

use glassloop::compat::hyper::Timer;
use glassloop::io::duplex;
use glassloop::time::{Instant, sleep};
use glassloop::{Builder, spawn};
use glassloop_programs::rate_limited::consume;
use http_body_util::{BodyExt, Empty};
use hyper::body::{Bytes, Incoming};
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};

/// A site at the other end of a stream in memory.
struct Site {
    start: Instant,
    /// How many tries of an item fail, before one is good.
    failing: fn(u32) -> usize,
    /// How long an answer takes.
    answer: Duration,
    /// The tries that were made: the item, and when.
    tries: RefCell<Vec<(u32, Duration)>>,
    here: Cell<usize>,
    most: Cell<usize>,
}

impl Site {
    fn new(failing: fn(u32) -> usize, answer: Duration) -> Rc<Site> {
        let (tries, here, most) = Default::default();
        Rc::new(Site { start: Instant::now(), failing, answer, tries, here, most })
    }

    async fn serve(self: Rc<Self>, request: Request<Incoming>) -> Result<Response<String>, Infallible> {
        let item = request.uri().path().trim_start_matches('/').parse().unwrap();
        self.tries.borrow_mut().push((item, self.start.elapsed()));
        let tries = self.times(item).len();
        self.here.set(self.here.get() + 1);
        self.most.set(self.most.get().max(self.here.get()));
        sleep(self.answer).await;
        self.here.set(self.here.get() - 1);
        let mut response = Response::new(format!("item {item}"));
        if tries <= (self.failing)(item) {
            *response.status_mut() = StatusCode::SERVICE_UNAVAILABLE;
        }
        Ok(response)
    }

    /// When an item was tried, in milliseconds.
    fn times(&self, item: u32) -> Vec<u128> {
        let tries = self.tries.borrow();
        tries.iter().filter(|(tried, _)| *tried == item).map(|(_, when)| when.as_millis()).collect()
    }
}

/// A call over a connection of its own.
async fn call(site: Rc<Site>, item: u32) -> Result<String, StatusCode> {
    let (near, far) = duplex(1024);
    let service = service_fn(move |request| site.clone().serve(request));
    let serving = hyper::server::conn::http1::Builder::new().timer(Timer).serve_connection(far, service);
    let serving = spawn(serving);
    let (mut sender, connection) = hyper::client::conn::http1::handshake(near).await.unwrap();
    let connection = spawn(connection);
    let request = Request::get(format!("/{item}")).header("host", "memory").body(Empty::<Bytes>::new()).unwrap();
    let response = sender.send_request(request).await.unwrap();
    let status = response.status();
    let body = response.into_body().collect().await.unwrap().to_bytes();
    drop(sender);
    connection.await.unwrap().unwrap();
    serving.await.unwrap().unwrap();
    if status.is_success() { Ok(String::from_utf8(body.to_vec()).unwrap()) } else { Err(status) }
}

/// What is logged: the item, its try, and why it failed.
type Log = Vec<(u32, usize, StatusCode)>;

/// Consumes so many items; gives what came, what was logged, and how long it took.
async fn consumed(site: &Rc<Site>, items: u32) -> (Vec<String>, Log, Duration) {
    let log = Rc::new(RefCell::new(Log::new()));
    let (at, logged) = (site.clone(), log.clone());
    let call = async move |item: &u32| call(at.clone(), *item).await;
    let answers =
        consume(1..=items, call, move |item, n, error| logged.borrow_mut().push((*item, n, error))).await;
    let log = log.take();
    (answers, log, site.start.elapsed())
}

fn in_virtual_time<F: Future>(future: F) -> F::Output {
    Builder::new().start_paused(true).build().unwrap().block_on(future)
}

const NO: StatusCode = StatusCode::SERVICE_UNAVAILABLE;

#[test]
fn an_item_that_fails_is_tried_after_one_and_two_seconds_more_then_dropped() {
    in_virtual_time(async {
        let site = Site::new(|_| usize::MAX, Duration::ZERO);
        let (answers, log, took) = consumed(&site, 1).await;
        assert_eq!(site.times(1), [0, 1000, 3000]);
        assert_eq!(log, [(1, 1, NO), (1, 2, NO), (1, 3, NO)]);
        assert!(answers.is_empty());
        assert_eq!(took, Duration::from_secs(1 + 2 + 4));
    });
}

#[test]
fn an_item_that_comes_at_a_later_try_is_kept() {
    in_virtual_time(async {
        let site = Site::new(|item| item as usize, Duration::ZERO);
        let (answers, log, _) = consumed(&site, 3).await;
        assert_eq!(answers, ["item 1", "item 2"]);
        assert_eq!((site.times(1), site.times(2)), (vec![0, 1000], vec![0, 1000, 3000]));
        assert_eq!(log, [(1, 1, NO), (2, 1, NO), (3, 1, NO), (2, 2, NO), (3, 2, NO), (3, 3, NO)]);
    });
}

#[test]
fn five_are_called_at_a_time_and_never_more() {
    in_virtual_time(async {
        let site = Site::new(|_| 0, Duration::from_millis(100));
        let (answers, ..) = consumed(&site, 12).await;
        assert_eq!(answers, (1..=12).map(|item| format!("item {item}")).collect::<Vec<_>>());
        assert_eq!(site.most.get(), 5);
        let times = (1..=12).map(|item| site.times(item)[0]);
        assert!(times.eq([0, 0, 0, 0, 0, 100, 100, 100, 100, 100, 200, 200]));
    });
}

#[test]
fn an_item_keeps_its_place_among_the_five_while_it_waits() {
    in_virtual_time(async {
        let site = Site::new(|item| if item <= 5 { usize::MAX } else { 0 }, Duration::from_millis(100));
        let (answers, ..) = consumed(&site, 6).await;
        assert_eq!(answers, ["item 6"]);
        assert_eq!(site.times(5), [0, 1100, 3200]);
        assert_eq!(site.times(6), [7300]); // three tries of 100 ms, 1 + 2 + 4 s
    });
}

#[test]
fn program_logs_each_failure_and_keeps_the_rest() {
    let run = Command::new(env!("CARGO_BIN_EXE_rate_limited")).output().unwrap();
    assert!(run.status.success(), "{}", String::from_utf8_lossy(&run.stderr));
    let told = String::from_utf8(run.stdout).unwrap();
    let failures = |item: u32| told.matches(&format!("item {item}, try ")).count();
    assert_eq!((1..=12).map(failures).collect::<Vec<_>>(), [0, 0, 1, 0, 0, 2, 3, 0, 0, 0, 0, 0], "{told}");
    assert_eq!(told.matches("503 Service Unavailable; dropped").count(), 1, "{told}");
    assert!(told.contains("11 of 12 items came"), "{told}");
}
