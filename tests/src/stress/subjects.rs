//! What is put under stress: the shipped counter, structures of every kind, and three that lack a protection.

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

use perseq::ops::{self, Outcome, Relaxed};
use perseq::{ByCid, ByCpu, Counter, GatedIndex, PerCpu};

use super::Subject;
use crate::structures::{CidTally, List, Node, OpsList, SlowTally, Tally};

impl Subject for Counter {
    fn name(&self) -> &'static str {
        "Counter"
    }
    fn change(&self) -> u64 {
        self.add(3);
        3
    }
    fn take(&self) -> u64 {
        self.reset()
    }
    fn sum(&self) -> u64 {
        Counter::sum(self)
    }
}

macro_rules! tally {
    ($tally:ident: $name:literal) => {
        impl Subject for $tally {
            fn name(&self) -> &'static str {
                $name
            }
            fn change(&self) -> u64 {
                self.add(1);
                1
            }
            fn change_on(&self, index: u32) -> u64 {
                self.add_to(index, 7);
                7
            }
            fn take(&self) -> u64 {
                (0..self.slots()).map(|index| $tally::take(self, index)).sum()
            }
            fn sum(&self) -> u64 {
                $tally::sum(self)
            }
        }
    };
}

tally!(Tally: "a tally by CPU");
tally!(CidTally: "a tally by concurrency id");
tally!(SlowTally: "a tally whose sections take a while");

/// Nodes on lists; a change pops one, counts in it and pushes it again.
pub struct CountingList(List<'static>);

/// Nodes of a [`CountingList`]. Few, so that lists are empty now and then.
const NODES: usize = 8;

impl CountingList {
    /// All nodes on the running CPU's list. They live for ever.
    #[must_use]
    pub fn new() -> Self {
        let list = List::new();
        Vec::leak((0..NODES).map(|_| Node::new(0)).collect::<Vec<_>>())
            .iter_mut()
            .for_each(|node| list.push(node));
        Self(list)
    }
}

impl Default for CountingList {
    fn default() -> Self {
        Self::new()
    }
}

impl Subject for CountingList {
    fn name(&self) -> &'static str {
        "a list"
    }
    fn change(&self) -> u64 {
        let Some(node) = self.0.pop() else { return 0 };
        node.value += 1;
        self.0.push(node);
        1
    }
    fn take(&self) -> u64 {
        // Gives the nodes to this CPU.
        self.0
            .drain()
            .into_iter()
            .map(|node| {
                let value = std::mem::take(&mut node.value);
                self.0.push(node);
                value
            })
            .sum()
    }
    fn sum(&self) -> u64 {
        let nodes = self.0.drain();
        assert_eq!(nodes.len(), NODES, "nodes were lost, or are linked twice");
        nodes.iter().map(|node| node.value).sum()
    }
}

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

/// A count for each CPU without any protection: load, add, store.
#[derive(Default)]
pub struct Unprotected([AtomicU64; 32]);

impl Subject for Unprotected {
    fn name(&self) -> &'static str {
        "a count without protection"
    }
    fn change(&self) -> u64 {
        let count = &self.0[perseq::cpu::current() as usize % 32];
        let value = count.load(Ordering::Relaxed);
        // As if something were computed: otherwise interrupts seldom fall between the two on some processors.
        count.store(std::hint::black_box(value) + 1, Ordering::Relaxed);
        1
    }
    fn sum(&self) -> u64 {
        self.0.iter().map(|count| count.load(Ordering::Relaxed)).sum()
    }
}

/// A tally whose slots are changed from elsewhere without owning them.
#[derive(Default)]
pub struct Trespassed(SlowTally);

impl Subject for Trespassed {
    fn name(&self) -> &'static str {
        "a tally that is changed past its gates"
    }
    fn change(&self) -> u64 {
        self.0.add(1);
        1
    }
    fn change_on(&self, cpu: u32) -> u64 {
        // SAFETY: a word of a slot that lives; sections access it with single loads and stores, as this does.
        let word = unsafe { AtomicU64::from_ptr(self.0.address(cpu)) };
        word.store(word.load(Ordering::Relaxed) + 1, Ordering::Relaxed);
        1
    }
    fn sum(&self) -> u64 {
        self.0.sum()
    }
}

/// Operations on one word, from whatever CPU the thread is on: each says the truth about its slot, and the word is not of it.
pub struct Misplaced(PerCpu<isize>);

impl Default for Misplaced {
    fn default() -> Self {
        Self(PerCpu::new(|_cpu| 0))
    }
}

impl Subject for Misplaced {
    fn name(&self) -> &'static str {
        "operations on a word of another CPU"
    }
    fn change(&self) -> u64 {
        let word = self.0.item(0).expect("a slot").as_ptr();
        // SAFETY: a word that lives; all access it with single loads and stores.
        let outcome = unsafe { ops::load_add_store(&self.0, Relaxed, word, 1, self.0.here()) };
        u64::from(outcome == Outcome::Committed)
    }
    fn sum(&self) -> u64 {
        // SAFETY: as above; nobody changes it any more.
        unsafe { *self.0.item(0).expect("a slot").as_ptr() as u64 }
    }
}

/// A tally whose slots are owned by closing the gate, without the fence that makes sure of sections which passed it before.
#[derive(Default)]
pub struct Unfenced(SlowTally);

impl Subject for Unfenced {
    fn name(&self) -> &'static str {
        "a tally whose owners fence nobody"
    }
    fn change(&self) -> u64 {
        self.0.add(1);
        1
    }
    fn change_on(&self, cpu: u32) -> u64 {
        // SAFETY: words of a slot that lives; sections and owners access both with single loads and stores.
        let (gate, word) =
            unsafe { (AtomicU32::from_ptr(self.0.gate(cpu)), AtomicU64::from_ptr(self.0.address(cpu))) };
        const OPEN: u32 = 1;
        let mine = rustix::thread::gettid().as_raw_nonzero().get().unsigned_abs() << 1;
        if gate.compare_exchange(OPEN, mine, Ordering::SeqCst, Ordering::Relaxed).is_err() {
            return 0;
        }
        word.store(word.load(Ordering::Relaxed) + 1, Ordering::Relaxed);
        // Whoever sleeps looks again by itself.
        gate.store(OPEN, Ordering::Release);
        1
    }
    fn sum(&self) -> u64 {
        self.0.sum()
    }
}
