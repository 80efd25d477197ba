//! Ordinary numbers behind locks.

use perseq::collections::mutex::Mutex;

use super::Subject;
use crate::structures::Locks;

/// Adds 1 to a number that is not atomic, slowly enough that two who do so at a time are seen.
pub(super) fn count(number: &mut u64) -> u64 {
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
