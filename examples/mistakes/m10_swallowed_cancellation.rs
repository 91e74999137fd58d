//! In Python a task may catch its cancellation and go on. A dropped future cannot; but what it would have awaited to
//! clean up is not awaited either.

use std::cell::RefCell;
use std::rc::Rc;

use glassloop::sync::CancellationToken;
use glassloop::{Builder, spawn, yield_now};

use super::mistake::Mistake;

pub(super) const MISTAKE: Mistake =
    Mistake { title: "cleanup that a cancellation leaves out", compiler: "", wrong, mended };

type Log = Rc<RefCell<Vec<String>>>;

async fn work(log: &Log) {
    log.borrow_mut().push("works".to_owned());
    std::future::pending().await
}

async fn goodbye(log: &Log) {
    yield_now().await;
    log.borrow_mut().push("said goodbye".to_owned());
}

fn wrong(builder: Builder) -> Vec<String> {
    let log = Log::default();
    builder.build().unwrap().block_on(async {
        let inner = log.clone();
        let task = spawn(async move {
            work(&inner).await;
            goodbye(&inner).await;
        });
        yield_now().await;
        task.abort();
        let ended = task.await.unwrap_err();
        log.borrow_mut().push(ended.to_string());
    });
    log.take()
}

fn mended(builder: Builder) -> Vec<String> {
    let log = Log::default();
    builder.build().unwrap().block_on(async {
        let token = CancellationToken::new();
        let (inner, cancelled) = (log.clone(), token.clone());
        let task = spawn(async move {
            cancelled.run_until_cancelled(work(&inner)).await;
            goodbye(&inner).await;
        });
        yield_now().await;
        token.cancel();
        task.await.unwrap();
    });
    log.take()
}
