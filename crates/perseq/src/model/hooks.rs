//! Where the library asks whether the calling thread is one of a model. `mod.rs` has the other half: what is said where
//! the feature is off.
//!
//! Each function answers for a logical thread, or (`None`, `false`) leaves the matter to the real system.

use core::sync::atomic::AtomicU32;

use super::run::{self, Run};
use crate::section::Word;

/// A point between two operations of this thread: others may run here.
pub(crate) fn step(what: &'static str) {
    run::with(|run| run.step(what));
}

/// What follows, up to the next step, reads shared memory, and does not tell what.
pub(crate) fn look() {
    run::with(Run::look);
}

/// As [`look`]. What follows may also see and change what is not in a slot, and does not tell that either.
pub(crate) fn plain() {
    run::with(Run::plain);
}

/// The CPU that the thread is on.
pub(crate) fn cpu() -> Option<u32> {
    run::with(Run::cpu)
}

/// The thread's id, as gates know it.
pub(crate) fn thread_id() -> Option<u32> {
    run::with(Run::thread_id)
}

/// Aborts the sections on a CPU, or on all.
pub(crate) fn fence(cpu: Option<u32>) -> bool {
    run::with(|run| run.fence(cpu)).is_some()
}

/// Waits, if the word has this value, until somebody wakes those who wait on it.
pub(crate) fn wait(word: &AtomicU32, expected: u32) -> bool {
    run::with(|run| run.wait(word, expected)).is_some()
}

/// Wakes those who wait on the word.
pub(crate) fn wake(word: &AtomicU32) -> bool {
    run::with(|run| run.wake(word)).is_some()
}

/// Lets others run.
pub(crate) fn yield_now() -> bool {
    run::with(|run| run.step("yield")).is_some()
}

/// How often something is looked at that others may change meanwhile: once, as they change it wherever that matters.
pub(crate) fn rounds(usual: u32) -> u32 {
    run::with(|_| 1).unwrap_or(usual)
}

/// What only threads of the real system need.
pub(crate) type Real<T> = Option<T>;

pub(crate) fn real<T>(make: impl FnOnce() -> T) -> Real<T> {
    run::with(|_| ()).is_none().then(make)
}

/// What a clock says.
pub(crate) fn clock() -> Option<u64> {
    run::with(Run::clock)
}

/// Attempts a section that has failed again, as often as the model says.
pub(crate) fn retry<O>(mut attempt: impl FnMut() -> Option<O>) -> Option<Option<O>> {
    run::with(|_| ())?;
    let taken = core::iter::from_fn(|| run::with(Run::again)?.then(&mut attempt)).flatten().next();
    Some(taken)
}

/// The value of a shared word that was read.
pub(crate) fn seen<T: Word>(value: T) -> T {
    run::with(|run| run.loaded(bits(value), T::POINTER));
    value
}

/// Shared bytes that were read.
///
/// # Safety
/// They must be there.
pub(crate) unsafe fn seen_bytes(from: *const u8, len: usize) {
    // SAFETY: the caller's promise.
    run::with(|run| unsafe { words(from, len) }.for_each(|(_, word)| run.loaded(word, false)));
}

/// A word that was stored.
pub(crate) fn stored<T: Word>(to: *const T, value: T) {
    run::with(|run| run.stored(to.addr(), bits(value), T::POINTER));
}

fn bits<T: Word>(value: T) -> u64 {
    let mut bits = 0;
    // SAFETY: a word has at most 64 bits.
    unsafe { (&raw mut bits).cast::<T>().write(value) };
    bits
}

/// Bytes as words, each with its address.
///
/// # Safety
/// They must be there.
unsafe fn words(from: *const u8, len: usize) -> impl Iterator<Item = (usize, u64)> {
    (0..len).step_by(8).map(move |at| {
        let mut bits = 0_u64;
        let bytes = (&raw mut bits).cast::<u8>();
        // SAFETY: the caller's promise.
        unsafe { bytes.copy_from_nonoverlapping(from.wrapping_add(at), (len - at).min(8)) };
        (from.addr() + at, bits)
    })
}

/// Bytes that were copied.
///
/// # Safety
/// They must be there.
pub(crate) unsafe fn copied(to: *const u8, len: usize) {
    // SAFETY: the caller's promise.
    run::with(|run| unsafe { words(to, len) }.for_each(|(at, word)| run.copied(at, word)));
}

/// Objects will be at these addresses.
pub(crate) fn region(start: *const u8, len: usize) {
    run::with(|run| run.region(start.addr(), len));
}

/// Slots were made at `base`.
pub(crate) fn made(base: *const u8) {
    run::with(|run| run.made(base.addr()));
}

/// The slots at `base` are gone.
pub(crate) fn freed(base: *const u8) {
    run::with(|run| run.freed(base.addr()));
}

/// A slot of those at `base` is about to be changed.
pub(crate) fn touch(base: *const u8, at: *const u8, bytes: usize) {
    run::with(|run| run.touch(base.addr(), at.addr(), bytes));
}

/// The thread owns a gate more, or less.
pub(crate) fn own(by: isize) {
    run::with(|run| run.own(by));
}

/// While this lives, the calling thread is one of the real system: for what all models, and the rest of the process, share.
pub(crate) fn outside() -> run::Switched {
    run::Switched::outside()
}
