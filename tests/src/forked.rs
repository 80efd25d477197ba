//! Processes that were forked, for tests of memory that processes share.

use std::io::{PipeReader, PipeWriter, Read, Write, pipe};
use std::os::fd::AsRawFd;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// How long a child may run, in seconds.
const LIMIT: u32 = 60;

/// A process that was forked and runs a function, until it is killed or this is dropped.
#[derive(Debug)]
pub struct Forked(libc::pid_t);

impl Forked {
    /// Forks; the child runs `run`, which takes no locks that other threads may have, and ends: with 1 if it panicked.
    ///
    /// # Panics
    /// If there can be no child.
    #[must_use]
    pub fn new(run: impl FnOnce()) -> Self {
        // SAFETY: the child runs what a test gives it, and ends.
        match unsafe { libc::fork() } {
            0 => {
                // SAFETY: ends the child when its time is over, whatever comes.
                unsafe { libc::alarm(LIMIT) };
                let ran = catch_unwind(AssertUnwindSafe(run));
                // SAFETY: ends it without running anything of the parent's.
                unsafe { libc::_exit(i32::from(ran.is_err())) }
            }
            ..0 => panic!("no fork: {}", std::io::Error::last_os_error()),
            child => Self(child),
        }
    }

    /// Its process id.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.0.unsigned_abs()
    }

    /// Ends it at whatever instruction it is.
    pub fn kill(&self) {
        // SAFETY: a child that was not waited for yet.
        unsafe { libc::kill(self.0, libc::SIGKILL) };
    }

    /// Whether it has not ended yet.
    #[must_use]
    pub fn is_running(&self) -> bool {
        // SAFETY: a child of ours, which is left to be waited for if it has ended.
        unsafe {
            let mut ended: libc::siginfo_t = std::mem::zeroed();
            let options = libc::WEXITED | libc::WNOHANG | libc::WNOWAIT;
            libc::waitid(libc::P_PID, self.id(), &raw mut ended, options) == 0 && ended.si_pid() == 0
        }
    }

    /// Waits for its end; its exit status, or the signal that ended it as a negative number.
    #[must_use]
    pub fn wait(self) -> i32 {
        let status = self.reap();
        std::mem::forget(self);
        if libc::WIFEXITED(status) { libc::WEXITSTATUS(status) } else { -libc::WTERMSIG(status) }
    }

    fn reap(&self) -> i32 {
        let mut status = 0;
        // SAFETY: a child of ours. It is ended by its alarm at last.
        unsafe { libc::waitpid(self.0, &raw mut status, 0) };
        status
    }
}

impl Drop for Forked {
    fn drop(&mut self) {
        self.kill();
        self.reap();
    }
}

/// A pipe: one process waits until another has said something.
#[derive(Debug)]
pub struct Signal(PipeReader, PipeWriter);

impl Signal {
    /// Nothing was said yet.
    ///
    /// # Panics
    /// If there can be no pipe.
    #[must_use]
    pub fn new() -> Self {
        let (reader, writer) = pipe().expect("a pipe");
        Self(reader, writer)
    }

    /// The numbers of its descriptors.
    #[must_use]
    pub fn ends(&self) -> [i32; 2] {
        [self.0.as_raw_fd(), self.1.as_raw_fd()]
    }

    /// Says something.
    ///
    /// # Panics
    /// If nobody can hear it.
    pub fn give(&self) {
        (&self.1).write_all(b"!").expect("somebody who reads");
    }

    /// Waits for it.
    ///
    /// # Panics
    /// If nobody can say anything any more.
    pub fn wait(&self) {
        (&self.0).read_exact(&mut [0]).expect("somebody who writes");
    }
}

impl Default for Signal {
    fn default() -> Self {
        Self::new()
    }
}

/// Sleeps until killed.
pub fn sleep() -> ! {
    loop {
        // SAFETY: a system call.
        unsafe { libc::pause() };
    }
}
