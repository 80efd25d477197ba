//! How waiters of the mutex and of the locks sleep and are woken, in every order that the memory model of C11 allows (with at most
//! four preemptions of the mutex's threads, and two where a lock has two sleepers). Sleeps have no bound here, so a wake-up that is
//! lost is seen.
//!
//! Not covered: spinning, hand-off, nodes and forks of the mutex, and two sleepers of a lock that is taken again.
#![cfg(not(miri))]

use std::sync::atomic::AtomicBool;
use std::sync::{Mutex, MutexGuard, PoisonError};

use loom::cell::UnsafeCell;
use loom::sync::Arc;
use loom::sync::atomic::{AtomicU32, Ordering, fence};
use loom::thread;

/// futex(2), without timeouts.
struct Futex {
    word: AtomicU32,
    /// Who sleeps. Not part of the model: the fences are the order that the kernel keeps.
    queue: Mutex<Vec<u32>>,
    /// Somebody was not woken, although all others had done what they had to.
    lost: AtomicBool,
}

/// How often a sleeper lets the others run, to their end or until they sleep themselves, before its wake-up counts as lost.
const TURNS: u32 = 8;

impl Futex {
    fn new() -> Self {
        Self { word: AtomicU32::new(0), queue: Mutex::default(), lost: AtomicBool::new(false) }
    }

    fn queue(&self) -> MutexGuard<'_, Vec<u32>> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wait(&self, me: u32, expected: Option<u32>) {
        // For the model to let the other thread run here.
        self.word.load(Ordering::Relaxed);
        self.queue().push(me);
        fence(Ordering::SeqCst);
        if expected.is_none_or(|expected| self.word.load(Ordering::Relaxed) == expected) {
            for _ in 0..TURNS {
                thread::yield_now();
                if !self.queue().contains(&me) {
                    return;
                }
            }
            self.lost.store(true, std::sync::atomic::Ordering::Relaxed);
        }
        self.queue().retain(|sleeper| *sleeper != me);
    }

    fn wake(&self) {
        fence(Ordering::SeqCst);
        self.queue().pop();
    }

    /// As [`wait`](Self::wait), by a thread that does nothing afterwards: whoever is in the queue at the end is lost.
    fn wait_to_the_end(&self, me: u32, expected: Option<u32>) {
        self.word.load(Ordering::Relaxed);
        self.queue().push(me);
        fence(Ordering::SeqCst);
        if expected.is_some_and(|expected| self.word.load(Ordering::Relaxed) != expected) {
            self.queue().retain(|sleeper| *sleeper != me);
        }
    }

    fn wake_all(&self) {
        fence(Ordering::SeqCst);
        self.queue().clear();
    }

    fn assert_none_lost(&self) {
        let lost = self.lost.load(std::sync::atomic::Ordering::Relaxed);
        assert!(!lost && self.queue().is_empty(), "a wake-up is lost");
    }
}

/// What is taken away.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Without {
    Nothing,
    /// The mutex: a sleeper does not look whether there was a wake since it decided to sleep.
    Recheck,
    /// The mutex: whoever is awake for the sleepers goes to sleep again and says nothing.
    Duty,
    /// The mutex: it is taken relaxed.
    Acquire,
    /// The mutex: it is given back relaxed.
    Release,
    /// A lock: the sleeper does not have a barrier executed on the unlocker's CPU.
    Fence,
    /// A lock: a sleeper does not look whether there was a wake since it decided to sleep.
    Number,
    /// A lock: a sleeper that is not the first does not wait for the barrier of that.
    OthersBarrier,
}

const LOCKED: u32 = 1;
const WOKEN: u32 = 2;
const SLEEPER: u32 = 4;

/// The mutex without spinning, hand-off and nodes.
struct Adaptive {
    state: AtomicU32,
    turn: Futex,
    value: UnsafeCell<u32>,
    without: Without,
}

