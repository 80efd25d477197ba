//! What [`sequence!`](crate::sequence) expands to: the types its two forms share, and the slow path.
//!
//! A section is attempted once, inlined into the caller. If it was refused at the gate or aborted, it is attempted [again](retry)
//! [`ATTEMPTS`] times (the thread being registered first, if that was the reason); then the portable form runs
//! under [`exclusive`](crate::PerCpu::exclusive), or what else [protects](Protected) the data. So no sequence retries without bound: a debugger that steps
//! through it, an unregistered thread, or a neighbour that preempts it every time only makes it slower.
//!
//! This module is public for the macro's sake and not part of the API.

mod word;

pub use word::{Arithmetic, Word, add, copy, load, neg, shl, shr, store, store_release, sub};

#[allow(unused_imports, reason = "empty where nothing is lowered")]
pub use crate::arch::exported::*;
use crate::model::hooks;
#[cfg(feature = "model")]
pub use crate::model::section as model;
use crate::registration;

/// The status of a section that was refused or aborted. Exits are numbered below it.
pub const REFUSED: u64 = 255;

/// `base` of slots without gates that are not made yet: added to the offset of a slot it is negative as an address of 64 bits.
/// Addresses of 32 bits have no sign to spare, so there it is odd, as no base is.
pub const UNMADE: usize = if usize::BITS == 64 { 1 << (usize::BITS - 1) } else { 1 };

/// How often an aborted section is attempted again before the slow path.
const ATTEMPTS: u32 = 8;

/// Data that a sequence can work on: slots, or one item that all CPUs share.
///
/// # Safety
/// If the data is [`PER_CPU`](Self::PER_CPU), [`base`](Self::base) is the address of slot 0, and slots lie `1 << SHIFT` bytes
/// apart. Each holds an `Item` at [`VALUE_OFFSET`](Self::VALUE_OFFSET), aligned for 64-bit words if it has room for one.
///
/// If they are [`GATED`](Self::GATED), each begins with a gate of 32 bits, and the item is valid whenever that is open; the
/// slots −2, −1, and every slot that a CPU number (or a concurrency id, if [`BY_CID`](Self::BY_CID)) of this system can name,
/// can be read. If not, the item is valid always, nobody but sections changes what sections change, and `base` may be [`UNMADE`], which
/// sections refuse; and `SHIFT` is 16 at least, as a thread that is not registered is told by the address of its slot, which is negative
/// then.
///
/// If it is not `PER_CPU`, there is one `Item`, at `base + VALUE_OFFSET`, aligned like that; it is valid always, and others change it
/// by single atomic stores, if at all. The other constants mean nothing then.
pub unsafe trait Slots {
    /// The data in a slot, or the data that is shared.
    type Item;
    /// There is an item for each CPU. If not, sections only read it: whoever stores into the item, or asks for a slot's number, is
    /// refused when it is compiled.
    const PER_CPU: bool = true;
    /// Binary logarithm of the distance between slots in bytes.
    const SHIFT: u32;
    /// Slots are numbered by concurrency id instead of CPU.
    const BY_CID: bool;
    /// Slots have gates.
    const GATED: bool;
    /// Offset of the item in its slot.
    const VALUE_OFFSET: usize;
    /// Address of slot 0, or of what holds the shared item.
    fn base(&self) -> *mut u8;
}

/// Data that can be protected from everybody else for a moment: a sequence over it has a slow path.
pub trait Protected: Slots {
    /// Runs `f` on the item while it is protected. `f` gets the number of a slot and that of the CPU too. There is no reference, as
    /// other threads may read or store single words.
    ///
    /// - Slots: the slot is the one that the calling thread would use now, and the thread owns it meanwhile.
    /// - Data that all CPUs share: what the item's pointers lead to stays as long as `f` runs, as it does for a section (for a
    ///   read lock of RCU, say). The number is 0.
    ///
    /// # Panics
    /// If the thread owns that slot already: `f` of an [`exclusive`](crate::PerCpu::exclusive) must not run
    /// sequences on the same slots.
    fn protected<R>(&self, f: impl FnOnce(*mut Self::Item, u32, u32) -> R) -> R;
}

/// What a sequence evaluates, when it is compiled, where it does what is for slots only.
pub const fn per_cpu<S: Slots>() {
    assert!(
        S::PER_CPU,
        "data that all CPUs share may only be read by a sequence: no `stage`, `commit` or `&raw mut` of its places, and no \
         `slot_number()`"
    );
}

/// Attempts a section that has failed once, a bounded number of times. Fails at once where no section can run.
pub fn retry<O>(mut attempt: impl FnMut() -> Option<O>) -> Option<O> {
    if let Some(taken) = hooks::retry(&mut attempt) {
        return taken;
    }
    if !registration::adopt() {
        return None;
    }
    // The compiler would unroll a loop of known length, and lay the section down again for each attempt.
    (0..core::hint::black_box(ATTEMPTS)).find_map(|_| attempt())
}

/// The built-in `tsc()`, outside a section.
#[must_use]
pub fn tsc() -> u64 {
    hooks::clock().unwrap_or_else(crate::arch::tsc)
}

/// The built-in `rdpmc(index)`, outside a section.
///
/// # Safety
/// The kernel must have opened the counter to user space.
#[must_use]
pub unsafe fn rdpmc(index: u32) -> u64 {
    // SAFETY: the caller's promise.
    hooks::clock().unwrap_or_else(|| unsafe { crate::arch::rdpmc(index) })
}

/// Bytes of one element of an array, for the offset of an index at which there is a `Word`.
#[must_use]
pub const fn element_stride<Word, T, const N: usize>(_array: *const [T; N]) -> usize {
    assert!(
        size_of::<T>().is_multiple_of(size_of::<Word>()),
        "an element of this array does not keep its field aligned: a sequence cannot use fields of packed structs"
    );
    size_of::<T>()
}

/// Length of an array, for the check of an index. At most `i32::MAX`, so that it is an immediate of every architecture.
#[must_use]
pub const fn array_len<T, const N: usize>(_array: *const [T; N]) -> usize {
    assert!(N <= i32::MAX as usize, "an array that a sequence indexes has at most 2^31 - 1 elements");
    N
}

/// The offset of a `Word` in the `Root` of a slot, if it is aligned there: what sections and other threads access at the same
/// time must be one access for the processor.
#[must_use]
pub const fn word_offset<Root, Word>(offset: usize) -> usize {
    assert!(
        offset.is_multiple_of(size_of::<Word>()) && align_of::<Root>() >= align_of::<Word>(),
        "this field is not aligned to its size: a sequence cannot use fields of packed structs"
    );
    offset
}

/// The offset of a `Word` in a `Root` that a pointer leads to, if it is aligned there.
#[must_use]
pub const fn pointee_offset<Root, Word>(offset: usize) -> usize {
    let offset = word_offset::<Root, Word>(offset);
    assert!(
        align_of::<Root>() >= size_of::<Word>(),
        "on this target nothing aligns this 64-bit field to its size: put `#[repr(align(8))]` on the struct that the \
         pointer leads to"
    );
    offset
}

/// Where a sequence goes that indexes an array out of its bounds.
#[cold]
#[inline(never)]
#[track_caller]
pub fn index_out_of_bounds(index: usize, len: usize) -> ! {
    panic!("index out of bounds: the len is {len} but the index is {index}")
}
