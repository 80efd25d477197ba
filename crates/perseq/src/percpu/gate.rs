//! The gate: the word at the head of a slot that says whether a sequence may pass, and who owns the slot if not.
//!
//! States: `CLOSED` (0: for ever, and what untouched memory holds), `OPEN` (1), `ABANDONED` (3), or owned: the owner's id
//! shifted left by one, plus [`SEVERAL`] if it changes the slot by more than one store, plus [`WAITERS`] if somebody sleeps until
//! it opens.
//!
//! ```text
//! section: … if gate != OPEN leave; … commit          (all on one CPU, aborted by a fence)
//! acquire: compare-and-swap OPEN → owner (sequentially consistent); then fence the CPU
//! release: swap → OPEN (release); wake those who sleep
//! ```
//!
//! Why the owner is alone: a section that read OPEN began before the swap was visible to its CPU, so the fence, which comes
//! after the swap, finds it finished or aborts it. A section that begins later reads the owner. Other owners are kept
//! out by the compare-and-swap. What the owner wrote is seen by the sections after it, because they read OPEN, which was
//! stored with release, before anything else in the slot.
//!
//! Nothing waits for ever for an owner that is gone (a thread that died in a fork, or was killed by the debugger): whoever
//! waits looks from time to time whether the owner still exists. If not, it takes over from a sequence's slow path, which is
//! safe at any point, since that changes its slot with one store. What a closure has left by halves is nobody's any more: the slot
//! is abandoned, until somebody who knows how makes it whole.

use core::sync::atomic::{AtomicU32, Ordering};

use crate::model::hooks;
use crate::sys;

/// See the [module](self).
#[repr(transparent)]
#[derive(Debug)]
pub struct Gate(AtomicU32);

const CLOSED: u32 = 0;
/// Sequences may pass.
pub(crate) const OPEN: u32 = 1;
const ABANDONED: u32 = 3;
const WAITERS: u32 = 1 << 31;
/// Above every id.
const SEVERAL: u32 = 1 << 30;
/// An owner's id is below this; Linux keeps those of threads below 2^22.
#[cfg_attr(not(all(target_os = "linux", not(miri))), allow(dead_code, reason = "there are threads only"))]
pub(crate) const IDS: u32 = 1 << 29;

/// How often a waiter looks before it sleeps; most owners are done by then.
const SPINS: u32 = 200;
/// How long a waiter sleeps before it looks whether the owner still exists, in milliseconds.
const PATIENCE: u32 = 20;

/// Who may own a gate: those that can be told from each other by ids from 1 to [`IDS`].
pub(crate) trait Owners {
    /// The calling thread's id.
    fn me(&self) -> u32;
    /// Whether the owner of this id still exists.
    fn exist(&self, id: u32) -> bool;
    /// Sleeps while `*word == expected`, at most `milliseconds`; may wake early.
    fn wait(&self, word: &AtomicU32, expected: u32, milliseconds: u32);
    /// Wakes all who wait on `word`.
    fn wake_all(&self, word: &AtomicU32);
}

/// The threads of this process.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Threads;

impl Owners for Threads {
    fn me(&self) -> u32 {
        sys::thread_id()
    }

    fn exist(&self, id: u32) -> bool {
        sys::thread_exists(id)
    }

    fn wait(&self, word: &AtomicU32, expected: u32, milliseconds: u32) {
        sys::wait(word, expected, milliseconds);
    }

    fn wake_all(&self, word: &AtomicU32) {
        sys::wake_all(word);
    }
}

/// What stands at the head of a slot: a gate, or nothing.
pub trait Head {
    /// The item is ready: lets sequences pass, if there is a gate.
    fn ready(&self);
    /// Whether the item is ready.
    fn is_ready(&self) -> bool;
    /// The item is about to be dropped.
    fn retire(&self);
}

impl Head for Gate {
    fn ready(&self) {
        self.0.store(OPEN, Ordering::Release);
    }

    fn is_ready(&self) -> bool {
        self.0.load(Ordering::Acquire) == OPEN
    }

    fn retire(&self) {
        self.0.store(CLOSED, Ordering::Release);
    }
}

/// No gate.
#[derive(Debug)]
pub struct Absent;

impl Head for Absent {
    fn ready(&self) {}

    fn is_ready(&self) -> bool {
        true
    }

    fn retire(&self) {}
}

/// Why a gate could not be acquired.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// The slot does not exist.
    Closed,
    /// The calling thread owns it already.
    Mine,
    /// Its owner died in the middle of a change.
    Abandoned,
}

/// How an owner changes its slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Change {
    /// By one store that matters, so that another thread may take over at any point.
    Single,
    /// By several.
    Several,
}

/// The word of a gate that thread `me` owns.
const fn owned(me: u32, change: Change) -> u32 {
    me << 1
        | match change {
            Change::Single => 0,
            Change::Several => SEVERAL,
        }
}

impl Gate {
    /// A gate through which sequences pass.
    pub(crate) const fn open() -> Self {
        Self(AtomicU32::new(OPEN))
    }

    /// Waits until the gate is open and closes it for everybody but the calling thread.
    ///
    /// The caller has signals held back: a handler on this thread would wait for the thread it interrupts.
    pub(crate) fn acquire(&self, owners: &impl Owners, change: Change) -> Result<(), Refusal> {
        let me = owners.me();
        let mine = owned(me, change);
        let mut spins = 0;
        loop {
            let seen = match self.0.compare_exchange(OPEN, mine, Ordering::SeqCst, Ordering::Relaxed) {
                Ok(_) => return Ok(()),
                Err(seen) => seen,
            };
            let owner = seen & !WAITERS;
            match owner {
                CLOSED => return Err(Refusal::Closed),
                ABANDONED => return Err(Refusal::Abandoned),
                // It opened in between.
                OPEN => continue,
                _ if owner & !SEVERAL == me << 1 => return Err(Refusal::Mine),
                _ => {}
            }
            if spins < hooks::rounds(SPINS) {
                spins += 1;
                core::hint::spin_loop();
                continue;
            }
            let sleeping = owner | WAITERS;
            if seen != sleeping
                && self.0.compare_exchange(seen, sleeping, Ordering::Relaxed, Ordering::Relaxed).is_err()
            {
                continue;
            }
            owners.wait(&self.0, sleeping, PATIENCE);
            if self.0.load(Ordering::Relaxed) != sleeping || owners.exist((owner & !SEVERAL) >> 1) {
                continue;
            }
            // Others may sleep as we did: they are woken when we open, or now.
            let abandoned = owner & SEVERAL != 0;
            let next = if abandoned { ABANDONED } else { mine | WAITERS };
            if self.0.compare_exchange(sleeping, next, Ordering::SeqCst, Ordering::Relaxed).is_ok() {
                if !abandoned {
                    return Ok(());
                }
                owners.wake_all(&self.0);
            }
        }
    }

    /// Makes the calling thread the owner of an abandoned slot; says whether it was one.
    pub(crate) fn acquire_abandoned(&self, owners: &impl Owners) -> bool {
        let mine = owned(owners.me(), Change::Several);
        self.0.compare_exchange(ABANDONED, mine, Ordering::SeqCst, Ordering::Relaxed).is_ok()
    }

    /// Opens the gate that the caller owns.
    pub(crate) fn release(&self, owners: &impl Owners) {
        if self.0.swap(OPEN, Ordering::Release) & WAITERS != 0 {
            owners.wake_all(&self.0);
        }
    }
}
