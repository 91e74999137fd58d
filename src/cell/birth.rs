//! What tasks are born with: the table of their future's type and the place that spawned them, as one record.
//!
//! It makes a header 8 bytes shorter than two pointers would, so that a task with a future of 64 bytes takes 128 bytes
//! of malloc instead of 144. A program has about as many records as its code has pairs of a type and a place; they are made
//! when they are first met, found again by 13 instructions a spawn (some more where two share a bucket), and never go.

use std::panic::Location;
use std::ptr::{self, NonNull};
use std::sync::OnceLock;
use std::task::{Context, Poll};

use super::header::Header;
use super::typed::Vtable;
use crate::trace::Outcome;

/// A record is its key and nothing else: no contents of the table but what is compared at each spawn. So should a
/// library be unloaded, and other code come to its addresses, a spawn there finds no record, or one that is right.
pub(super) struct Birth {
    /// The table's, here so that a poll need not go by way of it; part of the key like the others.
    pub(super) poll: unsafe fn(NonNull<Header>, &mut Context<'_>) -> Poll<Outcome>,
    pub(super) vtable: &'static Vtable,
    pub(super) site: &'static Location<'static>,
    /// The next of the same bucket.
    next: Bucket,
}

/// A chain of records, the oldest first. std's lock also where loom checks a model: what it guards never changes again.
type Bucket = OnceLock<Box<Birth>>;

const BUCKETS: usize = 128; // a power of two: an index is masked, not checked
static BIRTHS: [Bucket; BUCKETS] = [const { OnceLock::new() }; BUCKETS];

impl Birth {
    /// The record of this table and this place.
    #[inline]
    pub(super) fn of(vtable: &'static Vtable, site: &'static Location<'static>) -> &'static Birth {
        match Birth::bucket(vtable, site).get() {
            Some(first) if first.is(vtable, site) => first,
            _ => Birth::find(vtable, site),
        }
    }

    /// By both addresses, for one place may spawn many types, and one type be spawned at many places.
    #[inline]
    fn bucket(vtable: &'static Vtable, site: &'static Location<'static>) -> &'static Bucket {
        let mixed = ptr::from_ref(site).addr() ^ ptr::from_ref(vtable).addr();
        &BIRTHS[mixed / size_of::<Bucket>() % BUCKETS] // by the same bits that give its address: no shift
    }

    #[inline]
    fn is(&self, vtable: &'static Vtable, site: &'static Location<'static>) -> bool {
        ptr::eq(self.site, site) && ptr::eq(self.vtable, vtable) && ptr::fn_addr_eq(self.poll, vtable.poll)
    }

    /// As `of`, by a walk along the chain, at whose end it is made.
    #[cold]
    #[inline(never)]
    fn find(vtable: &'static Vtable, site: &'static Location<'static>) -> &'static Birth {
        let mut bucket = Birth::bucket(vtable, site);
        loop {
            // Another thread may put another record here meanwhile; then the walk goes on.
            let birth =
                bucket.get_or_init(|| Box::new(Birth { poll: vtable.poll, vtable, site, next: Bucket::new() }));
            if birth.is(vtable, site) {
                return birth;
            }
            bucket = &birth.next;
        }
    }
}
