//! x86 of 32 bits: system calls by `int 0x80`, and the signature of `tools/testing/selftests/rseq/rseq-x86.h`.

/// The four bytes before every abort handler, and the last argument of rseq(2): see x86-64.
pub const SIGNATURE: u32 = 0x5305_3053;

/// Number of rseq(2): not every libc has it.
#[cfg(target_os = "linux")]
pub(crate) const SYS_RSEQ: libc::c_long = 386;

/// Enters the kernel with four arguments. Unlike libc's `syscall`, it leaves `errno` alone, so a signal
/// handler may call it anywhere.
///
/// # Safety
/// The call and its arguments must be sound for the memory they name.
#[cfg(target_os = "linux")]
pub(crate) unsafe fn syscall4(nr: libc::c_long, a: usize, b: usize, c: usize, d: usize) -> isize {
    let ret: isize;
    // SAFETY: the kernel preserves every register but eax, which is declared; esi, which LLVM keeps for itself, gets its own
    // content back. What the call does to memory is the caller's promise.
    unsafe {
        core::arch::asm!(
            "xchg esi, {d}",
            "int 0x80",
            "xchg esi, {d}",
            d = inout(reg) d => _,
            inlateout("eax") nr as isize => ret,
            in("ebx") a,
            in("ecx") b,
            in("edx") c,
            options(nostack),
        );
    }
    ret
}
