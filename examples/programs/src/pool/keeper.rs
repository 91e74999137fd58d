//! The task that keeps the pool at its least size: it makes what was lost, and closes what rests too long.

use std::rc::{Rc, Weak};
use std::time::Duration;

use glassloop::sync::Notify;
use glassloop::time::{Instant, sleep, timeout_at};

use super::{Connection, Place, Shared};

/// How long after a connection that could not be made the next is tried.
const RETRY: Duration = Duration::from_millis(200);

pub(super) async fn keep(shared: Weak<Shared>, changed: Rc<Notify>) {
    loop {
        let Some(pool) = shared.upgrade() else { return };
        let filled = pool.fill().await;
        let look_again = pool.close_rested();
        pool.keeper_looks.set(look_again.is_some());
        drop(pool); // held while it waits, it would never end
        match look_again {
            _ if filled.is_err() => sleep(RETRY).await, // whoever needs one hears why
            Some(moment) => _ = timeout_at(moment, changed.notified()).await,
            None => changed.notified().await,
        }
    }
}

impl Shared {
    /// Makes connections until there are `min`.
    async fn fill(self: &Rc<Self>) -> Result<(), super::ConnectError> {
        while self.size() < self.limits.min {
            // Refused: those who have all permits have the connections, or are about to make them.
            let Ok(permit) = self.permits.clone().try_acquire_owned() else { return Ok(()) };
            let _place = Place::take(self.clone(), permit, std::panic::Location::caller());
            let made = self.make(Instant::now() + self.limits.wait).await?;
            self.idle.borrow_mut().push(made);
        }
        Ok(())
    }

    /// Closes those more than `min` that have rested long enough; when to look again.
    fn close_rested(&self) -> Option<Instant> {
        while self.size() > self.limits.min {
            let until = self.idle.borrow().first()?.rests_since + self.limits.rest;
            if Instant::now() < until {
                return Some(until);
            }
            let rested = self.idle.borrow_mut().remove(0);
            drop::<Connection>(rested); // with nothing borrowed; its driver says goodbye to the server
        }
        None
    }

    /// Somebody has none any more: it rests, was lost, or could not be made.
    pub(super) fn let_go(&self) {
        let (size, min) = (self.size(), self.limits.min);
        if size < min || (size > min && !self.keeper_looks.get()) {
            self.changed.notify_one();
        }
    }
}