impl Adaptive {
    fn lock(&self, me: u32) {
        let acquire = if self.without == Without::Acquire { Ordering::Relaxed } else { Ordering::Acquire };
        let mut duty = 0;
        loop {
            let seen = self.state.load(Ordering::Relaxed);
            if seen & LOCKED == 0 {
                let next = (seen | LOCKED) & !duty;
                if self.state.compare_exchange(seen, next, acquire, Ordering::Relaxed).is_ok() {
                    return;
                }
                continue;
            }
            let turn = self.turn.word.load(Ordering::Acquire);
            let forget = if self.without == Without::Duty { 0 } else { duty };
            let next = (seen + SLEEPER) & !forget;
            if self.state.compare_exchange(seen, next, Ordering::AcqRel, Ordering::Relaxed).is_err() {
                continue;
            }
            self.turn.wait(me, (self.without != Without::Recheck).then_some(turn));
            duty = WOKEN;
            self.state.fetch_sub(SLEEPER, Ordering::Relaxed);
        }
    }

    fn unlock(&self) {
        let release = if self.without == Without::Release { Ordering::Relaxed } else { Ordering::Release };
        let mut seen = self.state.fetch_sub(LOCKED, release) - LOCKED;
        while seen >= SLEEPER && seen & (LOCKED | WOKEN) == 0 {
            let next = seen | WOKEN;
            match self.state.compare_exchange(seen, next, Ordering::AcqRel, Ordering::Relaxed) {
                Ok(_) => {
                    self.turn.word.fetch_add(1, Ordering::AcqRel);
                    return self.turn.wake();
                }
                Err(now) => seen = now,
            }
        }
    }

    fn add(&self, me: u32) {
        self.lock(me);
        // The model's own cell: it reports accesses that nothing orders.
        // SAFETY: that is what is tried here.
        self.value.with_mut(|value| unsafe { *value += 1 });
        self.unlock();
    }
}

fn explore_mutex(without: Without) {
    let mut model = loom::model::Builder::new();
    model.preemption_bound = Some(4);
    model.check(move || {
        let value = UnsafeCell::new(0);
        let mutex = Arc::new(Adaptive { state: AtomicU32::new(0), turn: Futex::new(), value, without });
        let other = mutex.clone();
        let adds = thread::spawn(move || other.add(1));
        mutex.add(0);
        mutex.add(0);
        adds.join().expect("no panic in the thread");
        mutex.turn.assert_none_lost();
        // SAFETY: the other thread is gone.
        mutex.value.with(|value| assert_eq!(unsafe { *value }, 3));
    });
}

/// Bits of `sleepers`.
const ASLEEP: u32 = 1;
const BARRIER: u32 = 2;

/// How often a sleeper lets the others run before the order is given up in which its barrier does not end.
const BARRIER_TURNS: u32 = 2;

/// The lock of one CPU, and for each of two sleepers the barrier that its membarrier has executed there.
struct PerCpu {
    word: AtomicU32,
    sleepers: Futex,
    asked: [AtomicU32; 2],
    had: [AtomicU32; 2],
    idle: AtomicU32,
}

impl PerCpu {
    /// Between two instructions of the unlock: an interrupt may come here.
    fn interrupted(&self) {
        for (asked, had) in self.asked.iter().zip(&self.had) {
            if asked.load(Ordering::Relaxed) != 0 && had.load(Ordering::Relaxed) == 0 {
                fence(Ordering::SeqCst);
                had.store(1, Ordering::Release);
            }
        }
    }

    fn unlock(&self) {
        self.interrupted();
        self.word.store(0, Ordering::Release);
        self.interrupted();
        let word = &self.sleepers.word;
        let mut seen = word.load(Ordering::Relaxed);
        while seen & ASLEEP != 0 {
            let next = (seen | BARRIER | ASLEEP) + 1;
            match word.compare_exchange(seen, next, Ordering::SeqCst, Ordering::Relaxed) {
                Ok(_) => return self.sleepers.wake_all(),
                Err(now) => seen = now,
            }
        }
    }

