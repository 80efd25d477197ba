//! Lists made of the operations of librseq.

use perseq::{ByCid, ByCpu, GatedIndex};

use super::{NODES, Subject};
use crate::structures::OpsList;

/// Nodes on lists of operations, as a [`CountingList`], and a count.
pub struct CountingOps<I: GatedIndex>(OpsList<I>, &'static str);

impl CountingOps<ByCpu> {
    /// All nodes on the running CPU's list.
    #[must_use]
    pub fn by_cpu() -> Self {
        Self(OpsList::by_cpu(), "a list of operations by CPU").filled()
    }
}

impl CountingOps<ByCid> {
    /// All nodes on the list of the thread's concurrency id.
    #[must_use]
    pub fn by_cid() -> Self {
        Self(OpsList::by_cid(), "a list of operations by concurrency id").filled()
    }
}

impl<I: GatedIndex> CountingOps<I> {
    fn filled(self) -> Self {
        (0..NODES).for_each(|_| self.0.add(0));
        self
    }
}

impl<I: GatedIndex> Subject for CountingOps<I> {
    fn name(&self) -> &'static str {
        self.1
    }
    fn change(&self) -> u64 {
        self.0.change()
    }
    fn change_on(&self, slot: u32) -> u64 {
        self.0.add_to(slot, 7);
        7
    }
    fn take(&self) -> u64 {
        self.0.take().0
    }
    fn sum(&self) -> u64 {
        let (sum, nodes) = self.0.take();
        assert_eq!(nodes, NODES, "nodes were lost, or are linked twice");
        sum
    }
}
