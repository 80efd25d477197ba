//! Grace periods of perseq-rcu in every order that the memory model of C11 allows (with so many preemptions): the real state machine
//! and the real numbers, over atomics of a model.
//!
//! The words of a CPU are added to by the threads that run there one after the other, which the scheduler orders: so by atomic
//! additions here. Of membarrier(2) the model has only what the argument in `grace.rs` needs, a full barrier between the enter of a reader
//! and its load of the pointer; a real one is in every place at once. What is freed is written to: the model reports it if a reader has it.
#![cfg(not(miri))]

#[allow(dead_code, reason = "the model asks less of it than a domain does")]
#[path = "../../crates/perseq-rcu/src/grace.rs"]
mod grace;

/// What `grace` is made of here.
mod sync {
    pub(crate) use loom::sync::atomic::{AtomicU64, Ordering, fence};
}

use std::cell::Cell;
use std::convert::Infallible;

use grace::{Progress, Readers, Sequence, balanced};
use loom::cell::UnsafeCell;
use loom::sync::Arc;
use loom::sync::atomic::AtomicUsize;
use loom::thread;
use sync::{AtomicU64, Ordering, fence};

/// What is taken away.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Without {
    Nothing,
    /// The barrier between the enter of a reader and its load.
    Barrier,
    /// Readers leave relaxed.
    Release,
    /// The leaves are not acquired.
    Acquire,
    /// The leaves are acquired, but after the enters were summed.
    AcquireInBetween,
    /// The enters are summed first.
    LeavesFirst,
    /// Only the phase is waited for that new readers take.
    OtherPhase,
}

/// A reader: on which CPU it enters and leaves.
type Path = (usize, usize);

struct Model {
    without: Without,
    /// Of each phase and CPU.
    entered: [[AtomicU64; 2]; 2],
    left: [[AtomicU64; 2]; 2],
    current: AtomicUsize,
    /// How many phases are in use; the words of others are not looked at.
    phases: usize,
    /// Which of the values is published.
    published: AtomicUsize,
    values: [UnsafeCell<u32>; 2],
}

impl Model {
    fn new(without: Without, phases: usize) -> Self {
        let words = || std::array::from_fn(|_| std::array::from_fn(|_| AtomicU64::new(0)));
        Self {
            without,
            entered: words(),
            left: words(),
            current: AtomicUsize::new(0),
            phases,
            published: AtomicUsize::new(0),
            values: [UnsafeCell::new(1), UnsafeCell::new(2)],
        }
    }

    fn sum(&self, counts: &[[AtomicU64; 2]; 2], phase: usize) -> u64 {
        if phase >= self.phases {
            return 0;
        }
        counts[phase].iter().map(|count| count.load(Ordering::Relaxed)).sum()
    }

    fn read(&self, (on, off): Path) {
        let phase = if self.phases > 1 { self.current.load(Ordering::Relaxed) } else { 0 };
        self.entered[phase][on].fetch_add(1, Ordering::Relaxed);
        if self.without != Without::Barrier {
            fence(Ordering::SeqCst);
        }
        let published = self.published.load(Ordering::Acquire);
        // The model's own cell: it reports accesses that nothing orders.
        // SAFETY: that is what is tried here.
        self.values[published].with(|value| assert_ne!(unsafe { *value }, 0, "it is freed"));
        let release = if self.without == Without::Release { Ordering::Relaxed } else { Ordering::Release };
        self.left[phase][off].fetch_add(1, release);
    }

    /// Replaces the value, and frees the old one after a grace period; an order in which that takes long is given up.
    fn write(&self) {
        const STEPS: u32 = 3;
        self.published.store(1, Ordering::Relaxed);
        let mut progress = Progress::none();
        for _ in 0..STEPS {
            if progress.advance(self) == Ok(true) {
                // SAFETY: as above.
                return self.values[0].with_mut(|value| unsafe { *value = 0 });
            }
            thread::yield_now();
        }
    }
}

impl Readers for Model {
    type Error = Infallible;

    fn barrier(&self) -> Result<(), Infallible> {
        fence(Ordering::SeqCst);
        Ok(())
    }

