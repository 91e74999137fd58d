//! The live tasks of a watched loop, as other threads may read them at any time.
//!
//! A seat a task, three words, written by the loop alone. The id says whose seat it is, and is the seat's version too:
//! ids are never used twice, so whoever reads the same id before and after the rest has read what belongs together.
//! Places in the source cannot be written into a word without unsafe code; so they stand in a list that only grows, and
//! a word holds an index. Its lock is taken for a place that is new, and for names, never in a poll of another kind.

use std::num::NonZeroU64;
use std::panic::Location;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::atomic::{AtomicU64, Ordering, fence};
use crate::by_id::{ById, Map, Places};
use crate::trace::intern::{self, address, place_of};
use crate::trace::{Kind, Leaf, SourceId, TaskId, TimerId};

/// Seats are made so many at a time, and stay until the table is gone.
const BLOCK: usize = 256;

/// What all threads see.
pub(crate) struct Table {
    blocks: Mutex<Vec<Arc<[Seat; BLOCK]>>>,
    sites: Mutex<Vec<&'static Location<'static>>>,
    leaves: Mutex<Vec<Leaf>>,
    names: Mutex<ById<Arc<str>>>,
}

struct Seat {
    /// Whose it is; 0 while it is free.
    task: AtomicU64,
    /// The kind, and in the upper half the index of the spawn site.
    origin: AtomicU64,
    /// What the task waited for last: 0 for nothing that is known; else an index of a leaf plus 1, and in the upper 40
    /// bits which of its kind it is.
    leaf: AtomicU64,
}

/// What the table knows of a task.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct WatchedTask {
    /// Its id.
    pub id: TaskId,
    /// What it was made from.
    pub kind: Kind,
    /// Its name, if it was given one.
    pub name: Option<Arc<str>>,
    /// Where it was spawned.
    pub site: &'static Location<'static>,
    /// What it waited for when its last poll ended, if it told. A task that is being polled has gone on from there.
    pub last: Option<Leaf>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner) // nothing under these locks panics
}

impl Table {
    pub(super) fn new() -> Table {
        Table {
            blocks: Mutex::default(),
            sites: Mutex::default(),
            leaves: Mutex::default(),
            names: Mutex::default(),
        }
    }

    /// All live tasks, in spawn order.
    pub(crate) fn all(&self) -> Vec<WatchedTask> {
        let blocks = lock(&self.blocks).clone(); // read without the lock, which the loop may want for a block more
        let seats = blocks.iter().flat_map(|block| block.iter());
        let mut all: Vec<WatchedTask> = seats.filter_map(|seat| self.read(seat)).collect();
        all.sort_unstable_by_key(|task| task.id);
        all
    }

    /// One live task.
    pub(crate) fn get(&self, id: TaskId) -> Option<WatchedTask> {
        let blocks = lock(&self.blocks).clone();
        let mut seats = blocks.iter().flat_map(|block| block.iter());
        self.read(seats.find(|seat| seat.task.load(Ordering::Acquire) == id.0.get())?)
    }

    fn read(&self, seat: &Seat) -> Option<WatchedTask> {
        let id = TaskId(NonZeroU64::new(seat.task.load(Ordering::Acquire))?);
        let (origin, leaf) = (seat.origin.load(Ordering::Relaxed), seat.leaf.load(Ordering::Acquire));
        fence(Ordering::Acquire);
        if seat.task.load(Ordering::Relaxed) != id.0.get() {
            return None; // it ended meanwhile
        }
        Some(WatchedTask {
            id,
            kind: kind_of(origin),
            name: lock(&self.names).get(id.0).cloned(),
            site: lock(&self.sites)[(origin >> 32) as usize],
            last: known(leaf).map(|at| named(lock(&self.leaves)[at], leaf >> WHICH)),
        })
    }
}

/// From this bit on, a leaf's word says which timer, source or task it is.
const WHICH: u32 = 24;

/// The index of a leaf in a leaf's word.
fn known(word: u64) -> Option<usize> {
    ((word & ((1 << WHICH) - 1)) as usize).checked_sub(1)
}

fn kind_of(origin: u64) -> Kind {
    const KINDS: [Kind; 4] = [Kind::Task, Kind::Root, Kind::Blocking, Kind::Cpu];
    KINDS[(origin & 3) as usize]
}

