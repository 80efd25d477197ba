//! Subjects that lack a protection each: the same stress must find that out.

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

use perseq::PerCpu;
use perseq::ops::{self, Outcome, Relaxed};

use super::Subject;
use super::locks::count;
use crate::structures::{SlowTally, Twins};

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
        // As long as a section is that copies something.
        (0..500).for_each(|turn| {
            std::hint::black_box(turn);
        });
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

/// Vectors on words of slots whose gates they do not close.
#[derive(Default)]
pub struct Strayed {
    twins: Twins,
    others: Twins,
}

impl Subject for Strayed {
    fn name(&self) -> &'static str {
        "ops vectors under the gates of other slots"
    }
    fn change(&self) -> u64 {
        self.twins.add(1);
        1
    }
    fn change_on(&self, cpu: u32) -> u64 {
        self.twins.add_under(&self.others, cpu, 7);
        7
    }
    fn sum(&self) -> u64 {
        self.twins.sum()
    }
}
