//! A count for each slot, numbered by CPU or by concurrency id: the smallest sequence, with the general slow path; and one
//! whose section takes a while.
//!
//! Invariant: the sum over all slots is what was added and not taken.

use std::sync::atomic::AtomicU8;

use perseq::section::Slots;
use perseq::{PerCid, PerCpu, sequence};

/// One slot.
#[derive(Debug, Default)]
struct Count {
    value: u64,
}

/// One slot of a sequence that takes a while.
#[derive(Debug)]
struct Slow {
    value: u64,
    scratch: [u8; SCRATCH],
}

/// Bytes to copy while a section takes a while: not all of them in whole words.
const SCRATCH: usize = 2047;

impl Default for Slow {
    fn default() -> Self {
        Self { value: 0, scratch: [0; SCRATCH] }
    }
}

sequence! {
    fn add_by_cpu(counts: &PerCpu<Count>, n: u64) {
        let value: u64 = counts.value;
        commit counts.value = value + n;
    }

    fn add_by_cid(counts: &PerCid<Count>, n: u64) {
        let value: u64 = counts.value;
        commit counts.value = value + n;
    }

    /// # Safety
    /// `from` must be valid for [`SCRATCH`] bytes.
    unsafe fn copy_and_add(counts: &PerCpu<Slow>, from: *const u8, n: u64) {
        let value: u64 = counts.value;
        copy(&raw mut counts.scratch, from, SCRATCH);
        commit counts.value = value + n;
    }

    fn stamp(counts: &PerCpu<Count>) -> Stamp {
        let clock: u64 = tsc();
        let cpu: u32 = cpu_id();
        let value: u64 = counts.value;
        commit counts.value = value + 1;
        Stamp { clock, cpu, before: value }
    }
}

/// What a section says about itself.
#[derive(Clone, Copy, Debug)]
pub struct Stamp {
    /// The clock.
    pub clock: u64,
    /// The CPU it ran on.
    pub cpu: u32,
    /// The count of that CPU before it.
    pub before: u64,
}

impl Tally {
    /// Adds 1 and says when and where.
    #[inline(never)]
    pub fn stamp(&self) -> Stamp {
        stamp(&self.0)
    }
}

/// A loop over `SCRATCH` bytes lies between the load and the store of the section.
fn add_slowly(counts: &PerCpu<Slow>, n: u64) {
    static SOURCE: [AtomicU8; SCRATCH] = [const { AtomicU8::new(1) }; SCRATCH];
    // SAFETY: so many bytes, and nobody else changes those of the slot.
    unsafe { copy_and_add(counts, SOURCE.as_ptr().cast(), n) };
}

/// The same for each kind of slots: `Name(Slots<Slot>::constructor): addition`.
macro_rules! tally {
    ($(#[$doc:meta])* $tally:ident($slots:ident<$slot:ident>::$new:ident): $add:ident) => {
        $(#[$doc])*
        #[derive(Debug)]
        pub struct $tally($slots<$slot>);

        impl $tally {
            /// Nothing counted.
            #[must_use]
            pub fn new() -> Self {
                Self($slots::$new(|_index| $slot::default()))
            }

            /// Adds `n` to the slot that is the calling thread's at the moment.
            #[inline(never)]
            pub fn add(&self, n: u64) {
                $add(&self.0, n);
            }

            /// Adds `n` to slot `index`, which it owns meanwhile.
            pub fn add_to(&self, index: u32, n: u64) {
                self.on(index, |value| *value += n);
            }

            /// Takes what is in slot `index`.
            pub fn take(&self, index: u32) -> u64 {
                self.on(index, std::mem::take)
            }

            /// Runs `f` on the count of slot `index`, which it owns meanwhile.
            ///
            /// # Panics
            /// If that cannot be had.
            pub fn on<R>(&self, index: u32, f: impl FnOnce(&mut u64) -> R) -> R {
                let done = self.0.exclusive(index, |count| f(&mut count.value));
                done.expect("a slot that nobody else on this thread owns")
            }

            /// The number of slots.
            #[must_use]
            pub fn slots(&self) -> u32 {
                self.0.slots()
            }

            /// The count of slot `index`, in memory.
            ///
            /// # Panics
            /// If there is no such slot.
            #[must_use]
            pub fn address(&self, index: u32) -> *mut u64 {
                self.0.item(index).expect("a slot").as_ptr().cast()
            }

            /// The gate of slot `index`, in memory.
            ///
            /// # Panics
            /// If there is no such slot.
            #[must_use]
            pub fn gate(&self, index: u32) -> *mut u32 {
                self.address(index).wrapping_byte_sub(<$slots<$slot> as Slots>::VALUE_OFFSET).cast()
            }

            /// The sum over all slots.
            #[must_use]
            pub fn sum(&self) -> u64 {
                (0..self.slots()).map(|index| self.on(index, |value| *value)).sum()
            }
        }

        impl Default for $tally {
            fn default() -> Self {
                Self::new()
            }
        }
    };
}

tally! {
    /// A count for each CPU.
    Tally(PerCpu<Count>::new): add_by_cpu
}

tally! {
    /// A count for each concurrency id.
    CidTally(PerCid<Count>::by_cid): add_by_cid
}

tally! {
    /// A count for each CPU, added to by sections that take a while.
    SlowTally(PerCpu<Slow>::new): add_slowly
}
