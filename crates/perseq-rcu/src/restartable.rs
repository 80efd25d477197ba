//! Restartable reads: a read that is short enough to be one sequence needs no guard.
//!
//! ```text
//! value = cell.pointer; load what is wanted through it            (one sequence, without a commit)
//! ```
//!
//! Whoever replaces the value frees it after a grace period, whose barrier ([`grace`](crate::grace)) is a fence: it aborts every section that is under
//! way on any CPU. So a section that has loaded the old address is over before the value is freed, or loads the address again, and finds the new
//! one. It is a reader that need not be counted, since it cannot be preempted and go on.
//!
//! On the slow path it is a read like any other.

use std::mem::MaybeUninit;

use perseq::section::{Protected, Slots};
use perseq::{cpu, sequence};

use crate::cell::Rcu;
use crate::flavor::Flavor;

/// What a sequence over an [`Rcu<T>`] sees.
///
/// ```
/// use perseq::sequence;
/// use perseq_rcu::Rcu;
///
/// #[repr(align(8))]
/// struct Limits { requests: u64, bytes: u64 }
///
/// sequence! {
///     /// Whether a request of that many bytes is within the limits.
///     ///
///     /// # Safety
///     /// The pointer is that of the cell, which is never null, and what it leads to stays until the sequence is over or aborted: so always.
///     unsafe fn within(limits: &Rcu<Limits>, bytes: u64) -> bool {
///         let limits_now: *mut Limits = limits.pointer;
///         let requests: u64 = (*limits_now).requests;
///         if requests == 0 { return false; }
///         let limit: u64 = (*limits_now).bytes;
///         bytes <= limit
///     }
/// }
///
/// let limits = Rcu::new(Limits { requests: 1, bytes: 100 });
/// // SAFETY: as it says.
/// assert!(unsafe { within(&limits, 99) && !within(&limits, 101) });
/// ```
#[derive(Debug)]
pub struct Published<T> {
    /// The value as it is now, which must not be written to.
    pub pointer: *mut T,
}

// SAFETY: the item is the pointer, the first and only thing in a cell, which is always valid and replaced by atomic operations.
unsafe impl<T: 'static, F: Flavor> Slots for Rcu<T, F> {
    type Item = Published<T>;
    const PER_CPU: bool = false;
    const SHIFT: u32 = 0;
    const BY_CID: bool = false;
    const GATED: bool = false;
    const VALUE_OFFSET: usize = 0;

    #[inline]
    fn base(&self) -> *mut u8 {
        self.address().cast()
    }
}

impl<T: 'static, F: Flavor> Protected for Rcu<T, F> {
    fn protected<R>(&self, f: impl FnOnce(*mut Published<T>, u32, u32) -> R) -> R {
        let _guard = F::read();
        f(self.address().cast(), 0, cpu::current())
    }
}

/// What begins with a word.
#[repr(C)]
struct Word<W> {
    word: W,
}

/// As [`Word`]: on some machines nothing else aligns it.
#[repr(C, align(8))]
struct Word64 {
    word: u64,
}

sequence! {
    /// A value of 64 bits, aligned so.
    #[slow_path(copied)]
    unsafe fn word64<T: Copy + Send + Sync + 'static, F: Flavor>(cell: &Rcu<T, F>) -> MaybeUninit<u64> {
        let value: *mut T = cell.pointer;
        let at: *const Word64 = value as *const Word64;
        let word: u64 = (*at).word;
        MaybeUninit::new(word)
    }

    /// A value of 32 bits, aligned so.
    #[slow_path(copied)]
    unsafe fn word32<T: Copy + Send + Sync + 'static, F: Flavor>(cell: &Rcu<T, F>) -> MaybeUninit<u32> {
        let value: *mut T = cell.pointer;
        let at: *const Word<u32> = value as *const Word<u32>;
        let word: u32 = (*at).word;
        MaybeUninit::new(word)
    }

    /// A value of so many bytes; the commit says that it is whole.
    ///
    /// # Safety
    /// There must be room for it at `to`.
    #[slow_path(copied_to)]
    unsafe fn bytes<T: Copy + Send + Sync + 'static, F: Flavor>(
        cell: &Rcu<T, F>,
        to: *mut T,
        len: usize,
        whole: *mut Word<usize>,
    ) {
        let value: *mut T = cell.pointer;
        copy(to, value, len);
        commit (*whole).word = len;
    }
}

/// The value, read as any other; `W` is as large.
unsafe fn copied<T: Copy + Send + Sync + 'static, F: Flavor, W>(cell: &Rcu<T, F>) -> MaybeUninit<W> {
    // SAFETY: as large, and any bytes are a `MaybeUninit`.
    unsafe { std::mem::transmute_copy::<T, MaybeUninit<W>>(&*cell.read()) }
}

unsafe fn copied_to<T: Copy + Send + Sync + 'static, F: Flavor>(
    cell: &Rcu<T, F>,
    to: *mut T,
    _len: usize,
    _whole: *mut Word<usize>,
) {
    // SAFETY: the caller's promise.
    unsafe { to.write(*cell.read()) };
}

impl<T: Copy + Send + Sync + 'static, F: Flavor> Rcu<T, F> {
    /// A copy of the value as it is now, by one restartable sequence: without a guard, for the price of a load or two. For values of up to some
    /// hundred bytes; a longer copy is interrupted more often, and after a few times takes a guard. Async-signal-safe.
    ///
    /// ```
    /// use perseq_rcu::Rcu;
    ///
    /// let threshold = Rcu::new(10_u64);
    /// assert!(threshold.get() == 10);
    /// threshold.store(20);
    /// assert_eq!(threshold.get(), 20);
    /// ```
    #[inline]
    #[must_use]
    pub fn get(&self) -> T {
        // SAFETY: a cell's value, of the size and alignment that each wants; what is copied is a `T`, whole.
        unsafe {
            if const { size_of::<T>() == 8 && align_of::<T>() == 8 } {
                std::mem::transmute_copy(&word64(self))
            } else if const { size_of::<T>() == 4 && align_of::<T>() == 4 } {
                std::mem::transmute_copy(&word32(self))
            } else {
                let mut value = MaybeUninit::uninit();
                let mut whole = Word { word: 0 };
                bytes(self, value.as_mut_ptr(), size_of::<T>(), &raw mut whole);
                value.assume_init()
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_of_every_size_are_copied_whole() {
        fn check<T: Copy + Send + Sync + PartialEq + std::fmt::Debug + 'static>(values: [T; 2]) {
            let cell = Rcu::new(values[0]);
            assert_eq!(cell.get(), values[0]);
            cell.store(values[1]);
            assert_eq!(cell.get(), values[1]);
        }
        check([(), ()]);
        check([1_u8, 2]);
        check([true, false]);
        check([1_u16, 0xffff]);
        check([1_i32, -1]);
        check(['a', 'ö']);
        check([1_u64, u64::MAX]);
        check([1.5_f64, -2.5]);
        check([None, Some(std::num::NonZeroU64::MIN)]);
        check([[1_u32, 2], [3, 4]]);
        check([(1_u8, 2_u32), (3, 4)]);
        check([[1_u64; 7], [2; 7]]);
        check([[1_u8; 333], [2; 333]]);
        check([&1_u64, &2]);
    }
}
