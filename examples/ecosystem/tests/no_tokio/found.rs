//! The check itself: each way in which tokio can run is found, and glassloop's own threads are not.

use std::future::Future;
use std::sync::mpsc;
use std::time::Duration;

use rustix::time::{TimerfdClockId, TimerfdFlags, timerfd_create};
use tokio::runtime::Builder;

use crate::watch::{alone, look, watch, without};

/// A test in which the check must find `words`.
fn finds<S: FnOnce() -> F, F: Future>(words: &str, scene: S) {
    alone::<S>(|| {
        let found = watch(&[], scene);
        assert!(found.iter().any(|found| found.starts_with(words)), "{words}: not in {found:?}");
    });
}

#[test]
fn a_thread_of_tokios_is_found() {
    finds("a thread: tokio-rt-worker", async || {
        let tokio = Builder::new_current_thread().build().unwrap();
        let (release, hold) = mpsc::channel::<()>();
        let (begun, begins) = mpsc::channel();
        tokio.spawn_blocking(move || {
            begun.send(()).unwrap();
            let _ = hold.recv();
        });
        begins.recv().unwrap();
        look("with the thread");
        drop(release);
    });
}

#[test]
fn a_reactor_of_tokios_is_found() {
    finds("epoll descriptors:", async || {
        let tokio = Builder::new_current_thread().enable_io().build().unwrap();
        look("with the reactor");
        drop(tokio);
    });
}

#[test]
fn a_runtime_of_tokios_that_a_task_has_entered_is_found() {
    finds("a runtime of tokio is entered", async || {
        let tokio = Builder::new_current_thread().build().unwrap();
        let _entered = tokio.enter();
        look("within it");
    });
}

#[test]
fn a_runtime_of_tokios_that_came_and_went_between_looks_is_found() {
    finds("this runtime of tokio is number 2", async || {
        let tokio = Builder::new_current_thread().enable_time().build().unwrap();
        tokio.block_on(async { tokio::time::sleep(Duration::from_micros(1)).await });
    });
}

#[test]
fn a_timer_descriptor_is_found() {
    finds("timer descriptors: 1", async || {
        let _timer = timerfd_create(TimerfdClockId::Monotonic, TimerfdFlags::CLOEXEC).unwrap();
        look("with it");
    });
}

#[test]
fn glassloops_own_pool_is_let_be() {
    without(&["with a thread of it"], async || {
        let (release, hold) = mpsc::channel::<()>();
        let (begun, begins) = mpsc::channel();
        let job = glassloop::spawn_blocking(move || {
            begun.send(()).unwrap();
            let _ = hold.recv();
        });
        begins.recv().unwrap();
        look("with a thread of it");
        drop(release);
        job.await.unwrap();
    });
}
