//! The library's stack: staged stores, computed indices, checked bounds; and `copy` of batches, or of items that are no words.

use std::mem::MaybeUninit;

use perseq::collections::stack;

/// [`stack::Stack`], with each of its sequences in one place.
#[derive(Debug)]
pub struct Stack<T: Copy, const N: usize>(stack::Stack<T, N>);

impl<T: Copy, const N: usize> Stack<T, N> {
    /// Empty stacks.
    #[must_use]
    pub fn new() -> Self {
        Self(stack::Stack::new())
    }

    /// Pushes `item` on the running CPU's stack; says whether there was room.
    #[inline(never)]
    pub fn push(&self, item: T) -> bool {
        self.0.push(item).is_ok()
    }

    /// Pops from the running CPU's stack.
    #[inline(never)]
    pub fn pop(&self) -> Option<T> {
        self.0.pop()
    }

    /// Pushes the first of `items` that there is room for, and returns how many.
    #[inline(never)]
    pub fn push_slice(&self, items: &[T]) -> usize {
        self.0.push_slice(items)
    }

    /// Pops at most `COUNT` items: those that are there, and how many.
    #[inline(never)]
    pub fn pop_slice<const COUNT: usize>(&self) -> ([MaybeUninit<T>; COUNT], usize) {
        let mut room = [const { MaybeUninit::uninit() }; COUNT];
        let count = self.0.pop_slice(&mut room).len();
        (room, count)
    }

    /// [`pop_slice`](Self::pop_slice), as a vector.
    pub fn pop_vec<const COUNT: usize>(&self) -> Vec<T> {
        let (room, count) = self.pop_slice::<COUNT>();
        // SAFETY: so many were popped into it.
        room[..count].iter().map(|item| unsafe { item.assume_init() }).collect()
    }

    /// Takes the topmost `count` items of the stack of `cpu`, the topmost last.
    ///
    /// # Panics
    /// If it cannot be had.
    pub fn take(&self, cpu: u32, count: usize) -> Vec<T> {
        let mut room = vec![MaybeUninit::uninit(); count];
        self.0.take(cpu, &mut room).expect("a slot that nobody else on this thread owns").to_vec()
    }

    /// Takes all items of the stack of `cpu`, the topmost last.
    pub fn drain(&self, cpu: u32) -> Vec<T> {
        self.take(cpu, N)
    }

    /// The stack itself.
    pub fn inner(&self) -> &stack::Stack<T, N> {
        &self.0
    }
}

impl<T: Copy, const N: usize> Default for Stack<T, N> {
    fn default() -> Self {
        Self::new()
    }
}
