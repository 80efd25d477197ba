//! Who reads in this process: where the counts of a domain are.
//!
//! They are made by the first reader, by mmap(2) and under a lock that is held with signals held back, so in a signal handler too.
//! Should there be no memory all readers are counted beside.
//!
//! # Forks
//! In the child of a fork only the forking thread is left, and nobody will leave for the others. So the child begins with new
//! counts. The old ones stay, unused, for guards that the forking thread has taken along: those leave there, and protect nothing any more.

use std::sync::atomic::{AtomicPtr, AtomicU32, Ordering, fence};

use perseq::section::Slots;
use perseq::{LazyPerCpu, PerCpu, Ungated};

use crate::anew::Anew;
use crate::counts::{Apart, Beside, Counted, Counts, enter};
use crate::domain::Domain;
use crate::grace;
use crate::stall::{Balance, Balanced};
use crate::writers::GraceError;

/// The counts of both phases on all CPUs.
type PerPhase = LazyPerCpu<[Counts; 2], Ungated>;

type Phase = crate::counts::Phase<Domain>;

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

impl Counted for Domain {
    const SHIFT: u32 = <PerPhase as Slots>::SHIFT;

    fn enter_beside(&'static self, phase: Phase) -> Phase {
        let readers = &self.readers;
        let mut phase = phase;
        if !readers.has_counts(phase) {
            self.prepare();
            phase = readers.phase();
            if readers.has_counts(phase) {
                return enter(&phase, self);
            }
        }
        let index = readers.index_of(phase).unwrap_or(0);
        readers.beside.0[index].enter();
        phase
    }

    fn leave_beside(&'static self, phase: Phase) {
        // A guard of before a fork is counted by nobody.
        if let Some(index) = self.readers.index_of(phase) {
            self.readers.beside.0[index].leave();
        }
    }
}

/// A phase whose counts are not made yet, after so many forks.
const fn unmade(forks: u32, index: usize) -> Phase {
    Phase::absent(forks as usize * 2 + index)
}

/// Counts that are not made yet.
const fn none_yet() -> PerPhase {
    LazyPerCpu::new(|_| [Counts::NONE; 2])
}

impl Readers {
    pub(crate) const fn new() -> Self {
        Self {
            current: Apart(AtomicPtr::new(unmade(0, 0).address())),
            counts: Anew::new(none_yet()),
            forks: AtomicU32::new(0),
            beside: Apart([const { Beside::none() }; 2]),
        }
    }

    pub(crate) fn forks(&self) -> u32 {
        self.forks.load(Ordering::Relaxed)
    }

    /// The phase that new readers take.
    #[inline]
    pub(crate) fn phase(&self) -> Phase {
        // SAFETY: addresses of phases are stored there.
        unsafe { Phase::at(self.current.0.load(Ordering::Relaxed)) }
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
            let (old, new) = (now.address(), made.address());
            // A reader that finds this address loads the counts through it, so it finds them made.
            if self.current.0.compare_exchange(old, new, Ordering::Release, Ordering::Relaxed).is_ok() {
                return;
            }
            now = self.phase();
        }
    }

    fn has_counts(&self, phase: Phase) -> bool {
        (0..2).any(|index| self.named(index) == Some(phase))
    }

    /// The phase of a number, if the counts exist.
    fn named(&self, index: usize) -> Option<Phase> {
        let slot = self.existing()?.item(0)?.as_ptr().cast::<Counts>();
        // SAFETY: slots of that many CPUs begin there, which live as long as the domain.
        Some(unsafe { Phase::at(slot.wrapping_add(index).cast()) })
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

    /// Begins anew. Async-signal-safe.
    ///
    /// # Safety
    /// As [`Anew::replace`].
    pub(crate) unsafe fn begin_anew(&self) {
        let forks = self.forks().wrapping_add(1);
        // SAFETY: the caller's promise. The old counts are leaked: a guard may still leave there.
        unsafe { self.counts.replace(none_yet()) };
        self.forks.store(forks, Ordering::Relaxed);
        self.beside.0.iter().for_each(Beside::clear);
        self.current.0.store(unmade(forks, 0).address(), Ordering::Relaxed);
    }
}

impl grace::Readers for Readers {
    type Error = GraceError;

    fn barrier(&self) -> Result<(), GraceError> {
        // For readers that are counted beside. The others have theirs from here:
        fence(Ordering::SeqCst);
        perseq::fence::quiesce_all().map_err(GraceError::Fence)
    }

    fn is_empty(&self, phase: usize) -> bool {
        // SAFETY: slots live as long as the domain, and are changed by sections only.
        let left = |counts| unsafe { Counts::left(counts) };
        // SAFETY: as above.
        let entered = |counts| unsafe { Counts::entered(counts) };
        grace::balanced(
            || self.each(phase).map(left).fold(self.beside.0[phase].left(), u64::wrapping_add),
            || self.each(phase).map(entered).fold(self.beside.0[phase].entered(), u64::wrapping_add),
        )
    }

    fn current(&self) -> usize {
        self.index_of(self.phase()).unwrap_or(0)
    }

    fn switch_to(&self, phase: usize) {
        let next = self.named(phase).unwrap_or(unmade(self.forks(), phase));
        // As in `make`, as this may be the first time that the address is told.
        self.current.0.store(next.address(), Ordering::Release);
    }
}

impl Balanced for Readers {
    fn balance(&self) -> Balance {
        let mut balance = Balance::default();
        for phase in 0..2 {
            for (cpu, counts) in (0..).zip(self.each(phase)) {
                // SAFETY: as in `is_empty`.
                let (left, entered) = unsafe { (Counts::left(counts), Counts::entered(counts)) };
                balance.add(Some(cpu), None, left, entered);
            }
            let beside = &self.beside.0[phase];
            balance.add(None, None, beside.left(), beside.entered());
        }
        balance
    }
}
