//! What is asked of the operating system besides rseq: the CPU one runs on, who one is, to wait, to hold back
//! signals, and memory. `linux` asks the kernel directly and is async-signal-safe throughout; `other` uses the standard
//! library.

#[cfg_attr(all(target_os = "linux", not(miri)), path = "linux.rs")]
#[cfg_attr(not(all(target_os = "linux", not(miri))), path = "other.rs")]
mod imp;

#[cfg_attr(all(unix, not(miri)), path = "signals.rs")]
#[cfg_attr(not(all(unix, not(miri))), path = "no_signals.rs")]
mod signals;

use core::num::NonZeroU32;
use core::sync::atomic::AtomicU32;

pub(crate) use imp::*;
pub(crate) use signals::SignalsHeld;

use crate::model::hooks;

/// The calling thread's id.
pub(crate) fn thread_id() -> u32 {
    hooks::thread_id().unwrap_or_else(imp::thread_id)
}

/// Whether a thread of this process has this id.
pub(crate) fn thread_exists(id: u32) -> bool {
    hooks::thread_id().is_some() || imp::thread_exists(id)
}

/// Sleeps while `*word == expected`, at most `milliseconds`; may wake early.
pub(crate) fn wait(word: &AtomicU32, expected: u32, milliseconds: u32) {
    if !hooks::wait(word, expected) {
        imp::wait(word, expected, milliseconds);
    }
}

/// As [`wait`], by a thread that only those wakes reach that name one of its `groups`.
pub(crate) fn wait_in(word: &AtomicU32, expected: u32, milliseconds: u32, groups: NonZeroU32) {
    if !hooks::wait(word, expected) {
        imp::wait_in(word, expected, milliseconds, groups);
    }
}

/// Wakes all who [`wait`] on `word`.
pub(crate) fn wake_all(word: &AtomicU32) {
    if !hooks::wake(word) {
        imp::wake_all(word);
    }
}

/// Wakes one who waits on `word` by [`wait_in`] in one of `groups`; says whether there was one.
pub(crate) fn wake_one_in(word: &AtomicU32, groups: NonZeroU32) -> bool {
    hooks::wake(word) || imp::wake_one_in(word, groups)
}

/// Lets other threads have the CPU, if there are any.
pub(crate) fn yield_now() {
    if !hooks::yield_now() {
        imp::yield_now();
    }
}

/// No memory for per-CPU slots.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AllocError;

impl core::fmt::Display for AllocError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("the system has no memory for per-CPU slots")
    }
}

impl core::error::Error for AllocError {}
