//! Barriers on the CPUs of all members.
//!
//! `MEMBARRIER_CMD_GLOBAL_EXPEDITED` reaches the CPUs that run a process that has registered for it. Each run queue of the kernel keeps a
//! copy of whether its process has, which is renewed when it goes from one memory map to another. A CPU that is idle keeps the map of the process
//! that it ran last; if that process registers meanwhile, elsewhere, and then runs there again, the map is the same and the copy is
//! not renewed: this CPU gets no barriers, for as long as it runs nothing else (Linux `kernel/sched/membarrier.c`,
//! `membarrier_switch_mm`, found on 6.18). So a process that has registered sends a child over all CPUs: the child has a map of its own,
//! and whatever runs there next finds another one than before.

use std::mem::MaybeUninit;
use std::{io, ptr};

use perseq_abi::membarrier::{Error, global};

use super::SharedError;

/// Has this process's CPUs execute barriers from now on when any member asks; says whether that can be had: if not, its readers must
/// have barriers of their own.
pub(super) fn register() -> Result<bool, SharedError> {
    if global::register().is_err() {
        return Ok(false);
    }
    let failed = |error: io::Error| {
        SharedError::System("clone(2), for a visit to every CPU", error.raw_os_error().unwrap_or(0))
    };
    visit_all().map_err(failed)?;
    Ok(true)
}

/// A barrier on every CPU that runs a member, and here; or the error number.
pub(super) fn everywhere() -> Result<(), i32> {
    global::barrier().or_else(|_| global::barrier_slowly()).map_err(|error| match error {
        Error::Unsupported => libc::EINVAL,
        Error::NotRegistered => libc::EPERM,
        Error::Other(errno) => errno,
    })
}

/// The words of a set of CPUs, as large as the kernel's.
const WORDS: usize = 8192 / usize::BITS as usize;

/// Runs a process with a memory map of its own on every CPU, one after the other.
fn visit_all() -> io::Result<()> {
    let cpus = perseq::cpu::possible();
    let child = without_signals(|| {
        // SAFETY: as fork(2), without the handlers, and without a signal at the child's end: the program has none of its doing. The
        // child makes bare system calls only, and ends; no signal handler of the program's runs in it.
        let child = unsafe { libc::syscall(libc::SYS_clone, 0_usize, 0_usize, 0_usize, 0_usize, 0_usize) };
        if child == 0 {
            (0..cpus).for_each(visit);
            // SAFETY: ends this process, and runs nothing of the program's.
            unsafe { libc::_exit(0) }
        }
        libc::pid_t::try_from(child).ok().filter(|child| *child > 0).ok_or_else(io::Error::last_os_error)
    });
    wait_for(child?)
}

/// Goes to a CPU. Where it may not go (offline, another cpuset), no thread of this process is either.
fn visit(cpu: u32) {
    let mut there = [0_usize; WORDS];
    if let Some(word) = there.get_mut((cpu / usize::BITS) as usize) {
        *word = 1 << (cpu % usize::BITS);
    }
    // SAFETY: the kernel reads the set.
    unsafe { libc::syscall(libc::SYS_sched_setaffinity, 0, size_of_val(&there), there.as_ptr()) };
}

fn without_signals<R>(f: impl FnOnce() -> R) -> R {
    let (mut all, mut before) = (MaybeUninit::uninit(), MaybeUninit::uninit());
    // SAFETY: `sigfillset` initialises `all`; with valid arguments `pthread_sigmask` does not fail, and initialises `before`.
    unsafe {
        libc::sigfillset(all.as_mut_ptr());
        libc::pthread_sigmask(libc::SIG_SETMASK, all.as_ptr(), before.as_mut_ptr());
        let result = f();
        libc::pthread_sigmask(libc::SIG_SETMASK, before.as_ptr(), ptr::null_mut());
        result
    }
}

/// Waits for the end of a child that sends no signal.
fn wait_for(child: libc::pid_t) -> io::Result<()> {
    loop {
        // SAFETY: no status is asked for.
        if unsafe { libc::waitpid(child, ptr::null_mut(), libc::__WALL) } >= 0 {
            return Ok(());
        }
        match io::Error::last_os_error() {
            error if error.kind() == io::ErrorKind::Interrupted => {}
            // Another thread waits for whatever child there is. It has ended, then.
            error if error.raw_os_error() == Some(libc::ECHILD) => return Ok(()),
            error => return Err(error),
        }
    }
}
