//! Fences: making sure that no section is under way on a CPU.
//!
//! Promise of [`fence`]`(cpu)`: every section of this process that was running on `cpu` when it was called has, when it
//! returns, committed (and its stores are visible to the caller) or will not commit; and stores of the caller before
//! the fence are visible to every section that starts on that CPU after it. So a gate that was closed before
//! the fence is seen closed by every section that can still commit.
//!
//! The means is membarrier(2) with `MEMBARRIER_CMD_PRIVATE_EXPEDITED_RSEQ`: an interrupt to the CPU, which restarts the
//! section of the thread that runs there and is a full barrier. Should a filter that was installed later forbid it, the calling
//! thread *visits* the CPU instead ([`visit`]): what ran there is preempted by that.

#[cfg(all(target_os = "linux", not(miri)))]
mod visit;

use crate::model::hooks;
use crate::registration;

/// A fence could not be had: membarrier(2) is forbidden to this process, and so is sched_setaffinity(2), or the CPU is outside of
/// the calling thread's cpuset.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FenceError;

impl core::fmt::Display for FenceError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(
            "no fence: membarrier(2) is forbidden to this process, and this thread cannot visit the CPU by sched_setaffinity(2)",
        )
    }
}

impl core::error::Error for FenceError {}

/// Aborts the sections of this process that are under way on `cpu`, and is a full memory barrier there and here. A CPU that
/// is offline or does not exist is no error. About 0.3 µs for the own CPU and 2 µs for another; a visit, where rseq is off,
/// takes a turn of the scheduler. Async-signal-safe.
///
/// On systems other than Linux it is a barrier here only, as there are no sections.
///
/// # Errors
/// [`FenceError`] if a filter forbids every means.
pub fn fence(cpu: u32) -> Result<(), FenceError> {
    if hooks::fence(Some(cpu)) {
        return Ok(());
    }
    imp::fence(Some(cpu), registration::is_off())
}

/// [`fence`] for every CPU at once.
///
/// # Errors
/// As [`fence`].
pub fn fence_all() -> Result<(), FenceError> {
    if hooks::fence(None) {
        return Ok(());
    }
    imp::fence(None, registration::is_off())
}

/// Aborts the sections of this process that are under way on any CPU, where there are sections: then it is [`fence_all`], and so a full
/// barrier on every CPU that runs a thread of this process. Where rseq is off it does nothing at once, not even here, as every
/// sequence takes its slow path; what must be ordered with those needs barriers on both sides.
///
/// # Errors
/// As [`fence`].
pub fn quiesce_all() -> Result<(), FenceError> {
    quiesce(None)
}

/// What ownership of a slot needs: [`fence`], or nothing where there are no sections.
pub(crate) fn quiesce(cpu: Option<u32>) -> Result<(), FenceError> {
    if hooks::fence(cpu) || registration::is_off() {
        return Ok(());
    }
    imp::fence(cpu, false)
}

/// Runs on `cpu` for a moment, if that is not where the thread runs: whatever process was in a section there is aborted when it goes on.
///
/// # Errors
/// [`FenceError`]: this thread may not run there.
#[cfg(all(target_os = "linux", not(miri)))]
#[doc(hidden)]
pub fn be_on(cpu: u32) -> Result<(), FenceError> {
    if crate::cpu::current() == cpu {
        return Ok(());
    }
    let _errno = crate::sys::ErrnoKept::new();
    visit::visit(cpu)
}

/// A full memory barrier on every CPU that runs a thread of this process, and here, by membarrier(2) alone, whether there are sections
/// or not; says whether that could be had. The thread is never moved for it. Async-signal-safe.
pub(crate) fn barrier_everywhere() -> bool {
    hooks::fence(None) || imp::membarrier(None)
}

#[cfg(all(target_os = "linux", not(miri)))]
mod imp {
    use perseq_abi::membarrier;

    use super::{FenceError, visit};
    use crate::sys::ErrnoKept;

    pub(super) fn membarrier(cpu: Option<u32>) -> bool {
        let _errno = ErrnoKept::new();
        let command = || cpu.map_or_else(membarrier::fence_all, membarrier::fence);
        // Registration was inherited or made at load time; only a checkpoint that was restored without it needs another, and a
        // process without sections its first.
        command().is_ok() || membarrier::register().and_then(|()| command()).is_ok()
    }

    pub(super) fn fence(cpu: Option<u32>, off: bool) -> Result<(), FenceError> {
        if !off && membarrier(cpu) {
            return Ok(());
        }
        let _errno = ErrnoKept::new();
        match cpu {
            Some(cpu) => visit::visit(cpu),
            None => (0..crate::cpu::bound()).try_for_each(visit::visit),
        }
    }
}

#[cfg(not(all(target_os = "linux", not(miri))))]
mod imp {
    use super::FenceError;

    pub(super) fn membarrier(_cpu: Option<u32>) -> bool {
        false
    }

    pub(super) fn fence(_cpu: Option<u32>, _off: bool) -> Result<(), FenceError> {
        core::sync::atomic::fence(core::sync::atomic::Ordering::SeqCst);
        Ok(())
    }
}
