//! What is asked of the operating system besides rseq: the CPU one runs on, who one is, to wait, to hold back
//! signals, and memory. `linux` asks the kernel directly and is async-signal-safe throughout; `other` uses the standard
//! library.

#[cfg_attr(all(target_os = "linux", not(miri)), path = "linux.rs")]
#[cfg_attr(not(all(target_os = "linux", not(miri))), path = "other.rs")]
mod imp;

#[cfg_attr(all(unix, not(miri)), path = "signals.rs")]
#[cfg_attr(not(all(unix, not(miri))), path = "no_signals.rs")]
mod signals;

pub(crate) use imp::*;
pub(crate) use signals::SignalsHeld;

/// No memory for per-CPU slots.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AllocError;

impl core::fmt::Display for AllocError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("the system has no memory for per-CPU slots")
    }
}

impl core::error::Error for AllocError {}
