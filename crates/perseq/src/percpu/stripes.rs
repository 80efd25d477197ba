//! Memory for slots: small ones packed into stripes, large ones in mappings of their own.
//!
//! ```text
//!  slot −2   slot −1   CPU 0     CPU 1   …  CPU possible−1 │ … bound−1
//! ├─────────┼─────────┼─────────┼─────────┼────────────────┼──────────┤
//! │ closed for ever   │ writable                           │ closed   │   one stripe each, 64 KiB
//! ```
//!
//! Item `i` lies at the same offset in every stripe, so its slots are `1 << STRIPE_SHIFT` bytes apart, a constant; and
//! thousands of items share the pages of a CPU. Untouched memory is zero, and zero is a closed gate: the guard stripes cost
//! address space only, and being read-only they turn a stray store into a fault.
//!
//! Invariant: whatever number a CPU of this system can have, its slot lies inside the reservation.

use core::ptr::{NonNull, null_mut};
use core::sync::atomic::{AtomicPtr, Ordering};

use super::exclusive::Owned;
use super::gate::{Change, Gate};
use crate::cpu;
use crate::model::hooks;
use crate::sys::{self, AllocError};

/// Binary logarithm of the bytes of a stripe.
pub(crate) const STRIPE_SHIFT: u32 = 16;
const STRIPE: usize = 1 << STRIPE_SHIFT;
/// Slots up to this size are packed.
const PACKED_MAX: usize = STRIPE / 4;
/// Slots below slot 0.
const GUARDS: usize = 2;
/// Slots are packed in units of this many bytes.
const UNIT: usize = 16;
const UNITS: usize = STRIPE / UNIT;

/// Shape of the slots of one type.
#[derive(Clone, Copy)]
pub(crate) struct Shape {
    pub(crate) size: usize,
    pub(crate) align: usize,
}

impl Shape {
    const fn packed(self) -> bool {
        self.size <= PACKED_MAX && self.align <= PACKED_MAX
    }

    const fn units(self) -> usize {
        if self.size == 0 { 1 } else { self.size.div_ceil(UNIT) }
    }

    /// Binary logarithm of the distance between slots.
    pub(crate) const fn shift(self) -> u32 {
        if self.packed() || self.size <= STRIPE {
            STRIPE_SHIFT
        } else {
            self.size.next_power_of_two().trailing_zeros()
        }
    }
}

/// A stripe for each CPU, and which of its units are taken. Chunks are never unmapped.
struct Chunk {
    next: *mut Chunk,
    /// Slot 0 of the first unit.
    base: *mut u8,
    free: usize,
    taken: [u64; UNITS / 64],
}

/// Guards the list of chunks and what is in them. It is a gate like any other. Who takes it over from a thread that is gone finds,
/// at worst, units that nobody has and nobody gets.
static LOCK: Gate = Gate::open();
static CHUNKS: AtomicPtr<Chunk> = AtomicPtr::new(null_mut());

/// Slots of `shape`, all gates closed and all bytes zero; the address of slot 0. Not for signal handlers: it may wait for the
/// thread it interrupted.
pub(crate) fn allocate(shape: Shape) -> Result<NonNull<u8>, AllocError> {
    let base = find(shape)?;
    hooks::made(base.as_ptr());
    Ok(base)
}

fn find(shape: Shape) -> Result<NonNull<u8>, AllocError> {
    if !shape.packed() {
        return map(shape.shift(), shape.size);
    }
    let _outside = hooks::outside();
    let _locked = Owned::acquire(&LOCK, Change::Single).map_err(|_| AllocError)?;
    let mut at = CHUNKS.load(Ordering::Relaxed);
    // SAFETY: chunks live for ever, and the lock makes us their only user.
    while let Some(chunk) = unsafe { at.as_mut() } {
        if let Some(slot) = chunk.take(shape) {
            return Ok(slot);
        }
        at = chunk.next;
    }
    let chunk = Chunk::new()?;
    chunk.take(shape).ok_or(AllocError)
}

/// Gives slots back.
///
/// # Safety
/// `base` must come from [`allocate`] with this `shape`, all gates retired, and nobody may use the slots any more.
pub(crate) unsafe fn free(base: NonNull<u8>, shape: Shape) {
    hooks::freed(base.as_ptr());
    if !shape.packed() {
        let Some(len) = reservation(shape.shift()) else { return };
        // SAFETY: the mapping that `map` made for these slots, which the caller gives up.
        unsafe {
            let start = base.as_ptr().sub(GUARDS << shape.shift());
            sys::release(NonNull::new_unchecked(start), len);
        }
        return;
    }
    for cpu in 0..cpu::possible() as usize {
        // SAFETY: the slots of possible CPUs are writable and ours.
        unsafe { base.as_ptr().add(cpu << STRIPE_SHIFT).write_bytes(0, shape.size) };
    }
    let _outside = hooks::outside();
    let Ok(_locked) = Owned::acquire(&LOCK, Change::Single) else { return };
    let mut at = CHUNKS.load(Ordering::Relaxed);
    // SAFETY: as in `allocate`.
    while let Some(chunk) = unsafe { at.as_mut() } {
        if let Some(offset) = base.as_ptr().addr().checked_sub(chunk.base.addr())
            && offset < STRIPE
        {
            chunk.mark(offset / UNIT, shape.units(), false);
            return;
        }
        at = chunk.next;
    }
}

