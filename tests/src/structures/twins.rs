//! Two words for each CPU that an ops vector changes one after the other, and a sum that a sequence adds to while they are equal.
//!
//! Invariant: whoever is alone with a slot finds both words equal.

use perseq::opv::{Outcome, Vector};
use perseq::{PerCpu, sequence};

/// One slot.
#[derive(Debug, Default)]
struct Twin {
    left: u64,
    right: u64,
    sum: u64,
}

sequence! {
    fn add(twins: &PerCpu<Twin>, n: u64) -> bool {
        let left: u64 = twins.left;
        let right: u64 = twins.right;
        if left != right { return false; }
        let sum: u64 = twins.sum;
        commit twins.sum = sum + n;
        true
    }
}

/// See the [module](self).
#[derive(Debug)]
pub struct Twins(PerCpu<Twin>);

impl Twins {
    /// All words 0.
    #[must_use]
    pub fn new() -> Self {
        Self(PerCpu::new(|_cpu| Twin::default()))
    }

    /// The number of slots.
    #[must_use]
    pub fn slots(&self) -> u32 {
        self.0.slots()
    }

    /// The slot that the calling thread is in.
    #[must_use]
    pub fn here(&self) -> u32 {
        self.0.here()
    }

    /// Adds `n` to the sum of the running CPU, unless the words differ; says whether they are equal.
    #[inline(never)]
    pub fn add(&self, n: u64) -> bool {
        add(&self.0, n)
    }

    /// Adds `n` to the sum of `cpu` by a vector, which changes both words too, unless they differ; says whether they are equal.
    ///
    /// # Panics
    /// If the vector does not run.
    pub fn add_to(&self, cpu: u32, n: u64) -> bool {
        self.add_under(self, cpu, n)
    }

    /// As [`add_to`](Self::add_to), with the vector under the gate of `other`. If that is not `self`, it is wrong.
    ///
    /// # Panics
    /// If the vector does not run.
    pub fn add_under(&self, other: &Self, cpu: u32, n: u64) -> bool {
        let twin = self.0.item(cpu).expect("a slot").as_ptr();
        // SAFETY: words of a slot that lives; sections access them with single loads and stores, as the vector does.
        let outcome = unsafe {
            Vector::new()
                .compare_eq(&raw const (*twin).left, &raw const (*twin).right)
                .add(&raw mut (*twin).left, 1)
                .add(&raw mut (*twin).sum, n.cast_signed())
                .copy(&raw mut (*twin).right, &raw const (*twin).left)
                .run(&other.0, cpu)
        };
        outcome.expect("operands that are there, and a slot that nobody owns twice") == Outcome::Done
    }

    /// The sum of slot `cpu`.
    ///
    /// # Panics
    /// If that cannot be had.
    #[must_use]
    pub fn sum_of(&self, cpu: u32) -> u64 {
        self.0.exclusive(cpu, |twin| twin.sum).expect("a slot")
    }

    /// The sum over all slots.
    #[must_use]
    pub fn sum(&self) -> u64 {
        (0..self.slots()).map(|cpu| self.sum_of(cpu)).sum()
    }
}

impl Default for Twins {
    fn default() -> Self {
        Self::new()
    }
}
