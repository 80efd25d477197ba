//! Who reads: the counts of each CPU, and the two sequences that add to them.
//!
//! A phase is named by an address, that of its counts in slot 0: so a reader loads one word, adds its CPU's distance, and is at its
//! counts; and a guard needs nothing else to leave. The word is loaded before the section, which adds to that phase whenever it
//! gets through.
//!
//! ```text
//! enter:  phase = current, then  slot = phase + (cpu << SHIFT); slot.entered += 1                one sequence
//! leave:                         slot = phase + (cpu << SHIFT); slot.left += 1, with release     another, on any CPU
//! ```
//!
//! Beside the counts of each phase stand two atomic words, for threads that run no sections: there a full barrier
//! follows the enter, since where no thread runs sections, no writer asks for barriers on other CPUs.
//!
//! The counts are made by the first reader, by mmap(2) and under a lock that is held with signals held back, so in a signal handler too.
//!
//! Invariant: each enter and each leave of a reader is in exactly one count, both of one phase. Counts only grow, and have 64 bits, so
//! they do not wrap. The proof of what can be told from them is in [`grace`](crate::grace).
//!
//! # Forks
//! In the child of a fork only the forking thread is left, and nobody will leave for the others. So the child begins with new
//! counts. The old ones stay, unused, for guards that the forking thread has taken along: those leave there, and protect nothing any more.

use std::ptr::without_provenance_mut;
use std::sync::atomic::{AtomicPtr, AtomicU32, AtomicU64, Ordering, fence};

use perseq::section::{Slots, UNMADE, Word};
use perseq::{LazyPerCpu, PerCpu, Ungated, sequence};

use crate::anew::Anew;
use crate::domain::Domain;
use crate::grace;

/// The counts of a phase on one CPU.
#[repr(C)]
#[derive(Debug)]
pub(crate) struct Counts {
    entered: u64,
    left: u64,
}

/// The counts of a phase of threads that run no sections.
#[derive(Debug)]
struct Beside {
    entered: AtomicU64,
    left: AtomicU64,
}

/// The counts of all phases and CPUs.
type PerPhase = LazyPerCpu<[Counts; 2], Ungated>;

/// A phase: the address of its counts in slot 0, or where there is no memory for them, a number (see [`unmade`]).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Phase(*mut u8);

// SAFETY: slots of a `PerPhase`, each beginning somewhat later. They have no gates, nobody but sections changes what sections
// change, and an address that does not exist is negative, or odd where addresses have no sign.
unsafe impl Slots for Phase {
    type Item = Counts;
    const SHIFT: u32 = <PerPhase as Slots>::SHIFT;
    const BY_CID: bool = false;
    const GATED: bool = false;
    const VALUE_OFFSET: usize = 0;

    #[inline]
    fn base(&self) -> *mut u8 {
        self.0
    }
}

sequence! {
    /// Counts a reader in; the phase it is counted in.
    #[slow_path(enter_beside)]
    fn enter(phase: &Phase, domain: &'static Domain) -> Phase {
        let entered: u64 = phase.entered;
        commit phase.entered = entered + 1;
        *phase
    }

    /// Counts a reader out.
    #[slow_path(leave_beside)]
    fn leave(phase: &Phase, domain: &'static Domain) {
        let left: u64 = phase.left;
        commit(release) phase.left = left + 1;
    }
}

fn enter_beside(phase: &Phase, domain: &'static Domain) -> Phase {
    let readers = &domain.readers;
    let phase = if readers.has_counts(*phase) {
        *phase
    } else {
        domain.prepare();
        let phase = readers.phase();
        if readers.has_counts(phase) {
            return enter(&phase, domain);
        }
        phase
    };
    let index = readers.index_of(phase).unwrap_or(0);
    readers.beside.0[index].entered.fetch_add(1, Ordering::Relaxed);
    // With the barrier of a writer: one of the two sees what the other has stored.
    fence(Ordering::SeqCst);
    phase
}

fn leave_beside(phase: &Phase, domain: &'static Domain) {
    let readers = &domain.readers;
    // A guard of before a fork is counted by nobody.
    if let Some(index) = readers.index_of(*phase) {
        readers.beside.0[index].left.fetch_add(1, Ordering::Release);
    }
}

/// The counts of a domain.
#[derive(Debug)]
pub(crate) struct Readers {
    /// What new readers take.
    current: Apart<AtomicPtr<u8>>,
    counts: Anew<PerPhase>,
    /// How many forks there were since the domain came to be.
    forks: AtomicU32,
    beside: Apart<[Beside; 2]>,
}

/// On cache lines of its own: processors fetch them in pairs.
#[derive(Debug)]
#[repr(align(128))]
struct Apart<T>(T);

/// A phase whose counts are not made yet, after so many forks: no section takes it.
const fn unmade(forks: u32, index: usize) -> Phase {
    Phase(without_provenance_mut(UNMADE + ((forks & 0xffff) as usize * 2 + index) * 2))
}

/// Counts that are not made yet.
const fn none_yet() -> PerPhase {
    LazyPerCpu::new(|_| [const { Counts { entered: 0, left: 0 } }; 2])
}

impl Domain {
    /// Counts a reader in. Wait-free.
    #[inline]
    pub(crate) fn enter(&'static self) -> Phase {
        enter(&self.readers.phase(), self)
    }

    /// Counts a reader out that was counted in here. Wait-free.
    #[inline]
    pub(crate) fn leave(&'static self, phase: Phase) {
        leave(&phase, self);
    }
}

