//! aarch64: system calls of `arch/arm64/kernel/entry.S`, and the signature of `tools/testing/selftests/rseq/rseq-arm64.h`.

/// The four bytes before every abort handler, and the last argument of rseq(2): `brk #0x45e0`.
///
/// Instructions are little-endian in either byte order of the data, and the kernel reads the signature as data.
pub const SIGNATURE: u32 = 0xd428_bc00_u32.to_le();

/// Number of rseq(2): not every libc has it.
#[cfg(target_os = "linux")]
pub(crate) const SYS_RSEQ: libc::c_long = 293;

/// Enters the kernel with four arguments. Unlike libc's `syscall`, it leaves `errno` alone, so a signal
/// handler may call it anywhere.
///
/// # Safety
/// The call and its arguments must be sound for the memory they name.
#[cfg(target_os = "linux")]
pub(crate) unsafe fn syscall4(nr: libc::c_long, a: usize, b: usize, c: usize, d: usize) -> isize {
    let ret: isize;
    // SAFETY: the kernel preserves every register but x0, which is declared. What the call does
    // to memory is the caller's promise.
    unsafe {
        core::arch::asm!(
            "svc #0",
            in("x8") nr,
            inlateout("x0") a as isize => ret,
            in("x1") b,
            in("x2") c,
            in("x3") d,
            options(nostack),
        );
    }
    ret
}
