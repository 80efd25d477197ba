//! [`Link`]: lists of `'static` values, which are added to without a lock, for crates on top of this one too. Not part of the API.
//!
//! ```text
//! first ──> value ──> value ──> null          a value is added where null is, by a compare-and-swap
//! ```
//!
//! Invariant: each link changes once, from null. So there is one end only: of several threads that add a value at once each finds it in
//! the list when it returns, no matter by whom, and it is in there once. Who finds a value by an acquire finds what was stored in it
//! before it was added, which is a release.

use core::ptr;
use core::sync::atomic::{AtomicPtr, Ordering};

/// The beginning of a list; or, in a value, what comes after it.
#[derive(Debug)]
pub struct Link<T>(AtomicPtr<T>);

/// What can be in a list.
pub trait Linked: Sync + Sized + 'static {
    /// What comes after it in the only list that it can be in.
    fn next(&self) -> &Link<Self>;
}

impl<T: Linked> Link<T> {
    /// Nothing comes.
    #[must_use]
    #[allow(clippy::new_without_default, reason = "for statics")]
    pub const fn new() -> Self {
        Self(AtomicPtr::new(ptr::null_mut()))
    }

    /// Adds a value behind the last one, if it is not there. Lock-free, async-signal-safe.
    pub fn add(&'static self, value: &'static T) {
        let this = ptr::from_ref(value).cast_mut();
        let mut end = self;
        // Ends, as there are only so many.
        while let Err(other) =
            end.0.compare_exchange(ptr::null_mut(), this, Ordering::AcqRel, Ordering::Acquire)
            && other != this
        {
            // SAFETY: what is linked is `'static`.
            end = unsafe { &*other }.next();
        }
    }

    /// All from here on, in the order in which they were added. Async-signal-safe.
    pub fn iter(&'static self) -> impl Iterator<Item = &'static T> {
        core::iter::successors(self.get(), |value| value.next().get())
    }

    fn get(&self) -> Option<&'static T> {
        // SAFETY: as above, and complete when it was linked.
        unsafe { self.0.load(Ordering::Acquire).as_ref() }
    }
}
