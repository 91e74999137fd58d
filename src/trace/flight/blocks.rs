//! Where one block of the ring ends and the next begins.

use super::note::Notes;
use super::ring::Context;

impl Notes {
    #[cold]
    #[inline(never)]
    pub(super) fn begin_block(&mut self) {
        let is_due = self.poll_is_due();
        let open = if is_due { 0 } else { self.said.open };
        let context = Context { newest: self.people.newest(), events: self.told_events(), open, ..self.said };
        self.ring.begin_block(context);
        self.poll_at = if is_due { self.ring.cursor() } else { usize::MAX };
        self.after_spawn = usize::MAX;
        self.forget_dropped();
    }

    /// How many events have words.
    fn told_events(&self) -> u64 {
        self.seen - u64::from(self.due.count_ones()) - u64::from(self.poll_is_due())
    }

    /// Clears up what was kept for words that are gone.
    fn forget_dropped(&mut self) {
        self.people.forget_before(self.ring.tail);
        while self.rare.front().is_some_and(|(block, _)| *block < self.ring.tail) {
            self.rare.pop_front();
            self.rare_first += 1;
        }
    }

    /// How many events the ring had no room for any more.
    pub(super) fn dropped(&self) -> u64 {
        self.ring.context(self.ring.tail).events - self.cleared
    }

    pub(super) fn clear(&mut self) {
        self.begin_block();
        self.ring.forget();
        self.cleared = self.told_events();
        self.forget_dropped();
    }
}
