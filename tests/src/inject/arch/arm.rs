//! arm, in ARM mode.

use super::split;
use crate::inject::sections::Instruction;

/// The undefined instruction that the kernel takes for a breakpoint (`arch/arm/kernel/ptrace.c`).
pub(in crate::inject) const TRAP: [u8; 4] = 0xe7f0_01f0_u32.to_le_bytes();
/// How far behind the trap instruction a thread is stopped.
pub(in crate::inject) const TRAP_ADVANCES: u64 = 0;

/// What the kernel sends a thread that comes to it.
pub(in crate::inject) const TRAP_SIGNAL: i32 = libc::SIGTRAP;

/// Splits code that lies at `at` into instructions.
pub(in crate::inject) fn decode(code: &[u8], at: u64) -> Vec<Instruction> {
    split(code, at, |_| 4)
}

/// Where a thread that was interrupted by a signal is.
///
/// # Safety
/// `context` must be the third argument of the signal's handler.
pub(in crate::inject) unsafe fn pc(context: *const libc::ucontext_t) -> u64 {
    // SAFETY: the caller's promise.
    unsafe { u64::from((*context).uc_mcontext.arm_pc) }
}

/// Lets it go on elsewhere.
///
/// # Safety
/// As [`pc`]; the thread must be able to run there.
pub(in crate::inject) unsafe fn set_pc(context: *mut libc::ucontext_t, at: u64) {
    // SAFETY: the caller's promise.
    unsafe { (*context).uc_mcontext.arm_pc = at as u32 };
}
