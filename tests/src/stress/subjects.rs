//! What is put under stress: the shipped counter, gauge and histogram, structures of every kind, and three that lack a protection.

use std::sync::Mutex;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

use perseq::Counter;

use super::Subject;
use crate::structures::{CidTally, Gauge, Histogram, List, Node, SlowTally, Tally};

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

impl Subject for Gauge {
    fn name(&self) -> &'static str {
        "a gauge"
    }
    fn change(&self) -> u64 {
        self.add(5);
        self.add(-2);
        3
    }
    fn take(&self) -> u64 {
        // Below 0 is as good as any other value; and what is set is not what was added.
        const TO: i64 = -1000;
        let was = self.set(TO);
        (was - TO).cast_unsigned()
    }
    fn sum(&self) -> u64 {
        self.value().cast_unsigned()
    }
}

/// Counts and sums of a histogram, of which readers take what is new to them.
#[derive(Default)]
pub struct Recorded {
    histogram: Histogram,
    /// What has been taken.
    taken: Mutex<u64>,
}

/// What is recorded each time: in buckets of their own, and of the same sum.
const RECORDED: [(u64, u64); 3] = [(12, 1), (4, 3), (1, 12)];

impl Subject for Recorded {
    fn name(&self) -> &'static str {
        "a histogram"
    }
    fn change(&self) -> u64 {
        RECORDED.iter().for_each(|&(value, times)| self.histogram.record_n(value, times));
        16
    }
    fn take(&self) -> u64 {
        let mut taken = self.taken.lock().expect("no panic with the lock");
        // A snapshot has at least what the one before it had.
        let new = self.histogram.snapshot().count() - *taken;
        *taken += new;
        new
    }
    fn sum(&self) -> u64 {
        let snapshot = self.histogram.snapshot();
        let counts: Vec<u64> = snapshot.buckets().map(|bucket| bucket.count).collect();
        let changes = counts[0] / 12;
        assert_eq!(counts, [12, 3, 1].map(|times| times * changes), "a bucket lost a count");
        assert_eq!(snapshot.sum(), 36 * changes, "the sum lost a value");
        snapshot.count() - *self.taken.lock().expect("no panic with the lock")
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
