//! x86-64 and i686.

use iced_x86::{Decoder, DecoderOptions, FastFormatter};

use crate::inject::sections::Instruction;

/// `int3`.
pub(in crate::inject) const TRAP: [u8; 1] = [0xcc];
/// How far behind the trap instruction a thread is stopped. So the last instruction of a section must be longer than that, as a
/// commit is, for its trap to count as inside.
pub(in crate::inject) const TRAP_ADVANCES: u64 = 1;

/// What the kernel sends a thread that comes to it.
pub(in crate::inject) const TRAP_SIGNAL: i32 = libc::SIGTRAP;

/// Splits code that lies at `at` into instructions.
pub(in crate::inject) fn decode(code: &[u8], at: u64) -> Vec<Instruction> {
    let mut formatter = FastFormatter::new();
    Decoder::with_ip(usize::BITS, code, at, DecoderOptions::NONE)
        .into_iter()
        .map(|instruction| {
            let mut text = String::new();
            formatter.format(&instruction, &mut text);
            Instruction { at: instruction.ip(), text }
        })
        .collect()
}

/// The instruction pointer among the registers that the machine context begins with (`REG_RIP`, `REG_EIP`); not every libc
/// lets them be named.
const IP: usize = if cfg!(target_arch = "x86_64") { 16 } else { 14 };

/// Where a thread that was interrupted by a signal is.
///
/// # Safety
/// `context` must be the third argument of the signal's handler.
pub(in crate::inject) unsafe fn pc(context: *const libc::ucontext_t) -> u64 {
    // SAFETY: the caller's promise, and the kernel's layout of the context.
    unsafe { (&raw const (*context).uc_mcontext).cast::<usize>().add(IP).read() as u64 }
}

/// Lets it go on elsewhere.
///
/// # Safety
/// As [`pc`]; the thread must be able to run there.
pub(in crate::inject) unsafe fn set_pc(context: *mut libc::ucontext_t, at: u64) {
    // SAFETY: as above.
    unsafe { (&raw mut (*context).uc_mcontext).cast::<usize>().add(IP).write(at as usize) };
}