impl Readers {
    pub(crate) const fn new() -> Self {
        Self {
            current: Apart(AtomicPtr::new(unmade(0, 0).0)),
            counts: Anew::new(none_yet()),
            forks: AtomicU32::new(0),
            beside: Apart([const { Beside { entered: AtomicU64::new(0), left: AtomicU64::new(0) } }; 2]),
        }
    }

    pub(crate) fn forks(&self) -> u32 {
        self.forks.load(Ordering::Relaxed)
    }

    fn existing(&self) -> Option<&PerCpu<[Counts; 2], Ungated>> {
        self.counts.existing()
    }

    /// Makes the counts, if they are not there yet and there is memory. Async-signal-safe.
    pub(crate) fn make(&self) {
        let mut now = self.phase();
        if self.has_counts(now) || self.counts.try_get().is_err() {
            return;
        }
        // Again if a writer has switched phases, which it does but once in a grace period, and then to one that has counts.
        for _ in 0..4 {
            let Some(made) = self.index_of(now).and_then(|index| self.named(index)) else { return };
            // A reader that finds this address loads the counts through it, so it finds them made.
            match self.current.0.compare_exchange(now.0, made.0, Ordering::Release, Ordering::Relaxed) {
                Ok(_) => return,
                Err(newer) => now = Phase(newer),
            }
        }
    }

    fn has_counts(&self, phase: Phase) -> bool {
        (0..2).any(|index| self.named(index) == Some(phase))
    }

    /// The phase that new readers take.
    #[inline]
    fn phase(&self) -> Phase {
        Phase(self.current.0.load(Ordering::Relaxed))
    }

    /// The phase of a number, if the counts exist.
    fn named(&self, index: usize) -> Option<Phase> {
        let slot = self.existing()?.item(0)?.as_ptr().cast::<Counts>();
        Some(Phase(slot.wrapping_add(index).cast()))
    }

    /// The number of a phase of this process.
    fn index_of(&self, phase: Phase) -> Option<usize> {
        let forks = self.forks();
        (0..2).find(|&index| self.named(index) == Some(phase) || unmade(forks, index) == phase)
    }

    /// The counts of a phase on each CPU.
    fn each(&self, phase: usize) -> impl Iterator<Item = *const Counts> + '_ {
        let slots = self.existing().into_iter();
        let items = slots.flat_map(|slots| (0..slots.slots()).filter_map(|cpu| slots.item(cpu)));
        items.map(move |item| item.as_ptr().cast::<Counts>().wrapping_add(phase).cast_const())
    }

    /// How many more have entered than left on each CPU, of both phases, modulo 2^64; the last figure is that of threads
    /// without sections.
    pub(crate) fn balance(&self) -> Vec<u64> {
        let mut balance: Vec<u64> = Vec::new();
        for phase in 0..2 {
            let beside = &self.beside.0[phase];
            let left = beside.left.load(Ordering::Relaxed);
            let beside = beside.entered.load(Ordering::Relaxed).wrapping_sub(left);
            let each = self.each(phase).map(|counts| {
                // SAFETY: as in `sum`.
                unsafe {
                    let left = Word::load(&raw const (*counts).left);
                    Word::load(&raw const (*counts).entered).wrapping_sub(left)
                }
            });
            for (index, more) in each.chain([beside]).enumerate() {
                match balance.get_mut(index) {
                    Some(sum) => *sum = sum.wrapping_add(more),
                    None => balance.push(more),
                }
            }
        }
        balance
    }

    /// Begins anew. Async-signal-safe.
    ///
    /// # Safety
    /// As [`Anew::replace`].
    pub(crate) unsafe fn begin_anew(&self) {
        let forks = self.forks().wrapping_add(1);
        // SAFETY: the caller's promise. The old counts are leaked: a guard may still leave there.
        unsafe { self.counts.replace(none_yet()) };
        self.forks.store(forks, Ordering::Relaxed);
        for beside in &self.beside.0 {
            beside.entered.store(0, Ordering::Relaxed);
            beside.left.store(0, Ordering::Relaxed);
        }
        self.current.0.store(unmade(forks, 0).0, Ordering::Relaxed);
    }
}

impl grace::Readers for Readers {
    type Error = perseq::fence::FenceError;

    fn barrier(&self) -> Result<(), Self::Error> {
        // For readers that are counted beside. The others have theirs from here:
        fence(Ordering::SeqCst);
        perseq::fence::quiesce_all()
    }

    fn left(&self, phase: usize) -> u64 {
        let beside = self.beside.0[phase].left.load(Ordering::Relaxed);
        let left = self.each(phase).fold(beside, |sum, counts| {
            // SAFETY: the slots live as long as the domain, and sections store the word at once.
            sum.wrapping_add(unsafe { Word::load(&raw const (*counts).left) })
        });
        fence(Ordering::Acquire);
        left
    }

    fn entered(&self, phase: usize) -> u64 {
        let beside = self.beside.0[phase].entered.load(Ordering::Relaxed);
        self.each(phase).fold(beside, |sum, counts| {
            // SAFETY: as above.
            sum.wrapping_add(unsafe { Word::load(&raw const (*counts).entered) })
        })
    }

    fn current(&self) -> usize {
        self.index_of(self.phase()).unwrap_or(0)
    }

    fn switch_to(&self, phase: usize) {
        let forks = self.forks();
        let Phase(next) = self.named(phase).unwrap_or(unmade(forks, phase));
        // As in `make`, as this may be the first time that the address is told.
        self.current.0.store(next, Ordering::Release);
    }
}
