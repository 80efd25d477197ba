//! The list and the counter that users of librseq write: operations in a loop that looks up the slot again when the thread was
//! moved, and gives up after a while.

use std::mem::offset_of;
use std::sync::atomic::{AtomicIsize, Ordering};

use perseq::ops::{self, Outcome, Relaxed, Release};
use perseq::{GatedIndex, PerCpu};

/// One slot. Words are read by [`OpsList::push`] before its section.
#[derive(Debug, Default)]
struct Mine {
    top: AtomicIsize,
    count: AtomicIsize,
}

/// A node with a number in it.
#[repr(C)]
#[derive(Debug)]
struct Node {
    next: isize,
    value: u64,
}

/// How often a loop looks up the slot.
const TRIES: u32 = 16;

/// Lists of nodes, and a count for each slot.
#[derive(Debug)]
pub struct OpsList<I: GatedIndex>(PerCpu<Mine, I>);

impl OpsList<perseq::ByCpu> {
    /// Empty lists for each CPU.
    #[must_use]
    pub fn by_cpu() -> Self {
        Self(PerCpu::new(|_cpu| Mine::default()))
    }
}

impl OpsList<perseq::ByCid> {
    /// Empty lists for each concurrency id.
    #[must_use]
    pub fn by_cid() -> Self {
        Self(PerCpu::by_cid(|_cid| Mine::default()))
    }
}

impl<I: GatedIndex> OpsList<I> {
    /// Adds a node to the running slot's list.
    pub fn add(&self, value: u64) {
        self.push(Box::into_raw(Box::new(Node { next: 0, value })));
    }

    /// Adds 1 to the value of the node on the top, if there is one, and to the count; returns how much that is.
    pub fn change(&self) -> u64 {
        let counted = u64::from(self.count());
        let Some(node) = self.pop() else { return counted };
        // SAFETY: popped, so it is ours.
        unsafe { (*node).value += 1 };
        self.push(node);
        counted + 1
    }

    /// Adds to the count of a slot, whichever the thread is in.
    ///
    /// # Panics
    /// If the slot cannot be had.
    pub fn add_to(&self, slot: u32, n: u64) {
        let add = |mine: &mut Mine| *mine.count.get_mut() += n as isize;
        self.0.exclusive(slot, add).expect("a slot that this thread does not own");
    }

    /// Takes all values and counts, and gives the nodes to the running slot; gives the sum and the number of nodes.
    ///
    /// # Panics
    /// If a slot cannot be had, or a list is not a chain that ends.
    pub fn take(&self) -> (u64, usize) {
        let (mut sum, nodes) = self.drain();
        let count = nodes.len();
        for node in nodes {
            // SAFETY: a node that is in no list now, so it is ours.
            sum += unsafe { std::mem::take(&mut (*node).value) };
            self.push(node);
        }
        (sum, count)
    }

    /// Takes all counts and nodes.
    fn drain(&self) -> (u64, Vec<*mut Node>) {
        let (mut counted, mut nodes) = (0, Vec::new());
        for slot in 0..self.0.slots() {
            let taken = self.0.exclusive(slot, |mine| {
                let top = mine.top.swap(0, Ordering::Relaxed);
                (top, mine.count.swap(0, Ordering::Relaxed))
            });
            let (mut top, count) = taken.expect("a slot that this thread does not own");
            counted += count as u64;
            while top != 0 {
                let node = top as *mut Node;
                nodes.push(node);
                assert!(nodes.len() < 1 << 20, "a list is a ring");
                // SAFETY: a list links nodes that live as long as it, and this one is ours alone now.
                top = unsafe { (*node).next };
            }
        }
        (counted, nodes)
    }

    /// The word of a slot that is at `offset`.
    fn word(&self, slot: u32, offset: usize) -> *mut isize {
        self.0.item(slot).expect("a slot").as_ptr().wrapping_byte_add(offset).cast()
    }

    #[inline(never)]
    fn push(&self, node: *mut Node) {
        for _ in 0..TRIES {
            let here = self.0.here();
            let top = self.word(here, offset_of!(Mine, top));
            // SAFETY: a word of a slot, which sections write with single stores; the node is ours until the commit.
            let outcome = unsafe {
                let expect = AtomicIsize::from_ptr(top).load(Ordering::Relaxed);
                (*node).next = expect;
                ops::load_cbne_store(&self.0, Release, top, expect, node as isize, here)
            };
            if outcome == Outcome::Committed {
                return;
            }
        }
        self.give_up(|mine| {
            // SAFETY: the node is still ours.
            unsafe { (*node).next = mine.top.load(Ordering::Relaxed) };
            mine.top.store(node as isize, Ordering::Relaxed);
        });
    }

    #[inline(never)]
    fn pop(&self) -> Option<*mut Node> {
        let next = offset_of!(Node, next) as isize;
        for _ in 0..TRIES {
            let (here, mut node) = (self.0.here(), 0);
            let top = self.word(here, offset_of!(Mine, top));
            // SAFETY: a word of the slot, which is 0 or the address of a node that lives as long as the list.
            let outcome = unsafe {
                ops::load_cbeq_store_add_load_store(&self.0, Relaxed, top, 0, next, &raw mut node, here)
            };
            match outcome {
                Outcome::Committed => return Some(node as *mut Node),
                Outcome::CompareFailed => return None,
                Outcome::Aborted => {}
            }
        }
        self.give_up(|mine| {
            let node = mine.top.load(Ordering::Relaxed) as *mut Node;
            // SAFETY: as above.
            let next = unsafe { node.as_ref() }?.next;
            mine.top.store(next, Ordering::Relaxed);
            Some(node)
        })
    }

    /// Says whether it was counted.
    #[inline(never)]
    fn count(&self) -> bool {
        for _ in 0..TRIES {
            let here = self.0.here();
            let count = self.word(here, offset_of!(Mine, count));
            // SAFETY: a word of the slot.
            let outcome = unsafe { ops::load_add_store(&self.0, Relaxed, count, 1, here) };
            if outcome == Outcome::Committed {
                return true;
            }
        }
        false
    }

    /// Owns the slot that the loop did not get hold of.
    fn give_up<R>(&self, f: impl FnOnce(&mut Mine) -> R) -> R {
        self.0.exclusive(self.0.here(), f).expect("a slot that this thread does not own")
    }
}

impl<I: GatedIndex> Drop for OpsList<I> {
    fn drop(&mut self) {
        for node in self.drain().1 {
            // SAFETY: made by `add`, and in no list any more.
            drop(unsafe { Box::from_raw(node) });
        }
    }
}
