//! The protocol of gates and fences, in every order that the memory model of C11 allows.
//!
//! An emulator on x86 does not show what a missing barrier does, and stress does not either. So a model: a CPU runs a section,
//! instruction by instruction; a fence interrupts it between two of them, which aborts the section and is a full barrier
//! there. The gate and the words of the slot have the orders that the lowering gives them.
#![cfg(not(miri))]

use loom::sync::Arc;
use loom::sync::atomic::{AtomicU32, AtomicUsize, Ordering, fence};
use loom::thread;

const OPEN: u32 = 1;
const OWNED: u32 = 2;

/// What is taken away.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Without {
    Nothing,
    /// The section loads the gate relaxed: what it loads next may be older.
    Acquire,
    /// The owner opens the gate relaxed: its stores may be seen later.
    Release,
    /// The owner does not fence the CPU.
    Fence,
    /// The owner does not close the gate.
    Gate,
}

struct Cpu {
    gate: AtomicU32,
    first: AtomicUsize,
    second: AtomicUsize,
    /// A fence that was asked for, and that was had.
    asked: AtomicU32,
    had: AtomicU32,
    /// The section has ended: a fence has nothing to wait for.
    idle: AtomicU32,
}

impl Cpu {
    /// Between two instructions: an interrupt may come here. Says whether it aborted the section.
    fn interrupted(&self) -> bool {
        if self.asked.load(Ordering::Relaxed) == 0 || self.had.load(Ordering::Relaxed) == 1 {
            return false;
        }
        fence(Ordering::SeqCst);
        self.had.store(1, Ordering::Release);
        true
    }

    /// One attempt: `first` and `second` are read, which belong together, and `second` is the commit. Says what it read, if it
    /// committed.
    fn section(&self, without: Without) -> Option<(usize, usize)> {
        let order = if without == Without::Acquire { Ordering::Relaxed } else { Ordering::Acquire };
        if self.interrupted() || self.gate.load(order) != OPEN || self.interrupted() {
            return None;
        }
        let first = self.first.load(Ordering::Relaxed);
        if self.interrupted() {
            return None;
        }
        let second = self.second.load(Ordering::Relaxed);
        if self.interrupted() {
            return None;
        }
        self.second.store(second + 1, Ordering::Relaxed);
        Some((first, second))
    }

    /// membarrier: interrupts the CPU, or finds that nothing runs there.
    fn fence(&self) {
        fence(Ordering::SeqCst);
        self.asked.store(1, Ordering::SeqCst);
        while self.had.load(Ordering::Acquire) == 0 && self.idle.load(Ordering::Acquire) == 0 {
            thread::yield_now();
        }
        fence(Ordering::SeqCst);
    }

    /// Adds 10 to both words as their owner.
    fn exclusive(&self, without: Without) {
        if without != Without::Gate {
            self.gate.compare_exchange(OPEN, OWNED, Ordering::SeqCst, Ordering::Relaxed).expect("it is open");
        }
        if without != Without::Fence {
            self.fence();
        }
        let (first, second) = (self.first.load(Ordering::Relaxed), self.second.load(Ordering::Relaxed));
        self.first.store(first + 10, Ordering::Relaxed);
        self.second.store(second + 10, Ordering::Relaxed);
        if without != Without::Gate {
            let order = if without == Without::Release { Ordering::Relaxed } else { Ordering::Release };
            self.gate.store(OPEN, order);
        }
    }
}

/// Runs two attempts of the section on the CPU beside one owner, in every order.
fn explore(without: Without) {
    loom::model(move || {
        let cpu = Arc::new(Cpu {
            gate: AtomicU32::new(OPEN),
            first: AtomicUsize::new(0),
            second: AtomicUsize::new(0),
            asked: AtomicU32::new(0),
            had: AtomicU32::new(0),
            idle: AtomicU32::new(0),
        });
        let runs = cpu.clone();
        let sections = thread::spawn(move || {
            let taken: Vec<_> = (0..2).filter_map(|_| runs.section(without)).collect();
            // The thread leaves the CPU: the scheduler is a full barrier.
            fence(Ordering::SeqCst);
            runs.idle.store(1, Ordering::Release);
            taken
        });
        cpu.exclusive(without);
        let taken = sections.join().expect("no panic in the section");
        for (number, &(first, second)) in taken.iter().enumerate() {
            // What the owner wrote is seen whole or not at all, beside the commits before.
            assert!(second == first + number, "read {first} and {second} as attempt {number}: {taken:?}");
        }
        let total = (cpu.first.load(Ordering::Relaxed), cpu.second.load(Ordering::Relaxed));
        assert_eq!(total, (10, 10 + taken.len()), "an update is lost");
    });
}

/// Whether the model finds something wrong.
fn fails(without: Without) -> bool {
    let hook = std::panic::take_hook();
    std::panic::set_hook(Box::new(|_| ()));
    let failed = std::panic::catch_unwind(|| explore(without)).is_err();
    std::panic::set_hook(hook);
    failed
}

#[test]
fn owners_and_sections_see_each_other_whole_in_every_order() {
    explore(Without::Nothing);
}

#[test]
fn each_part_of_the_protocol_is_needed() {
    for without in [Without::Acquire, Without::Release, Without::Fence, Without::Gate] {
        assert!(fails(without), "nothing is wrong without {without:?}");
    }
}
