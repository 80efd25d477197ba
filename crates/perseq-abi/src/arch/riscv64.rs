//! riscv64: system calls of the RISC-V Linux ABI, and the signature of `tools/testing/selftests/rseq/rseq-riscv.h`.

/// The four bytes before every abort handler, and the last argument of rseq(2): `csrw mhartid, x0`, which traps.
pub const SIGNATURE: u32 = 0xf140_1073;

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
    // SAFETY: the kernel preserves every register but a0, which is declared. What the call does
    // to memory is the caller's promise.
    unsafe {
        core::arch::asm!(
            "ecall",
            in("a7") nr,
            inlateout("a0") a as isize => ret,
            in("a1") b,
            in("a2") c,
            in("a3") d,
            options(nostack),
        );
    }
    ret
}
