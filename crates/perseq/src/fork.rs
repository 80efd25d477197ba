//! What crates on top of this one do in the child of a fork, where only the forking thread is left.
//!
//! libc's `pthread_atfork` allocates, so nothing can be registered with it in a signal handler. This crate does so once, at load
//! time; what comes later is linked here without a lock. Not part of the API.

use crate::statics::{Link, Linked};

/// A function that is called in the child of every fork, once it is registered.
#[derive(Debug)]
pub struct InChild {
    run: fn(),
    next: Link<InChild>,
}

static HANDLERS: Link<InChild> = Link::new();

impl Linked for InChild {
    fn next(&self) -> &Link<Self> {
        &self.next
    }
}

impl InChild {
    /// A function for [`register`](Self::register). It may only do what a signal handler may.
    #[must_use]
    pub const fn new(run: fn()) -> Self {
        Self { run, next: Link::new() }
    }

    /// Has the function called from now on, after those of before; once for each fork, however often this is called. Lock-free,
    /// async-signal-safe.
    pub fn register(&'static self) {
        HANDLERS.add(self);
    }
}

/// Calls `f` while no other thread is in a fork: those that come meanwhile wait for it, for two seconds at most. With signals held back.
/// Not to wait, nor to allocate in: another library's fork handlers may have the locks of malloc while they wait.
pub fn held_off<R>(f: impl FnOnce() -> R) -> R {
    crate::percpu::without_forks(f)
}

/// Calls what was registered.
#[cfg_attr(not(all(target_os = "linux", not(miri))), allow(dead_code, reason = "no handlers there"))]
pub(crate) fn run_in_child() {
    HANDLERS.iter().for_each(|handler| (handler.run)());
}

#[cfg(all(test, target_os = "linux", not(miri)))]
mod tests {
    use core::sync::atomic::{AtomicU32, Ordering};
    use std::sync::Barrier;
    use std::thread;

    use super::*;

    #[test]
    fn a_function_that_several_threads_register_at_once_is_called_once() {
        static CALLS: AtomicU32 = AtomicU32::new(0);
        static FUNCTION: InChild = InChild::new(|| _ = CALLS.fetch_add(1, Ordering::Relaxed));
        static OTHERS: [InChild; 2] = [const { InChild::new(|| ()) }; 2];
        if !crate::arch::LOWERED {
            return;
        }
        let calls = || {
            // SAFETY: the child calls async-signal-safe functions only, and ends.
            unsafe {
                let child = libc::fork();
                if child == 0 {
                    libc::_exit(CALLS.load(Ordering::Relaxed).cast_signed());
                }
                assert!(child > 0);
                let mut status = 0;
                assert_eq!(libc::waitpid(child, &raw mut status, 0), child);
                assert!(libc::WIFEXITED(status));
                libc::WEXITSTATUS(status)
            }
        };
        let together = Barrier::new(3);
        thread::scope(|scope| {
            for other in &OTHERS {
                scope.spawn(|| {
                    together.wait();
                    FUNCTION.register();
                    other.register();
                    // Whoever of the two has linked it.
                    assert_eq!(calls(), 1);
                });
            }
            together.wait();
            FUNCTION.register();
            assert_eq!(calls(), 1);
        });
    }

    #[test]
    fn a_fork_waits_for_who_holds_it_off() {
        static INSIDE: AtomicU32 = AtomicU32::new(0);
        if !crate::arch::LOWERED {
            return;
        }
        let together = Barrier::new(2);
        thread::scope(|scope| {
            scope.spawn(|| {
                held_off(|| {
                    INSIDE.store(1, Ordering::Relaxed);
                    together.wait();
                    thread::sleep(core::time::Duration::from_millis(50));
                    INSIDE.store(0, Ordering::Relaxed);
                });
            });
            together.wait();
            // SAFETY: the child ends at once.
            unsafe {
                let child = libc::fork();
                if child == 0 {
                    libc::_exit(INSIDE.load(Ordering::Relaxed).cast_signed());
                }
                assert!(child > 0);
                let mut status = 0;
                assert_eq!(libc::waitpid(child, &raw mut status, 0), child);
                assert_eq!(status, 0, "the fork came in between");
            }
        });
    }
}
