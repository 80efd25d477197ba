//! Forks, and what the child finds.

use std::time::Duration;

use rustix::process::{Pid, WaitOptions, WaitStatus, kill_process, waitpid};

use crate::limit::eventually;

/// How to fork.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum How {
    /// By fork(3), with the handlers of `pthread_atfork`.
    Libc,
    /// By a bare system call, past them.
    Bare,
}

/// How long a child may take, in seconds.
const LIMIT: u32 = 20;

/// Forks; the child runs `check`, which must be async-signal-safe, and is gone. Says whether it held.
///
/// # Panics
/// If the child could not be made, died by a signal (that of its time limit for instance), or did not end.
pub fn child(how: How, check: impl FnOnce() -> bool) -> bool {
    let pid = match how {
        // SAFETY: the child calls async-signal-safe functions only, and `_exit`.
        How::Libc => unsafe { libc::fork() },
        How::Bare => {
            // Flags and stack are the other way round there.
            let (first, second) =
                if cfg!(target_arch = "s390x") { (0, libc::SIGCHLD) } else { (libc::SIGCHLD, 0) };
            // SAFETY: as above. No flag but the signal at its end: a new process with a copy of the memory.
            unsafe { libc::syscall(libc::SYS_clone, first, second, 0, 0, 0) as i32 }
        }
    };
    match pid {
        0 => {
            // SAFETY: without a handler this ends the child when its time is over.
            unsafe { libc::alarm(LIMIT) };
            let held = check();
            // SAFETY: ends the child without running anything of the parent's.
            unsafe { libc::_exit(i32::from(!held)) }
        }
        ..0 => panic!("no fork: {}", std::io::Error::last_os_error()),
        _ => wait(Pid::from_raw(pid).expect("a positive number")),
    }
}

fn wait(pid: Pid) -> bool {
    let mut status = None;
    let ended = eventually(Duration::from_secs(u64::from(LIMIT) + 10), || {
        status = waitpid(Some(pid), WaitOptions::NOHANG).expect("a child of ours").map(|(_, status)| status);
        status.is_some()
    });
    if !ended {
        let _ = kill_process(pid, rustix::process::Signal::KILL);
        let _ = waitpid(Some(pid), WaitOptions::empty());
    }
    match status.and_then(WaitStatus::exit_status) {
        Some(0) => true,
        Some(1) => false,
        _ => panic!("a child did not get through: {status:?}"),
    }
}
