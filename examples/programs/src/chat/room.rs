//! Who is there, and what each has yet to hear.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::rc::Rc;

use async_tungstenite::tungstenite::Utf8Bytes;
use glassloop::sync::{mpsc, oneshot};

use super::{Goodbye, Limits};

/// The members of a chat.
pub struct Room {
    limits: Limits,
    /// In the order in which they joined.
    members: RefCell<Vec<Member>>,
    /// How many have joined; numbers them.
    joined: Cell<u64>,
    closed: Cell<bool>,
    log: Box<dyn Fn(&str)>,
}

struct Member {
    number: u64,
    name: String,
    /// What it has yet to hear.
    texts: mpsc::Sender<Utf8Bytes>,
    /// Told when that is too much.
    slow: oneshot::Sender<()>,
}

/// A client's place in the room; it leaves when this is dropped.
pub(super) struct Seat {
    room: Rc<Room>,
    number: u64,
    pub(super) texts: mpsc::Receiver<Utf8Bytes>,
    pub(super) slow: oneshot::Receiver<()>,
}

impl Room {
    /// An empty room; `log` is told who comes and goes.
    #[must_use]
    pub fn new(limits: Limits, log: impl Fn(&str) + 'static) -> Rc<Room> {
        let (members, joined, closed) = Default::default();
        Rc::new(Room { limits, members, joined, closed, log: Box::new(log) })
    }

    /// What the server puts up with.
    #[must_use]
    pub fn limits(&self) -> Limits {
        self.limits
    }

    /// The names of those who are there, in the order in which they joined.
    #[must_use]
    pub fn names(&self) -> Vec<String> {
        self.members.borrow().iter().map(|member| member.name.clone()).collect()
    }

    /// How many messages wait for clients, in all.
    #[must_use]
    pub fn waiting(&self) -> usize {
        let waiting = |member: &Member| member.texts.max_capacity() - member.texts.capacity();
        self.members.borrow().iter().map(waiting).sum()
    }

    pub(super) fn log(&self, words: &str) {
        (self.log)(words);
    }

    pub(super) fn join(self: &Rc<Room>, name: &str) -> Result<Seat, Goodbye> {
        if self.closed.get() {
            return Err(Goodbye::Stopping);
        }
        if !(1..=24).contains(&name.chars().count()) || !name.chars().all(char::is_alphanumeric) {
            return Err(Goodbye::Name("a name has 1 to 24 letters and digits".to_owned()));
        }
        if self.members.borrow().iter().any(|member| member.name == name) {
            return Err(Goodbye::Name(format!("the name {name} is taken")));
        }
        let number = self.joined.replace(self.joined.get() + 1);
        let (texts, to_hear) = mpsc::channel(self.limits.waiting);
        let (slow, is_slow) = oneshot::channel();
        self.members.borrow_mut().push(Member { number, name: name.to_owned(), texts, slow });
        self.say(format!("* {name} joined"));
        Ok(Seat { room: self.clone(), number, texts: to_hear, slow: is_slow })
    }

    /// Gives a text to everybody. Whoever has no room for it is dropped, which is told to everybody in turn.
    pub(super) fn say(&self, text: String) {
        let mut texts = VecDeque::from([text]);
        while let Some(text) = texts.pop_front() {
            let text = Utf8Bytes::from(text); // one for all
            let is_slow = |member: &mut Member| member.texts.try_send(text.clone()).is_err();
            let slow: Vec<Member> = self.members.borrow_mut().extract_if(.., is_slow).collect();
            for member in slow {
                let _ = member.slow.send(()); // its task may be ending just now
                texts.push_back(format!("* {} is gone: {}", member.name, Goodbye::Slow(self.limits.waiting)));
            }
        }
    }

    /// Nobody joins any more. Each member's task ends when it has told what was said until now.
    pub(super) fn close(&self) {
        self.closed.set(true);
        drop(self.members.take());
    }
}

impl Seat {
    /// Leaves; those who stay are told why.
    pub(super) fn leave(self, why: &Goodbye) {
        match why {
            Goodbye::Left => self.free("left"),
            why => self.free(&format!("is gone: {why}")),
        }
    }

    /// Does nothing if the room has let it go already.
    fn free(&self, words: &str) {
        let mut members = self.room.members.borrow_mut();
        let Some(at) = members.iter().position(|member| member.number == self.number) else { return };
        let member = members.remove(at);
        drop(members);
        self.room.say(format!("* {} {words}", member.name));
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.free("is gone"); // its task was cut off, or panicked
    }
}