impl Chunk {
    /// Maps a chunk and puts it at the head of the list.
    fn new() -> Result<&'static mut Self, AllocError> {
        let base = map(STRIPE_SHIFT, STRIPE)?;
        let at: NonNull<Self> = sys::reserve(size_of::<Self>())?.cast();
        // SAFETY: fresh memory, large enough and aligned to a page, made writable before it is written.
        unsafe {
            sys::make_writable(at.as_ptr().cast(), size_of::<Self>())?;
            at.write(Self {
                next: CHUNKS.load(Ordering::Relaxed),
                base: base.as_ptr(),
                free: UNITS,
                taken: [0; UNITS / 64],
            });
        }
        CHUNKS.store(at.as_ptr(), Ordering::Relaxed);
        // SAFETY: just written, never freed, and the lock makes us its only user.
        Ok(unsafe { &mut *at.as_ptr() })
    }

    /// First fit.
    fn take(&mut self, shape: Shape) -> Option<NonNull<u8>> {
        let units = shape.units();
        if self.free < units {
            return None;
        }
        let step = shape.align.div_ceil(UNIT).max(1);
        let mut at = 0;
        while at + units <= UNITS {
            // Skip what is full at once.
            if self.taken[at / 64] == u64::MAX {
                at = ((at / 64 + 1) * 64).next_multiple_of(step);
                continue;
            }
            if (at..at + units).all(|unit| self.taken[unit / 64] >> (unit % 64) & 1 == 0) {
                self.mark(at, units, true);
                return NonNull::new(self.base.wrapping_add(at * UNIT));
            }
            at += step;
        }
        None
    }

    fn mark(&mut self, at: usize, units: usize, taken: bool) {
        for unit in at..at + units {
            let bit = 1 << (unit % 64);
            if taken {
                self.taken[unit / 64] |= bit;
            } else {
                self.taken[unit / 64] &= !bit;
            }
        }
        if taken {
            self.free -= units;
        } else {
            self.free += units;
        }
    }
}

/// Bytes of address space for slots that are `1 << shift` apart, if there are addresses for so many.
fn reservation(shift: u32) -> Option<usize> {
    (GUARDS + cpu::bound() as usize).checked_mul(1 << shift)
}

/// Reserves address space for every slot there could be, and makes those of possible CPUs writable, each on its CPU's
/// node.
fn map(shift: u32, size: usize) -> Result<NonNull<u8>, AllocError> {
    let len = reservation(shift).ok_or(AllocError)?;
    let start = sys::reserve(len)?;
    // SAFETY: inside the reservation.
    let base = unsafe { start.add(GUARDS << shift) };
    // SAFETY: the slots of possible CPUs, inside the reservation and on page boundaries.
    if let Err(error) = unsafe { sys::make_writable(base.as_ptr(), (cpu::possible() as usize) << shift) } {
        // SAFETY: nobody has seen it yet.
        unsafe { sys::release(start, len) };
        return Err(error);
    }
    for cpu in 0..cpu::possible() {
        if let Some(node) = cpu::node_of(cpu) {
            // SAFETY: as above, and untouched.
            unsafe { sys::prefer_node(base.as_ptr().add((cpu as usize) << shift), size, node) };
        }
    }
    Ok(base)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn small_items_share_a_chunk_and_freed_units_are_used_again() {
        let base = NonNull::<u8>::dangling();
        let mut chunk = Chunk { next: null_mut(), base: base.as_ptr(), free: UNITS, taken: [0; UNITS / 64] };
        let take = |chunk: &mut Chunk| {
            chunk.take(Shape { size: 24, align: 8 }).map(|at| (at.addr().get() - base.addr().get()) / UNIT)
        };
        assert_eq!([take(&mut chunk), take(&mut chunk)], [Some(0), Some(2)]);
        chunk.mark(0, 2, false);
        assert_eq!([take(&mut chunk), take(&mut chunk)], [Some(0), Some(4)]);
        let rest = core::iter::from_fn(|| take(&mut chunk)).count();
        assert_eq!((rest, chunk.free), (UNITS / 2 - 3, 0));
    }

    #[test]
    fn alignment_is_kept() {
        for align in [8, 64, 256, 4096] {
            let shape = Shape { size: align + 8, align };
            let base = allocate(shape).unwrap();
            assert_eq!(base.as_ptr().addr() % align, 0);
            // SAFETY: as above.
            unsafe { free(base, shape) };
        }
    }

    #[test]
    fn guards_read_as_closed_gates() {
        for size in [16, 4096, PACKED_MAX + 1, STRIPE + 1, 1 << 20] {
            let shape = Shape { size, align: 8 };
            let base = allocate(shape).unwrap();
            let slots = [-2, -1].into_iter().chain(cpu::possible() as isize..cpu::bound() as isize);
            for slot in slots {
                // SAFETY: inside the reservation.
                let gate = unsafe { base.as_ptr().offset(slot << shape.shift()).cast::<u32>().read() };
                assert_eq!(gate, 0);
            }
            // SAFETY: as above.
            unsafe { free(base, shape) };
        }
    }
}
