//! The one place that asks which architecture this is: the signature, and how to enter the kernel.
//!
//! An architecture that has no file here has no restartable sequences in this crate: the signature is 0
//! and every call answers that the system call does not exist.

// One of these, or else `none`.
#[cfg_attr(all(target_arch = "x86_64", target_pointer_width = "64"), path = "x86_64.rs")]
#[cfg_attr(all(target_arch = "aarch64", target_pointer_width = "64"), path = "aarch64.rs")]
#[cfg_attr(target_arch = "riscv64", path = "riscv64.rs")]
#[cfg_attr(target_arch = "s390x", path = "s390x.rs")]
#[cfg_attr(target_arch = "powerpc64", path = "powerpc64.rs")]
#[cfg_attr(target_arch = "loongarch64", path = "loongarch64.rs")]
#[cfg_attr(target_arch = "x86", path = "x86.rs")]
#[cfg_attr(all(target_arch = "arm", target_endian = "little"), path = "arm.rs")]
mod none;

pub use none::SIGNATURE;
#[cfg(target_os = "linux")]
pub(crate) use none::{SYS_RSEQ, syscall4};
