//! The kernel's contract for restartable sequences, and nothing else.
//!
//! Everything here restates an interface of the kernel: the layout of [`Rseq`] (`struct rseq`) and
//! [`RseqCs`] (`struct rseq_cs`), the [`SIGNATURE`] of each architecture, [`rseq(2)`](sys::register) with
//! its documented errors, the auxiliary vector entries that say how long the area may be ([`auxv`]), the
//! [`membarrier`] commands that abort critical sections, and the numbers of the [time slice extension](mod@slice).
//! There is no policy: who registers, when, and what happens where the kernel says no is decided by the
//! `perseq` crate.
//!
//! Invariant: a field is described where the kernel's header describes it, and is *used* only if the
//! kernel announced it through the auxiliary vector. No decision is ever made on a version number,
//! with the single exception of kernels known to be broken ([`known_bad_kernel`]).
//!
//! Sources: `include/uapi/linux/rseq.h`, `kernel/rseq.c`, `include/uapi/linux/membarrier.h`, rseq(2) and
//! membarrier(2) of the Linux man pages.
#![no_std]

mod arch;
mod area;
#[cfg(target_os = "linux")]
pub mod auxv;
#[cfg(target_os = "linux")]
pub mod membarrier;
pub mod slice;
#[cfg(target_os = "linux")]
pub mod sys;
mod version;

pub use arch::SIGNATURE;
pub use area::{
    CPU_ID_REGISTRATION_FAILED, CPU_ID_UNINITIALIZED, Feature, ORIGINAL_ALIGN, ORIGINAL_SIZE, Rseq, RseqCs,
};
pub use version::known_bad_kernel;
