//! riscv64.

use super::split;
use crate::inject::sections::Instruction;

/// `c.ebreak`.
pub(in crate::inject) const TRAP: [u8; 2] = 0x9002_u16.to_le_bytes();
/// How far behind the trap instruction a thread is stopped.
pub(in crate::inject) const TRAP_ADVANCES: u64 = 0;

/// What the kernel sends a thread that comes to it.
pub(in crate::inject) const TRAP_SIGNAL: i32 = libc::SIGTRAP;

/// Splits code that lies at `at` into instructions.
pub(in crate::inject) fn decode(code: &[u8], at: u64) -> Vec<Instruction> {
    split(code, at, |bytes| if bytes[0] & 3 == 3 { 4 } else { 2 })
}

/// Where a thread that was interrupted by a signal is.
///
/// # Safety
/// `context` must be the third argument of the signal's handler.
pub(in crate::inject) unsafe fn pc(context: *const libc::ucontext_t) -> u64 {
    // SAFETY: the caller's promise.
    unsafe { (*context).uc_mcontext.__gregs[libc::REG_PC] }
}

/// Lets it go on elsewhere.
///
/// # Safety
/// As [`pc`]; the thread must be able to run there.
pub(in crate::inject) unsafe fn set_pc(context: *mut libc::ucontext_t, at: u64) {
    // SAFETY: the caller's promise.
    unsafe { (*context).uc_mcontext.__gregs[libc::REG_PC] = at };
}
