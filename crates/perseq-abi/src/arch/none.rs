//! Architectures without a lowering: no signature, no system calls.

/// No abort handler exists here, so no signature either.
pub const SIGNATURE: u32 = 0;

/// No number that is called.
#[cfg(target_os = "linux")]
pub(crate) const SYS_RSEQ: libc::c_long = -1;

/// Answers `-ENOSYS`.
///
/// # Safety
/// None needed: nothing is called. The signature is that of the real ones.
#[cfg(target_os = "linux")]
pub(crate) unsafe fn syscall4(_nr: libc::c_long, _a: usize, _b: usize, _c: usize, _d: usize) -> isize {
    -(libc::ENOSYS as isize)
}
