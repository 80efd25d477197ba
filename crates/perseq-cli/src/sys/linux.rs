//! Linux: procfs and the scheduler's system calls.

use std::fs;
use std::io;

use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};

use super::Interference;

/// The CPUs that this thread may run on, in ascending order.
pub fn allowed_cpus() -> Vec<u32> {
    let set = sched_getaffinity(None).unwrap_or_else(|_| CpuSet::new());
    let cpus: Vec<u32> = (0..CpuSet::MAX_CPU)
        .filter(|&cpu| set.is_set(cpu))
        .filter_map(|cpu| u32::try_from(cpu).ok())
        .collect();
    // Only a machine with more CPUs than a fixed set can name refuses to tell.
    if cpus.is_empty() { vec![0] } else { cpus }
}

/// Lets the calling thread run on `cpus` and nowhere else.
pub fn pin(cpus: &[u32]) -> io::Result<()> {
    let mut set = CpuSet::new();
    for &cpu in cpus {
        set.set(cpu as usize);
    }
    Ok(sched_setaffinity(None, &set)?)
}

/// The system's name and release.
pub fn kernel() -> String {
    let name = rustix::system::uname();
    format!("{} {}", name.sysname().to_string_lossy(), name.release().to_string_lossy())
}

/// The CPU's own name, where the system has one for it.
pub fn cpu_model() -> Option<String> {
    cpu_model_in(&fs::read_to_string("/proc/cpuinfo").ok()?)
}

/// Whether the system runs under a hypervisor, as far as it can tell.
pub fn is_virtual() -> bool {
    fs::read_to_string("/proc/cpuinfo").is_ok_and(|text| {
        text.lines()
            .any(|line| line.starts_with("flags") && line.split_whitespace().any(|flag| flag == "hypervisor"))
    })
}

/// The resident memory of this process, in bytes.
pub fn resident_bytes() -> Option<u64> {
    resident_bytes_in(&fs::read_to_string("/proc/self/smaps_rollup").ok()?)
}

/// What has disturbed the calling thread and its machine so far.
pub fn interference() -> Interference {
    let status = fs::read_to_string("/proc/thread-self/status").unwrap_or_default();
    let stat = fs::read_to_string("/proc/stat").unwrap_or_default();
    let (stolen_ticks, ticks) = ticks_in(&stat).unwrap_or_default();
    Interference {
        preemptions: number_after(&status, "nonvoluntary_ctxt_switches:").unwrap_or_default(),
        stolen_ticks,
        ticks,
    }
}

/// Linux has both ways to ask for the running CPU.
pub fn has_getcpu() -> Result<(), String> {
    Ok(())
}

/// The running CPU, from libc.
#[inline(always)]
pub fn sched_getcpu() -> usize {
    // SAFETY: the function takes nothing and returns a number.
    unsafe { libc::sched_getcpu() as usize }
}

/// The running CPU, from the kernel.
#[inline(always)]
pub fn getcpu_syscall() -> usize {
    let mut cpu: libc::c_uint = 0;
    let nowhere = std::ptr::null_mut::<libc::c_uint>();
    // SAFETY: the kernel writes the CPU where the first argument points, and nothing where there are null pointers.
    unsafe { libc::syscall(libc::SYS_getcpu, &raw mut cpu, nowhere, nowhere) };
    cpu as usize
}

/// The first number behind `key` at the start of a line.
fn number_after(text: &str, key: &str) -> Option<u64> {
    text.lines().find_map(|line| line.strip_prefix(key)?.split_whitespace().next()?.parse().ok())
}

fn cpu_model_in(cpuinfo: &str) -> Option<String> {
    let value = |key: &str| {
        cpuinfo.lines().find_map(|line| {
            let (name, value) = line.split_once(':')?;
            (name.trim() == key).then(|| value.trim().to_owned())
        })
    };
    ["model name", "uarch", "cpu model", "Model"].into_iter().find_map(value)
}

fn resident_bytes_in(smaps_rollup: &str) -> Option<u64> {
    number_after(smaps_rollup, "Rss:").map(|kib| kib * 1024)
}

/// Stolen ticks and all ticks, from the line that sums up all CPUs.
fn ticks_in(stat: &str) -> Option<(u64, u64)> {
    let line = stat.lines().find_map(|line| line.strip_prefix("cpu "))?;
    // user nice system idle iowait irq softirq steal; guest time is part of user time already.
    let ticks: Vec<u64> = line.split_whitespace().take(8).filter_map(|word| word.parse().ok()).collect();
    Some((*ticks.get(7)?, ticks.iter().sum()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn procfs_is_understood() {
        let cpuinfo = "processor\t: 0\nmodel\t\t: 85\nmodel name\t: Some CPU @ 2.50GHz\n";
        assert_eq!(cpu_model_in(cpuinfo).as_deref(), Some("Some CPU @ 2.50GHz"));
        assert_eq!(cpu_model_in("processor\t: 0\n"), None);
        assert_eq!(
            resident_bytes_in("5600-7fff ---p [rollup]\nRss:     12 kB\nPss: 8 kB\n"),
            Some(12 * 1024)
        );
        assert_eq!(ticks_in("cpu  10 20 30 40 50 60 70 80 90 99\ncpu0 1 2 3\n"), Some((80, 360)));
        assert_eq!(ticks_in("cpu  10 20\n"), None);
    }

    #[test]
    fn this_thread_may_run_somewhere_and_can_be_pinned_there() {
        let cpus = allowed_cpus();
        std::thread::spawn(move || {
            pin(&cpus[..1]).unwrap();
            assert_eq!(allowed_cpus(), cpus[..1]);
        })
        .join()
        .unwrap();
    }

    #[test]
    fn this_process_is_resident() {
        assert!(resident_bytes().is_none_or(|bytes| bytes > 0));
    }
}
