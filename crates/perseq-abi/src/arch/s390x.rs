//! s390x: system calls of `arch/s390/kernel/entry.S`, and the signature of `tools/testing/selftests/rseq/rseq-s390.h`.

/// The four bytes before every abort handler, and the last argument of rseq(2): `trap4 4095(%r0)`.
pub const SIGNATURE: u32 = 0xb2ff_0fff;

/// Number of rseq(2): not every libc has it.
#[cfg(target_os = "linux")]
pub(crate) const SYS_RSEQ: libc::c_long = 383;

/// Enters the kernel with four arguments. Unlike libc's `syscall`, it leaves `errno` alone, so a signal
/// handler may call it anywhere.
///
/// # Safety
/// The call and its arguments must be sound for the memory they name.
#[cfg(target_os = "linux")]
pub(crate) unsafe fn syscall4(nr: libc::c_long, a: usize, b: usize, c: usize, d: usize) -> isize {
    let ret: isize;
    // SAFETY: the kernel preserves every register but r2, which is declared. What the call does
    // to memory is the caller's promise.
    unsafe {
        core::arch::asm!(
            "svc 0",
            in("r1") nr,
            inlateout("r2") a as isize => ret,
            in("r3") b,
            in("r4") c,
            in("r5") d,
            options(nostack),
        );
    }
    ret
}
