//! Readers that are killed at any instruction, hundreds of them, while a writer replaces what they read.

use std::ptr::NonNull;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::time::Duration;

use perseq_rcu::shared::{Offset, Region, SharedDomain};
use perseq_tests::child;
use perseq_tests::skip::say;

use perseq_tests::forked::Forked;

use super::{LATER, alone, shared};

/// What is not to be read.
const POISON: u64 = 0xdead_dead_dead_dead;

/// What readers look at, in shared memory.
#[repr(C)]
struct Memory {
    current: Offset<[AtomicU64; 8]>,
    /// How often poison was read.
    seen: AtomicU32,
    /// How often anything was read.
    reads: AtomicU64,
    values: [[AtomicU64; 8]; 4],
}

impl Memory {
    fn new() -> (&'static Self, Region) {
        let memory: &Self = shared();
        // SAFETY: it stays until the end.
        (memory, unsafe { Region::new(NonNull::from(memory).cast(), size_of::<Self>()) })
    }

    fn read(&self, domain: &'static SharedDomain, region: Region) {
        let guard = domain.read();
        let value = self.current.load(region, &guard).unwrap().unwrap();
        // SAFETY: in the region, and atomic.
        for word in unsafe { value.as_ref() } {
            if word.load(Ordering::Relaxed) == POISON {
                self.seen.fetch_add(1, Ordering::Relaxed);
            }
        }
        drop(guard);
    }
}

/// Kills so many readers, of two at a time; says how often poison was read.
fn storm(kills: u32, waits: bool) -> u32 {
    let _alone = alone(120, "a storm of kills");
    let domain = SharedDomain::memfd(8).unwrap();
    let (memory, region) = Memory::new();
    memory.current.store(region, Some(NonNull::from(&memory.values[0]))).unwrap();
    let reader = || {
        Forked::new(|| {
            loop {
                memory.read(domain, region);
                memory.reads.fetch_add(1, Ordering::Relaxed);
            }
        })
    };
    let mut readers = [reader(), reader()];
    let mut turn = 0;
    for kill in 0..kills {
        // Some hundred microseconds to a millisecond of replacing, as it comes.
        for _ in 0..1 + kill % 7 {
            turn += 1;
            let next = &memory.values[turn % 4];
            next.iter().for_each(|word| word.store(turn as u64, Ordering::Relaxed));
            let old = memory.current.swap(region, Some(NonNull::from(next))).unwrap().unwrap();
            if waits {
                domain.synchronize_within(LATER).unwrap();
            }
            // SAFETY: in the region, and atomic.
            unsafe { old.as_ref() }.iter().for_each(|word| word.store(POISON, Ordering::Relaxed));
            std::thread::sleep(Duration::from_micros(u64::from(kill * 97 % 300)));
        }
        readers[kill as usize % 2].kill();
        readers[kill as usize % 2] = reader();
    }
    drop(readers);
    domain.synchronize_within(LATER).unwrap();
    assert_eq!(domain.members(), 1);
    assert!(memory.reads.load(Ordering::Relaxed) > u64::from(kills), "nobody read anything");
    memory.seen.load(Ordering::Relaxed)
}

#[test]
fn readers_that_are_killed_anywhere_neither_read_what_is_freed_nor_hold_up_writers() {
    assert_eq!(storm(500, true), 0);
}

#[test]
fn without_waiting_readers_read_what_is_freed() {
    // In a process of its own, so that its rows and forks are.
    const NAME: &str = "storm::without_waiting_readers_read_what_is_freed";
    if child::is_child(NAME) {
        let mut seen = 0;
        for _ in 0..20 {
            seen += storm(30, false);
            if seen > 0 {
                break;
            }
        }
        assert!(seen > 0, "the storm is too weak to show anything");
        say(format_args!("without waiting for readers: {seen} words of freed memory read"));
    } else {
        child::run(NAME, &[]).assert_success();
    }
}
