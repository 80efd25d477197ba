//! Two words for each CPU that change together by `exclusive`, and a sequence that reads both without a commit.
//!
//! Invariant: outside the owner, the second word is the complement of the first.

use perseq::{ExclusiveError, PerCpu, sequence};

#[derive(Debug)]
struct Pair {
    first: u64,
    second: u64,
}

sequence! {
    fn read(pairs: &PerCpu<Pair>) -> (u64, u64) {
        let first: u64 = pairs.first;
        let second: u64 = pairs.second;
        (first, second)
    }
}

/// See the [module](self).
#[derive(Debug)]
pub struct Pairs(PerCpu<Pair>);

impl Pairs {
    /// Pairs of 0 and its complement.
    #[must_use]
    pub fn new() -> Self {
        Self(PerCpu::new(|_cpu| Pair { first: 0, second: !0 }))
    }

    /// The number of slots.
    #[must_use]
    pub fn slots(&self) -> u32 {
        self.0.slots()
    }

    /// Both words of the running CPU.
    #[must_use]
    #[inline(never)]
    pub fn read(&self) -> (u64, u64) {
        read(&self.0)
    }

    /// Sets the first word of slot `cpu`, runs `between`, sets the second.
    ///
    /// # Errors
    /// Those of [`PerCpu::exclusive`].
    pub fn set(&self, cpu: u32, value: u64, between: impl FnOnce()) -> Result<(), ExclusiveError> {
        self.0.exclusive(cpu, |pair| {
            // Volatile, so that the compiler leaves the time between the two.
            // SAFETY: a word that is ours.
            unsafe { (&raw mut pair.first).write_volatile(value) };
            between();
            // SAFETY: as above.
            unsafe { (&raw mut pair.second).write_volatile(!value) };
        })
    }

    /// Makes slot `cpu` whole after its owner has gone in the middle of a change.
    ///
    /// # Errors
    /// Those of [`PerCpu::recover`].
    pub fn mend(&self, cpu: u32) -> Result<(), ExclusiveError> {
        // SAFETY: any two words are a pair.
        unsafe { self.0.recover(cpu, |pair| pair.second = !pair.first) }
    }

    /// Whether both words of slot `cpu` belong together.
    ///
    /// # Errors
    /// Those of [`PerCpu::exclusive`].
    pub fn whole(&self, cpu: u32) -> Result<bool, ExclusiveError> {
        self.0.exclusive(cpu, |pair| pair.first == !pair.second)
    }
}

impl Default for Pairs {
    fn default() -> Self {
        Self::new()
    }
}
