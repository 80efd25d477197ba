//! Mutual exclusion: a lock for each CPU, and mutexes for all threads, alone, contended, and in a crowd.
//!
//! Each contestant takes its lock, counts in an ordinary number, and gives the lock back; at the end the number must be that of
//! the turns.

use std::cell::UnsafeCell;
use std::sync::atomic::{AtomicBool, Ordering};

use perseq::collections::{lock, mutex};

use crate::bench::group::{Contestant, Field, Group, Setup, Threads};
use crate::bench::hot::{Same, Turn, UPDATES, updates};
use crate::bench::lanes::forever;

/// Mutual exclusion.
pub const GROUP: Group =
    Group { name: "lock", about: "Locking, counting and unlocking", reference: "perseq_mutex", build };

/// The variant with more threads than CPUs.
const CROWD: &str = "crowd";
/// And how many.
const CROWDS: [usize; 3] = [4, 16, 64];

fn build(_setup: &Setup) -> Field {
    let mut contestants = Vec::new();
    for threads in [Threads::One, Threads::All] {
        contestants.push(per_cpu(Same::NAME, threads));
        contestants.extend(mutexes(Same::NAME, threads));
        contestants.push(swap(threads));
    }
    for threads in CROWDS {
        contestants.push(per_cpu(CROWD, Threads::Many(threads)));
        contestants.extend(mutexes(CROWD, Threads::Many(threads)));
    }
    let notes = vec![
        "`perseq` is a lock and a number for each CPU; the others have one for all threads.".to_owned(),
        "`crowd`: more threads than CPUs. The figure is again per operation and thread: divided by the number of threads it is \
         the time from one operation of any of them to the next."
            .to_owned(),
    ];
    Field { contestants, notes, memory: Vec::new() }
}

fn per_cpu(variant: &'static str, threads: Threads) -> Contestant {
    let sum =
        |locks: &lock::Lock<u64>| (0..locks.slots()).map(|cpu| *locks.lock_on(cpu).expect("a slot")).sum();
    contestant("perseq", variant, threads, lock::Lock::new(|_| 0_u64), |locks| *locks.lock() += 1, sum)
}

fn mutexes(variant: &'static str, threads: Threads) -> [Contestant; 3] {
    [
        contestant(
            "perseq_mutex",
            variant,
            threads,
            mutex::Mutex::new(0_u64),
            |mutex| *mutex.lock() += 1,
            |mutex| *mutex.lock(),
        ),
        contestant(
            "mutex",
            variant,
            threads,
            std::sync::Mutex::new(0_u64),
            |mutex| *mutex.lock().expect("nobody panics with it") += 1,
            |mutex| *mutex.lock().expect("nobody panics with it"),
        ),
        contestant(
            "parking_lot",
            variant,
            threads,
            parking_lot::Mutex::new(0_u64),
            |mutex| *mutex.lock() += 1,
            |mutex| *mutex.lock(),
        ),
    ]
}

/// The simplest lock there is.
#[derive(Default)]
struct Swap {
    held: AtomicBool,
    number: UnsafeCell<u64>,
}

// SAFETY: the number is used by whoever has set `held`.
unsafe impl Sync for Swap {}

impl Swap {
    #[inline]
    fn with(&self, f: impl FnOnce(&mut u64)) {
        while self.held.swap(true, Ordering::Acquire) {
            while self.held.load(Ordering::Relaxed) {
                std::hint::spin_loop();
            }
        }
        // SAFETY: `held` was not set, and now it is ours.
        f(unsafe { &mut *self.number.get() });
        self.held.store(false, Ordering::Release);
    }
}

fn swap(threads: Threads) -> Contestant {
    let read = |lock: &Swap| {
        let mut read = 0;
        lock.with(|number| read = *number);
        read
    };
    contestant("swap", Same::NAME, threads, Swap::default(), |lock| lock.with(|number| *number += 1), read)
}

fn contestant<L: Sync + 'static>(
    name: &'static str,
    variant: &'static str,
    threads: Threads,
    lock: L,
    add: impl Fn(&L) + Copy + Send + Sync + 'static,
    sum: impl Fn(&L) -> u64 + Send + Sync + 'static,
) -> Contestant {
    let lock: &L = forever(lock);
    Contestant::new(name, variant, threads, UPDATES, move |_seat| Ok(updates!(Same, |_i| add(lock))))
        .counted_by(move || sum(lock))
}
