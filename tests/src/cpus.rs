//! CPUs: running on one of them, and taking one away for a while.

use std::io::Write;
use std::process::{Child, Command, Stdio};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};

use crate::limit::eventually;

/// The CPUs that the calling thread may run on.
///
/// # Panics
/// If the kernel does not tell.
#[must_use]
pub fn allowed() -> Vec<u32> {
    let set = sched_getaffinity(None).expect("the affinity of this thread");
    (0..CpuSet::MAX_CPU).filter(|&cpu| set.is_set(cpu)).map(|cpu| cpu as u32).collect()
}

/// Keeps the calling thread on one CPU until dropped.
#[derive(Debug)]
pub struct Pinned {
    /// The CPU.
    pub cpu: u32,
    home: CpuSet,
}

impl Pinned {
    /// Moves to the first CPU that the thread may run on.
    ///
    /// # Panics
    /// If that fails.
    #[must_use]
    pub fn first() -> Self {
        let home = sched_getaffinity(None).expect("the affinity of this thread");
        let cpu = *allowed().first().expect("a CPU to run on");
        assert!(move_to(cpu), "this thread may run on CPU {cpu}");
        Self { cpu, home }
    }
}

impl Drop for Pinned {
    fn drop(&mut self) {
        // A CPU may have gone offline meanwhile; then the kernel widened the affinity itself.
        let _ = sched_setaffinity(None, &self.home);
    }
}

/// Moves the calling thread to `cpu` and keeps it there; says whether that can be done. Async-signal-safe.
pub fn move_to(cpu: u32) -> bool {
    let mut set = CpuSet::new();
    set.set(cpu as usize);
    sched_setaffinity(None, &set).is_ok()
}

static ALONE: Mutex<()> = Mutex::new(());

/// The right to take a CPU offline. Whatever becomes of this process, it is online again afterwards: a child waits for
/// the end of its standard input and then puts it back.
#[derive(Debug)]
pub struct Hotplug {
    cpu: u32,
    keeper: Child,
    /// One test at a time.
    _alone: MutexGuard<'static, ()>,
}

impl Hotplug {
    /// For the last CPU there is.
    ///
    /// # Errors
    /// Why that cannot be had.
    pub fn last_cpu() -> Result<Self, String> {
        let cpu = *allowed().last().expect("a CPU to run on");
        if cpu == 0 {
            return Err("there is only one CPU".into());
        }
        let path = switch(cpu);
        std::fs::OpenOptions::new().write(true).open(&path).map_err(|error| format!("{path}: {error}"))?;
        let alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
        let keeper = Command::new("/bin/sh")
            .args(["-c", &format!("trap '' INT TERM HUP; cat >/dev/null; echo 1 >{path}")])
            .stdin(Stdio::piped())
            .spawn()
            .map_err(|error| format!("/bin/sh: {error}"))?;
        Ok(Self { cpu, keeper, _alone: alone })
    }

    /// The CPU.
    #[must_use]
    pub fn cpu(&self) -> u32 {
        self.cpu
    }

    /// Takes the CPU offline or online.
    ///
    /// # Errors
    /// What the kernel says.
    pub fn set_online(&self, online: bool) -> std::io::Result<()> {
        std::fs::OpenOptions::new().write(true).open(switch(self.cpu))?.write_all(if online {
            b"1"
        } else {
            b"0"
        })
    }
}

impl Drop for Hotplug {
    fn drop(&mut self) {
        drop(self.keeper.stdin.take());
        let restored = eventually(Duration::from_secs(20), || matches!(self.keeper.try_wait(), Ok(Some(_))));
        if !restored {
            let _ = self.keeper.kill();
            let _ = self.keeper.wait();
        }
    }
}

fn switch(cpu: u32) -> String {
    format!("/sys/devices/system/cpu/cpu{cpu}/online")
}
