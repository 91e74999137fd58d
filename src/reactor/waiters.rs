//! Who waits for a source. One waiter is the rule and costs no allocation; more may come.

use std::panic::Location;

use super::bits;
use crate::cell::Waiter;
use crate::trace::Direction;

/// A wait's place in the list, held by the future that waits. `NONE` before its first wait; the poll functions of a
/// source share `SHARED`, where the last to poll is the one that is woken. Any other is given once in a reactor's
/// life, so a place that was woken and not polled since is nobody else's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Place(u64);

impl Place {
    pub(crate) const NONE: Place = Place(0);
    pub(crate) const SHARED: Place = Place(1);
    /// Of an operation that has nothing to wait for, whatever the kernel said. It stands in no list.
    pub(crate) const NEVER: Place = Place(u64::MAX);

    pub(super) fn new(number: u64) -> Place {
        Place(number + 1)
    }
}

#[derive(Default)]
pub(super) struct Waiters {
    /// Who came first of all, for either direction; nobody can come here before `more` is empty.
    first: Option<Wait>,
    /// Those after the first, in order of arrival. Boxed, for most sources never need it.
    #[allow(clippy::box_collection)] // 8 bytes of an idle socket instead of 24
    more: Option<Box<Vec<Wait>>>,
}

struct Wait {
    seat: Seat,
    waiter: Waiter,
    site: &'static Location<'static>,
}

/// A place and a direction in one word: with two, a source would not fit into a cache line.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Seat(u64);

impl Seat {
    fn new(place: Place, direction: Direction) -> Seat {
        Seat(place.0 << 1 | direction as u64)
    }

    fn direction(self) -> Direction {
        if self.0 & 1 == 0 { Direction::Read } else { Direction::Write }
    }
}

/// Whom some news concern.
pub(super) enum Taken {
    Nobody,
    One(Waiter, Direction),
    /// Perhaps several: to be asked for by `take_all`.
    Crowd,
}

impl Waiters {
    /// Puts a waiter at `place`, or at the end if the place is not here, as it cannot be if it `is_new`. The error is
    /// whoever is not to be woken: the one before at this place, or the new one if it is the same.
    #[inline]
    pub(super) fn put(
        &mut self,
        place: Place,
        is_new: bool,
        direction: Direction,
        waiter: Waiter,
        site: &'static Location<'static>,
    ) -> Result<(), Waiter> {
        let wait = Wait { seat: Seat::new(place, direction), waiter, site };
        match &self.first {
            None if !self.is_crowd() => {
                self.first = Some(wait);
                return Ok(());
            }
            // hyper with a time-out polls twice for the same read: by the search below that costs 50 instructions more.
            Some(first) if first.seat == wait.seat && first.waiter.is_same(&wait.waiter) => {
                return Err(wait.waiter);
            }
            _ => {}
        }
        self.put_among(wait, is_new)
    }

    #[cold]
    fn put_among(&mut self, new: Wait, is_new: bool) -> Result<(), Waiter> {
        if is_new {
            self.more.get_or_insert_default().push(new);
            return Ok(());
        }
        let more = self.more.as_deref_mut().into_iter().flatten();
        if let Some(wait) = self.first.iter_mut().chain(more).find(|wait| wait.seat == new.seat) {
            let is_same = wait.waiter.is_same(&new.waiter);
            return Err(if is_same { new.waiter } else { std::mem::replace(&mut wait.waiter, new.waiter) });
        }
        self.more.get_or_insert_default().push(new);
        Ok(())
    }

    pub(super) fn remove(&mut self, place: Place, direction: Direction) -> Option<Waiter> {
        let seat = Seat::new(place, direction);
        if let Some(wait) = self.first.take_if(|wait| wait.seat == seat) {
            return Some(wait.waiter);
        }
        let more = self.more.as_deref_mut()?;
        let at = more.iter().position(|wait| wait.seat == seat)?;
        Some(more.remove(at).waiter)
    }

    /// Takes out whom `news` concern, if that is one at most.
    #[inline]
    pub(super) fn take(&mut self, news: u8) -> Taken {
        if self.is_crowd() {
            return Taken::Crowd;
        }
        match self.first.take_if(|wait| news & bits(wait.seat.direction()) != 0) {
            Some(wait) => Taken::One(wait.waiter, wait.seat.direction()),
            None => Taken::Nobody,
        }
    }

    /// Moves all who wait for a direction to `into`, in order of arrival.
    pub(super) fn take_all(&mut self, direction: Direction, into: &mut Vec<Waiter>) {
        let is_concerned = |wait: &mut Wait| wait.seat.direction() == direction;
        into.extend(self.first.take_if(is_concerned).map(|wait| wait.waiter));
        if let Some(more) = &mut self.more {
            into.extend(more.extract_if(.., is_concerned).map(|wait| wait.waiter));
        }
    }

    pub(super) fn each(&self, mut look: impl FnMut(&Waiter, Direction, &'static Location<'static>)) {
        let more = self.more.iter().flat_map(|more| more.iter());
        for wait in self.first.iter().chain(more) {
            look(&wait.waiter, wait.seat.direction(), wait.site);
        }
    }

    /// Whether somebody waits besides the first.
    #[inline]
    fn is_crowd(&self) -> bool {
        self.more.as_ref().is_some_and(|more| !more.is_empty())
    }
}
