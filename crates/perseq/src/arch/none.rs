//! No sections: what the rest of the crate asks of an architecture, answered with "not here".

use core::mem::MaybeUninit;
use core::ptr::{NonNull, null_mut};

use crate::registration::ThreadBlock;

/// Lets through what `sequence!` lowered for this architecture, by its name.
#[doc(hidden)]
#[macro_export]
macro_rules! __on {
    (none $($tokens:tt)*) => { $($tokens)* };
    ($other:ident $($tokens:tt)*) => {};
}

/// What the sections of this architecture use: there are none.
pub mod exported {}

/// Whether sections can be run at all by this build.
pub(crate) const LOWERED: bool = false;

/// Nothing goes through a register without sections.
pub(crate) fn freeze(_word: MaybeUninit<*mut ()>) -> *mut () {
    null_mut()
}

/// The area of a thread that is not registered.
pub(crate) fn thread_area() -> *mut perseq_abi::Rseq {
    crate::registration::UNREGISTERED.area()
}

/// No thread has a block.
pub(crate) fn thread_block() -> Option<NonNull<ThreadBlock>> {
    None
}

/// Nothing is found relative to the thread pointer.
#[cfg(all(target_os = "linux", not(miri)))]
pub(crate) fn thread_pointer() -> *mut u8 {
    null_mut()
}

/// libc's area is of no use without sections.
#[cfg(target_feature = "crt-static")]
pub(crate) fn static_libc_area() -> Option<(isize, u32)> {
    None
}

/// A clock for `tsc()`: nanoseconds of the monotonic clock.
pub(crate) fn tsc() -> u64 {
    crate::sys::monotonic_nanos()
}

/// No performance counters: always 0.
///
/// # Safety
/// None needed; the signature is that of the real ones.
pub(crate) unsafe fn rdpmc(_index: u32) -> u64 {
    0
}