    /// Waits until the lock has been free, or may have been.
    fn sleep(&self, me: usize, without: Without) {
        let word = &self.sleepers.word;
        let mut seen = word.load(Ordering::Acquire);
        let first = seen & ASLEEP == 0;
        if first {
            if word.compare_exchange(seen, seen | ASLEEP, Ordering::SeqCst, Ordering::Relaxed).is_err() {
                return;
            }
            seen |= ASLEEP;
        }
        let barrier = match without {
            Without::Fence => false,
            Without::OthersBarrier => first,
            _ => seen & BARRIER == 0,
        };
        if barrier {
            fence(Ordering::SeqCst);
            self.asked[me].store(1, Ordering::SeqCst);
            let ended = || self.had[me].load(Ordering::Acquire) + self.idle.load(Ordering::Acquire) != 0;
            let mut turns = 0;
            while !ended() {
                turns += 1;
                if turns == BARRIER_TURNS {
                    // As another, in which it ends.
                    return;
                }
                thread::yield_now();
            }
            fence(Ordering::SeqCst);
            let had = seen | BARRIER;
            let _ = word.compare_exchange(seen, had, Ordering::SeqCst, Ordering::Relaxed);
            seen = had;
        }
        fence(Ordering::SeqCst);
        if self.word.load(Ordering::Relaxed) != 0 {
            self.sleepers.wait_to_the_end(me as u32, (without != Without::Number).then_some(seen));
        }
    }
}

fn explore_lock_of(sleepers: usize, preemptions: Option<usize>, without: Without) {
    let mut model = loom::model::Builder::new();
    model.preemption_bound = preemptions;
    model.check(move || {
        let lock = Arc::new(PerCpu {
            word: AtomicU32::new(1),
            sleepers: Futex::new(),
            asked: [AtomicU32::new(0), AtomicU32::new(0)],
            had: [AtomicU32::new(0), AtomicU32::new(0)],
            idle: AtomicU32::new(0),
        });
        let other = lock.clone();
        let holder = thread::spawn(move || {
            other.unlock();
            // Again the same CPU's: the next holder. Two sleepers are enough of a model without.
            if sleepers == 1 {
                other.word.store(1, Ordering::Relaxed);
                other.unlock();
            }
            // The thread leaves the CPU, or an interrupt finds it elsewhere: a full barrier.
            fence(Ordering::SeqCst);
            other.idle.store(1, Ordering::Release);
        });
        let second = (sleepers == 2).then(|| {
            let lock = lock.clone();
            thread::spawn(move || lock.sleep(1, without))
        });
        lock.sleep(0, without);
        holder.join().expect("no panic in the thread");
        if let Some(second) = second {
            second.join().expect("no panic in the thread");
        }
        lock.sleepers.assert_none_lost();
    });
}

fn explore_lock(without: Without) {
    explore_lock_of(1, None, without);
}

/// In all orders with so many preemptions.
fn explore_two_sleepers(without: Without) {
    explore_lock_of(2, Some(2), without);
}

/// Whether the model finds something wrong.
fn fails(explore: fn(Without), without: Without) -> bool {
    let hook = std::panic::take_hook();
    std::panic::set_hook(Box::new(|_| ()));
    let failed = std::panic::catch_unwind(|| explore(without)).is_err();
    std::panic::set_hook(hook);
    failed
}

#[test]
fn no_wake_up_of_the_mutex_is_lost_in_any_order() {
    explore_mutex(Without::Nothing);
}

#[test]
fn no_wake_up_of_a_lock_is_lost_in_any_order() {
    explore_lock(Without::Nothing);
}

#[test]
fn no_wake_up_of_two_sleepers_of_a_lock_is_lost() {
    explore_two_sleepers(Without::Nothing);
}

#[test]
fn each_part_is_needed() {
    for without in [Without::Recheck, Without::Duty, Without::Acquire, Without::Release] {
        assert!(fails(explore_mutex, without), "nothing is wrong with the mutex without {without:?}");
    }
    for without in [Without::Fence, Without::Number] {
        assert!(fails(explore_lock, without), "nothing is wrong with the lock without {without:?}");
    }
    for without in [Without::Fence, Without::OthersBarrier] {
        assert!(
            fails(explore_two_sleepers, without),
            "nothing is wrong with two sleepers without {without:?}"
        );
    }
}
