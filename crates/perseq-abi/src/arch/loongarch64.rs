//! loongarch64: system calls of the LoongArch Linux ABI. No libc registers threads here yet; the signature is that of librseq.

/// The four bytes before every abort handler, and the last argument of rseq(2): `break 0x10`.
pub const SIGNATURE: u32 = 0x002a_0010;

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
    // SAFETY: the kernel preserves every register but a0 and the temporaries, which are declared. What the call does
    // to memory is the caller's promise.
    unsafe {
        core::arch::asm!(
            "syscall 0",
            in("$a7") nr,
            inlateout("$a0") a as isize => ret,
            in("$a1") b,
            in("$a2") c,
            in("$a3") d,
            lateout("$t0") _,
            lateout("$t1") _,
            lateout("$t2") _,
            lateout("$t3") _,
            lateout("$t4") _,
            lateout("$t5") _,
            lateout("$t6") _,
            lateout("$t7") _,
            lateout("$t8") _,
            options(nostack),
        );
    }
    ret
}
