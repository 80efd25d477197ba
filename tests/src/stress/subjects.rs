//! What is put under stress: the shipped counter, structures of every kind, and some that lack a protection.

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

use perseq::Counter;
use perseq::collections::mutex::Mutex;

use super::Subject;
use crate::structures::{CidTally, List, Locks, Node, SlowTally, Tally};

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

/// Adds 1 to a number that is not atomic, slowly enough that two who do so at a time are seen.
fn count(number: &mut u64) -> u64 {
    let value = *number;
    (0..20).for_each(|turn| {
        std::hint::black_box(turn);
    });
    *number = std::hint::black_box(value) + 1;
    1
}

/// Numbers behind a lock for each CPU, which is tried: what a signal handler may do too.
#[derive(Default)]
pub struct TriedLocks(Locks);

impl Subject for TriedLocks {
    fn name(&self) -> &'static str {
        "locks that are tried"
    }
    fn change(&self) -> u64 {
        self.0.try_lock().map_or(0, |mut number| count(&mut number))
    }
    fn change_on(&self, cpu: u32) -> u64 {
        self.0.try_lock_on(cpu).expect("a slot").map_or(0, |mut number| count(&mut number))
    }
    fn take(&self) -> u64 {
        let taken =
            |cpu| self.0.try_lock_on(cpu).expect("a slot").map(|mut number| std::mem::take(&mut *number));
        (0..self.0.slots()).filter_map(taken).sum()
    }
    fn sum(&self) -> u64 {
        self.0.take()
    }
}

/// Numbers behind a lock for each CPU, which is waited for.
#[derive(Default)]
pub struct WaitedLocks(Locks);

impl Subject for WaitedLocks {
    fn name(&self) -> &'static str {
        "locks that are waited for"
    }
    fn change(&self) -> u64 {
        count(&mut self.0.lock())
    }
    fn change_on(&self, cpu: u32) -> u64 {
        count(&mut self.0.lock_on(cpu).expect("a slot"))
    }
    fn take(&self) -> u64 {
        self.0.take()
    }
    fn sum(&self) -> u64 {
        self.0.take()
    }
}

/// A number behind the mutex, which is tried.
#[derive(Default)]
pub struct TriedMutex(Mutex<u64>);

impl Subject for TriedMutex {
    fn name(&self) -> &'static str {
        "a mutex that is tried"
    }
    fn change(&self) -> u64 {
        self.0.try_lock().map_or(0, |mut number| count(&mut number))
    }
    fn take(&self) -> u64 {
        self.0.try_lock().map_or(0, |mut number| std::mem::take(&mut *number))
    }
    fn sum(&self) -> u64 {
        *self.0.lock()
    }
}

/// A number behind the mutex, which is waited for.
#[derive(Default)]
pub struct WaitedMutex(Mutex<u64>);

impl Subject for WaitedMutex {
    fn name(&self) -> &'static str {
        "a mutex that is waited for"
    }
    fn change(&self) -> u64 {
        count(&mut self.0.lock())
    }
    fn change_on(&self, _cpu: u32) -> u64 {
        self.change()
    }
    fn take(&self) -> u64 {
        std::mem::take(&mut *self.0.lock())
    }
    fn sum(&self) -> u64 {
        *self.0.lock()
    }
}

/// A lock for each CPU that is taken by a load and a store, and no sequence around them.
#[derive(Default)]
pub struct TornLocks([(AtomicU32, AtomicU64); 32]);

impl Subject for TornLocks {
    fn name(&self) -> &'static str {
        "locks that are not taken by a sequence"
    }
    fn change(&self) -> u64 {
        let (word, number) = &self.0[perseq::cpu::current() as usize % 32];
        if std::hint::black_box(word.load(Ordering::Relaxed)) != 0 {
            return 0;
        }
        word.store(1, Ordering::Relaxed);
        let mut value = number.load(Ordering::Relaxed);
        let by = count(&mut value);
        number.store(value, Ordering::Relaxed);
        word.store(0, Ordering::Release);
        by
    }
    fn sum(&self) -> u64 {
        self.0.iter().map(|(_, number)| number.load(Ordering::Relaxed)).sum()
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
