//! The library's locks around a number: a sequence whose effect outlives it.

use perseq::ExclusiveError;
use perseq::collections::lock;

/// The right to use one CPU's number.
pub type Guard<'l> = lock::Guard<'l, u64>;

/// [`lock::Lock`], with each of its sequences in one place.
#[derive(Debug)]
pub struct Locks(lock::Lock<u64>);

impl Locks {
    /// Zeros.
    #[must_use]
    pub fn new() -> Self {
        Self(lock::Lock::new(|_cpu| 0))
    }

    /// How many there are.
    #[must_use]
    pub fn slots(&self) -> u32 {
        self.0.slots()
    }

    /// Takes the running CPU's lock, waiting for it.
    #[inline(never)]
    pub fn lock(&self) -> Guard<'_> {
        self.0.lock()
    }

    /// Takes the running CPU's lock if it is free.
    #[inline(never)]
    pub fn try_lock(&self) -> Option<Guard<'_>> {
        self.0.try_lock()
    }

    /// Takes the lock of `cpu`, waiting for it.
    ///
    /// # Errors
    /// As there.
    pub fn lock_on(&self, cpu: u32) -> Result<Guard<'_>, ExclusiveError> {
        self.0.lock_on(cpu)
    }

    /// Takes the lock of `cpu` if it is free.
    ///
    /// # Errors
    /// As there.
    pub fn try_lock_on(&self, cpu: u32) -> Result<Option<Guard<'_>>, ExclusiveError> {
        self.0.try_lock_on(cpu)
    }

    /// Takes all numbers out.
    ///
    /// # Panics
    /// If a lock cannot be had.
    #[must_use]
    pub fn take(&self) -> u64 {
        (0..self.slots()).map(|cpu| std::mem::take(&mut *self.lock_on(cpu).expect("a slot"))).sum()
    }

    /// The sum of all numbers, of which nobody uses one any more.
    #[must_use]
    pub fn into_sum(self) -> u64 {
        self.0.into_inner().sum()
    }
}

impl Default for Locks {
    fn default() -> Self {
        Self::new()
    }
}
