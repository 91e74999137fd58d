//! Who waits for a source. One task is the rule and costs no allocation; more may come.

use std::mem;
use std::panic::Location;

use super::source::bits;
use crate::cell::{TaskRef, Waiter};
use crate::trace::Direction;

/// A number that is never given twice, in six bytes: 2^48 are 9 years of one a microsecond.
#[derive(Clone, Copy, PartialEq, Eq)]
#[repr(C, packed(2))]
pub(super) struct Number {
    low: u32,
    high: u16,
}

impl Number {
    pub(super) fn new(number: u64) -> Number {
        Number { low: number as u32, high: (number >> 32) as u16 }
    }

    pub(super) fn get(self) -> u64 {
        u64::from(self.high) << 32 | u64::from(self.low)
    }
}

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
pub(super) enum Waiters {
    #[default]
    Nobody,
    /// A task of this loop.
    One(Wait<TaskRef>),
    /// Several, or whom a foreign waker stands for, in order of arrival; once there is a list, it is used again. Boxed,
    /// for most sources never need it.
    #[allow(clippy::box_collection)] // 8 bytes of each source, where `One` has 24, instead of 32
    List(Box<Vec<Wait<Waiter>>>),
}

pub(super) struct Wait<W> {
    waiter: W,
    site: &'static Location<'static>,
    seat: Seat,
}

impl From<Wait<TaskRef>> for Wait<Waiter> {
    fn from(Wait { waiter, site, seat }: Wait<TaskRef>) -> Wait<Waiter> {
        Wait { waiter: Waiter::Task(waiter), site, seat }
    }
}

/// A place and a direction, in eight bytes; the direction's spare values tell the variants of `Waiters` apart.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Seat {
    place: Number,
    direction: Direction,
}

impl Seat {
    fn new(place: Place, direction: Direction) -> Seat {
        Seat { place: Number::new(place.0), direction }
    }
}

/// Whom some news concern.
pub(super) enum Taken<W> {
    Nobody,
    One(W, Direction),
    /// Perhaps several: to be asked for by `take_listed`, and then by `take_all`.
    More,
}

impl Waiters {
    /// As [`put`](Waiters::put), where that is easy: lets the task wait that `task` gives, if it gives one, and nobody
    /// waits yet.
    #[inline(always)] // into what is in line itself
    pub(super) fn put_alone(
        &mut self,
        direction: Direction,
        site: &'static Location<'static>,
        task: impl FnOnce() -> Option<(TaskRef, Place)>,
    ) -> bool {
        if !matches!(self, Waiters::Nobody) {
            return false;
        }
        let Some((waiter, place)) = task() else { return false };
        self.put_first(Wait { waiter, site, seat: Seat::new(place, direction) });
        true
    }

    #[inline]
    fn put_first(&mut self, wait: Wait<TaskRef>) {
        mem::forget(mem::replace(self, Waiters::One(wait))); // so that no code looks whether it was nobody
    }

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
        let seat = Seat::new(place, direction);
        match (&mut *self, waiter) {
            (Waiters::Nobody, Waiter::Task(waiter)) => {
                self.put_first(Wait { waiter, site, seat });
                Ok(())
            }
            // hyper with a time-out polls twice for the same read: by the search below that costs 50 instructions more.
            (Waiters::One(first), Waiter::Task(task))
                if first.seat == seat && first.waiter.address() == task.address() =>
            {
                first.site = site;
                Err(Waiter::Task(task))
            }
            (_, waiter) => self.put_among(Wait { waiter, site, seat }, is_new),
        }
    }

    #[cold]
    #[inline(never)]
    fn put_among(&mut self, new: Wait<Waiter>, is_new: bool) -> Result<(), Waiter> {
        let list = self.as_list();
        if !is_new && let Some(wait) = list.iter_mut().find(|wait| wait.seat == new.seat) {
            wait.site = new.site;
            let is_same = wait.waiter.is_same(&new.waiter);
            return Err(if is_same { new.waiter } else { mem::replace(&mut wait.waiter, new.waiter) });
        }
        list.push(new);
        Ok(())
    }

    fn as_list(&mut self) -> &mut Vec<Wait<Waiter>> {
        if !matches!(self, Waiters::List(_)) {
            let mut list = Vec::new();
            if let Waiters::One(first) = mem::take(self) {
                list.push(first.into());
            }
            *self = Waiters::List(Box::new(list));
        }
        match self {
            Waiters::List(list) => list,
            _ => unreachable!("it was made just now"),
        }
    }

    pub(super) fn remove(&mut self, place: Place, direction: Direction) -> Option<Waiter> {
        let seat = Seat::new(place, direction);
        if let Waiters::List(list) = self {
            let at = list.iter().position(|wait| wait.seat == seat)?;
            return Some(list.remove(at).waiter);
        }
        self.take_one_if(|first| first.seat == seat).map(|(task, _)| Waiter::Task(task))
    }

    #[inline]
    fn take_one_if(&mut self, is: impl FnOnce(&Wait<TaskRef>) -> bool) -> Option<(TaskRef, Direction)> {
        match self {
            Waiters::One(first) if is(first) => {}
            _ => return None,
        }
        match mem::take(self) {
            Waiters::One(first) => Some((first.waiter, first.seat.direction)),
            _ => None,
        }
    }

    /// Takes out whom `news` concern, if there is no list.
    #[inline]
    pub(super) fn take(&mut self, news: u8) -> Taken<TaskRef> {
        if matches!(self, Waiters::List(_)) {
            return Taken::More;
        }
        match self.take_one_if(|first| news & bits(first.seat.direction) != 0) {
            Some((task, direction)) => Taken::One(task, direction),
            None => Taken::Nobody,
        }
    }

    /// Takes out whom `news` concern of a list, if that is one at most.
    pub(super) fn take_listed(&mut self, news: u8) -> Taken<Waiter> {
        let Waiters::List(list) = self else { return Taken::Nobody };
        let mut concerned = list.iter().enumerate().filter(|(_, wait)| news & bits(wait.seat.direction) != 0);
        match (concerned.next(), concerned.next()) {
            (None, _) => Taken::Nobody,
            (Some((at, _)), None) => {
                let wait = list.remove(at);
                Taken::One(wait.waiter, wait.seat.direction)
            }
            _ => Taken::More,
        }
    }

    /// Moves all who wait for a direction to `into`, in order of arrival.
    pub(super) fn take_all(&mut self, direction: Direction, into: &mut Vec<Waiter>) {
        if let Waiters::List(list) = self {
            let concerned = list.extract_if(.., |wait| wait.seat.direction == direction);
            return into.extend(concerned.map(|wait| wait.waiter));
        }
        let one = self.take_one_if(|first| first.seat.direction == direction);
        into.extend(one.map(|(task, _)| Waiter::Task(task)));
    }

    /// Asks for each task that waits.
    pub(super) fn each(&self, mut look: impl FnMut(&TaskRef, Direction, &'static Location<'static>)) {
        match self {
            Waiters::Nobody => {}
            Waiters::One(Wait { waiter, site, seat }) => look(waiter, seat.direction, site),
            Waiters::List(list) => {
                for Wait { waiter, site, seat } in &**list {
                    if let Waiter::Task(task) = waiter {
                        look(task, seat.direction, site);
                    }
                }
            }
        }
    }
}
