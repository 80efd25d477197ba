//! The library's list of numbers: a staged store outside the slot, a load through a pointer, and the classic prey of
//! algorithms that compare a pointer and swap it.

use perseq::collections::list;

/// What the lists link.
pub type Node = list::Node<u64>;

/// [`list::List`], with each of its sequences in one place.
#[derive(Debug, Default)]
pub struct List<'n>(list::List<'n, u64>);

impl<'n> List<'n> {
    /// Empty lists.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Puts a node at the top of the running CPU's list.
    #[inline(never)]
    pub fn push(&self, node: &'n mut Node) {
        self.0.push(node);
    }

    /// Takes the node at the top of the running CPU's list.
    #[inline(never)]
    pub fn pop(&self) -> Option<&'n mut Node> {
        self.0.pop()
    }

    /// Takes all nodes of the running CPU's list, the top one first.
    #[inline(never)]
    pub fn pop_all(&self) -> list::Chain<'n, u64> {
        self.0.pop_all()
    }

    /// Takes all nodes of all CPUs.
    ///
    /// # Panics
    /// If a list is not a chain of nodes that ends.
    pub fn drain(&self) -> Vec<&'n mut Node> {
        let mut nodes = Vec::new();
        let drained = self.0.drain(|node| {
            nodes.push(node);
            assert!(nodes.len() < 1 << 24, "a list is a ring");
        });
        drained.expect("slots that this thread does not own");
        nodes
    }
}
