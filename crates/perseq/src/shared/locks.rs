//! Who of several processes is alive: locks on bytes of a file, which the kernel gives back when their owner is gone.
//!
//! A member holds a lock on a byte, by a description of the open file of its own (`F_OFD_SETLK`, fcntl(2)). The kernel gives it back when
//! nothing refers to the description any more: neither a descriptor nor a memory map. So what is mapped by this description has the lock held for as
//! long as a thread of the member can touch it, even if the descriptor is closed meanwhile (by closefrom(3), as daemons do); and it is free at
//! exit, at exec (it is close-on-exec) and at death by any signal. A pidfd would tell of exit and death, and not of exec, after which
//! the process lives and its threads do not; and process ids mean nothing in another namespace.
//!
//! ```text
//! member:  a lock for writing on its byte
//! judge:   a lock for reading on it, for a moment: several may judge at once, and nobody takes the byte meanwhile
//! ```
//!
//! Nobody else may have the description: who does keeps the member alive. What members hand to others is another one.
//!
//! A descriptor that was closed may lead to another file meanwhile, whose bytes nobody has locked: to ask there would be to find
//! everybody dead. So who judges looks first whether it is [ours](Own::is_ours).

use core::ffi::{CStr, c_int};

use rustix::fd::{AsRawFd, BorrowedFd, OwnedFd};
use rustix::fs::{Mode, OFlags, fstat, open};
use rustix::io::Errno;

use super::SharedError;
use crate::sys::ErrnoKept;

#[cfg(all(target_env = "gnu", target_pointer_width = "32"))]
type Flock = libc::flock64;
#[cfg(not(all(target_env = "gnu", target_pointer_width = "32")))]
type Flock = libc::flock;

// libc's fcntl takes another structure there, with 32-bit offsets; this is the kernel's.
#[cfg(target_pointer_width = "32")]
const FCNTL: libc::c_long = libc::SYS_fcntl64;
#[cfg(not(target_pointer_width = "32"))]
const FCNTL: libc::c_long = libc::SYS_fcntl;

/// A description of a file that is this process's alone, by which it has locks. All of it is async-signal-safe.
#[derive(Debug)]
pub struct Own {
    file: OwnedFd,
    identity: (u64, u64),
}

/// Opens a file anew, through `/proc`: with another description.
fn open_anew(file: BorrowedFd<'_>) -> Result<OwnedFd, Errno> {
    let mut path = [0; 32];
    let prefix = b"/proc/self/fd/";
    path[..prefix.len()].copy_from_slice(prefix);
    let mut rest = file.as_raw_fd().unsigned_abs();
    let digits = rest.checked_ilog10().unwrap_or(0) as usize + 1;
    for digit in path[prefix.len()..][..digits].iter_mut().rev() {
        *digit = b'0' + (rest % 10) as u8;
        rest /= 10;
    }
    let path = CStr::from_bytes_until_nul(&path).unwrap_or_default();
    open(path, OFlags::RDWR | OFlags::CLOEXEC, Mode::empty())
}

/// Which file it is.
fn identity(file: &OwnedFd) -> Result<(u64, u64), Errno> {
    let stat = fstat(file)?;
    #[allow(clippy::useless_conversion, reason = "narrower on some systems")]
    Ok((stat.st_dev.into(), stat.st_ino.into()))
}

impl Own {
    /// Of the file that is open as `handed`, which may be handed to others.
    ///
    /// # Errors
    /// [`SharedError::System`].
    pub fn of(handed: BorrowedFd<'_>) -> Result<Self, SharedError> {
        let failed = |call| move |errno: Errno| SharedError::System(call, errno.raw_os_error());
        let file = open_anew(handed).map_err(failed("open(2) of /proc/self/fd"))?;
        let identity = identity(&file).map_err(failed("fstat(2)"))?;
        Ok(Self { file, identity })
    }

    /// The description, to map the file by.
    #[must_use]
    pub fn file(&self) -> &OwnedFd {
        &self.file
    }

    /// Whether a descriptor leads to this file.
    #[must_use]
    pub fn is_of(&self, file: &OwnedFd) -> bool {
        identity(file).is_ok_and(|identity| identity == self.identity)
    }

    /// Whether the descriptor leads to the description still by which `byte` was taken.
    #[must_use]
    pub fn is_ours(&self, byte: u32) -> bool {
        let _errno = ErrnoKept::new();
        // In the same file, but by another description, our own lock is in the way.
        self.is_of(&self.file) && self.in_the_way(byte).is_ok_and(|kind| kind == libc::F_UNLCK)
    }

