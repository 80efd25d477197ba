//! What is asked of the system: to sleep until a word changes, and the time.

use std::sync::atomic::AtomicU32;
use std::time::Duration;

/// Sleeps while `*word == expected`, at most `time`; may wake early. Async-signal-safe.
pub(crate) fn wait(word: &AtomicU32, expected: u32, time: Duration) {
    let time = libc::timespec {
        tv_sec: time.as_secs().try_into().unwrap_or(libc::time_t::MAX),
        tv_nsec: time.subsec_nanos() as libc::c_long,
    };
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
