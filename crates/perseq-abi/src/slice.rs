//! The time slice extension (Linux 7.0 and later): a thread asks, through [`Rseq::slice_ctrl`](crate::Rseq::slice_ctrl), not
//! to be preempted for a short while, 5 µs if the administrator chose nothing else.
//!
//! 1. The thread [enables](enable) the extension, once.
//! 2. It stores 1 to `request`, and does what should not be preempted.
//! 3. An interrupt that would preempt it is the kernel's chance to grant: it clears `request`, sets `granted`, arms a timer
//!    and returns.
//! 4. At the end the thread stores 0 to `request`. If `granted` is set it gives the CPU back by [`yield_granted`]. If neither is
//!    set although it had asked, the grant is used up, and there is nothing to do.
//!
//! Any other system call gives a grant back too, so what is granted for should make none. The kernel kills a thread that
//! writes `granted`.
//!
//! Sources: `Documentation/userspace-api/rseq.rst`, `include/uapi/linux/rseq.h`, `include/uapi/linux/prctl.h`.

/// `struct rseq_slice_ctrl`.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SliceCtrl {
    /// Stored by the thread: 1 to ask, 0 to take it back. Cleared by the kernel when it grants.
    pub request: u8,
    /// Written by the kernel only: 1 from a grant until the thread is scheduled out or yields.
    pub granted: u8,
    /// 0.
    pub reserved: u16,
}

/// `PR_RSEQ_SLICE_EXTENSION`: the prctl(2) option.
pub const PR_RSEQ_SLICE_EXTENSION: i32 = 79;

/// Second argument of the prctl: read the setting.
pub const PR_RSEQ_SLICE_EXTENSION_GET: usize = 1;

/// Second argument of the prctl: change the setting.
pub const PR_RSEQ_SLICE_EXTENSION_SET: usize = 2;

/// Third argument of the prctl: enable for this thread.
pub const PR_RSEQ_SLICE_EXT_ENABLE: usize = 1;

/// Number of `rseq_slice_yield(2)`, the same on every architecture.
pub const SYS_RSEQ_SLICE_YIELD: i64 = 471;

/// Why the extension cannot be enabled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Error {
    /// EINVAL: the kernel is older than 7.0 or built without it, or the area is too short.
    Unavailable,
    /// ENOTSUPP (524) or EOPNOTSUPP: switched off on the kernel's command line.
    Disabled,
    /// ENXIO: no area is registered for this thread.
    NotRegistered,
    /// An error number that is not documented.
    Other(i32),
}

impl core::fmt::Display for Error {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Self::Unavailable => f.write_str("EINVAL: the kernel has no time slice extension for this area"),
            Self::Disabled => {
                f.write_str("ENOTSUPP: the extension is switched off on the kernel's command line")
            }
            Self::NotRegistered => f.write_str("ENXIO: no rseq area is registered for this thread"),
            Self::Other(errno) => write!(f, "error number {errno}"),
        }
    }
}

impl core::error::Error for Error {}

/// Enables the extension for the calling thread. Idempotent. Leaves `errno` alone.
///
/// # Errors
/// See [`Error`].
#[cfg(target_os = "linux")]
pub fn enable() -> Result<(), Error> {
    /// The kernel's own number, which no header of libc has.
    const ENOTSUPP: i32 = 524;
    let (set, enable, none) = (PR_RSEQ_SLICE_EXTENSION_SET, PR_RSEQ_SLICE_EXT_ENABLE, 0usize);
    // SAFETY: numbers go in, and nothing of the caller's memory is touched; `errno` is the thread's own.
    unsafe {
        let errno = libc::__errno_location();
        let before = *errno;
        let answer = libc::prctl(PR_RSEQ_SLICE_EXTENSION, set, enable, none, none);
        let error = core::mem::replace(&mut *errno, before);
        match (answer, error) {
            (0, _) => Ok(()),
            (_, libc::EINVAL) => Err(Error::Unavailable),
            (_, ENOTSUPP | libc::EOPNOTSUPP) => Err(Error::Disabled),
            (_, libc::ENXIO) => Err(Error::NotRegistered),
            (_, other) => Err(Error::Other(other)),
        }
    }
}

/// Gives a granted extension back: the thread that had to wait for it runs. Says whether there was one.
#[cfg(target_os = "linux")]
pub fn yield_granted() -> bool {
    // SAFETY: no arguments, no memory. Where the number does not exist the answer is ENOSYS.
    unsafe { crate::arch::syscall4(SYS_RSEQ_SLICE_YIELD as libc::c_long, 0, 0, 0, 0) == 1 }
}