fn which(leaf: &Leaf) -> u64 {
    match leaf {
        Leaf::Timer { timer, .. } => timer.0,
        Leaf::Source { source, .. } => source.0,
        Leaf::Join { task, .. } => task.0.get(),
        Leaf::Sync { .. } => 0,
    }
}

/// The leaf of which only the place stood in the list.
fn named(place: Leaf, number: u64) -> Leaf {
    match place {
        Leaf::Timer { site, .. } => Leaf::Timer { timer: TimerId(number), site },
        Leaf::Source { direction, site, .. } => Leaf::Source { source: SourceId(number), direction, site },
        Leaf::Join { task, spawned } => Leaf::Join { task: NonZeroU64::new(number).map_or(task, TaskId), spawned },
        sync @ Leaf::Sync { .. } => sync,
    }
}

/// What the loop alone knows of the table: who sits where, and which places have an index.
pub(super) struct Seating {
    blocks: Vec<Arc<[Seat; BLOCK]>>,
    free: Vec<u32>,
    /// By id, twice the seat, and one more for who has a name.
    seats: Map,
    /// Who sits where, of those that were looked for last: at a place that the id says, for ids that follow each other
    /// have places that do. Ids are never used twice, so nothing here is ever wrong.
    quick: Box<[(u64, u32); QUICK]>,
    /// Which leaves the table has, in the same order.
    leaves: intern::Table<()>,
    recent: intern::Recent<4>,
    /// By the address of a place in the source, its index; and one more of those that were looked for of late.
    at_site: Places,
    recent_sites: intern::Recent<2>,
}

const QUICK: usize = 1024;

impl Default for Seating {
    fn default() -> Seating {
        Seating {
            blocks: Vec::new(),
            free: Vec::new(),
            seats: Map::default(),
            quick: Box::new([(0, 0); QUICK]),
            leaves: intern::Table::new(u16::MAX as usize),
            recent: intern::Recent::new(),
            at_site: Places::default(),
            recent_sites: intern::Recent::new(),
        }
    }
}

impl Seating {
    /// Where a live task sits.
    #[inline]
    fn seat_of(&mut self, id: TaskId) -> Option<u32> {
        let number = id.0.get();
        let quick = &mut self.quick[number as usize % QUICK];
        if quick.0 != number {
            *quick = (number, (self.seats.get(&id.0)? / 2) as u32);
        }
        Some(quick.1)
    }

    fn seat(&self, seat: u32) -> &Seat {
        &self.blocks[seat as usize / BLOCK][seat as usize % BLOCK]
    }

    pub(super) fn seated(
        &mut self,
        table: &Table,
        id: TaskId,
        kind: Kind,
        site: &'static Location<'static>,
        name: Option<&Arc<str>>,
    ) {
        if let Some(name) = name {
            lock(&table.names).insert(id.0, name.clone());
        }
        let site = match self.recent_sites.get([address(site), 0]) {
            0 => self.index_of(table, site) as u64,
            index => index - 1,
        };
        let at = self.free.pop().unwrap_or_else(|| self.add_block(table));
        let seat = self.seat(at);
        // Whoever reads these sees that the seat's last owner was gone.
        fence(Ordering::Release);
        seat.origin.store(site << 32 | kind as u64, Ordering::Relaxed);
        seat.leaf.store(0, Ordering::Relaxed);
        seat.task.store(id.0.get(), Ordering::Release);
        self.seats.insert(id.0, at as usize * 2 + usize::from(name.is_some()));
    }

    /// Where a place in the source stands in the list.
    #[cold]
    #[inline(never)]
    fn index_of(&mut self, table: &Table, site: &'static Location<'static>) -> usize {
        let key = NonZeroU64::new(address(site) as u64).expect("a reference is not null");
        let index = self.at_site.get(key).unwrap_or_else(|| {
            let mut sites = lock(&table.sites);
            sites.push(site);
            self.at_site.insert(key, sites.len() - 1);
            sites.len() - 1
        });
        self.recent_sites.set([address(site), 0], index as u64 + 1);
        index
    }

