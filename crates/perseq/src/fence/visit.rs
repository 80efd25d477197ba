//! A fence by being there: while the calling thread runs on a CPU, no other thread does, and each that did is
//! aborted when it goes on.
//!
//! The scheduler's switch is the barrier: it orders what ran before on that CPU with what runs after.

use rustix::io::Errno;
use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};

use super::FenceError;

/// How often a CPU can come and go before this gives up.
const ATTEMPTS: u32 = 8;

/// Runs on `cpu` for a moment and returns with the affinity that was found.
///
/// EINVAL says that the thread may not run there: the CPU is offline, and then nobody does, or outside of this thread's cpuset,
/// where other threads may be. Which of both is asked after that, so the CPU may have come back meanwhile.
pub(super) fn visit(cpu: u32) -> Result<(), FenceError> {
    if cpu >= crate::cpu::bound() {
        return Ok(());
    }
    let Ok(home) = sched_getaffinity(None) else { return Err(FenceError) };
    let mut there = CpuSet::new();
    if cpu as usize >= CpuSet::MAX_CPU {
        return Err(FenceError);
    }
    there.set(cpu as usize);
    for _ in 0..ATTEMPTS {
        match sched_setaffinity(None, &there) {
            // The kernel moves the thread before the call returns.
            Ok(()) => return sched_setaffinity(None, &home).map_err(|_| FenceError),
            Err(Errno::INVAL) => {}
            Err(_) => break,
        }
        if crate::cpu::online().is_some_and(|online| !online.contains(cpu)) {
            return Ok(());
        }
    }
    Err(FenceError)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_visit_ends_where_it_began() {
        let before = sched_getaffinity(None).unwrap();
        for cpu in 0..crate::cpu::possible() {
            visit(cpu).unwrap();
        }
        visit(900).unwrap();
        visit(u32::MAX).unwrap();
        let after = sched_getaffinity(None).unwrap();
        assert!((0..CpuSet::MAX_CPU).all(|cpu| before.is_set(cpu) == after.is_set(cpu)));
    }
}
