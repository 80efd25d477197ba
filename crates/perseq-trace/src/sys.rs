//! What is asked of the system: to sleep until a word changes, and the time.

use std::sync::atomic::AtomicU32;
use std::time::Duration;

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

/// Calls `f` while the calling thread is delivered no signals; threads that it makes get none as long as they live.
pub(crate) fn without_signals<R>(f: impl FnOnce() -> R) -> R {
    // SAFETY: zeros are a valid set; the calls get valid places, and change the mask of this thread only.
    let before = unsafe {
        let (mut all, mut before): (libc::sigset_t, libc::sigset_t) = std::mem::zeroed();
        libc::sigfillset(&raw mut all);
        libc::pthread_sigmask(libc::SIG_SETMASK, &raw const all, &raw mut before);
        before
    };
    let result = f();
    // SAFETY: as above.
    unsafe { libc::pthread_sigmask(libc::SIG_SETMASK, &raw const before, std::ptr::null_mut()) };
    result
}

/// The kernel's id of the calling thread. Async-signal-safe.
pub(crate) fn thread_id() -> i32 {
    // SAFETY: a system call.
    unsafe { libc::gettid() }
}

/// Sleeps while `*word == expected`, at most `time`; may wake early. Async-signal-safe.
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
