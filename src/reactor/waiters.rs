//! Who waits for one direction of one source. One waiter is the rule and costs no allocation; more may come.

use std::panic::Location;

use crate::cell::Waiter;

/// A wait's place in the list, held by the future that waits. `NONE` before its first wait; the poll functions of a
/// source share `SHARED`, where the last to poll is the one that is woken. Any other is given once in a reactor's
/// life, so a place that was woken and not polled since is nobody else's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Place(u64);

impl Place {
    pub(crate) const NONE: Place = Place(0);
    pub(crate) const SHARED: Place = Place(1);

    pub(super) fn new(number: u64) -> Place {
        Place(number + 1)
    }

    /// The wait is over: its future has nothing to take back. A shared place is never left.
    #[inline]
    pub(super) fn leave(&mut self) {
        if *self != Place::SHARED {
            *self = Place::NONE;
        }
    }
}

#[derive(Default)]
pub(super) struct Waiters {
    first: Option<Wait>,
    /// Those after the first, in order of arrival. Boxed, for most sources never need it.
    #[allow(clippy::box_collection)] // 8 bytes a direction of an idle socket instead of 24
    more: Option<Box<Vec<Wait>>>,
}

struct Wait {
    place: Place,
    waiter: Waiter,
    site: Option<&'static Location<'static>>,
}

impl Waiters {
    #[inline]
    pub(super) fn is_empty(&self) -> bool {
        self.first.is_none() // then there are no more
    }

    /// As `put`, where nobody waits.
    #[inline]
    pub(super) fn put_first(&mut self, place: Place, waiter: Waiter, site: Option<&'static Location<'static>>) {
        self.first = Some(Wait { place, waiter, site });
    }

    /// Puts a waiter at `place`, or at the end if the place is not here. Leaves in `waiter` whoever is not to be
    /// woken: the one before at this place, or the new one if it is the same. Whether the list grew.
    pub(super) fn put(
        &mut self,
        place: Place,
        waiter: &mut Option<Waiter>,
        site: Option<&'static Location<'static>>,
    ) -> bool {
        let Some(new) = waiter.take() else { return false };
        if let Some(wait) = self.iter_mut().find(|wait| wait.place == place) {
            *waiter = Some(if wait.waiter.is_same(&new) { new } else { std::mem::replace(&mut wait.waiter, new) });
            return false;
        }
        let wait = Wait { place, waiter: new, site };
        match &mut self.first {
            first @ None => *first = Some(wait),
            Some(_) => self.more.get_or_insert_default().push(wait),
        }
        true
    }

    pub(super) fn remove(&mut self, place: Place) -> Option<Waiter> {
        let more = self.more.as_deref_mut();
        if self.first.as_ref().is_some_and(|wait| wait.place == place) {
            let next = more.and_then(|more| (!more.is_empty()).then(|| more.remove(0)));
            return std::mem::replace(&mut self.first, next).map(|wait| wait.waiter);
        }
        let more = more?;
        let at = more.iter().position(|wait| wait.place == place)?;
        Some(more.remove(at).waiter)
    }

    /// Takes the waiter, if it is the only one.
    #[inline]
    pub(super) fn take_only(&mut self) -> Option<Waiter> {
        if self.more.is_some() {
            return None;
        }
        self.first.take().map(|wait| wait.waiter)
    }

    /// Takes all.
    pub(super) fn take(&mut self) -> Woken {
        Woken { first: self.first.take().map(|wait| wait.waiter), more: self.more.take() }
    }

    pub(super) fn each(&self, mut look: impl FnMut(&Waiter, Option<&'static Location<'static>>)) {
        let more = self.more.iter().flat_map(|more| more.iter());
        for wait in self.first.iter().chain(more) {
            look(&wait.waiter, wait.site);
        }
    }

    fn iter_mut(&mut self) -> impl Iterator<Item = &mut Wait> {
        let more = self.more.as_deref_mut().map(|more| more.iter_mut());
        self.first.iter_mut().chain(more.into_iter().flatten())
    }
}

/// Those who waited for what is ready now.
#[must_use = "whoever is dropped here is not woken"]
pub(super) struct Woken {
    first: Option<Waiter>,
    #[allow(clippy::box_collection)] // as in `Waiters`
    more: Option<Box<Vec<Wait>>>,
}

impl Woken {
    pub(super) fn len(&self) -> usize {
        usize::from(self.first.is_some()) + self.more.as_ref().map_or(0, |more| more.len())
    }

    /// Each, in order of arrival.
    pub(super) fn each(self, mut act: impl FnMut(Waiter)) {
        if let Some(first) = self.first {
            act(first);
        }
        if let Some(more) = self.more {
            more.into_iter().for_each(|wait| act(wait.waiter));
        }
    }
}
