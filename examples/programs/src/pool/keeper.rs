//! The task that keeps the pool at its least size: it makes what was lost, and closes what rests too long.

use std::rc::{Rc, Weak};
use std::time::Duration;

use glassloop::sync::Notify;
use glassloop::time::{Instant, timeout_at};

use super::{Connection, Place, Shared};

/// How long after a connection that could not be made the next is tried.
const RETRY: Duration = Duration::from_millis(200);

pub(super) async fn keep(shared: Weak<Shared>, changed: Rc<Notify>) {
    loop {
        let Some(pool) = shared.upgrade() else { return };
        let look_again = match pool.fill().await {
            Ok(()) => pool.close_rested(),
            Err(_) => Some(Instant::now() + RETRY), // whoever needs one hears why
        };
        pool.keeper_looks.set(look_again.is_some());
        drop(pool); // held while it waits, it would never end
        match look_again {
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

    /// A connection has come to rest.
    pub(super) fn rests(&self) {
        if !self.keeper_looks.get() && self.size() > self.limits.min {
            self.changed.notify_one();
        }
    }
}