    #[cold]
    fn add_block(&mut self, table: &Table) -> u32 {
        let empty = || Seat { task: AtomicU64::new(0), origin: AtomicU64::new(0), leaf: AtomicU64::new(0) };
        let first = (self.blocks.len() * BLOCK) as u32;
        let block = Arc::new(std::array::from_fn(|_| empty()));
        self.blocks.push(block.clone());
        lock(&table.blocks).push(block);
        self.free.extend((first + 1..first + BLOCK as u32).rev());
        first
    }

    /// What a task waits for from now on.
    pub(super) fn waits(&mut self, table: &Table, id: TaskId, on: Option<Leaf>) {
        let Some(seat) = self.seat_of(id) else { return };
        let word = match on {
            None => 0,
            Some(leaf) => {
                let at = match self.recent.get(place_of(&leaf)) {
                    0 => self.number(table, leaf),
                    at => at,
                };
                which(&leaf) << WHICH | at
            }
        };
        // Release: whoever reads an index finds it in the list.
        self.seat(seat).leaf.store(word, Ordering::Release);
    }

    #[cold]
    #[inline(never)]
    fn number(&mut self, table: &Table, leaf: Leaf) -> u64 {
        let at = self.leaves.number(place_of(&leaf), || lock(&table.leaves).push(leaf));
        self.recent.set(place_of(&leaf), at);
        at
    }

    pub(super) fn left(&mut self, table: &Table, id: TaskId) {
        let Some(kept) = self.seats.remove(&id.0) else { return };
        let (seat, is_named) = ((kept / 2) as u32, kept % 2 == 1);
        if is_named {
            lock(&table.names).remove(id.0);
        }
        self.seat(seat).task.store(0, Ordering::Release);
        self.free.push(seat);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trace::Direction;

    fn id(number: u64) -> TaskId {
        TaskId(NonZeroU64::new(number).unwrap())
    }

    #[track_caller]
    fn here() -> &'static Location<'static> {
        Location::caller()
    }

    #[test]
    fn a_seat_is_given_again_and_shows_its_new_owner_alone() {
        let (table, mut seating) = (Table::new(), Seating::default());
        let name: Arc<str> = "first".into();
        let site = here();
        seating.seated(&table, id(1), Kind::Cpu, site, Some(&name));
        seating.waits(&table, id(1), Some(Leaf::Join { task: id(9), spawned: site }));
        seating.left(&table, id(1));
        assert!(table.all().is_empty());
        seating.seated(&table, id(2), Kind::Task, here(), None);
        let [task] = &table.all()[..] else { panic!("one task") };
        assert_eq!((task.id, task.kind, task.name.clone(), task.last), (id(2), Kind::Task, None, None));
        assert_eq!(seating.blocks.len(), 1);
    }

    #[test]
    fn what_a_task_waited_for_is_told_with_its_number_and_place() {
        let (table, mut seating) = (Table::new(), Seating::default());
        seating.seated(&table, id(1), Kind::Task, here(), None);
        let (a, b) = (here(), here());
        let leaves = [
            Leaf::Timer { timer: TimerId(7), site: a },
            Leaf::Timer { timer: TimerId(8), site: a },
            Leaf::Timer { timer: TimerId(8), site: b },
            Leaf::Source { source: SourceId(3), direction: Direction::Write, site: a },
            Leaf::Source { source: SourceId(4), direction: Direction::Read, site: a },
            Leaf::Join { task: id(5), spawned: a },
            Leaf::Sync { what: "Mutex::lock", class: crate::trace::Class::Lock, site: a, made: b },
            Leaf::Timer { timer: TimerId(9), site: a },
        ];
        for leaf in leaves {
            seating.waits(&table, id(1), Some(leaf));
            assert_eq!(table.get(id(1)).unwrap().last, Some(leaf));
        }
        assert_eq!(lock(&table.leaves).len(), 6, "one for each place");
    }

    #[test]
    fn more_tasks_than_a_block_has_seats_are_told_in_spawn_order() {
        let (table, mut seating) = (Table::new(), Seating::default());
        let many = BLOCK as u64 * 2 + 1;
        for n in (1..=many).rev() {
            seating.seated(&table, id(n), Kind::Task, here(), None);
        }
        assert!(table.all().iter().map(|task| task.id.0.get()).eq(1..=many));
    }
}
