//! Any system with a standard library: no CPU numbers, so threads are spread over slots by their identity.

extern crate std;

use core::num::NonZeroU32;
use core::ptr::NonNull;
use core::sync::atomic::{AtomicU32, Ordering};
use std::alloc::{Layout, alloc_zeroed, dealloc};

use super::AllocError;

/// Alignment of what [`reserve`] gives.
const PAGE: usize = 4096;

/// A number that spreads threads over slots.
pub(crate) fn current_cpu() -> u32 {
    thread_id() - 1
}

/// A number that no other thread of this process has, from 1.
pub(crate) fn thread_id() -> u32 {
    static NEXT: AtomicU32 = AtomicU32::new(1);
    std::thread_local! {
        static ID: u32 = NEXT.fetch_add(1, Ordering::Relaxed) & 0x3FFF_FFFF;
    }
    // A thread that is ending has no thread-locals left: it gets a number it shares with its like only.
    ID.try_with(|id| *id).unwrap_or(0x3FFF_FFFF)
}

/// Threads are not known to the system by our number: assumed alive.
pub(crate) fn thread_exists(_id: u32) -> bool {
    true
}

/// Nothing here is called in signal handlers.
#[allow(dead_code, reason = "not used where there are no signals")]
pub(crate) struct ErrnoKept;

#[allow(dead_code, reason = "as above")]
impl ErrnoKept {
    pub(crate) fn new() -> Self {
        Self
    }
}

/// Gives other threads a chance to change `word`.
pub(crate) fn wait(_word: &AtomicU32, _expected: u32, _milliseconds: u32) {
    std::thread::yield_now();
}

/// Nobody sleeps in [`wait`].
pub(crate) fn wake_all(_word: &AtomicU32) {}

/// As [`wait`].
pub(crate) fn wait_in(word: &AtomicU32, expected: u32, milliseconds: u32, _groups: NonZeroU32) {
    wait(word, expected, milliseconds);
}

/// Nobody sleeps: everybody looks again.
pub(crate) fn wake_one_in(_word: &AtomicU32, _groups: NonZeroU32) -> bool {
    true
}

/// Lets other threads have the CPU, if there are any.
pub(crate) fn yield_now() {
    std::thread::yield_now();
}

fn layout(len: usize) -> Result<Layout, AllocError> {
    Layout::from_size_align(len.max(1), PAGE).map_err(|_| AllocError)
}

/// `len` bytes of zeros.
pub(crate) fn reserve(len: usize) -> Result<NonNull<u8>, AllocError> {
    // SAFETY: the layout is not empty.
    NonNull::new(unsafe { alloc_zeroed(layout(len)?) }).ok_or(AllocError)
}

/// A reservation is writable as it is.
///
/// # Safety
/// None needed; the signature is that of Linux.
pub(crate) unsafe fn make_writable(_at: *mut u8, _len: usize) -> Result<(), AllocError> {
    Ok(())
}

/// Memory stays where it is.
///
/// # Safety
/// None needed; the signature is that of Linux.
pub(crate) unsafe fn discard(_at: *mut u8, _len: usize) -> bool {
    false
}

/// Memory is where the system puts it.
///
/// # Safety
/// None needed; the signature is that of Linux.
pub(crate) unsafe fn prefer_node(_at: *mut u8, _len: usize, _node: u32) {}

/// Frees a reservation.
///
/// # Safety
/// Nobody may use the range any more, and `len` is what was reserved.
pub(crate) unsafe fn release(at: NonNull<u8>, len: usize) {
    if let Ok(layout) = layout(len) {
        // SAFETY: allocated by `reserve` with this layout.
        unsafe { dealloc(at.as_ptr(), layout) };
    }
}

/// There is no sysfs.
pub(crate) fn read_file<'b>(_path: &core::ffi::CStr, _buffer: &'b mut [u8]) -> Option<&'b [u8]> {
    None
}

/// As many slots as the system has CPUs to offer.
pub(crate) fn cpu_number_bound() -> u32 {
    std::thread::available_parallelism()
        .map_or(1, |count| u32::try_from(count.get()).unwrap_or(u32::MAX))
        .min(64)
}

/// Nanoseconds since the first call.
pub(crate) fn monotonic_nanos() -> u64 {
    static START: std::sync::OnceLock<std::time::Instant> = std::sync::OnceLock::new();
    let elapsed = START.get_or_init(std::time::Instant::now).elapsed();
    u64::try_from(elapsed.as_nanos()).unwrap_or(u64::MAX)
}

/// The system does not tell.
pub(crate) fn can_read(_address: usize) -> bool {
    true
}

/// As [`can_read`].
pub(crate) fn can_write(_address: usize) -> bool {
    true
}
