//! How items go in and out of the sections of collections: in a register where an item is as large as one, else by `copy`.
//!
//! A section cannot move a `T`, only words. An item of a word's size becomes one (see [`to_word`]), which saves a way through
//! memory; its padding, if it has any, gets some value then, as a register has no uninitialised bits.

use core::mem::{MaybeUninit, transmute_copy};

use crate::{PerCpu, arch};

/// Whether a `T` goes through sections as one word.
pub(crate) const fn is_word<T>() -> bool {
    arch::LOWERED && size_of::<T>() == size_of::<*mut ()>() && align_of::<T>() <= align_of::<*mut ()>()
}

/// The word that consists of the bytes of `item`. Its type is a pointer's, which keeps whatever `T` points to.
#[inline(always)]
pub(crate) fn to_word<T>(item: T) -> *mut () {
    debug_assert!(is_word::<T>());
    let item = MaybeUninit::new(item);
    // SAFETY: of the same size, and any bytes are a `MaybeUninit`.
    arch::freeze(unsafe { transmute_copy(&item) })
}

/// The item that `word` was made of.
///
/// # Safety
/// `word` must be [`to_word`] of a `T`, and each item may be taken back once.
#[inline(always)]
pub(crate) unsafe fn from_word<T>(word: *mut ()) -> T {
    debug_assert!(is_word::<T>());
    // SAFETY: of the same size, and the bytes are those of a `T`.
    unsafe { transmute_copy(&word) }
}

/// The same slots, with words where items of a word's size are.
///
/// # Safety
/// `W` must be `I` with words in the place of items for which [`is_word`] holds.
#[inline(always)]
pub(crate) unsafe fn as_words<I, W>(slots: &PerCpu<I>) -> &PerCpu<W> {
    debug_assert!(size_of::<I>() == size_of::<W>() && align_of::<I>() == align_of::<W>());
    // SAFETY: a `PerCpu` is an address whatever its items are; these are of one size and alignment, so slots lie where they lay.
    unsafe { &*(&raw const *slots).cast() }
}
