//! Futures polled by hand, with wakers of no runtime: what each waker was asked is counted, and it may do anything.
#![allow(dead_code)] // each test file uses its part

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};

type Act = Rc<dyn Fn()>;

thread_local! {
    static WOKEN: RefCell<Vec<&'static str>> = const { RefCell::new(Vec::new()) };
    static ACTS: RefCell<HashMap<&'static str, Act>> = RefCell::new(HashMap::new());
}

/// Who was woken on this thread since the last call, in order.
pub(crate) fn woken() -> Vec<&'static str> {
    WOKEN.take()
}

/// What the waker of this name does when it is woken.
pub(crate) fn on_wake(name: &'static str, act: impl Fn() + 'static) {
    ACTS.with_borrow_mut(|acts| acts.insert(name, Rc::new(act)));
}

struct Named(&'static str);

impl Wake for Named {
    fn wake(self: Arc<Self>) {
        WOKEN.with_borrow_mut(|woken| woken.push(self.0));
        let act = ACTS.with_borrow(|acts| acts.get(self.0).cloned());
        if let Some(act) = act {
            act();
        }
    }
}

pub(crate) fn waker(name: &'static str) -> Waker {
    Arc::new(Named(name)).into()
}

/// A future, and the waker that it is polled with.
pub(crate) struct Hand<F> {
    waker: Waker,
    future: Pin<Box<F>>,
}

impl<F: Future> Hand<F> {
    pub(crate) fn new(name: &'static str, future: F) -> Hand<F> {
        Hand { waker: waker(name), future: Box::pin(future) }
    }

    /// Polled once already, and found waiting.
    #[track_caller]
    pub(crate) fn waiting(name: &'static str, future: F) -> Hand<F> {
        let mut hand = Hand::new(name, future);
        assert!(hand.poll().is_pending(), "{name} does not wait");
        hand
    }

    pub(crate) fn poll(&mut self) -> Poll<F::Output> {
        self.future.as_mut().poll(&mut Context::from_waker(&self.waker))
    }

    pub(crate) fn is_pending(&mut self) -> bool {
        self.poll().is_pending()
    }

    /// Polls it, and takes what it gives.
    #[track_caller]
    pub(crate) fn take(&mut self) -> F::Output {
        match self.poll() {
            Poll::Ready(output) => output,
            Poll::Pending => panic!("it waits still"),
        }
    }

    pub(crate) fn as_pin(&mut self) -> Pin<&mut F> {
        self.future.as_mut()
    }

    /// From now on it is polled with another waker.
    pub(crate) fn rename(&mut self, name: &'static str) {
        self.waker = waker(name);
    }
}

/// Polls a future once, and takes what it gives at once.
#[track_caller]
pub(crate) fn now<F: Future>(future: F) -> F::Output {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(output) => output,
        Poll::Pending => panic!("it is not ready at once"),
    }
}

/// Counts how often something was dropped or done.
#[derive(Clone, Default)]
pub(crate) struct Count(Rc<Cell<usize>>);

impl Count {
    pub(crate) fn up(&self) {
        self.0.set(self.0.get() + 1);
    }

    pub(crate) fn get(&self) -> usize {
        self.0.get()
    }
}
