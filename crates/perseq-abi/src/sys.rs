//! rseq(2): registration, unregistration, and a probe that changes nothing.
//!
//! The calls go to the kernel directly and leave `errno` alone, so they are async-signal-safe.

use crate::{Rseq, SIGNATURE, arch};

/// `RSEQ_FLAG_UNREGISTER`.
pub const FLAG_UNREGISTER: u32 = 1;

/// The errors of rseq(2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Error {
    /// EBUSY: this very area is registered for this thread already, with the same length and signature.
    Busy,
    /// EFAULT: the area, or the descriptor it names, cannot be written or read.
    Fault,
    /// EINVAL: unknown flags; an area that is misaligned or shorter than 32 bytes, or longer than 32 but
    /// too short for this kernel; when registering, another area is registered; when
    /// unregistering, this one is not, or not with this length.
    Invalid,
    /// ENOSYS: the kernel was built without rseq, is older than Linux 4.18, or an emulator or filter
    /// says so.
    NoSys,
    /// EPERM: the area is registered with another signature; a filter may answer so too.
    Perm,
    /// An error number that rseq(2) does not document.
    Other(i32),
}

impl Error {
    /// The error for a positive error number.
    #[must_use]
    pub const fn from_errno(errno: i32) -> Self {
        match errno {
            libc::EBUSY => Self::Busy,
            libc::EFAULT => Self::Fault,
            libc::EINVAL => Self::Invalid,
            libc::ENOSYS => Self::NoSys,
            libc::EPERM => Self::Perm,
            other => Self::Other(other),
        }
    }
}

impl core::fmt::Display for Error {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Self::Busy => f.write_str("EBUSY: the area is registered already"),
            Self::Fault => f.write_str("EFAULT: the area cannot be accessed"),
            Self::Invalid => {
                f.write_str("EINVAL: bad flags, length or alignment, or another area is registered")
            }
            Self::NoSys => f.write_str("ENOSYS: the system call does not exist"),
            Self::Perm => f.write_str("EPERM: another signature, or a filter forbids the call"),
            Self::Other(errno) => write!(f, "error number {errno}"),
        }
    }
}

impl core::error::Error for Error {}

/// Registers `area` for the calling thread with the architecture's [`SIGNATURE`].
///
/// # Errors
/// See [`Error`]; nothing is changed then.
///
/// # Safety
/// `area` must be valid for `len` bytes, zeroed from byte 16 on, and must stay so, written by the kernel at
/// any time, until it is unregistered or the thread has ended.
pub unsafe fn register(area: *mut Rseq, len: u32) -> Result<(), Error> {
    // SAFETY: the caller lends the area to the kernel for as long as it is registered.
    unsafe { rseq(area, len, 0, SIGNATURE) }
}

/// Unregisters `area`, which must have been registered by the calling thread with exactly this `len`.
///
/// # Errors
/// [`Error::Invalid`] if it was not, [`Error::Fault`] if the kernel could not reset its fields.
///
/// # Safety
/// No critical section of this thread may rely on `area` afterwards.
pub unsafe fn unregister(area: *mut Rseq, len: u32) -> Result<(), Error> {
    // SAFETY: the kernel writes only an area that it knows for this thread, which the caller gives up.
    unsafe { rseq(area, len, FLAG_UNREGISTER, SIGNATURE) }
}

/// Whether `area` with `len` bytes is what the kernel has registered for the calling thread.
///
/// It asks to unregister with a wrong signature: the kernel compares address and length first (EINVAL),
/// the signature next (EPERM), and changes nothing in either case.
#[must_use]
pub fn is_registered(area: *const Rseq, len: u32) -> bool {
    // SAFETY: with a signature that differs from the registered one the kernel refuses before it
    // touches the area. `SIGNATURE ^ 1` cannot be what it was registered with by any libc, librseq or us.
    let refused = unsafe { rseq(area.cast_mut(), len, FLAG_UNREGISTER, SIGNATURE ^ 1) };
    // A filter that forbids the call gives the same answer, and gives it to any question.
    refused == Err(Error::Perm) && available().is_ok()
}

/// Asks whether rseq(2) can be used at all, without an area: a kernel that has it finds that nothing is
/// registered at address 0 and answers EINVAL.
///
/// # Errors
/// What stands in the way: [`Error::NoSys`], or [`Error::Perm`] and others from a filter.
pub fn available() -> Result<(), Error> {
    // SAFETY: unregistering the null address names no memory and never succeeds.
    match unsafe { rseq(core::ptr::null_mut(), 0, FLAG_UNREGISTER, SIGNATURE) } {
        Ok(()) | Err(Error::Invalid) => Ok(()),
        Err(other) => Err(other),
    }
}

/// rseq(2).
///
/// # Safety
/// As [`register`] and [`unregister`], by `flags`.
unsafe fn rseq(area: *mut Rseq, len: u32, flags: u32, sig: u32) -> Result<(), Error> {
    // SAFETY: the four arguments are those of rseq(2); the memory is the caller's promise.
    let ret =
        unsafe { arch::syscall4(arch::SYS_RSEQ, area.addr(), len as usize, flags as usize, sig as usize) };
    match i32::try_from(-ret) {
        Ok(0) => Ok(()),
        Ok(errno) => Err(Error::from_errno(errno)),
        Err(_) => Err(Error::Other(i32::MAX)),
    }
}

/// Whether a thread of this process with this id exists (`tgkill` with signal 0).
#[must_use]
pub fn thread_exists(tid: u32) -> bool {
    // SAFETY: getpid has no preconditions; tgkill with signal 0 checks the target and sends nothing.
    let ret = unsafe {
        let pid = libc::getpid() as usize;
        arch::syscall4(libc::SYS_tgkill, pid, tid as usize, 0, 0)
    };
    ret != -(libc::ESRCH as isize)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn documented_errors_are_typed() {
        assert_eq!(Error::from_errno(libc::EBUSY), Error::Busy);
        assert_eq!(Error::from_errno(libc::EFAULT), Error::Fault);
        assert_eq!(Error::from_errno(libc::EINVAL), Error::Invalid);
        assert_eq!(Error::from_errno(libc::ENOSYS), Error::NoSys);
        assert_eq!(Error::from_errno(libc::EPERM), Error::Perm);
        assert_eq!(Error::from_errno(libc::EIO), Error::Other(libc::EIO));
    }

    #[test]
    fn an_area_nobody_registered_is_not_registered() {
        let area = Rseq::unregistered();
        assert!(!is_registered(&raw const area, crate::ORIGINAL_SIZE));
    }
}
