//! Grace periods: how a writer learns that every reader of before has left.
//!
//! Readers count themselves per CPU: each has a *phase*, 0 or 1, and adds to an enter count of that phase when it comes and to a leave
//! count of it when it goes, each on the CPU it runs on at that moment. A writer that has unpublished something
//!
//! ```text
//! 1. has a full barrier executed on every CPU that runs a reader          (membarrier)
//! 2. for each phase: sums its leave counts over all CPUs, then its enter counts, until the sums are equal
//! 3. meanwhile lets new readers take the other phase, as soon as that has been found empty
//! ```
//!
//! # Why that is right
//! Let R be a reader: E its enter (a plain store), P its load of the pointer, X its leave (a store with release), in this order
//! in its program. Let B be the barrier of step 1 on the CPU of R, or, if R does not run at that moment, the scheduler's.
//!
//! - If B comes before P, then P sees what the writer stored before step 1: R has not got what was unpublished, and need not be
//!   waited for. It does not matter on which side of B its enter is.
//! - If B comes after P, it comes after E, so E is visible to the writer when step 2 begins, and R is in each sum of enters.
//!   Suppose a sum of leaves does not contain X. Every leave it contains was read with acquire and stored with release, so its
//!   enter is visible when the enters are summed *afterwards*, and is in that sum too. So the enters exceed the leaves by
//!   one at least, for R, and step 2 does not end. When it ends, X was read, with acquire: all that R did happens before
//!   what the writer does next.
//!
//! So **one barrier** suffices, that between E and P; and neither a consistent snapshot nor the phases are needed for this. Summed
//! the other way round, a reader that comes and goes between the two sums, its enter unseen and its leave seen, would stand in for R.
//!
//! A leave count is added to by several threads of a CPU, so the release of a later one stands for those before it: the
//! scheduler's barrier between two threads on a CPU orders all that the first did before all that the second does. For the same reason
//! enter and leave may be on different CPUs: a thread takes what it has done along.
//!
//! # Why it ends
//! With one phase, readers that come all the time could keep the sums apart for ever. So new ones are sent to the other phase,
//! at most once in a grace period, after that has been found empty; what then remains in the first phase only leaves. But a reader loads
//! the number of its phase a moment before it enters, and may be preempted in between for as long as it pleases the scheduler: so
//! each thread, and each handler that it is in, may still enter the first phase once. That puts the end off but a bounded number of times.
//! Both phases are waited for in each grace period, because a reader that comes to its phase so late is counted where it chose to be.
//!
//! # Sharing
//! Grace periods are numbered by [`Sequence`]: odd while one is under way. Whoever needs one takes the number at which one that
//! begins from now on will have ended, so all who come while one is under way share the next.
//!
//! # Sources
//! The two counts per CPU and phase are those of sleepable RCU (P. E. McKenney, "Sleepable Read-Copy Update", 2006; Linux
//! `kernel/rcu/srcutree.c`), leaves summed first as in its `srcu_readers_active_idx_check`. Readers without barriers by membarrier(2), and
//! per-CPU counts by rseq, are M. Desnoyers' (liburcu; `src/rcu.c` of libside). The numbers are Linux's `rcu_seq_snap`.

use crate::sync::{AtomicU64, Ordering, fence};

/// Readers, as a grace period sees them.
pub(crate) trait Readers {
    /// Why there can be no barrier.
    type Error;
    /// A full barrier here and on every CPU that runs a reader; restartable reads that are under way are aborted.
    fn barrier(&self) -> Result<(), Self::Error>;
    /// Whether a phase has been found empty, by [`balanced`].
    fn is_empty(&self, phase: usize) -> bool;
    /// The phase that new readers take.
    fn current(&self) -> usize;
    /// Has new readers take `phase`, now or at one of the next calls.
    fn switch_to(&self, phase: usize);
    /// The grace period is `over`, or nobody takes it forward for the moment: others may switch phases, at once or soon.
    fn let_go(&self, _over: bool) {}
}

/// Whether as many have left as have entered; what those did who have left has been acquired. The order matters.
pub(crate) fn balanced(left: impl FnOnce() -> u64, entered: impl FnOnce() -> u64) -> bool {
    let left = left();
    fence(Ordering::Acquire);
    entered() == left
}

/// How far a grace period is.
#[derive(Debug)]
pub(crate) struct Progress {
    begun: bool,
    /// Which phases were found empty since it began.
    drained: [bool; 2],
}

impl Progress {
    /// None is under way.
    pub(crate) const fn none() -> Self {
        Self { begun: false, drained: [false; 2] }
    }

    /// Whether one is under way.
    pub(crate) const fn has_begun(&self) -> bool {
        self.begun
    }

    /// Goes as far as it gets without waiting, beginning with the barrier; says whether that was the end of the grace period.
    /// After an error none is under way.
    pub(crate) fn advance<R: Readers>(&mut self, readers: &R) -> Result<bool, R::Error> {
        if !self.begun {
            readers.barrier()?;
            *self = Self { begun: true, drained: [false; 2] };
        }
        for phase in 0..2 {
            self.drained[phase] = self.drained[phase] || readers.is_empty(phase);
        }
        let current = readers.current();
        match (self.drained[current], self.drained[1 - current]) {
            (true, true) => *self = Self::none(),
            (false, true) => readers.switch_to(1 - current),
            _ => {}
        }
        Ok(!self.begun)
    }
}

/// The number of grace periods that have begun and ended: even if none is under way.
#[derive(Debug)]
pub(crate) struct Sequence(AtomicU64);

impl Sequence {
    /// From a word that is 0.
    pub(crate) const fn new(word: AtomicU64) -> Self {
        Self(word)
    }

    /// The number at which a grace period that begins after this call will have ended.
    ///
    /// If it is found even, what the caller stored is visible to the barrier of the next: of this fence and that of
    /// [`begin`](Self::begin), either this one is first, or the number is found odd.
    pub(crate) fn target(&self) -> u64 {
        fence(Ordering::SeqCst);
        (self.0.load(Ordering::Relaxed) + 3) & !1
    }

    /// Whether it has been reached; if so, all that the readers of before did happens before what the caller does next.
    pub(crate) fn has_reached(&self, target: u64) -> bool {
        self.0.load(Ordering::Acquire) >= target
    }

    /// A grace period begins, or begins again after its barrier failed. One thread at a time.
    pub(crate) fn begin(&self) {
        self.0.store(self.0.load(Ordering::Relaxed) | 1, Ordering::Relaxed);
        fence(Ordering::SeqCst);
    }

    /// It has ended.
    pub(crate) fn end(&self) {
        self.0.store(self.0.load(Ordering::Relaxed) + 1, Ordering::Release);
    }

    /// How many have ended.
    pub(crate) fn ended(&self) -> u64 {
        self.0.load(Ordering::Relaxed) >> 1
    }
}
