//! CPUs: running on one of them, and taking one away for a while.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::fd::AsRawFd;
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
/// the end of a pipe and then puts it back.
#[derive(Debug)]
pub struct Hotplug {
    cpu: u32,
    switch: File,
    keeper: libc::pid_t,
    /// The end of the pipe that the keeper waits for: closed when this is dropped, or the process dies.
    alive: Option<io::PipeWriter>,
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
        let path = format!("/sys/devices/system/cpu/cpu{cpu}/online");
        let switch =
            OpenOptions::new().write(true).open(&path).map_err(|error| format!("{path}: {error}"))?;
        let alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
        let (end, alive) = io::pipe().map_err(|error| format!("a pipe: {error}"))?;
        let keeper = keep_online(&switch, &end, &alive).map_err(|error| format!("a child: {error}"))?;
        Ok(Self { cpu, switch, keeper, alive: Some(alive), _alone: alone })
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
        (&self.switch).write_all(if online { b"1" } else { b"0" })
    }
}

impl Drop for Hotplug {
    fn drop(&mut self) {
        drop(self.alive.take());
        // SAFETY: our own child, for which nobody else waits; no status is asked for.
        let ended = || unsafe { libc::waitpid(self.keeper, std::ptr::null_mut(), libc::WNOHANG) != 0 };
        if !eventually(Duration::from_secs(20), ended) {
            // SAFETY: as above.
            unsafe {
                libc::kill(self.keeper, libc::SIGKILL);
                libc::waitpid(self.keeper, std::ptr::null_mut(), 0);
            }
        }
    }
}

/// Forks a child that writes 1 to `switch` once nobody else holds `alive` any more, whatever signals come. It needs no
/// program to be there.
fn keep_online(switch: &File, end: &io::PipeReader, alive: &io::PipeWriter) -> io::Result<libc::pid_t> {
    let (switch, end, alive) = (switch.as_raw_fd(), end.as_raw_fd(), alive.as_raw_fd());
    // SAFETY: between fork and exit the child calls only what is async-signal-safe, on descriptors that it inherited.
    unsafe {
        let child = libc::fork();
        if child == 0 {
            let mut all = std::mem::zeroed();
            libc::sigfillset(&raw mut all);
            libc::sigprocmask(libc::SIG_BLOCK, &raw const all, std::ptr::null_mut());
            libc::close(alive);
            let mut byte = 0u8;
            while libc::read(end, (&raw mut byte).cast(), 1) > 0 {}
            libc::write(switch, c"1".as_ptr().cast(), 1);
            libc::_exit(0);
        }
        if child < 0 { Err(io::Error::last_os_error()) } else { Ok(child) }
    }
}
