//! A list of nodes for each CPU: a staged store outside the slot, a load through a pointer, and the classic prey of
//! algorithms that compare a pointer and swap it.
//!
//! Invariant: every node is in one list, or with whoever popped it.

use std::marker::PhantomData;
use std::ptr::{NonNull, null_mut};

use perseq::{PerCpu, sequence};

/// What the lists link.
#[derive(Debug)]
pub struct Node {
    next: *mut Node,
    /// Whatever the owner of the node likes.
    pub value: u64,
}

impl Node {
    /// A node in no list.
    #[must_use]
    pub const fn new(value: u64) -> Self {
        Self { next: null_mut(), value }
    }
}

/// One slot.
#[derive(Debug)]
struct Head {
    top: *mut Node,
}

// SAFETY: a list hands its nodes to whichever thread pops them; nothing in them belongs to a thread.
unsafe impl Send for Head {}

sequence! {
    /// # Safety
    /// `node` must be valid, in no list, and stay so until it is popped.
    unsafe fn push(list: &PerCpu<Head>, node: *mut Node) {
        let top: *mut Node = list.top;
        stage (*node).next = top;
        commit list.top = node;
    }

    /// # Safety
    /// Every node in the list must be valid.
    unsafe fn pop(list: &PerCpu<Head>) -> Option<NonNull<Node>> {
        let top: *mut Node = list.top;
        if top.is_null() { return None; }
        let next: *mut Node = (*top).next;
        commit list.top = next;
        NonNull::new(top)
    }
}

/// See the [module](self). The nodes live as long as `'n`.
#[derive(Debug)]
pub struct List<'n> {
    heads: PerCpu<Head>,
    /// Nodes go in and come out, so `'n` may be neither shorter nor longer.
    nodes: PhantomData<fn(&'n mut Node) -> &'n mut Node>,
}

impl<'n> List<'n> {
    /// Empty lists.
    #[must_use]
    pub fn new() -> Self {
        Self { heads: PerCpu::new(|_cpu| Head { top: null_mut() }), nodes: PhantomData }
    }

    /// Puts a node at the top of the running CPU's list.
    #[inline(never)]
    pub fn push(&self, node: &'n mut Node) {
        // SAFETY: exclusively borrowed for as long as the list lives, so valid and in no other list.
        unsafe { push(&self.heads, node) };
    }

    /// Takes the node at the top of the running CPU's list.
    #[inline(never)]
    pub fn pop(&self) -> Option<&'n mut Node> {
        // SAFETY: the lists hold borrowed nodes only; popping gives the borrow back.
        unsafe { pop(&self.heads).map(|mut node| node.as_mut()) }
    }

    /// Takes all nodes of all CPUs.
    ///
    /// # Panics
    /// If a list is not a chain of nodes that ends.
    pub fn drain(&self) -> Vec<&'n mut Node> {
        let mut nodes = Vec::new();
        for cpu in 0..self.heads.slots() {
            let mut top = self
                .heads
                .exclusive(cpu, |head| std::mem::replace(&mut head.top, null_mut()))
                .expect("a slot that nobody else on this thread owns");
            // SAFETY: the chain holds borrowed nodes only; taking it gives the borrows back.
            while let Some(node) = unsafe { top.as_mut() } {
                top = node.next;
                nodes.push(node);
                assert!(nodes.len() < 1 << 24, "a list is a ring");
            }
        }
        nodes
    }
}

impl Default for List<'_> {
    fn default() -> Self {
        Self::new()
    }
}
