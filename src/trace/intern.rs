//! Tables of what recurs: it is kept once, and told by its number.

use std::cell::Cell;
use std::hash::{Hash, Hasher};
use std::num::NonZeroU64;
use std::ptr;

use super::Leaf;
use crate::by_id::{Places, Spread};

/// What is looked for: addresses and lengths of what lives as long as the program.
pub(super) type Key = [usize; 4];

/// What leaves of one place have in common, whichever timer, source or task they name. By addresses, for places compare
/// their files' names. Where a leaf names one, the lowest 8 bits of the last part are free.
#[inline]
pub(super) fn place_of(leaf: &Leaf) -> Key {
    match *leaf {
        Leaf::Timer { site, .. } => [address(site), 0, 0, 0],
        Leaf::Source { site, direction, .. } => [address(site), direction as usize, 0, 1 << 8],
        Leaf::Join { spawned, .. } => [address(spawned), 0, 0, 2 << 8],
        Leaf::Sync { what, class, site, made } => {
            [address(site), address(made), what.as_ptr().addr(), what.len() << 8 | class as usize]
        }
    }
}

pub(super) fn address<T>(place: &'static T) -> usize {
    ptr::from_ref(place).addr()
}

/// The numbers of what was looked for of late, by the address of a place and what else tells keys apart: found without a
/// walk, a product or a look at a length. Each key has its one seat, and a newer one takes it.
pub(super) struct Recent<const PARTS: usize>(Box<[Seat<PARTS>; RECENT]>);

/// A key, and its number.
type Seat<const PARTS: usize> = ([Cell<usize>; PARTS], Cell<usize>);

const RECENT: usize = 128;

impl<const PARTS: usize> Recent<PARTS> {
    pub(super) fn new() -> Recent<PARTS> {
        Recent(Box::new([const { ([const { Cell::new(0) }; PARTS], Cell::new(0)) }; RECENT]))
    }

    /// The number of this key, or 0.
    #[inline(always)] // the key stays in registers
    pub(super) fn get(&self, key: [usize; PARTS]) -> u64 {
        let (known, number) = &self.0[Self::seat(&key)];
        // One by one: as arrays they were written to the stack to be compared there.
        let is_known = known.iter().zip(key).all(|(known, part)| known.get() == part);
        if is_known { number.get() as u64 } else { 0 }
    }

    pub(super) fn set(&self, key: [usize; PARTS], number: u64) {
        let (known, kept) = &self.0[Self::seat(&key)];
        known.iter().zip(key).for_each(|(known, part)| known.set(part));
        kept.set(number as usize);
    }

    /// By its first two parts, which are addresses. Places are 24 bytes each and lie side by side, so that sums of
    /// two would often be the same.
    #[inline(always)]
    fn seat(key: &[usize; PARTS]) -> usize {
        (key[0].wrapping_add(key[1].wrapping_mul(5)) >> 3) % RECENT
    }
}

/// Numbers what recurs, up to a limit: 0 is nothing, and what came after the table was full.
pub(super) struct Table<T> {
    kept: Vec<(Key, T)>,
    /// By hash, numbers; 0 is free. A power of two, at most half full.
    places: Vec<u16>,
    most: usize,
}

impl<T> Table<T> {
    /// At most so many, fewer than 65,536.
    pub(super) fn new(most: usize) -> Table<T> {
        Table { kept: Vec::new(), places: vec![0; 64], most }
    }

    /// The number of what has this key; `make` makes it, if it is new.
    pub(super) fn number(&mut self, key: Key, make: impl FnOnce() -> T) -> u64 {
        let mut place = self.place(&key);
        loop {
            let number = self.places[place];
            if number == 0 {
                return if self.kept.len() < self.most { self.add(key, make()) } else { 0 };
            }
            if self.kept[usize::from(number) - 1].0 == key {
                return u64::from(number);
            }
            place = (place + 1) & (self.places.len() - 1);
        }
    }

    pub(super) fn get(&self, number: u64) -> Option<&T> {
        Some(&self.kept.get((number as usize).checked_sub(1)?)?.1)
    }

