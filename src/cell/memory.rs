//! Where cells live: malloc, and small lists of finished cells by size, one set a thread.
//!
//! Most of a spawn is malloc (11 to 16 ns of about 25), so a finished cell waits here for the next task of its
//! size. Only the owner's thread puts cells here; one freed on another thread goes back to the allocator.

use std::alloc::{Layout, alloc, dealloc, handle_alloc_error};
use std::cell::Cell;
use std::ptr::NonNull;

/// glibc's malloc puts `HEAD` bytes before each block and rounds the sum up to a multiple of `STEP`. A cell asks for all
/// of that, so that futures of about one size share a list, and none pays for room that it could use: a header of 56
/// bytes and a future of 64 make a block of 128. Rounded to plain multiples of 16 it would be 144.
const STEP: usize = 16;
const HEAD: usize = 8;
const CLASSES: usize = 64; // a power of two: an index is masked, not checked
/// How much a thread keeps, in steps: a megabyte, some 8,000 small tasks.
const KEEP: usize = (1 << 20) / STEP;

/// Without a destructor, so that a look at them is a plain load; `close` empties them.
struct FreeLists {
    heads: [Cell<*mut u8>; CLASSES],
    /// How many steps they may take in; none where no runtime lives.
    room: Cell<usize>,
    /// How many runtimes live on this thread.
    runtimes: Cell<usize>,
}

thread_local! {
    static FREE: FreeLists = const {
        FreeLists {
            heads: [const { Cell::new(std::ptr::null_mut()) }; CLASSES],
            room: Cell::new(0),
            runtimes: Cell::new(0),
        }
    };
}

/// Where a cell's memory comes from and goes to; a constant of each future's type.
pub(super) struct Home {
    layout: Layout,
    /// Its list, which is its block's size in steps; 0 for large and over-aligned cells, which have none.
    class: usize,
}

/// The layout that is asked of the allocator for a cell of `exact` layout.
const fn rounded(exact: Layout) -> Layout {
    // What is over-aligned comes from another of malloc's functions, and is in no list.
    let (size, align) = if exact.align() > STEP {
        (exact.size(), exact.align())
    } else {
        ((exact.size() + HEAD).next_multiple_of(STEP) - HEAD, STEP)
    };
    match Layout::from_size_align(size, align) {
        Ok(layout) => layout,
        Err(_) => panic!("a future this large cannot be spawned"),
    }
}

impl Home {
    pub(super) const fn size(&self) -> usize {
        self.layout.size()
    }

    /// For a cell of this `exact` layout.
    pub(super) const fn new(exact: Layout) -> Home {
        let layout = rounded(exact);
        let class = (layout.size() + HEAD) / STEP;
        // Inside a list a sanitizer would see no use after free.
        let is_listed = class < CLASSES && layout.align() == STEP && !cfg!(glassloop_no_recycling);
        Home { layout, class: if is_listed { class } else { 0 } }
    }
}

/// Memory for a cell.
#[inline]
pub(super) fn take(home: &Home) -> NonNull<u8> {
    FREE.with(|free| {
        let list = &free.heads[home.class % CLASSES]; // the list 0 stays empty
        let Some(head) = NonNull::new(list.get()) else { return fresh(home.layout) };
        // SAFETY: a list holds only blocks that `give` put there, unused, whose first word is the next's address.
        list.set(unsafe { head.cast::<*mut u8>().read() });
        free.room.set(free.room.get() + home.class);
        head
    })
}

#[cold]
#[inline(never)]
fn fresh(layout: Layout) -> NonNull<u8> {
    // SAFETY: a header is in every cell, so the size is not zero.
    NonNull::new(unsafe { alloc(layout) }).unwrap_or_else(|| handle_alloc_error(layout))
}

/// Gives a cell's memory back on the owner's thread: to the list, or to the allocator when that is full.
///
/// # Safety
/// `block` came from `take(home)` and is not used any more.
#[inline]
pub(super) unsafe fn give(block: NonNull<u8>, home: &Home) {
    FREE.with(|free| {
        let (room, class) = (free.room.get(), home.class);
        if class == 0 || class > room {
            // SAFETY: this function's contract.
            return unsafe { self::free(block, home) };
        }
        free.room.set(room - class);
        let list = &free.heads[class % CLASSES];
        // SAFETY: the block is unused, aligned to 16 and at least as large as a header.
        unsafe { block.cast::<*mut u8>().write(list.get()) };
        list.set(block.as_ptr());
    });
}

/// Gives a cell's memory back to the allocator, on any thread.
///
/// # Safety
/// `block` came from `take(home)` and is not used any more.
#[cold]
#[inline(never)]
pub(super) unsafe fn free(block: NonNull<u8>, home: &Home) {
    // SAFETY: this function's contract; every block came from `alloc` with its rounded layout.
    unsafe { dealloc(block.as_ptr(), home.layout) };
}

/// A runtime begins on this thread: what its tasks leave is kept.
pub(crate) fn open() {
    FREE.with(|free| {
        if free.runtimes.replace(free.runtimes.get() + 1) == 0 {
            free.room.set(KEEP);
        }
    });
}

/// A runtime ended. With the last of the thread, all that was kept goes, and nothing more is taken in.
pub(crate) fn close() {
    FREE.with(|free| {
        free.runtimes.set(free.runtimes.get() - 1);
        if free.runtimes.get() > 0 {
            return;
        }
        free.room.set(0);
        for (class, head) in free.heads.iter().enumerate().skip(1) {
            let layout = Layout::from_size_align(class * STEP - HEAD, STEP).expect("a class is a small layout");
            while let Some(block) = NonNull::new(head.get()) {
                // SAFETY: as in `take`: a listed block is unused, and its first word is the next's address.
                head.set(unsafe { block.cast::<*mut u8>().read() });
                // SAFETY: a block in this list was made with this class's layout.
                unsafe { dealloc(block.as_ptr(), layout) };
            }
        }
    });
}
