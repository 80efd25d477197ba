//! s390x.

use super::split;
use crate::inject::sections::Instruction;

/// The undefined instruction that the kernel takes for a breakpoint, if there is a debugger.
pub(in crate::inject) const TRAP: [u8; 2] = [0, 1];
/// How far behind the trap instruction a thread is stopped.
pub(in crate::inject) const TRAP_ADVANCES: u64 = 2;

/// What the kernel sends a thread that comes to it.
pub(in crate::inject) const TRAP_SIGNAL: i32 = libc::SIGILL;

/// Splits code that lies at `at` into instructions.
pub(in crate::inject) fn decode(code: &[u8], at: u64) -> Vec<Instruction> {
    split(code, at, |bytes| [2, 4, 4, 6][usize::from(bytes[0] >> 6)])
}

/// Where a thread that was interrupted by a signal is.
///
/// # Safety
/// `context` must be the third argument of the signal's handler.
pub(in crate::inject) unsafe fn pc(context: *const libc::ucontext_t) -> u64 {
    // SAFETY: the caller's promise.
    unsafe { (*context).uc_mcontext.psw.addr }
}

/// Lets it go on elsewhere.
///
/// # Safety
/// As [`pc`]; the thread must be able to run there.
pub(in crate::inject) unsafe fn set_pc(context: *mut libc::ucontext_t, at: u64) {
    // SAFETY: the caller's promise.
    unsafe { (*context).uc_mcontext.psw.addr = at };
}
