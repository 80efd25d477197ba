//! [`Anew`]: state that the child of a fork begins anew.
//!
//! Locks that other threads held at the fork are locked in the child for ever, and what they guard may be in the middle of a change. So
//! nothing of it is looked at there: it is overwritten, and what it owned is leaked.

use std::cell::UnsafeCell;
use std::ops::Deref;
use std::panic::RefUnwindSafe;

/// A `T` that is replaced in the child of a fork.
#[derive(Debug)]
pub(crate) struct Anew<T>(UnsafeCell<T>);

// SAFETY: it is written to by the only thread there is; otherwise it is a `T`.
unsafe impl<T: Sync> Sync for Anew<T> {}

// What it holds are locks and what they guard, which a panic leaves whole.
impl<T> RefUnwindSafe for Anew<T> {}

impl<T> Anew<T> {
    pub(crate) const fn new(value: T) -> Self {
        Self(UnsafeCell::new(value))
    }

    /// Replaces the value and leaks the old one.
    ///
    /// # Safety
    /// This must be the child of a fork, in a handler of it. (So there is no other thread, and this one is in `fork`. If it was forked
    /// from inside this crate, by a callback, it has references to the old value, which is why a callback must not do that.)
    pub(crate) unsafe fn replace(&self, fresh: T) {
        // SAFETY: the caller's promise.
        unsafe { self.0.get().write(fresh) };
    }
}

impl<T> Deref for Anew<T> {
    type Target = T;

    #[inline]
    fn deref(&self) -> &T {
        // SAFETY: written to only while nobody holds a reference.
        unsafe { &*self.0.get() }
    }
}
