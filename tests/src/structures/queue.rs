//! The library's queue: items that are moved, in a register or by `copy`, and two words of which either may be committed.

use perseq::collections::queue;

/// [`queue::Queue`], with each of its sequences in one place.
#[derive(Debug)]
pub struct Queue<T, const N: usize>(queue::Queue<T, N>);

impl<T, const N: usize> Queue<T, N> {
    /// Empty queues.
    #[must_use]
    pub fn new() -> Self {
        Self(queue::Queue::new())
    }

    /// Puts an item at the end of the running CPU's queue, or gives it back.
    ///
    /// # Errors
    /// If that is full.
    #[inline(never)]
    pub fn push(&self, item: T) -> Result<(), T> {
        self.0.push(item)
    }

    /// Takes the oldest item of the running CPU's queue.
    #[inline(never)]
    pub fn pop(&self) -> Option<T> {
        self.0.pop()
    }

    /// Takes the newest item of the running CPU's queue.
    #[inline(never)]
    pub fn pop_newest(&self) -> Option<T> {
        self.0.pop_newest()
    }

    /// Takes the oldest item of the queue of `cpu`.
    ///
    /// # Panics
    /// If it cannot be had.
    pub fn steal(&self, cpu: u32) -> Option<T> {
        self.0.steal(cpu).expect("a slot that nobody else on this thread owns")
    }

    /// Takes the older half of the queue of `cpu`, the oldest first.
    ///
    /// # Panics
    /// If it cannot be had.
    pub fn steal_half(&self, cpu: u32) -> queue::Stolen<T, N> {
        self.0.steal_half(cpu).expect("a slot that nobody else on this thread owns")
    }

    /// Takes everything, of all CPUs.
    pub fn drain(&self) -> Vec<T> {
        (0..self.0.slots()).flat_map(|cpu| std::iter::from_fn(move || self.steal(cpu))).collect()
    }
}

impl<T, const N: usize> Default for Queue<T, N> {
    fn default() -> Self {
        Self::new()
    }
}
