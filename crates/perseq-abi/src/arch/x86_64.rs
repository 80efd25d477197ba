//! x86-64: `arch/x86/include/asm/unistd.h` and the signature of `tools/testing/selftests/rseq/rseq-x86.h`.

/// The four bytes before every abort handler, and the last argument of rseq(2).
///
/// On x86 they are the displacement of `ud1 0x53053053(%rip), %edi`: a disassembler shows one instruction,
/// and executing it traps.
pub const SIGNATURE: u32 = 0x5305_3053;

/// Number of rseq(2): not every libc has it.
#[cfg(target_os = "linux")]
pub(crate) const SYS_RSEQ: libc::c_long = 334;

/// Enters the kernel with four arguments. Unlike libc's `syscall`, it leaves `errno` alone, so a signal
/// handler may call it anywhere.
///
/// # Safety
/// The call and its arguments must be sound for the memory they name.
#[cfg(target_os = "linux")]
pub(crate) unsafe fn syscall4(nr: libc::c_long, a: usize, b: usize, c: usize, d: usize) -> isize {
    let ret: isize;
    // SAFETY: the kernel preserves every register but rax, rcx and r11, which are declared. What the
    // call does to memory is the caller's promise.
    unsafe {
        core::arch::asm!(
            "syscall",
            inlateout("rax") nr as isize => ret,
            in("rdi") a,
            in("rsi") b,
            in("rdx") c,
            in("r10") d,
            lateout("rcx") _,
            lateout("r11") _,
            options(nostack),
        );
    }
    ret
}
