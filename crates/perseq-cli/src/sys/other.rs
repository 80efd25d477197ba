//! Systems other than Linux: what the standard library knows, and honest gaps.

use std::io;

use super::Interference;

/// As many CPUs as the standard library counts, numbered from 0.
pub fn allowed_cpus() -> Vec<u32> {
    let cpus = std::thread::available_parallelism().map_or(1, usize::from);
    (0..u32::try_from(cpus).unwrap_or(u32::MAX)).collect()
}

/// Pinning is not offered here.
pub fn pin(_cpus: &[u32]) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}

/// The system's name.
pub fn kernel() -> String {
    std::env::consts::OS.to_owned()
}

/// Not known here.
pub fn cpu_model() -> Option<String> {
    None
}

/// Not known here.
pub fn is_virtual() -> bool {
    false
}

/// Not known here.
pub fn resident_bytes() -> Option<u64> {
    None
}

/// Not known here.
pub fn interference() -> Interference {
    Interference::default()
}

/// There is no way to ask for the running CPU.
pub fn has_getcpu() -> Result<(), String> {
    Err("Linux only".to_owned())
}

/// Not called here.
pub fn sched_getcpu() -> usize {
    0
}

/// Not called here.
pub fn getcpu_syscall() -> usize {
    0
}