    #[inline]
    fn place(&self, key: &Key) -> usize {
        (mix(key) >> 40) as usize & (self.places.len() - 1)
    }

    #[cold]
    #[inline(never)]
    fn add(&mut self, key: Key, value: T) -> u64 {
        self.kept.push((key, value));
        if self.kept.len() * 2 > self.places.len() {
            self.places = vec![0; self.places.len() * 2];
        } else {
            self.enter(self.kept.len());
            return self.kept.len() as u64;
        }
        (1..=self.kept.len()).for_each(|number| self.enter(number));
        self.kept.len() as u64
    }

    fn enter(&mut self, number: usize) {
        let mut place = self.place(&self.kept[number - 1].0);
        while self.places[place] != 0 {
            place = (place + 1) & (self.places.len() - 1);
        }
        self.places[place] = u16::try_from(number).expect("a table has fewer than 65,536");
    }
}

/// One product for all four parts, which so need not wait for each other.
#[inline]
fn mix(key: &Key) -> u64 {
    let mixed = key[0] ^ key[1].rotate_left(17) ^ key[2].rotate_left(34) ^ key[3].rotate_left(51);
    (mixed as u64).wrapping_mul(SPREAD)
}

/// An odd number near 2^64 divided by the golden ratio: a product with it spreads small differences over the word.
const SPREAD: u64 = 0x9e37_79b9_7f4a_7c15;

/// Places for values of any kind, in the order in which they were first seen. By one kind of hash table for all: that
/// for each, with a hasher that withstands an enemy, was 11 KiB of a binary.
pub(super) struct Seen<T> {
    all: Vec<T>,
    /// By hash, who was the last to have it.
    last: Places,
    /// Beside each of `all`, who was the one before it to have its hash.
    before: Vec<Option<usize>>,
}

impl<T> Default for Seen<T> {
    fn default() -> Seen<T> {
        Seen { all: Vec::new(), last: Places::default(), before: Vec::new() }
    }
}

impl<T: Eq + Hash> Seen<T> {
    pub(super) fn all(&self) -> &[T] {
        &self.all
    }

    pub(super) fn place(&mut self, value: T) -> usize {
        if let Some(place) = self.find(&value) {
            return place;
        }
        let (hash, place) = (hash(&value), self.all.len());
        self.before.push(self.last.get(hash));
        self.last.insert(hash, place);
        self.all.push(value);
        place
    }

    pub(super) fn find(&self, value: &T) -> Option<usize> {
        let mut place = self.last.get(hash(value))?;
        while self.all[place] != *value {
            place = self.before[place]?;
        }
        Some(place)
    }
}

fn hash(value: &impl Hash) -> NonZeroU64 {
    let mut spread = Spread::default();
    value.hash(&mut spread);
    NonZeroU64::MIN | spread.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_key_has_one_number_until_the_table_is_full() {
        let mut table = Table::new(1000);
        let mut made = 0;
        for _ in 0..2 {
            for n in 0..1200 {
                let number = table.number([n * 16, 7, n, 0], || {
                    made += 1;
                    n
                });
                assert_eq!(number, if n < 1000 { n as u64 + 1 } else { 0 });
                assert_eq!(table.get(number).copied(), (n < 1000).then_some(n));
            }
        }
        assert_eq!(made, 1000, "what has no room is not made");
    }

    #[test]
    fn values_of_one_hash_keep_their_places_apart() {
        #[derive(PartialEq, Eq)]
        struct Alike(u32);
        impl Hash for Alike {
            fn hash<H: Hasher>(&self, _: &mut H) {}
        }
        let mut seen = Seen::default();
        for _ in 0..2 {
            assert_eq!((0..5).map(|n| seen.place(Alike(n))).collect::<Vec<_>>(), [0, 1, 2, 3, 4]);
        }
        assert_eq!((seen.find(&Alike(3)), seen.find(&Alike(5))), (Some(3), None));
        assert_eq!(seen.all().len(), 5);
    }
}
