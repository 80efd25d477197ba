//! The one place that asks which architecture this is.
//!
//! An architecture is a leaf: it says how to find the thread pointer and the thread block, and reads the clock and the
//! counters of the CPU; and it lets through, with the macro `__on!`, the sections that `sequence!` lowered for it. What all
//! leaves share is in `block`. Where there is no leaf (another architecture, another operating system, Miri) `none` stands
//! in: no section is ever attempted and every sequence takes its slow path.

/// The name of the thread block. Versions of this crate that share a process have thread blocks of their own.
#[allow(unused_macros, reason = "not used where nothing is lowered")]
macro_rules! thread_symbol {
    () => {
        concat!(
            "perseq_",
            env!("CARGO_PKG_VERSION_MAJOR"),
            "_",
            env!("CARGO_PKG_VERSION_MINOR"),
            "_",
            env!("CARGO_PKG_VERSION_PATCH"),
            "_thread"
        )
    };
}

// One of these, or else `none`.
#[cfg_attr(
    all(target_arch = "x86_64", target_pointer_width = "64", target_os = "linux", not(miri)),
    path = "x86_64.rs"
)]
#[cfg_attr(
    all(target_arch = "aarch64", target_pointer_width = "64", target_os = "linux", not(miri)),
    path = "aarch64.rs"
)]
#[cfg_attr(all(target_arch = "riscv64", target_os = "linux", not(miri)), path = "riscv64.rs")]
#[cfg_attr(all(target_arch = "s390x", target_os = "linux", not(miri)), path = "s390x.rs")]
#[cfg_attr(all(target_arch = "powerpc64", target_os = "linux", not(miri)), path = "powerpc64.rs")]
#[cfg_attr(all(target_arch = "loongarch64", target_os = "linux", not(miri)), path = "loongarch64.rs")]
#[cfg_attr(
    all(target_arch = "x86", target_feature = "sse2", target_os = "linux", not(miri)),
    path = "x86.rs"
)]
#[cfg_attr(all(perseq_armv7, target_endian = "little", target_os = "linux", not(miri)), path = "arm.rs")]
mod none;

/// Aligns what follows it in a struct for words of 64 bits: types that contain some are not aligned enough on x86.
#[cfg(target_arch = "x86")]
pub(crate) type AlignWords = [core::sync::atomic::AtomicU64; 0];
#[cfg(not(target_arch = "x86"))]
pub(crate) type AlignWords = [u8; 0];

pub(crate) use none::*;
