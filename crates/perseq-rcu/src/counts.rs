//! The counts of readers, and the two sequences that add to them.
//!
//! A phase is named by an address, that of its counts in slot 0: so a reader loads one word, adds its CPU's distance, and is at its
//! counts; and a guard needs nothing else to leave. The word is loaded before the section, which adds to that phase whenever it gets
//! through.
//!
//! ```text
//! enter:  phase = current, then slot = phase + (cpu << SHIFT); slot.entered += 1                       one sequence
//! leave:                        slot = phase + (cpu << SHIFT); slot.left += 1, with release            another, on any CPU
//! ```
//!
//! Beside the counts of each phase stand two atomic words, for threads that run no sections. Their enter is followed by a full barrier,
//! since writers ask other CPUs for barriers only where threads run sections.
//!
//! Invariant: each enter and each leave of a reader is in exactly one count, both of one phase. Counts only grow, and have 64 bits, so
//! they do not wrap. The proof of what can be told from them is in [`grace`](crate::grace).

use std::marker::PhantomData;
use std::ptr::without_provenance_mut;
use std::sync::atomic::{AtomicU64, Ordering, fence};

use perseq::section::{Slots, UNMADE, Word};
use perseq::sequence;

/// The counts of a phase on one CPU.
#[repr(C)]
#[derive(Debug)]
pub(crate) struct Counts {
    entered: u64,
    left: u64,
}

impl Counts {
    /// Of no reader.
    pub(crate) const NONE: Self = Self { entered: 0, left: 0 };

    /// How many have entered.
    ///
    /// # Safety
    /// `this` must be valid, and be changed by sections only, or atomically.
    pub(crate) unsafe fn entered(this: *const Self) -> u64 {
        // SAFETY: the caller's promise; sections store the word at once.
        unsafe { Word::load(&raw const (*this).entered) }
    }

    /// How many have left. A fence acquires what was seen of them.
    ///
    /// # Safety
    /// As [`entered`](Self::entered).
    pub(crate) unsafe fn left(this: *const Self) -> u64 {
        // SAFETY: as above.
        unsafe { Word::load(&raw const (*this).left) }
    }

    /// Of no reader, from now on.
    ///
    /// # Safety
    /// As [`entered`](Self::entered), and no section may add to them.
    #[cfg(all(target_os = "linux", not(miri)))]
    pub(crate) unsafe fn clear(this: *mut Self) {
        // SAFETY: the caller's promise.
        unsafe {
            Word::store(&raw mut (*this).entered, 0, Ordering::Relaxed);
            Word::store(&raw mut (*this).left, 0, Ordering::Relaxed);
        }
    }
}

/// The counts of a phase of threads that run no sections.
#[repr(C)]
#[derive(Debug)]
pub(crate) struct Beside {
    entered: AtomicU64,
    left: AtomicU64,
}

impl Beside {
    /// Of no reader.
    pub(crate) const fn none() -> Self {
        Self { entered: AtomicU64::new(0), left: AtomicU64::new(0) }
    }

    /// Counts a reader in.
    pub(crate) fn enter(&self) {
        self.entered.fetch_add(1, Ordering::Relaxed);
        // With the barrier of a writer: one of the two sees what the other has stored.
        fence(Ordering::SeqCst);
    }

    /// Counts a reader out.
    pub(crate) fn leave(&self) {
        self.left.fetch_add(1, Ordering::Release);
    }

    pub(crate) fn entered(&self) -> u64 {
        self.entered.load(Ordering::Relaxed)
    }

    pub(crate) fn left(&self) -> u64 {
        self.left.load(Ordering::Relaxed)
    }

    /// Of no reader, from now on, while there is none.
    pub(crate) fn clear(&self) {
        self.entered.store(0, Ordering::Relaxed);
        self.left.store(0, Ordering::Relaxed);
    }
}

/// On cache lines of its own: processors fetch them in pairs.
#[derive(Debug)]
#[repr(C, align(128))]
pub(crate) struct Apart<T>(pub(crate) T);

/// What has readers that are counted.
pub(crate) trait Counted: Sized + 'static {
    /// Binary logarithm of the distance of two CPUs' counts.
    const SHIFT: u32;
    /// Counts a reader in whom no section could count, and says in which phase.
    fn enter_beside(&'static self, phase: Phase<Self>) -> Phase<Self>;
    /// Counts a reader out whom no section could count.
    fn leave_beside(&'static self, phase: Phase<Self>);
}

/// A phase: the address of its counts in slot 0, or a number where there are none (see [`absent`](Self::absent)).
pub(crate) struct Phase<D>(*mut u8, PhantomData<fn(D)>);

impl<D> Phase<D> {
    /// # Safety
    /// `at` must be the address of counts in slot 0 of a domain `D`, as [`Slots`] demands of a base, or come from another phase.
    #[inline]
    pub(crate) unsafe fn at(at: *mut u8) -> Self {
        Self(at, PhantomData)
    }

    /// A phase that no section takes: one of 2^17.
    pub(crate) const fn absent(number: usize) -> Self {
        Self(without_provenance_mut(UNMADE + (number & 0x1_ffff) * 2), PhantomData)
    }

    #[inline]
    pub(crate) const fn address(self) -> *mut u8 {
        self.0
    }
}

impl<D> Clone for Phase<D> {
    #[inline]
    fn clone(&self) -> Self {
        *self
    }
}

impl<D> Copy for Phase<D> {}

impl<D> PartialEq for Phase<D> {
    fn eq(&self, other: &Self) -> bool {
        self.0 == other.0
    }
}

impl<D> std::fmt::Debug for Phase<D> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Phase").field(&self.0).finish()
    }
}

// SAFETY: the promise of `at`. There are no gates, nobody but sections changes what sections change, and an address that does not
// exist is negative, or odd where addresses have no sign.
unsafe impl<D: Counted> Slots for Phase<D> {
    type Item = Counts;
    const SHIFT: u32 = D::SHIFT;
    const BY_CID: bool = false;
    const GATED: bool = false;
    const VALUE_OFFSET: usize = 0;

    #[inline]
    fn base(&self) -> *mut u8 {
        self.0
    }
}

sequence! {
    /// Counts a reader in; the phase it is counted in. Wait-free.
    #[slow_path(enter_beside)]
    pub(crate) fn enter<D: Counted>(phase: &Phase<D>, domain: &'static D) -> Phase<D> {
        let entered: u64 = phase.entered;
        commit phase.entered = entered + 1;
        *phase
    }

    /// Counts a reader out that was counted in, in this domain. Wait-free.
    #[slow_path(leave_beside)]
    pub(crate) fn leave<D: Counted>(phase: &Phase<D>, domain: &'static D) {
        let left: u64 = phase.left;
        commit(release) phase.left = left + 1;
    }
}

fn enter_beside<D: Counted>(phase: &Phase<D>, domain: &'static D) -> Phase<D> {
    domain.enter_beside(*phase)
}

fn leave_beside<D: Counted>(phase: &Phase<D>, domain: &'static D) {
    domain.leave_beside(*phase);
}
