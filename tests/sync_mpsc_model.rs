//! Random sequences of operations on a channel and on queues, step by step beside a model made of plain vectors.

#[path = "support/foreign.rs"]
mod foreign;

use std::collections::VecDeque;
use std::rc::Rc;
use std::task::Poll;

use foreign::Hand;
use glassloop::sync::mpsc::error::{TryRecvError, TrySendError};
use glassloop::sync::mpsc::{self, OwnedPermit};
use glassloop::sync::queue::error::{TryGetError, TryPutError};
use glassloop::sync::{LifoQueue, PriorityQueue, Queue};
use proptest::collection::vec;
use proptest::prelude::*;

/// Gives what is ready of `waits` to `end`, and keeps the rest.
fn poll_one<F: Future>(waits: &mut Vec<(u32, Hand<F>)>, at: usize) -> Option<(u32, F::Output)> {
    let index = at % waits.len().max(1);
    match waits.get_mut(index)?.1.poll() {
        Poll::Ready(output) => Some((waits.remove(index).0, output)),
        Poll::Pending => None,
    }
}

/// A line of those who want one of something: the rule that both models share.
#[derive(Default)]
struct Line {
    free: usize,
    waiting: Vec<u32>,
    granted: Vec<u32>,
}

impl Line {
    fn try_take(&mut self) -> bool {
        let takes = self.waiting.is_empty() && self.free > 0;
        self.free -= usize::from(takes);
        takes
    }

    fn give(&mut self) {
        if self.waiting.is_empty() {
            self.free += 1;
        } else {
            self.granted.push(self.waiting.remove(0));
        }
    }

    fn leave(&mut self, who: u32) {
        self.waiting.retain(|other| *other != who);
        if self.take_granted(who) {
            self.give();
        }
    }

    fn take_granted(&mut self, who: u32) -> bool {
        let before = self.granted.len();
        self.granted.retain(|other| *other != who);
        self.granted.len() < before
    }

    fn promised(&self) -> usize {
        self.granted.len()
    }
}

#[derive(Clone, Debug)]
enum Step {
    TrySend,
    Send,
    Reserve,
    UsePermit(usize),
    DropPermit(usize),
    PollSend(usize),
    PollReserve(usize),
    DropSend(usize),
    DropReserve(usize),
    Recv,
    TryRecv,
    RecvMany(usize),
    Close,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let at = 0..8usize;
    let step = prop_oneof![
        3 => Just(Step::TrySend),
        4 => Just(Step::Send),
        2 => Just(Step::Reserve),
        2 => at.clone().prop_map(Step::UsePermit),
        2 => at.clone().prop_map(Step::DropPermit),
        4 => at.clone().prop_map(Step::PollSend),
        3 => at.clone().prop_map(Step::PollReserve),
        2 => at.clone().prop_map(Step::DropSend),
        2 => at.clone().prop_map(Step::DropReserve),
        3 => Just(Step::Recv),
        3 => Just(Step::TryRecv),
        1 => at.prop_map(Step::RecvMany),
        1 => (0..12u8).prop_map(|n| if n == 0 { Step::Close } else { Step::TryRecv }),
    ];
    vec(step, 0..120)
}

/// What a channel ought to be.
struct Model {
    values: VecDeque<u32>,
    line: Line,
    permits: usize,
    open: bool,
}

impl Model {
    fn pop(&mut self) -> Option<u32> {
        let value = self.values.pop_front()?;
        self.line.give();
        Some(value)
    }

    fn is_done(&self) -> bool {
        !self.open && self.values.is_empty() && self.permits + self.line.promised() == 0
    }

