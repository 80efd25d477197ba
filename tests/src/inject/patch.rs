//! Trap instructions, written over the code of this process and taken away again.
//!
//! A thread that reaches one gets a signal there. Delivering a signal aborts the critical section that the thread is in, so it
//! goes on at the abort handler: exactly what preemption before this instruction would have done. It takes no debugger, no
//! hardware and no right but that to write to one's own memory, and works on every architecture.
//!
//! `/proc/self/mem` writes to read-only code as a debugger does: into a page of the process's own, and the kernel keeps the
//! instruction caches coherent.
//!
//! Invariant: a patch that is dropped leaves the instruction as it was.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::FileExt;
use std::sync::OnceLock;

use super::arch;

/// The memory of this process.
static MEMORY: OnceLock<File> = OnceLock::new();

fn memory() -> io::Result<&'static File> {
    if let Some(memory) = MEMORY.get() {
        return Ok(memory);
    }
    let memory = OpenOptions::new().read(true).write(true).open("/proc/self/mem")?;
    Ok(MEMORY.get_or_init(|| memory))
}

/// A place where the trap instruction can stand.
#[derive(Debug)]
pub(super) struct Patch {
    pub(super) at: u64,
    original: [u8; arch::TRAP.len()],
    memory: &'static File,
}

impl Patch {
    /// For the instruction at address `at`. It does not stand there yet.
    ///
    /// # Errors
    /// What the kernel says: a process can be kept from writing to its code.
    pub(super) fn new(at: u64) -> io::Result<Self> {
        let memory = memory()?;
        let mut original = [0; arch::TRAP.len()];
        memory.read_exact_at(&mut original, at)?;
        memory.write_all_at(&original, at)?;
        Ok(Self { at, original, memory })
    }

    /// Puts the trap there, or takes it away. Async-signal-safe.
    pub(super) fn set(&self, on: bool) {
        let bytes = if on { arch::TRAP } else { self.original };
        // Worked before, when it was made. If it does not now, the section is not reached, which is reported.
        let _ = self.memory.write_all_at(&bytes, self.at);
    }
}

impl Drop for Patch {
    fn drop(&mut self) {
        self.set(false);
    }
}

/// Whether this process may do that.
///
/// # Errors
/// Why not.
pub fn permitted() -> Result<(), String> {
    Patch::new(permitted as *const () as u64)
        .map(drop)
        .map_err(|error| format!("code cannot be written through /proc/self/mem: {error}"))
}
