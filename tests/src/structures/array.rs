//! An array of numbers for each CPU: a computed index, whose bounds are checked.

use perseq::{PerCpu, sequence};

#[derive(Debug)]
struct Items<const N: usize> {
    items: [u64; N],
}

sequence! {
    fn get<const N: usize>(array: &PerCpu<Items<N>>, at: usize) -> u64 {
        let value: u64 = array.items[at];
        value
    }
}

/// See the [module](self).
#[derive(Debug)]
pub struct Array<const N: usize>(PerCpu<Items<N>>);

impl<const N: usize> Array<N> {
    /// Arrays of zeros.
    #[must_use]
    pub fn new() -> Self {
        Self(PerCpu::new(|_cpu| Items { items: [0; N] }))
    }

    /// Item `at` of the running CPU's array.
    ///
    /// # Panics
    /// If `at` is not below `N`.
    #[inline(never)]
    pub fn get(&self, at: usize) -> u64 {
        get(&self.0, at)
    }

    /// Sets item `at` of the array of `cpu`.
    ///
    /// # Panics
    /// If there is no such item, or the slot cannot be had.
    pub fn set(&self, cpu: u32, at: usize, value: u64) {
        self.0
            .exclusive(cpu, |array| array.items[at] = value)
            .expect("a slot that nobody else on this thread owns");
    }
}

impl<const N: usize> Default for Array<N> {
    fn default() -> Self {
        Self::new()
    }
}
