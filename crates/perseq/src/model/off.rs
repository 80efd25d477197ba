//! No thread is one of a model: what `hooks` says without the feature, at no cost.

use core::sync::atomic::AtomicU32;

#[inline(always)]
pub(crate) fn step(_what: &'static str) {}

#[inline(always)]
pub(crate) fn look() {}

#[inline(always)]
pub(crate) fn plain() {}

#[inline(always)]
pub(crate) fn rounds(usual: u32) -> u32 {
    usual
}

pub(crate) type Real<T> = T;

#[inline(always)]
pub(crate) fn real<T>(make: impl FnOnce() -> T) -> Real<T> {
    make()
}

#[inline(always)]
pub(crate) fn clock() -> Option<u64> {
    None
}

#[inline(always)]
pub(crate) fn seen<T>(value: T) -> T {
    value
}

#[inline(always)]
pub(crate) unsafe fn seen_bytes(_from: *const u8, _len: usize) {}

#[inline(always)]
pub(crate) fn region(_start: *const u8, _len: usize) {}

#[inline(always)]
pub(crate) fn cpu() -> Option<u32> {
    None
}

#[inline(always)]
pub(crate) fn thread_id() -> Option<u32> {
    None
}

#[inline(always)]
pub(crate) fn fence(_cpu: Option<u32>) -> bool {
    false
}

#[inline(always)]
pub(crate) fn wait(_word: &AtomicU32, _expected: u32) -> bool {
    false
}

#[inline(always)]
pub(crate) fn wake(_word: &AtomicU32) -> bool {
    false
}

#[inline(always)]
pub(crate) fn yield_now() -> bool {
    false
}

#[inline(always)]
pub(crate) fn retry<O>(_attempt: impl FnMut() -> Option<O>) -> Option<Option<O>> {
    None
}

#[inline(always)]
pub(crate) fn stored<T>(_to: *const T, _value: T) {}

#[inline(always)]
pub(crate) unsafe fn copied(_to: *const u8, _len: usize) {}

#[inline(always)]
pub(crate) fn made(_base: *const u8) {}

#[inline(always)]
pub(crate) fn freed(_base: *const u8) {}

#[inline(always)]
pub(crate) fn touch(_base: *const u8, _at: *const u8, _bytes: usize) {}

#[inline(always)]
pub(crate) fn own(_by: isize) {}

pub(crate) struct Outside;

#[inline(always)]
pub(crate) fn outside() -> Outside {
    Outside
}