    fn is_empty(&self, phase: usize) -> bool {
        let (left, entered) = (|| self.sum(&self.left, phase), || self.sum(&self.entered, phase));
        match self.without {
            Without::OtherPhase if phase != self.current() => true,
            Without::LeavesFirst => {
                let entered = entered();
                fence(Ordering::Acquire);
                left() == entered
            }
            Without::Acquire => left() == entered(),
            Without::AcquireInBetween => {
                let empty = left() == entered();
                fence(Ordering::Acquire);
                empty
            }
            _ => balanced(left, entered),
        }
    }

    fn current(&self) -> usize {
        self.current.load(Ordering::Relaxed)
    }

    fn switch_to(&self, phase: usize) {
        self.current.store(phase, Ordering::Relaxed);
    }
}

fn builder(preemptions: usize) -> loom::model::Builder {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = Some(preemptions);
    builder
}

/// Readers in one phase beside a writer.
fn explore(paths: &'static [Path], without: Without) {
    builder(if paths.len() > 1 { 3 } else { 5 }).check(move || {
        let model = Arc::new(Model::new(without, 1));
        let readers: Vec<_> = paths
            .iter()
            .map(|&path| {
                let model = model.clone();
                thread::spawn(move || model.read(path))
            })
            .collect();
        model.write();
        for reader in readers {
            reader.join().expect("no panic in the thread");
        }
    });
}

fn explore_one(without: Without) {
    explore(&[(0, 0)], without);
}

/// Each leaves on the CPU on which the other one enters.
fn explore_two_that_move(without: Without) {
    explore(&[(0, 1), (1, 0)], without);
}

/// A reader has taken its phase, and enters long after another was made the current one, perhaps.
fn explore_phases(without: Without) {
    builder(4).check(move || {
        let model = Arc::new(Model::new(without, 2));
        let reads = model.clone();
        let reader = thread::spawn(move || reads.read((0, 1)));
        // By an earlier grace period.
        model.switch_to(1);
        model.write();
        reader.join().expect("no panic in the thread");
    });
}

/// Whether the model finds that something is freed too early: nothing else that may go wrong counts.
fn fails(explore: impl FnOnce() + std::panic::UnwindSafe) -> bool {
    let hook = std::panic::take_hook();
    std::panic::set_hook(Box::new(|_| ()));
    let outcome = std::panic::catch_unwind(explore);
    std::panic::set_hook(hook);
    let Err(panic) = outcome else { return false };
    let message = panic.downcast_ref::<String>().map_or("", String::as_str);
    ["Causality violation", "it is freed", "did not see it"].iter().any(|why| message.contains(why))
}

#[test]
fn nothing_is_freed_that_a_reader_has() {
    explore_one(Without::Nothing);
}

#[test]
fn nothing_is_freed_that_readers_have_who_move_between_cpus() {
    explore_two_that_move(Without::Nothing);
}

#[test]
fn nothing_is_freed_that_a_reader_has_who_chose_its_phase_early() {
    explore_phases(Without::Nothing);
}

#[test]
fn each_part_is_needed() {
    for without in [Without::Barrier, Without::Release, Without::Acquire] {
        assert!(fails(|| explore_one(without)), "nothing is wrong without {without:?}");
    }
    for without in [Without::AcquireInBetween, Without::LeavesFirst] {
        assert!(fails(|| explore_two_that_move(without)), "nothing is wrong without {without:?}");
    }
    assert!(fails(|| explore_phases(Without::OtherPhase)), "nothing is wrong with one phase");
}

/// How a caller comes to the number that it waits for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Target {
    /// As it is.
    Right,
    /// A grace period that is under way is taken for good enough.
    UnderWay,
    /// The number is loaded without a barrier.
    Unfenced,
}

