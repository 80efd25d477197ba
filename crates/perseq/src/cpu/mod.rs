//! CPUs: the one this thread runs on, and those there are.
//!
//! *Possible* CPUs are those the kernel may ever bring online; the set never changes while the system runs, so slots
//! are numbered by it. *Online* CPUs run something now. *Allowed* CPUs are those the calling thread may run on.

mod list;

use core::sync::atomic::{AtomicU32, Ordering};

pub use list::CpuSet;

use crate::model::hooks;
use crate::{arch, registration, sys};

/// The CPU that the calling thread runs on, as of this moment. Async-signal-safe.
///
/// A thread that is not registered yet is registered by its first call; where that is impossible, the
/// kernel is asked through the vDSO. On systems other than Linux it is a small number that spreads
/// threads.
#[inline]
#[must_use]
pub fn current() -> u32 {
    if let Some(cpu) = hooks::cpu() {
        return cpu;
    }
    let cpu = in_area();
    if cpu.cast_signed() < 0 {
        return current_slow();
    }
    cpu
}

/// What the calling thread's area says of the CPU it runs on: negative, as a signed number, if it is not registered.
#[inline]
pub(crate) fn in_area() -> u32 {
    // SAFETY: the thread's own area, or the one that says −1. Volatile, because the kernel writes it.
    unsafe { (&raw const (*arch::thread_area()).cpu_id).read_volatile() }
}

#[cold]
#[inline(never)]
fn current_slow() -> u32 {
    match registration::Registered::current() {
        Some(me) => me.cpu_id(),
        None => sys::current_cpu(),
    }
}

/// How many slots a [`PerCpu`](crate::PerCpu) has: one more than the highest possible CPU number.
#[must_use]
pub fn possible() -> u32 {
    static POSSIBLE: AtomicU32 = AtomicU32::new(0);
    match POSSIBLE.load(Ordering::Relaxed) {
        0 => {
            let bound = bound();
            let count = |set: Option<CpuSet>| set.and_then(|set| set.highest()).map(|highest| highest + 1);
            let possible = match count(CpuSet::read(c"/sys/devices/system/cpu/possible")) {
                // Containers replace files of sysfs. One that contradicts what the kernel itself says is not believed.
                Some(possible) if possible >= count(allowed()).unwrap_or(0) => possible.min(bound),
                _ => bound,
            };
            // Two first calls may see different affinities: slots are numbered by one answer only.
            match POSSIBLE.compare_exchange(0, possible, Ordering::Relaxed, Ordering::Relaxed) {
                Ok(_) => possible,
                Err(first) => first,
            }
        }
        possible => possible,
    }
}

/// A number that every CPU number of this kernel is below. Slots between [`possible`] and this are read-only and have gates
/// that are closed for ever: should the answer about possible CPUs be wrong, sequences take their slow path there, and
/// counters, which have no gates, fault instead of corrupting anything.
pub(crate) fn bound() -> u32 {
    static BOUND: AtomicU32 = AtomicU32::new(0);
    match BOUND.load(Ordering::Relaxed) {
        0 => {
            let bound = sys::cpu_number_bound();
            BOUND.store(bound, Ordering::Relaxed);
            bound
        }
        bound => bound,
    }
}

/// The CPUs that are online now; `None` where the system does not tell.
#[must_use]
pub fn online() -> Option<CpuSet> {
    CpuSet::read(c"/sys/devices/system/cpu/online")
}

/// The CPUs that the calling thread may run on; `None` where the system does not tell.
#[must_use]
pub fn allowed() -> Option<CpuSet> {
    #[cfg(all(target_os = "linux", not(miri)))]
    {
        let affinity = rustix::thread::sched_getaffinity(None).ok()?;
        let mut set = CpuSet::empty();
        for cpu in 0..rustix::thread::CpuSet::MAX_CPU {
            if affinity.is_set(cpu) {
                set.insert(u32::try_from(cpu).ok()?);
            }
        }
        Some(set)
    }
    #[cfg(not(all(target_os = "linux", not(miri))))]
    None
}

/// The NUMA node of a CPU, if the system has more than one and tells.
pub(crate) fn node_of(cpu: u32) -> Option<u32> {
    let nodes = CpuSet::read(c"/sys/devices/system/node/online")?;
    if nodes.count() < 2 {
        return None;
    }
    (0..=nodes.highest()?).filter(|&node| nodes.contains(node)).find(|&node| {
        let path = list::node_path(node);
        core::ffi::CStr::from_bytes_until_nul(&path)
            .ok()
            .and_then(CpuSet::read)
            .is_some_and(|cpus| cpus.contains(cpu))
    })
}
