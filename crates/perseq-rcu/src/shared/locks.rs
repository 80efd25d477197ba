//! Who is alive: locks on bytes of the file, which the kernel gives back when their owner is gone.
//!
//! A member holds a lock on the byte of its row, by a description of the open file of its own (`F_OFD_SETLK`, fcntl(2)). The kernel gives
//! it back when that is closed: at exit, at exec (it is close-on-exec) and at death by any signal, in each case *after* the memory map is
//! gone. So whoever gets the lock knows that no thread of the member will ever read again. A pidfd would tell of exit and death, and
//! not of exec, after which the process lives and its readers do not; and process ids mean nothing in another namespace.

use std::fs::File;
use std::os::fd::AsRawFd;

/// The byte that whoever switches phases has locked, beyond those of rows.
pub(super) const SWITCH: u32 = u32::MAX;

#[cfg(all(target_env = "gnu", target_pointer_width = "32"))]
type Flock = libc::flock64;
#[cfg(not(all(target_env = "gnu", target_pointer_width = "32")))]
type Flock = libc::flock;

/// Locks a byte, if no other description of the file has; says whether that was so. Async-signal-safe.
pub(super) fn try_lock(file: &File, byte: u32) -> bool {
    set(file, byte, libc::F_WRLCK)
}

/// Gives a lock back. Async-signal-safe.
pub(super) fn unlock(file: &File, byte: u32) {
    set(file, byte, libc::F_UNLCK);
}

#[allow(
    clippy::cast_possible_truncation,
    reason = "the constants are small, and of different types on different systems"
)]
fn set(file: &File, byte: u32, kind: i32) -> bool {
    // SAFETY: all zero is a lock, of no process, which is what is demanded here.
    let mut lock: Flock = unsafe { std::mem::zeroed() };
    lock.l_type = kind as _;
    lock.l_whence = libc::SEEK_SET as _;
    lock.l_start = byte.into();
    lock.l_len = 1;
    // SAFETY: the kernel reads the lock. An error changes nothing but errno.
    unsafe { libc::fcntl(file.as_raw_fd(), libc::F_OFD_SETLK, &raw const lock) == 0 }
}
