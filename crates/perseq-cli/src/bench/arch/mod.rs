//! What the benchmarks need of the architecture, chosen here and nowhere else.
//!
//! [`opaque`] and [`clobber`] keep the compiler honest in the measured loops at the price of no instruction at
//! all, unlike `black_box`, which goes through the stack. The rest are contestants that exist on one architecture only.

#[cfg(all(target_arch = "x86_64", target_os = "linux"))]
mod x86_64;
#[cfg(all(target_arch = "x86_64", target_os = "linux"))]
pub use x86_64::*;

#[cfg(not(all(target_arch = "x86_64", target_os = "linux")))]
mod none;
#[cfg(not(all(target_arch = "x86_64", target_os = "linux")))]
pub use none::*;

#[cfg(any(
    target_arch = "x86_64",
    target_arch = "x86",
    target_arch = "aarch64",
    target_arch = "arm",
    target_arch = "riscv64",
    target_arch = "riscv32",
    target_arch = "loongarch64",
    target_arch = "s390x",
    target_arch = "powerpc64",
))]
mod barrier {
    use std::arch::asm;

    /// Returns `value`, of which the compiler knows nothing any more.
    #[inline(always)]
    pub fn opaque(value: usize) -> usize {
        let hidden;
        // SAFETY: the text is a comment; it changes neither registers nor memory, and returns its input.
        unsafe {
            asm!("/* {0} */", inout(reg) value => hidden, options(nomem, nostack, preserves_flags));
        }
        hidden
    }

    /// Makes the compiler finish every store before this point and forget every load.
    #[inline(always)]
    pub fn clobber() {
        // SAFETY: there is no instruction; without `nomem` the compiler takes all memory for read and written.
        unsafe { asm!("", options(nostack, preserves_flags)) }
    }
}

#[cfg(not(any(
    target_arch = "x86_64",
    target_arch = "x86",
    target_arch = "aarch64",
    target_arch = "arm",
    target_arch = "riscv64",
    target_arch = "riscv32",
    target_arch = "loongarch64",
    target_arch = "s390x",
    target_arch = "powerpc64",
)))]
mod barrier {
    /// Returns `value`, of which the compiler knows nothing any more; through memory, where there is no
    /// inline assembly.
    pub fn opaque(value: usize) -> usize {
        std::hint::black_box(value)
    }

    /// Makes the compiler finish every store before this point and forget every load.
    #[inline(always)]
    pub fn clobber() {
        std::hint::black_box(());
        std::sync::atomic::compiler_fence(std::sync::atomic::Ordering::SeqCst);
    }
}

pub use barrier::{clobber, opaque};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_opaque_value_stays_the_same() {
        clobber();
        assert_eq!(opaque(usize::MAX), usize::MAX);
    }
}
