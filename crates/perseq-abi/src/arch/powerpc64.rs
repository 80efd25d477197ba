//! powerpc64, of either byte order: system calls of `Documentation/arch/powerpc/syscall64-abi.rst`, and the signature of
//! `tools/testing/selftests/rseq/rseq-ppc.h`.

/// The four bytes before every abort handler, and the last argument of rseq(2): `twui r5, 11`.
pub const SIGNATURE: u32 = 0x0fe5_000b;

/// Number of rseq(2): not every libc has it.
#[cfg(target_os = "linux")]
pub(crate) const SYS_RSEQ: libc::c_long = 387;

/// Enters the kernel with four arguments. Unlike libc's `syscall`, it leaves `errno` alone, so a signal
/// handler may call it anywhere.
///
/// # Safety
/// The call and its arguments must be sound for the memory they name.
#[cfg(target_os = "linux")]
pub(crate) unsafe fn syscall4(nr: libc::c_long, a: usize, b: usize, c: usize, d: usize) -> isize {
    let ret: isize;
    // SAFETY: the kernel preserves every register but those declared. Errors are positive, with the summary overflow bit set:
    // they are made negative. What the call does to memory is the caller's promise.
    unsafe {
        core::arch::asm!(
            "sc",
            "bns+ 2f",
            "neg 3, 3",
            "2:",
            inlateout("r0") nr => _,
            inlateout("r3") a as isize => ret,
            inlateout("r4") b => _,
            inlateout("r5") c => _,
            inlateout("r6") d => _,
            lateout("r7") _,
            lateout("r8") _,
            lateout("r9") _,
            lateout("r10") _,
            lateout("r11") _,
            lateout("r12") _,
            lateout("cr0") _,
            lateout("cr1") _,
            lateout("cr5") _,
            lateout("cr6") _,
            lateout("cr7") _,
            lateout("ctr") _,
            lateout("xer") _,
            options(nostack),
        );
    }
    ret
}
