//! Where cells live: malloc, and small lists of finished cells by size, one set a thread.
//!
//! Most of a spawn is malloc (11 to 16 ns of about 25), so a finished cell waits here for the next task of its
//! size. Only the owner's thread puts cells here; one freed on another thread goes back to the allocator.

use std::alloc::{Layout, alloc, dealloc, handle_alloc_error};
use std::cell::Cell;
use std::ptr::NonNull;

/// Sizes are rounded up to this, so that futures of about one size share a list.
const STEP: usize = 16;
const CLASSES: usize = 64;
/// How much a thread keeps, in bytes: some 8,000 small tasks.
const KEEP: usize = 1 << 20;

struct FreeLists {
    heads: [Cell<*mut u8>; CLASSES],
    kept: Cell<usize>,
}

thread_local! {
    static FREE: FreeLists = const {
        FreeLists { heads: [const { Cell::new(std::ptr::null_mut()) }; CLASSES], kept: Cell::new(0) }
    };
}

/// The layout that is asked of the allocator for a cell of `exact` layout.
pub(super) const fn rounded(exact: Layout) -> Layout {
    let size = exact.size().next_multiple_of(STEP);
    match Layout::from_size_align(size, if exact.align() > STEP { exact.align() } else { STEP }) {
        Ok(layout) => layout,
        Err(_) => panic!("a future this large cannot be spawned"),
    }
}

/// The list for a rounded layout; large and over-aligned cells have none.
fn class(layout: Layout) -> Option<usize> {
    if cfg!(glassloop_no_recycling) {
        return None; // a sanitizer sees no use after free inside a list
    }
    let class = layout.size() / STEP;
    (class < CLASSES && layout.align() == STEP).then_some(class)
}

/// Memory for a cell; `layout` comes from `rounded`.
#[inline]
pub(super) fn take(layout: Layout) -> NonNull<u8> {
    let recycled = class(layout).and_then(|class| {
        FREE.try_with(|free| {
            let head = NonNull::new(free.heads[class].get())?;
            // SAFETY: a list holds only blocks that `give` put there, unused, whose first word is the next's address.
            free.heads[class].set(unsafe { head.cast::<*mut u8>().read() });
            free.kept.set(free.kept.get() - layout.size());
            Some(head)
        })
        .ok()
        .flatten()
    });
    recycled.unwrap_or_else(|| {
        // SAFETY: a header is in every cell, so the size is not zero.
        NonNull::new(unsafe { alloc(layout) }).unwrap_or_else(|| handle_alloc_error(layout))
    })
}

/// Gives a cell's memory back on the owner's thread: to the list, or to the allocator when that is full.
///
/// # Safety
/// `block` came from `take(layout)` and is not used any more.
#[inline]
pub(super) unsafe fn give(block: NonNull<u8>, layout: Layout) {
    let listed = class(layout).is_some_and(|class| {
        FREE.try_with(|free| {
            let kept = free.kept.get() + layout.size();
            if kept > KEEP {
                return false;
            }
            free.kept.set(kept);
            // SAFETY: the block is unused, aligned to 16 and at least as large as a header.
            unsafe { block.cast::<*mut u8>().write(free.heads[class].get()) };
            free.heads[class].set(block.as_ptr());
            true
        })
        .unwrap_or(false)
    });
    if !listed {
        // SAFETY: this function's contract.
        unsafe { free(block, layout) };
    }
}

/// Gives a cell's memory back to the allocator, on any thread.
///
/// # Safety
/// `block` came from `take(layout)` and is not used any more.
pub(super) unsafe fn free(block: NonNull<u8>, layout: Layout) {
    // SAFETY: this function's contract; every block came from `alloc` with its rounded layout.
    unsafe { dealloc(block.as_ptr(), layout) };
}

/// Gives back all that this thread keeps.
pub(crate) fn trim() {
    let _ = FREE.try_with(FreeLists::trim);
}

impl FreeLists {
    fn trim(&self) {
        for (class, head) in self.heads.iter().enumerate() {
            let layout = Layout::from_size_align(class * STEP, STEP).expect("a class is a small layout");
            while let Some(block) = NonNull::new(head.get()) {
                // SAFETY: as in `take`: a listed block is unused, and its first word is the next's address.
                head.set(unsafe { block.cast::<*mut u8>().read() });
                // SAFETY: a block in this list was made with this class's layout.
                unsafe { free(block, layout) };
            }
        }
        self.kept.set(0);
    }
}

impl Drop for FreeLists {
    fn drop(&mut self) {
        self.trim();
    }
}
