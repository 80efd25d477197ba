//! Who owns the rseq area of a thread: libc, us, or nobody.
//!
//! The kernel knows one area a thread. glibc registers its own for every thread (2.35 and later); where libc does not,
//! we register the one in our thread block. Which of these holds is decided once for the process, at load time or
//! at the first use if that is earlier.
//!
//! A *thread* begins unregistered from our point of view: its thread block points to [`UNREGISTERED`], whose `cpu_id` is
//! −1, so its first sequence meets the closed gate of slot −1 and ends up in [`adopt`]. That asks the kernel whether the
//! area libc claims is really registered for this very thread (a thread made by raw `clone` has one that nobody
//! registered, full of zeros, which would read as "CPU 0"), or registers ours, and only then lets the thread
//! block point to it.
//!
//! Invariants:
//! - `area` of a thread block points to an area that the kernel has registered for that thread, or to [`UNREGISTERED`].
//! - Whatever number a section takes from [`UNREGISTERED`], by CPU or by concurrency id, leads to a closed gate or a negative
//!   address; and it takes it from the area whose `rseq_cs` it has stored. So it does not matter when, between two
//!   instructions of a section, a signal handler adopts an area for the thread.
//! - No field but `rseq_cs` is ever written in a registered area.
//! - The decision for the process never changes from "off": [`PerCpu::exclusive`](crate::PerCpu::exclusive) relies on
//!   there being no sections then.
//!
//! Sources: rseq(2); glibc manual, "Restartable Sequences"; `kernel/rseq.c`.

#[cfg_attr(all(target_os = "linux", not(miri)), path = "linux.rs")]
#[cfg_attr(not(all(target_os = "linux", not(miri))), path = "nowhere.rs")]
mod os;
pub mod status;
mod thread;

pub(crate) use os::{adopt, has, is_off, slice_ctrl};
pub use thread::Registered;
pub(crate) use thread::{ThreadBlock, UNREGISTERED};

/// Why no restartable sequence is run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
#[repr(u8)]
pub enum Reason {
    /// `PERSEQ=off` is set in the environment.
    Environment = 1,
    /// This build has no lowering for its architecture or operating system.
    Target,
    /// rseq(2) answers ENOSYS: an old kernel, an emulator, or a filter.
    NoSyscall,
    /// rseq(2) is forbidden by a filter (EPERM).
    Forbidden,
    /// rseq(2) answers an error that it does not document.
    Unknown,
    /// The kernel is known to be broken.
    BrokenKernel,
    /// The membarrier commands for rseq cannot be used.
    NoMembarrier,
    /// Another library registered an area of its own for this thread, which we cannot find.
    Foreign,
    /// The thread is ending, and its area is unregistered already.
    Ending,
    /// No area of our own can be registered, because nothing would unregister it at the thread's end: the keys or the memory for
    /// thread-specific data are used up.
    NoExitHook,
}

impl Reason {
    /// The reason in one sentence.
    #[must_use]
    pub const fn sentence(self) -> &'static str {
        match self {
            Self::Environment => "PERSEQ=off is set in the environment",
            Self::Target => {
                "restartable sequences are not lowered for this architecture and operating system"
            }
            Self::NoSyscall => {
                "rseq(2) answers ENOSYS: the kernel is older than 4.18 or built without it, or an emulator \
                 or filter says so"
            }
            Self::Forbidden => "rseq(2) answers EPERM: a seccomp filter forbids it",
            Self::Unknown => "rseq(2) fails with an error that it does not document",
            Self::BrokenKernel => {
                "this arm64 kernel (6.19 to 7.0.13) does not abort a section when it preempts and resumes the \
                 thread on the same CPU"
            }
            Self::NoMembarrier => {
                "membarrier(2) has no rseq commands: the kernel is older than 5.10, or a filter forbids it"
            }
            Self::Foreign => "another library has registered an rseq area for this thread",
            Self::Ending => "the thread is ending and its rseq area is unregistered",
            Self::NoExitHook => {
                "pthread keys are used up, so nothing would unregister the rseq area at the thread's end"
            }
        }
    }
}

impl core::fmt::Display for Reason {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(self.sentence())
    }
}