    /// In the child of a fork: gives up the parent's description and opens another, of the file `handed`, under the same number. Says
    /// whether there is one; if not, the descriptor must not be used again.
    #[must_use]
    pub fn renew(&self, handed: BorrowedFd<'_>, byte: u32) -> bool {
        let _errno = ErrnoKept::new();
        if !self.is_ours(byte) {
            // Somebody has closed it, and may have something else there.
            return false;
        }
        let number = self.file.as_raw_fd();
        // SAFETY: it is ours, and nothing uses it until it is open again. So there is room for the new one in a full table.
        unsafe { libc::close(number) };
        let Ok(fresh) = open_anew(handed) else { return false };
        if fresh.as_raw_fd() == number {
            // The number is owned by `self.file`.
            core::mem::forget(fresh);
        // SAFETY: takes a number that is free.
        } else if unsafe { libc::dup3(fresh.as_raw_fd(), number, libc::O_CLOEXEC) } < 0 {
            return false;
        }
        self.is_of(&self.file)
    }

    /// Takes a byte for this process, if nobody has it in any way; says whether that was so.
    ///
    /// # Errors
    /// [`SharedError::System`], if that cannot be told.
    pub fn try_take(&self, byte: u32) -> Result<bool, SharedError> {
        match self.call(libc::F_OFD_SETLK, byte, libc::F_WRLCK) {
            Ok(_) => Ok(true),
            Err(libc::EAGAIN | libc::EACCES) => Ok(false),
            Err(errno) => Err(SharedError::System("fcntl(2)", errno)),
        }
    }

    /// Takes the first byte that can be had of `bytes`, waiting for those that are only judged, for a bounded time; `None` if all are taken.
    ///
    /// # Errors
    /// As [`try_take`](Self::try_take).
    pub fn take_one(&self, bytes: u32) -> Result<Option<u32>, SharedError> {
        /// How often, and how long in between: who judges has a byte for some microseconds, but for longer if it is preempted.
        const TURNS: u32 = 500;
        const PAUSE: rustix::thread::Timespec = rustix::thread::Timespec { tv_sec: 0, tv_nsec: 100_000 };
        for _ in 0..TURNS {
            let mut taken = 0;
            for byte in 0..bytes {
                if self.try_take(byte)? {
                    return Ok(Some(byte));
                }
                taken += u32::from(self.is_taken(byte));
            }
            if taken == bytes {
                break;
            }
            let _ = rustix::thread::nanosleep(&PAUSE);
        }
        Ok(None)
    }

    /// Keeps a byte from being taken, if nobody has it; says whether that was so. Threads of this process are one to the kernel: they
    /// judge one after the other.
    #[must_use]
    pub fn try_judge(&self, byte: u32) -> bool {
        self.call(libc::F_OFD_SETLK, byte, libc::F_RDLCK).is_ok()
    }

    /// Whether another description has taken a byte: not only judged it.
    #[must_use]
    pub fn is_taken(&self, byte: u32) -> bool {
        self.in_the_way(byte).is_ok_and(|kind| kind == libc::F_WRLCK)
    }

    /// Gives a byte back.
    pub fn give_back(&self, byte: u32) {
        // That does not fail.
        let _ = self.call(libc::F_OFD_SETLK, byte, libc::F_UNLCK);
    }

    /// What others' lock would be in the way of taking a byte; or the error number.
    fn in_the_way(&self, byte: u32) -> Result<c_int, i32> {
        self.call(libc::F_OFD_GETLK, byte, libc::F_WRLCK)
    }

    #[allow(
        clippy::cast_possible_truncation,
        clippy::unnecessary_cast,
        reason = "the constants are small, and of different types on different systems"
    )]
    fn call(&self, command: c_int, byte: u32, kind: c_int) -> Result<c_int, i32> {
        let _errno = ErrnoKept::new();
        // SAFETY: all zero is a lock, of no process, which is what is demanded here.
        let mut lock: Flock = unsafe { core::mem::zeroed() };
        lock.l_type = kind as _;
        lock.l_whence = libc::SEEK_SET as _;
        lock.l_start = byte.into();
        lock.l_len = 1;
        // SAFETY: the kernel reads the lock and writes another there. An error changes nothing but errno.
        match unsafe { libc::syscall(FCNTL, self.file.as_raw_fd(), command, &raw mut lock) } {
            0 => Ok(c_int::from(lock.l_type)),
            // SAFETY: the calling thread's own.
            _ => Err(unsafe { *libc::__errno_location() }),
        }
    }
}
