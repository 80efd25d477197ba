//! Running one operation.
//!
//! Words that are aligned are single accesses, relaxed: who reads them elsewhere meanwhile never sees a half. A word as wide as a
//! pointer is copied as one, so that it still points to what it pointed to.

use core::sync::atomic::{Ordering, fence};

use super::layout::{How, Step, What};
use crate::section::Word;

impl Step {
    /// Runs it; says whether to go on.
    ///
    /// # Safety
    /// Its operands must be valid for what it does, and nobody else may access them meanwhile in a way that races with that.
    pub(super) unsafe fn run(&self) -> bool {
        match self.what {
            // SAFETY: the caller's promise, for both operands.
            What::Compare { a, b, equal } => unsafe { same(a, b, self.len) == equal },
            What::Copy { dst, src } => {
                // SAFETY: as above.
                unsafe { copy(dst, src, self.len) };
                true
            }
            What::Update { p, how, by } => {
                // SAFETY: as above; the length was checked.
                unsafe { put(p, self.len, how.apply(get(p, self.len), by)) };
                true
            }
            What::Barrier => {
                fence(Ordering::SeqCst);
                true
            }
        }
    }
}

impl How {
    fn apply(self, value: u64, by: u64) -> u64 {
        match self {
            Self::Add => value.wrapping_add(by),
            Self::Or => value | by,
            Self::And => value & by,
            Self::Xor => value ^ by,
            // Checked to be below the width.
            Self::Left => value << by,
            Self::Right => value >> by,
        }
    }
}

/// Whether operands of this length are words, and these are aligned.
fn words(addresses: &[usize], len: usize) -> bool {
    matches!(len, 1 | 2 | 4 | 8) && addresses.iter().all(|address| address.is_multiple_of(len))
}

/// # Safety
/// As [`Step::run`].
unsafe fn same(a: *const u8, b: *const u8, len: usize) -> bool {
    if words(&[a.addr(), b.addr()], len) {
        // SAFETY: the caller's promise.
        return unsafe { get(a, len) == get(b, len) };
    }
    // SAFETY: the caller's promise. They have an address even if there is nothing at it, where a slice may not be null.
    len == 0 || unsafe { core::slice::from_raw_parts(a, len) == core::slice::from_raw_parts(b, len) }
}

/// # Safety
/// As [`Step::run`].
unsafe fn copy(dst: *mut u8, src: *const u8, len: usize) {
    // SAFETY: the caller's promise; words are aligned.
    unsafe {
        if !words(&[dst.addr(), src.addr()], len) {
            // Of no bytes, null is as good as another address.
            core::ptr::copy(src, dst, len);
        } else if len == size_of::<*mut u8>() {
            Word::store(dst.cast(), load::<*mut u8>(src.cast()), Ordering::Relaxed);
        } else {
            put(dst, len, get(src, len));
        }
    }
}

/// A word that is aligned, in one access. It may be in memory that can only be read, as long as nothing is stored to it; but in the model of
/// borrows that Miri checks an atomic may be written always.
///
/// # Safety
/// As [`Word::load`].
unsafe fn load<T: Word>(p: *const T) -> T {
    // SAFETY: the caller's promise.
    if cfg!(miri) { unsafe { p.read_volatile() } } else { unsafe { T::load(p) } }
}

/// The unsigned value of a word.
///
/// # Safety
/// `p` must be valid for reading `len` bytes, which is 1, 2, 4 or 8; as [`Step::run`].
unsafe fn get(p: *const u8, len: usize) -> u64 {
    // SAFETY: the caller's promise, and what is accessed as an atomic is aligned.
    unsafe {
        match (len, words(&[p.addr()], len)) {
            (1, _) => load(p).into(),
            (2, true) => load::<u16>(p.cast()).into(),
            (4, true) => load::<u32>(p.cast()).into(),
            (8, true) => load::<u64>(p.cast()),
            (2, false) => p.cast::<u16>().read_unaligned().into(),
            (4, false) => p.cast::<u32>().read_unaligned().into(),
            _ => p.cast::<u64>().read_unaligned(),
        }
    }
}

/// Stores the low bits of a value to a word.
///
/// # Safety
/// As [`get`], for writing.
#[expect(clippy::cast_possible_truncation, reason = "only the low bits are wanted")]
unsafe fn put(p: *mut u8, len: usize, value: u64) {
    const RELAXED: Ordering = Ordering::Relaxed;
    // SAFETY: as in `get`.
    unsafe {
        match (len, words(&[p.addr()], len)) {
            (1, _) => u8::store(p, value as u8, RELAXED),
            (2, true) => u16::store(p.cast(), value as u16, RELAXED),
            (4, true) => u32::store(p.cast(), value as u32, RELAXED),
            (8, true) => u64::store(p.cast(), value, RELAXED),
            (2, false) => p.cast::<u16>().write_unaligned(value as u16),
            (4, false) => p.cast::<u32>().write_unaligned(value as u32),
            _ => p.cast::<u64>().write_unaligned(value),
        }
    }
}
