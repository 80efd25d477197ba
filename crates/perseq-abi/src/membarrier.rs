//! membarrier(2): the commands that abort critical sections (`MEMBARRIER_CMD_*_EXPEDITED_RSEQ`), and those that reach other processes
//! ([`global`]).
//!
//! What a fence promises: when [`fence`] returns, every critical section that was running on the named CPU
//! in a thread of this process has either committed, with its stores visible to the caller, or will
//! not commit; and that CPU executed a full memory barrier in between. Linux 5.10 and later; one address
//! space only.

use rustix::io::Errno;
use rustix::thread::{Cpuid, MembarrierCommand, membarrier, membarrier_cpu, membarrier_query};

/// Why a fence cannot be had or failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Error {
    /// The kernel does not have the command (Linux < 5.10, or built without rseq).
    Unsupported,
    /// The process did not [`register`] (EPERM); a filter may answer so too.
    NotRegistered,
    /// Any other error number.
    Other(i32),
}

impl Error {
    fn from_errno(errno: Errno) -> Self {
        match errno {
            Errno::INVAL | Errno::NOSYS => Self::Unsupported,
            Errno::PERM => Self::NotRegistered,
            other => Self::Other(other.raw_os_error()),
        }
    }
}

/// Whether the kernel claims to have the command. An emulator may claim it and have no rseq.
#[must_use]
pub fn claimed() -> bool {
    membarrier_query().contains_command(MembarrierCommand::PrivateExpeditedRseq)
}

/// Registers the process for [`fence`]. Idempotent; inherited over fork, lost at exec.
///
/// # Errors
/// [`Error::Unsupported`] where the kernel has no such command, [`Error::Other`] for what a filter answers.
pub fn register() -> Result<(), Error> {
    membarrier(MembarrierCommand::RegisterPrivateExpeditedRseq).map_err(Error::from_errno)
}

/// Aborts this process's critical sections on `cpu`. A CPU that is offline or does not exist is no
/// error: nothing runs there.
///
/// # Errors
/// [`Error::NotRegistered`] before [`register`].
pub fn fence(cpu: u32) -> Result<(), Error> {
    // SAFETY: the kernel accepts any number here: a CPU that does not exist is answered with success.
    let cpu = unsafe { Cpuid::from_raw(cpu) };
    membarrier_cpu(MembarrierCommand::PrivateExpeditedRseq, cpu).map_err(Error::from_errno)
}

/// Aborts this process's critical sections on every CPU.
///
/// # Errors
/// [`Error::NotRegistered`] before [`register`].
pub fn fence_all() -> Result<(), Error> {
    membarrier(MembarrierCommand::PrivateExpeditedRseq).map_err(Error::from_errno)
}

/// Barriers for several processes: on every CPU that runs a thread of a process that has registered, and here. They abort no section.
///
/// A CPU that idles with the memory map of a process still loaded may miss that process's registration, and goes without barriers until
/// it has run another process in between.
pub mod global {
    use super::{Error, MembarrierCommand, membarrier};

    /// Registers the process (`MEMBARRIER_CMD_REGISTER_GLOBAL_EXPEDITED`, Linux 4.16). Idempotent; inherited over fork, lost at exec.
    ///
    /// # Errors
    /// [`Error::Unsupported`] where the kernel has no such command, [`Error::NotRegistered`] or [`Error::Other`] for what a filter answers.
    pub fn register() -> Result<(), Error> {
        membarrier(MembarrierCommand::RegisterGlobalExpedited).map_err(Error::from_errno)
    }

    /// The barrier (`MEMBARRIER_CMD_GLOBAL_EXPEDITED`); the caller need not be registered.
    ///
    /// # Errors
    /// As [`register`].
    pub fn barrier() -> Result<(), Error> {
        membarrier(MembarrierCommand::GlobalExpedited).map_err(Error::from_errno)
    }

    /// The barrier on every CPU, whatever process it runs, which takes milliseconds (`MEMBARRIER_CMD_GLOBAL`, Linux 4.3).
    ///
    /// # Errors
    /// As [`register`]; [`Error::Unsupported`] also where CPUs run without timer ticks (`nohz_full`).
    pub fn barrier_slowly() -> Result<(), Error> {
        membarrier(MembarrierCommand::Global).map_err(Error::from_errno)
    }
}