    fn close(&mut self) {
        self.open = false;
        self.line.waiting.clear();
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_channel_does_what_its_model_does(slots in 1..4usize, steps in steps()) {
        let (tx, mut rx) = mpsc::channel(slots);
        let mut model =
            Model { values: VecDeque::new(), line: Line { free: slots, ..Line::default() }, permits: 0, open: true };
        let (mut sends, mut reserves) = (Vec::new(), Vec::new());
        let mut permits: Vec<OwnedPermit<u32>> = Vec::new();
        for (n, step) in (0..).zip(steps) {
            match step {
                Step::TrySend => {
                    let wanted = match (model.open, model.open && model.line.try_take()) {
                        (false, _) => Err(TrySendError::Closed(n)),
                        (true, false) => Err(TrySendError::Full(n)),
                        (true, true) => {
                            model.values.push_back(n);
                            Ok(())
                        }
                    };
                    prop_assert_eq!(tx.try_send(n), wanted);
                }
                Step::Send => {
                    let mut send = Hand::new("send", tx.send(n));
                    if !model.open {
                        prop_assert!(send.take().is_err());
                    } else if model.line.try_take() {
                        prop_assert!(send.take().is_ok());
                        model.values.push_back(n);
                    } else {
                        prop_assert!(send.is_pending());
                        model.line.waiting.push(n);
                        sends.push((n, send));
                    }
                }
                Step::Reserve => {
                    let mut reserve = Hand::new("reserve", tx.clone().reserve_owned());
                    if !model.open {
                        prop_assert!(reserve.take().is_err());
                    } else if model.line.try_take() {
                        permits.push(reserve.take().unwrap());
                        model.permits += 1;
                    } else {
                        prop_assert!(reserve.is_pending());
                        model.line.waiting.push(n);
                        reserves.push((n, reserve));
                    }
                }
                Step::PollSend(at) => {
                    if let Some((who, sent)) = poll_one(&mut sends, at) {
                        let granted = model.line.take_granted(who);
                        prop_assert_eq!(sent.is_ok(), granted && model.open);
                        match (granted, model.open) {
                            (true, true) => model.values.push_back(who),
                            (true, false) => model.line.give(),
                            (false, open) => prop_assert!(!open, "neither granted nor closed"),
                        }
                    } else if let Some((who, _)) = sends.get(at % sends.len().max(1)) {
                        prop_assert!(model.line.waiting.contains(who));
                    }
                }
                Step::PollReserve(at) => {
                    if let Some((who, permit)) = poll_one(&mut reserves, at) {
                        let granted = model.line.take_granted(who);
                        prop_assert_eq!(permit.is_ok(), granted && model.open);
                        match permit {
                            Ok(permit) => {
                                permits.push(permit);
                                model.permits += 1;
                            }
                            Err(_) if granted => model.line.give(),
                            Err(_) => {}
                        }
                    } else if let Some((who, _)) = reserves.get(at % reserves.len().max(1)) {
                        prop_assert!(model.line.waiting.contains(who));
                    }
                }
                Step::DropSend(at) if !sends.is_empty() => model.line.leave(sends.remove(at % sends.len()).0),
                Step::DropReserve(at) if !reserves.is_empty() => {
                    model.line.leave(reserves.remove(at % reserves.len()).0);
                }
                Step::UsePermit(at) if !permits.is_empty() => {
                    drop(permits.remove(at % permits.len()).send(n));
                    model.permits -= 1;
                    model.values.push_back(n);
                }
                Step::DropPermit(at) if !permits.is_empty() => {
                    drop(permits.remove(at % permits.len()));
                    model.permits -= 1;
                    model.line.give();
                }
                Step::Recv => match Hand::new("recv", rx.recv()).poll() {
                    Poll::Ready(Some(value)) => prop_assert_eq!(model.pop(), Some(value)),
                    Poll::Ready(None) => prop_assert!(model.is_done()),
                    Poll::Pending => prop_assert!(model.values.is_empty() && !model.is_done()),
                },
                Step::TryRecv => {
                    let over = if model.is_done() { TryRecvError::Disconnected } else { TryRecvError::Empty };
                    prop_assert_eq!(rx.try_recv(), model.pop().ok_or(over));
                }
                Step::RecvMany(limit) => {
                    let wanted: Vec<u32> = (0..limit).map_while(|_| model.pop()).collect();
                    let mut buffer = Vec::new();
                    let _ = Hand::new("many", rx.recv_many(&mut buffer, limit)).poll();
                    prop_assert_eq!(buffer, wanted);
                }
                Step::Close => {
                    rx.close();
                    model.close();
                }
                _ => {}
            }
            prop_assert_eq!(rx.len(), model.values.len());
            let free = if model.line.waiting.is_empty() { model.line.free } else { 0 };
            prop_assert_eq!(tx.capacity(), free);
        }
    }
}

/// A queue, and the rule by which it chooses among its items.
macro_rules! queue_model {
    ($name:ident, $Queue:ident, |$items:ident| $next:expr) => {
        proptest! {
            #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

            #[test]
            fn $name(maxsize in 1..4usize, steps in vec((0..8u8, 0..8usize), 0..120)) {
                let queue = Rc::new($Queue::new(maxsize));
                let (mut room, mut items) = (Line { free: maxsize, ..Line::default() }, Line::default());
                let mut $items: Vec<u32> = Vec::new();
                let (mut puts, mut gets, mut unfinished, mut closed) = (Vec::new(), Vec::new(), 0, false);
                for (n, (step, at)) in (0u32..).zip(steps) {
                    // Scattered, and no two the same, so that an order can be told.
                    let item = n.wrapping_mul(0x9E37_79B9);
                    let mut put_in = |item, items: &mut Line, all: &mut Vec<u32>| {
                        all.push(item);
                        items.give();
                        unfinished += 1;
                    };
                    macro_rules! take_out {
                        () => {{
                            let at = $next;
                            let item = $items.remove(at);
                            room.give();
                            if closed && $items.is_empty() {
                                items.waiting.clear();
                            }
                            item
                        }};
                    }
                    match step {
                        0 => {
                            let wanted = if closed {
                                Err(TryPutError::Closed(item))
                            } else if room.try_take() {
                                put_in(item, &mut items, &mut $items);
                                Ok(())
                            } else {
                                Err(TryPutError::Full(item))
                            };
                            prop_assert_eq!(queue.put_nowait(item), wanted);
                        }
                        1 => {
                            let mut put = Hand::new("put", queue.put(item));
                            if closed {
                                prop_assert!(put.take().is_err());
                            } else if room.try_take() {
                                prop_assert!(put.take().is_ok());
                                put_in(item, &mut items, &mut $items);
                            } else {
                                prop_assert!(put.is_pending());
                                room.waiting.push(item);
                                puts.push((item, put));
                            }
                        }
                        2 => if let Some((who, put)) = poll_one(&mut puts, at) {
                            let granted = room.take_granted(who);
                            prop_assert_eq!(put.is_ok(), granted && !closed);
                            if put.is_ok() {
                                put_in(who, &mut items, &mut $items);
                            }
                        },
                        3 => if !puts.is_empty() {
                            room.leave(puts.remove(at % puts.len()).0);
                        },
                        4 => {
                            let got = queue.get_nowait();
                            if closed && $items.is_empty() {
                                prop_assert_eq!(got, Err(TryGetError::Closed));
                            } else if items.try_take() {
                                prop_assert_eq!(got, Ok(take_out!()));
                            } else {
                                prop_assert_eq!(got, Err(TryGetError::Empty));
                            }
                        }
                        5 => {
                            let mut get = Hand::new("get", queue.get());
                            if closed && $items.is_empty() {
                                prop_assert!(get.take().is_err());
                            } else if items.try_take() {
                                prop_assert_eq!(get.take(), Ok(take_out!()));
                            } else {
                                prop_assert!(get.is_pending());
                                items.waiting.push(n);
                                gets.push((n, get));
                            }
                        }
                        6 => if let Some((who, got)) = poll_one(&mut gets, at) {
                            if items.take_granted(who) {
                                prop_assert_eq!(got, Ok(take_out!()));
                            } else {
                                prop_assert!(closed && got.is_err());
                            }
                        },
                        _ if at == 0 => {
                            queue.close();
                            closed = true;
                            room.waiting.clear();
                            if $items.is_empty() {
                                items.waiting.clear();
                            }
                        }
                        _ => if !gets.is_empty() {
                            items.leave(gets.remove(at % gets.len()).0);
                        },
                    }
                    prop_assert_eq!(queue.len(), $items.len());
                    prop_assert_eq!(queue.unfinished(), unfinished);
                }
            }
        }
    };
}

queue_model!(a_queue_does_what_its_model_does, Queue, |items| {
    let _ = &items;
    0
});
queue_model!(a_lifo_queue_does_what_its_model_does, LifoQueue, |items| items.len() - 1);
queue_model!(a_priority_queue_does_what_its_model_does, PriorityQueue, |items| {
    let smallest = items.iter().enumerate().min_by_key(|(_, item)| **item);
    smallest.expect("an item was promised").0
});