/// What the caller stored must be visible behind the barrier of each grace period that ends at its number or later.
fn explore_numbers(target: Target) {
    builder(4).check(move || {
        let shared = Arc::new((Sequence::new(AtomicU64::new(0)), AtomicUsize::new(0)));
        let leads = shared.clone();
        let leader = thread::spawn(move || {
            let (sequence, stored) = &*leads;
            [1, 2].map(|_| {
                sequence.begin();
                // The barrier.
                fence(Ordering::SeqCst);
                let seen = stored.load(Ordering::Relaxed);
                sequence.end();
                seen
            })
        });
        let (sequence, stored) = &*shared;
        stored.store(1, Ordering::Relaxed);
        let target = match target {
            Target::Right => sequence.target(),
            Target::UnderWay => {
                fence(Ordering::SeqCst);
                2 * (sequence.ended() + 1)
            }
            // Of the first, as `target` would have it.
            Target::Unfenced => 2 * (1 + u64::from(sequence.has_reached(1)) + sequence.ended()),
        };
        let seen = leader.join().expect("no panic in the thread");
        for (ends, seen) in [2, 4].into_iter().zip(seen) {
            assert!(ends < target || seen == 1, "the one that ends at {ends} did not see it");
        }
    });
}

#[test]
fn whoever_comes_while_a_grace_period_is_under_way_waits_for_the_next() {
    explore_numbers(Target::Right);
    assert!(fails(|| explore_numbers(Target::UnderWay)));
    assert!(fails(|| explore_numbers(Target::Unfenced)));
}

#[test]
fn whoever_finds_its_number_reached_has_acquired_what_readers_did() {
    builder(4).check(|| {
        let shared = Arc::new((Model::new(Without::Nothing, 1), Sequence::new(AtomicU64::new(0))));
        let (reads, leads) = (shared.clone(), shared.clone());
        let reader = thread::spawn(move || reads.0.read((0, 0)));
        let leader = thread::spawn(move || {
            let (model, sequence) = &*leads;
            sequence.begin();
            let mut progress = Progress::none();
            for _ in 0..2 {
                if progress.advance(model) == Ok(true) {
                    return sequence.end();
                }
                thread::yield_now();
            }
        });
        let (model, sequence) = &*shared;
        model.published.store(1, Ordering::Relaxed);
        let target = sequence.target();
        if sequence.has_reached(target) {
            // SAFETY: that is what is tried here.
            model.values[0].with_mut(|value| unsafe { *value = 0 });
        }
        reader.join().expect("no panic in the thread");
        leader.join().expect("no panic in the thread");
    });
}

/// Readers of one thread that come again before the one before has left, so that there is always one.
struct Relay {
    switches: bool,
    entered: [Cell<u64>; 2],
    left: [Cell<u64>; 2],
    current: Cell<usize>,
    switched: Cell<u32>,
    inside: Cell<usize>,
}

impl Relay {
    fn new(switches: bool) -> Self {
        let relay = Self {
            switches,
            entered: Default::default(),
            left: Default::default(),
            current: Cell::new(0),
            switched: Cell::new(0),
            inside: Cell::new(0),
        };
        relay.entered[0].set(1);
        relay
    }

    fn next_enters(&self) {
        let (before, phase) = (self.inside.replace(self.current.get()), self.current.get());
        self.entered[phase].set(self.entered[phase].get() + 1);
        self.left[before].set(self.left[before].get() + 1);
    }

    /// How many steps a grace period takes; `None` if it does not end.
    fn steps(&self) -> Option<u32> {
        let mut progress = Progress::none();
        self.switched.set(0);
        (1..10_000).find(|_| {
            self.next_enters();
            progress.advance(self) == Ok(true)
        })
    }
}

impl Readers for Relay {
    type Error = Infallible;

    fn barrier(&self) -> Result<(), Infallible> {
        Ok(())
    }
    fn is_empty(&self, phase: usize) -> bool {
        self.left[phase].get() == self.entered[phase].get()
    }
    fn current(&self) -> usize {
        self.current.get()
    }
    fn switch_to(&self, phase: usize) {
        if self.switches {
            self.current.set(phase);
        }
        self.switched.set(self.switched.get() + 1);
    }
}

#[test]
fn a_grace_period_ends_although_readers_come_all_the_time() {
    let relay = Relay::new(true);
    for _ in 0..10 {
        assert_eq!(relay.steps(), Some(2));
        assert!(relay.switched.get() <= 1, "once in a grace period");
    }
    assert_eq!(Relay::new(false).steps(), None, "without another phase it would not");
}
