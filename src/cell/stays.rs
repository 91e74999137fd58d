//! Why what stays with its loop is not `Send`, said by the compiler in our words.

use std::cell;
use std::ops::{Deref, DerefMut};

use super::TaskRef;

/// A name that the compiler gives as its reason where something of glassloop is asked to be `Send` or `Sync` and is
/// not: a [`JoinHandle`](crate::JoinHandle), a lock or channel of `glassloop::sync`, a guard.
///
/// Such a thing stays with the loop it was made on, without locked instructions. Where a future must be `Send`, as in a
/// handler of axum, wrap what uses it in [`stay`](crate::stay), which gives a key that is; or take a type that is
/// `Send` itself. `docs/send.md` says which, type by type.
///
/// Nothing implements it.
///
/// ```compile_fail,E0277
/// let task = glassloop::run(async { glassloop::spawn(async {}) });
/// std::thread::spawn(|| drop(task)); // the trait `Send` is not implemented for `dyn StaysOnItsLoop`
/// ```
pub trait StaysOnItsLoop {}

/// Something that stays with its loop. It buys the one reason: a lock held across an `.await` where `Send` is asked gave
/// 5 errors, a channel 11, about `Cell<usize>` and the like, with the advice to use a `std::sync::RwLock`.
#[derive(Clone, Default, Debug)]
#[repr(transparent)]
pub(crate) struct Stays<T>(pub(crate) T);

// Each of these is an impl that never applies: a `dyn` type is `Send` or `Sync` only if its trait says so. They are
// there to be tried and to fail by that bound, and not by every field. (The lifetime keeps the compiler from noting at
// once that the bound is false.)
// SAFETY: OWNER asks that a `TaskRef`, and what holds one, is neither: see above and below, for all four.
unsafe impl<'a, T> Send for Stays<T> where dyn StaysOnItsLoop + 'a: Send {}
// SAFETY: OWNER, as above.
unsafe impl<'a, T> Sync for Stays<T> where dyn StaysOnItsLoop + 'a: Send {}
// SAFETY: OWNER, as above.
unsafe impl<'a> Send for TaskRef where dyn StaysOnItsLoop + 'a: Send {}
// SAFETY: OWNER, as above.
unsafe impl<'a> Sync for TaskRef where dyn StaysOnItsLoop + 'a: Send {}

/// Holds the compiler to it: if one of them applied, there would be a second choice for `_`, and this would be an error.
const _: ((), ()) = {
    trait Neither<Choice> {
        const THEN: () = ();
    }
    impl<T> Neither<()> for T {}
    impl<T: Send> Neither<u8> for T {}
    impl<T: Sync> Neither<u16> for T {}
    (<Stays<()> as Neither<_>>::THEN, <TaskRef as Neither<_>>::THEN)
};

impl<T> Deref for Stays<T> {
    type Target = T;

    #[inline(always)]
    fn deref(&self) -> &T {
        &self.0
    }
}

impl<T> DerefMut for Stays<T> {
    #[inline(always)]
    fn deref_mut(&mut self) -> &mut T {
        &mut self.0
    }
}

/// The cells of std, in what other rooms build of them.
pub(crate) type Cell<T> = Stays<cell::Cell<T>>;
#[cfg(feature = "sync")]
pub(crate) type RefCell<T> = Stays<cell::RefCell<T>>;
#[cfg(feature = "sync")]
pub(crate) type OnceCell<T> = Stays<cell::OnceCell<T>>;

impl<T> Cell<T> {
    #[inline(always)]
    pub(crate) const fn new(value: T) -> Cell<T> {
        Stays(cell::Cell::new(value))
    }
}

#[cfg(feature = "sync")]
impl<T> Cell<Option<T>> {
    /// Without taking it out.
    #[inline(always)]
    pub(crate) fn is_some(&self) -> bool {
        // SAFETY: no other thread has it, and nothing writes to it while its tag is looked at.
        unsafe { (*self.as_ptr()).is_some() }
    }
}

#[cfg(feature = "sync")]
impl<T> RefCell<T> {
    #[inline(always)]
    pub(crate) const fn new(value: T) -> RefCell<T> {
        Stays(cell::RefCell::new(value))
    }
}

#[cfg(feature = "sync")]
impl<T> OnceCell<T> {
    #[inline(always)]
    pub(crate) const fn new() -> OnceCell<T> {
        Stays(cell::OnceCell::new())
    }
}
