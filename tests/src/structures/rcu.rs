//! perseq-rcu: counts that only grow, of readers, and queues of callbacks that are linked through what they free.

use std::mem::ManuallyDrop;
use std::sync::atomic::{AtomicU64, Ordering};

use perseq_rcu::{Domain, Flavor, Old, Rcu, ReadGuard, flavor};

/// A reader, which [`leaves`](Self::leave) in one place only.
#[derive(Debug)]
pub struct Reader(ManuallyDrop<ReadGuard>);

impl Reader {
    /// A reader of `domain`.
    #[inline(never)]
    #[must_use]
    pub fn enter(domain: &'static Domain) -> Self {
        Self(ManuallyDrop::new(domain.read()))
    }

    /// Is none any more.
    #[inline(never)]
    pub fn leave(self) {
        drop(ManuallyDrop::into_inner(self.0));
    }
}

flavor! {
    /// Of [`Garbage`].
    pub struct Discarding;
}

/// Counts when it is freed.
struct Counting(&'static AtomicU64);

impl Drop for Counting {
    fn drop(&mut self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

/// A value that was replaced, and is itself the callback that frees it: so to discard it allocates nothing.
pub struct Garbage(ManuallyDrop<Old<Counting, Discarding>>);

impl Garbage {
    /// So many, which count when they are freed.
    #[must_use]
    pub fn make(many: usize, freed: &'static AtomicU64) -> Vec<Self> {
        static NOBODYS: AtomicU64 = AtomicU64::new(0);
        let cell = Rcu::with_flavor(Counting(freed), Discarding);
        let last = |number| if number + 1 == many { &NOBODYS } else { freed };
        (0..many).map(|number| Self(ManuallyDrop::new(cell.swap(Counting(last(number)))))).collect()
    }

    /// Has it freed after a grace period.
    #[inline(never)]
    pub fn discard(self) {
        drop(ManuallyDrop::into_inner(self.0));
    }

    /// Waits until what was discarded is freed.
    pub fn barrier() {
        Discarding::domain().barrier();
    }
}

/// A value that is read by one restartable sequence.
#[derive(Debug)]
pub struct Short<T: Copy + Send + Sync + 'static>(Rcu<T, Discarding>);

impl<T: Copy + Send + Sync + 'static> Short<T> {
    /// This value.
    #[must_use]
    pub fn new(value: T) -> Self {
        Self(Rcu::with_flavor(value, Discarding))
    }

    /// The value.
    #[inline(never)]
    #[must_use]
    pub fn get(&self) -> T {
        self.0.get()
    }

    /// Replaces it, and leaks the old one, so that whoever still has that would be seen to.
    pub fn set(&self, value: T) {
        std::mem::forget(self.0.swap(value));
    }
}
