//! arm: system calls of the EABI, and the signature of `tools/testing/selftests/rseq/rseq-arm.h`.

/// The four bytes before every abort handler, and the last argument of rseq(2): `udf #24035`.
pub const SIGNATURE: u32 = 0xe7f5_def3;

/// Number of rseq(2): not every libc has it.
#[cfg(target_os = "linux")]
pub(crate) const SYS_RSEQ: libc::c_long = 398;

/// Enters the kernel with four arguments. Unlike libc's `syscall`, it leaves `errno` alone, so a signal
/// handler may call it anywhere.
///
/// # Safety
/// The call and its arguments must be sound for the memory they name.
#[cfg(target_os = "linux")]
pub(crate) unsafe fn syscall4(nr: libc::c_long, a: usize, b: usize, c: usize, d: usize) -> isize {
    let ret: isize;
    // SAFETY: the kernel preserves every register but r0, which is declared; r7, which may be the frame pointer, gets its own
    // content back. What the call does to memory is the caller's promise.
    unsafe {
        core::arch::asm!(
            "mov {saved}, r7",
            "mov r7, {nr}",
            "svc #0",
            "mov r7, {saved}",
            saved = out(reg) _,
            nr = in(reg) nr,
            inlateout("r0") a as isize => ret,
            in("r1") b,
            in("r2") c,
            in("r3") d,
            options(nostack),
        );
    }
    ret
}
