//! What is asked of the system: to sleep until a word changes, the time, and who runs.

use std::ffi::CString;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::sync::atomic::AtomicU32;
use std::time::Duration;

use crate::error::{SessionError, at};

/// What a system call that fails leaves in `errno` is taken back when this is dropped: who records an event between a call and a look at its error
/// must not lose that, nor must who is interrupted by a handler that does.
pub(crate) struct ErrnoKept(i32);

impl ErrnoKept {
    pub(crate) fn new() -> Self {
        // SAFETY: the calling thread's own.
        Self(unsafe { *libc::__errno_location() })
    }
}

impl Drop for ErrnoKept {
    fn drop(&mut self) {
        // SAFETY: as above.
        unsafe { *libc::__errno_location() = self.0 }
    }
}

/// Sleeps while `*word == expected`, at most `time`; may wake early. The word may be in memory that processes share. Async-signal-safe.
pub(crate) fn wait(word: &AtomicU32, expected: u32, time: Duration) {
    // What this system call takes has two registers, whatever C libraries make of it.
    let time = [time.as_secs() as libc::c_long, time.subsec_nanos() as libc::c_long];
    // SAFETY: the kernel reads both.
    unsafe {
        libc::syscall(libc::SYS_futex, word.as_ptr(), libc::FUTEX_WAIT, expected, &raw const time);
    }
}

/// Wakes all who sleep on `word`. Async-signal-safe.
pub(crate) fn wake(word: &AtomicU32) {
    // SAFETY: no memory is accessed.
    unsafe {
        libc::syscall(libc::SYS_futex, word.as_ptr(), libc::FUTEX_WAKE, i32::MAX);
    }
}

/// Nanoseconds of the monotonic clock. Async-signal-safe.
pub(crate) fn monotonic() -> u64 {
    nanos(libc::CLOCK_MONOTONIC)
}

/// Nanoseconds since the boot, also those in which the machine was suspended.
pub(crate) fn since_boot() -> u64 {
    nanos(libc::CLOCK_BOOTTIME)
}

/// Nanoseconds since the Unix epoch.
pub(crate) fn realtime() -> u64 {
    nanos(libc::CLOCK_REALTIME)
}

fn nanos(clock: libc::clockid_t) -> u64 {
    let mut now = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: the kernel, or the vDSO, writes there. These clocks exist.
    unsafe { libc::clock_gettime(clock, &raw mut now) };
    #[allow(clippy::unnecessary_cast, reason = "narrower on some systems")]
    let (seconds, nanos) = (now.tv_sec.unsigned_abs() as u64, now.tv_nsec.unsigned_abs() as u64);
    seconds * 1_000_000_000 + nanos
}

/// Bytes of the name of a thread, with a NUL at least.
pub(crate) const NAME: usize = 16;

/// The process id. Async-signal-safe.
pub(crate) fn process() -> u32 {
    std::process::id()
}

/// The thread id. Async-signal-safe.
pub(crate) fn thread() -> i32 {
    rustix::thread::gettid().as_raw_pid()
}

/// The name of the calling thread, and NULs. Async-signal-safe.
pub(crate) fn name() -> [u8; NAME] {
    let mut name = [0; NAME];
    // SAFETY: the kernel writes so many bytes at most.
    unsafe { libc::prctl(libc::PR_GET_NAME, name.as_mut_ptr()) };
    name
}

/// The effective user.
pub(crate) fn user() -> u32 {
    // SAFETY: no memory is accessed.
    unsafe { libc::geteuid() }
}

/// Whether this process has rights that its caller has not.
pub(crate) fn is_privileged() -> bool {
    // SAFETY: no memory is accessed but what the kernel has passed to the process.
    unsafe { libc::getauxval(libc::AT_SECURE) != 0 }
}

/// When a process was started, in ticks since the boot; none if there is no such process.
pub(crate) fn started(process: u32) -> Option<u64> {
    let text = std::fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
    // The name may have anything in it, but is in parentheses.
    text.rsplit_once(") ")?.1.split(' ').nth(19)?.parse().ok()
}

/// What the program is called.
pub(crate) fn program_name() -> String {
    let path = std::env::current_exe().unwrap_or_default();
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

/// Calls something with all signals blocked, as threads that it makes have them then.
pub(crate) fn without_signals<R>(f: impl FnOnce() -> R) -> R {
    let mut before = std::mem::MaybeUninit::<libc::sigset_t>::uninit();
    // SAFETY: the sets are written before they are read; blocking does not fail.
    unsafe {
        let mut all = std::mem::MaybeUninit::<libc::sigset_t>::uninit();
        libc::sigfillset(all.as_mut_ptr());
        libc::pthread_sigmask(libc::SIG_SETMASK, all.as_ptr(), before.as_mut_ptr());
    }
    let result = f();
    // SAFETY: written above.
    unsafe { libc::pthread_sigmask(libc::SIG_SETMASK, before.as_ptr(), std::ptr::null_mut()) };
    result
}

/// A path for the system.
pub(crate) fn c_path(path: &Path) -> Result<CString, SessionError> {
    CString::new(path.as_os_str().as_bytes()).map_err(|error| at(path)(error.into()))
}
