//! What some ids, of which there are many, have beside them.

use std::collections::{BinaryHeap, HashMap};
use std::hash::{BuildHasherDefault, Hasher};
use std::num::NonZeroU64;

use slab::Slab;

/// A map from ids. Where a value is, is looked up in one kind of table for all types of value, and the values are a
/// slab: a hash table for each type would be 4 KiB of every binary.
pub(crate) struct ById<V> {
    places: Places,
    values: Slab<V>,
}

impl<V> Default for ById<V> {
    fn default() -> ById<V> {
        ById { places: Places::default(), values: Slab::new() }
    }
}

impl<V> ById<V> {
    pub(crate) fn get(&self, id: NonZeroU64) -> Option<&V> {
        self.values.get(self.places.get(id)?)
    }

    pub(crate) fn get_mut(&mut self, id: NonZeroU64) -> Option<&mut V> {
        self.values.get_mut(self.places.get(id)?)
    }

    /// The value before, if there was one.
    pub(crate) fn insert(&mut self, id: NonZeroU64, value: V) -> Option<V> {
        let before = self.remove(id);
        self.places.insert(id, self.values.insert(value));
        before
    }

    pub(crate) fn get_or_default(&mut self, id: NonZeroU64) -> &mut V
    where
        V: Default,
    {
        let place = self.places.get(id).unwrap_or_else(|| {
            let place = self.values.insert(V::default());
            self.places.insert(id, place);
            place
        });
        &mut self.values[place]
    }

    pub(crate) fn remove(&mut self, id: NonZeroU64) -> Option<V> {
        self.places.remove(id).map(|place| self.values.remove(place))
    }

    pub(crate) fn len(&self) -> usize {
        self.values.len()
    }

    /// In the order of ids.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (NonZeroU64, &V)> {
        let places = in_order(self.places.0.iter().map(|(id, place)| (id.get(), *place)));
        places.into_iter().map(|(id, place)| (NonZeroU64::new(id).expect("an id"), &self.values[place]))
    }
}

/// Where what has an id is. Its functions stand once in a binary, and not in those of each type of value: 2 KiB each.
#[derive(Default)]
pub(crate) struct Places(Map);

/// The one kind of hash table, for who wants its functions inlined: what makes it grow still stands there once.
pub(crate) type Map = HashMap<NonZeroU64, usize, BuildHasherDefault<Spread>>;

impl Places {
    #[inline(never)]
    pub(crate) fn get(&self, id: NonZeroU64) -> Option<usize> {
        self.0.get(&id).copied()
    }

    #[inline(never)]
    pub(crate) fn insert(&mut self, id: NonZeroU64, place: usize) {
        self.0.insert(id, place);
    }

    #[inline(never)]
    pub(crate) fn remove(&mut self, id: NonZeroU64) -> Option<usize> {
        self.0.remove(&id)
    }
}

/// Sorts what is numbered, and where it is: by a heap, which is 1 KiB of a binary where each `sort` is 4.
pub(crate) fn in_order(places: impl Iterator<Item = (u64, usize)>) -> Vec<(u64, usize)> {
    sorted(places.collect())
}

#[inline(never)]
fn sorted(places: Vec<(u64, usize)>) -> Vec<(u64, usize)> {
    BinaryHeap::from(places).into_sorted_vec()
}

/// Sorts by a number, and leaves those of one number as they stood: by the one sort that each binary has.
#[cfg(feature = "glass")]
pub(crate) fn by_number<T>(values: Vec<T>, number: impl Fn(&T) -> u64) -> Vec<T> {
    let order = in_order(values.iter().map(number).zip(0..));
    let mut values: Vec<Option<T>> = values.into_iter().map(Some).collect();
    order.into_iter().filter_map(|(_, place)| values[place].take()).collect()
}

/// Hashes an id, which is a small number, by spreading its bits.
#[derive(Default)]
pub(crate) struct Spread(u64);

impl Hasher for Spread {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        bytes.iter().for_each(|byte| self.write_u64(u64::from(*byte)));
    }

    fn write_u64(&mut self, number: u64) {
        // A table looks at the highest bits and at the lowest: the number grows in these, the product in those.
        self.0 = (self.0 ^ number).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    }
}
