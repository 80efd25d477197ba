//! Who is alive: locks on bytes of the file, which the kernel gives back when their owner is gone.
//!
//! A member holds a lock on the byte of its row, by a description of the open file of its own (`F_OFD_SETLK`, fcntl(2)). The kernel gives
//! it back when nothing refers to the description any more: neither a descriptor nor a memory map, and the rows are mapped by this one. So it is
//! held for as long as a thread of the member can read, even if the descriptor is closed meanwhile (by closefrom(3), as daemons do); and is free
//! at exit, at exec (it is close-on-exec) and at death by any signal. A pidfd would tell of exit and death, and
//! not of exec, after which the process lives and its readers do not; and process ids mean nothing in another namespace.
//!
//! ```text
//! member:  a lock for writing on the byte of its row
//! judge:   a lock for reading on it, for a moment: several may judge at once, and nobody takes the row meanwhile
//! ```
//!
//! Nobody else may have the description: who does keeps the member alive. What members hand to others is another one.
//!
//! A descriptor that was closed may lead to another file meanwhile, whose bytes nobody has locked: to ask there would be to find
//! everybody dead. So who judges looks first whether it is [ours](Own::is_ours).

use std::fs::File;
use std::io;
use std::os::fd::{AsFd, AsRawFd, FromRawFd};
use std::os::raw::c_int;

use super::SharedError;

/// The byte that whoever switches phases has locked, beyond those of rows.
pub(super) const SWITCH: u32 = u32::MAX;

#[cfg(all(target_env = "gnu", target_pointer_width = "32"))]
type Flock = libc::flock64;
#[cfg(not(all(target_env = "gnu", target_pointer_width = "32")))]
type Flock = libc::flock;

// libc's fcntl takes another structure there, with 32-bit offsets; this is the kernel's.
#[cfg(target_pointer_width = "32")]
const FCNTL: libc::c_long = libc::SYS_fcntl64;
#[cfg(not(target_pointer_width = "32"))]
const FCNTL: libc::c_long = libc::SYS_fcntl;

/// A description of the file that is this process's alone, by which it has its locks. All of it is async-signal-safe.
#[derive(Debug)]
pub(super) struct Own {
    file: File,
    identity: (u64, u64),
}

/// Opens the file behind a descriptor anew, through `/proc`: with another description.
fn open_anew(file: impl AsFd) -> io::Result<File> {
    let number = file.as_fd().as_raw_fd().cast_unsigned();
    let mut path = *b"/proc/self/fd/\0\0\0\0\0\0\0\0\0\0\0";
    let digits = number.checked_ilog10().unwrap_or(0) as usize + 1;
    let mut rest = number;
    for at in (14..14 + digits).rev() {
        path[at] = b'0' + (rest % 10) as u8;
        rest /= 10;
    }
    // SAFETY: the path ends in zeros, and the new descriptor belongs to nobody else.
    unsafe {
        let opened = libc::open(path.as_ptr().cast(), libc::O_RDWR | libc::O_CLOEXEC);
        if opened < 0 { Err(io::Error::last_os_error()) } else { Ok(File::from_raw_fd(opened)) }
    }
}

/// Which file it is.
fn identity(file: &File) -> io::Result<(u64, u64)> {
    let stat = rustix::fs::fstat(file)?;
    #[allow(clippy::useless_conversion, reason = "narrower on some systems")]
    Ok((stat.st_dev.into(), stat.st_ino.into()))
}

impl Own {
    /// Of the file behind a descriptor.
    pub(super) fn of(file: &File) -> Result<Self, SharedError> {
        let failed = |error| SharedError::Io("open(2) of /proc/self/fd", error);
        let file = open_anew(file).map_err(failed)?;
        let identity = identity(&file).map_err(|error| SharedError::Io("fstat(2)", error))?;
        Ok(Self { file, identity })
    }

    pub(super) fn file(&self) -> &File {
        &self.file
    }

    /// Whether the descriptor leads to the description still by which row `member` was locked.
    pub(super) fn is_ours(&self, member: u32) -> bool {
        // In the same file, but by another description, our own lock is in the way.
        identity(&self.file).is_ok_and(|identity| identity == self.identity)
            && self.in_the_way(member).is_ok_and(|kind| kind == libc::F_UNLCK)
    }

    /// In the child of a fork: gives up the parent's description and opens another, behind `handed`, under the same number. Says
    /// whether there is one; if not, the descriptor must not be used again.
    pub(super) fn renew(&self, handed: &File, member: u32) -> bool {
        if !self.is_ours(member) {
            // Somebody has closed it, and may have something else there.
            return false;
        }
        let number = self.file.as_raw_fd();
        // SAFETY: it is ours, and nothing uses it until it is open again. So there is room for the new one in a full table.
        unsafe { libc::close(number) };
        let Ok(fresh) = open_anew(handed) else { return false };
        if fresh.as_raw_fd() == number {
            // The number is owned by `self.file`.
            std::mem::forget(fresh);
        // SAFETY: takes a number that is free.
        } else if unsafe { libc::dup3(fresh.as_raw_fd(), number, libc::O_CLOEXEC) } < 0 {
            return false;
        }
        identity(&self.file).is_ok_and(|identity| identity == self.identity)
    }

    /// Takes a byte for this process, if nobody has it in any way; says whether that was so.
    pub(super) fn try_take(&self, byte: u32) -> Result<bool, SharedError> {
        match self.call(libc::F_OFD_SETLK, byte, libc::F_WRLCK) {
            Ok(_) => Ok(true),
            Err(error) if matches!(error.raw_os_error(), Some(libc::EAGAIN | libc::EACCES)) => Ok(false),
            Err(error) => Err(SharedError::Io("fcntl(2)", error)),
        }
    }

    /// Keeps a byte from being taken, if nobody has it; says whether that was so.
    pub(super) fn try_judge(&self, byte: u32) -> bool {
        self.call(libc::F_OFD_SETLK, byte, libc::F_RDLCK).is_ok()
    }

    /// Whether a byte is taken: not only judged, nor free.
    pub(super) fn is_taken(&self, byte: u32) -> bool {
        self.in_the_way(byte).is_ok_and(|kind| kind == libc::F_WRLCK)
    }

    /// Gives a byte back.
    pub(super) fn give_back(&self, byte: u32) {
        // That does not fail.
        let _ = self.call(libc::F_OFD_SETLK, byte, libc::F_UNLCK);
    }

    /// What others' lock would be in the way of taking a byte.
    fn in_the_way(&self, byte: u32) -> io::Result<c_int> {
        self.call(libc::F_OFD_GETLK, byte, libc::F_WRLCK)
    }

    #[allow(
        clippy::cast_possible_truncation,
        clippy::unnecessary_cast,
        reason = "the constants are small, and of different types on different systems"
    )]
    fn call(&self, command: c_int, byte: u32, kind: c_int) -> io::Result<c_int> {
        // SAFETY: all zero is a lock, of no process, which is what is demanded here.
        let mut lock: Flock = unsafe { std::mem::zeroed() };
        lock.l_type = kind as _;
        lock.l_whence = libc::SEEK_SET as _;
        lock.l_start = byte.into();
        lock.l_len = 1;
        // SAFETY: the kernel reads the lock and writes another there. An error changes nothing but errno.
        match unsafe { libc::syscall(FCNTL, self.file.as_raw_fd(), command, &raw mut lock) } {
            0 => Ok(c_int::from(lock.l_type)),
            _ => Err(io::Error::last_os_error()),
        }
    }
}
