//! A stack of numbers for each CPU, in an array: staged stores, computed indices, checked bounds.
//!
//! Invariant: `items[..len]` of each slot is what was pushed there and not popped, in that order.

use perseq::{PerCpu, sequence};

/// The items come first because a `u64` in a slot must be aligned to its size, which x86 does for none behind a `usize`.
#[derive(Debug)]
#[repr(C)]
struct Items<const N: usize> {
    items: [u64; N],
    len: usize,
}

sequence! {
    fn push<const N: usize>(stack: &PerCpu<Items<N>>, value: u64) -> bool {
        let len: usize = stack.len;
        if len >= N { return false; }
        stage stack.items[len] = value;
        commit stack.len = len + 1;
        true
    }

    fn pop<const N: usize>(stack: &PerCpu<Items<N>>) -> Option<u64> {
        let len: usize = stack.len;
        if len == 0 { return None; }
        let value: u64 = stack.items[len - 1];
        commit stack.len = len - 1;
        Some(value)
    }

    fn get<const N: usize>(stack: &PerCpu<Items<N>>, at: usize) -> u64 {
        let value: u64 = stack.items[at];
        value
    }
}

/// See the [module](self).
#[derive(Debug)]
pub struct Stack<const N: usize>(PerCpu<Items<N>>);

impl<const N: usize> Stack<N> {
    /// Empty stacks.
    #[must_use]
    pub fn new() -> Self {
        Self(PerCpu::new(|_cpu| Items { len: 0, items: [0; N] }))
    }

    /// Pushes `value` on the running CPU's stack; says whether there was room.
    #[inline(never)]
    pub fn push(&self, value: u64) -> bool {
        push(&self.0, value)
    }

    /// Pops from the running CPU's stack.
    #[inline(never)]
    pub fn pop(&self) -> Option<u64> {
        pop(&self.0)
    }

    /// Item `at` of the running CPU's array, whether pushed or not.
    ///
    /// # Panics
    /// If `at` is not below `N`.
    #[inline(never)]
    pub fn get(&self, at: usize) -> u64 {
        get(&self.0, at)
    }

    /// Takes all items of the stack of `cpu`, the bottom first.
    ///
    /// # Panics
    /// If it cannot be had.
    pub fn drain(&self, cpu: u32) -> Vec<u64> {
        self.0
            .exclusive(cpu, |stack| {
                let len = std::mem::take(&mut stack.len);
                stack.items[..len].to_vec()
            })
            .expect("a slot that nobody else on this thread owns")
    }
}

impl<const N: usize> Default for Stack<N> {
    fn default() -> Self {
        Self::new()
    }
}
