//! The fork handlers: see [`super`].

use core::sync::atomic::Ordering;

use super::{FORKS, GENERATION, OWNERS, SLEEP, change_depth};
use crate::sys;

/// How long a fork waits for owners before it goes ahead and leaves their slots abandoned, in nanoseconds.
const PATIENCE: u64 = 2_000_000_000;

/// Registers the fork handlers; called once, at load time.
pub(crate) fn prepare_for_fork() {
    extern "C" fn before() {
        let own = change_depth(0);
        // From here on this thread waits for no fork: it would be its own.
        change_depth(1);
        FORKS.fetch_add(1, Ordering::SeqCst);
        let deadline = sys::monotonic_nanos().saturating_add(PATIENCE);
        loop {
            let owners = OWNERS.load(Ordering::SeqCst);
            if owners <= own || sys::monotonic_nanos() > deadline {
                return;
            }
            sys::wait(&OWNERS, owners, SLEEP);
        }
    }
    extern "C" fn in_parent() {
        FORKS.fetch_sub(1, Ordering::SeqCst);
        sys::wake_all(&FORKS);
        change_depth(-1);
    }
    extern "C" fn in_child() {
        // Only the forking thread is left, with the gates it holds.
        let own = change_depth(-1);
        OWNERS.store(own, Ordering::SeqCst);
        FORKS.store(0, Ordering::SeqCst);
        GENERATION.fetch_add(1, Ordering::Relaxed);
        crate::fork::run_in_child();
    }
    // SAFETY: the handlers are functions of this library, which libc forgets if it is unloaded. Without memory for
    // them, slots are abandoned in the child.
    let _ = unsafe { libc::pthread_atfork(Some(before), Some(in_parent), Some(in_child)) };
}

#[cfg(test)]
mod tests {
    use super::super::generation;

    #[test]
    fn a_child_is_of_another_generation() {
        if !crate::arch::LOWERED {
            return;
        }
        let before = generation();
        // SAFETY: the child calls async-signal-safe functions only, and is gone; a signal ends it when its time is over.
        let status = unsafe {
            let child = libc::fork();
            if child == 0 {
                libc::alarm(20);
                libc::_exit(i32::from(generation() != before));
            }
            assert!(child > 0);
            let mut status = 0;
            assert_eq!(libc::waitpid(child, &raw mut status, 0), child);
            status
        };
        assert_eq!(libc::WEXITSTATUS(status), 1);
        assert!(libc::WIFEXITED(status));
        assert_eq!(generation(), before);
    }
}
