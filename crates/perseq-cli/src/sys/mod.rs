//! What the command asks of the operating system: the CPUs it may use, pinning, the costs a process pays
//! unasked, and the name of the machine.
//!
//! One file per system; the rest of the crate asks here and never which.

#[cfg(target_os = "linux")]
#[path = "linux.rs"]
mod imp;
#[cfg(not(target_os = "linux"))]
#[path = "other.rs"]
mod imp;

pub use imp::*;

/// The time that went elsewhere while we were measuring, since the process began.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Interference {
    /// How often the calling thread lost its CPU without asking for it.
    pub preemptions: u64,
    /// Ticks in which a hypervisor ran something else on one of our CPUs.
    pub stolen_ticks: u64,
    /// All ticks of all CPUs.
    pub ticks: u64,
}
