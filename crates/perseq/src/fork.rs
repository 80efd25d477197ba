//! What crates on top of this one do in the child of a fork, where only the forking thread is left.
//!
//! libc's `pthread_atfork` allocates, so nothing can be registered with it in a signal handler. This crate does so once, at load
//! time; what comes later is linked here without a lock. Not part of the API.
//!
//! Linked means: at the end of the list, by whoever comes first. There is one end only, so of several threads that register a function
//! at once each finds it linked when it returns, no matter by whom; and none may fork before.

use core::ptr;
use core::sync::atomic::{AtomicPtr, Ordering};

/// A function that is called in the child of every fork, once it is registered.
#[derive(Debug)]
pub struct InChild {
    run: fn(),
    next: AtomicPtr<InChild>,
}

/// Linked by `next`; what is in it stays.
static FIRST: AtomicPtr<InChild> = AtomicPtr::new(ptr::null_mut());

impl InChild {
    /// A function for [`register`](Self::register). It may only do what a signal handler may.
    #[must_use]
    pub const fn new(run: fn()) -> Self {
        Self { run, next: AtomicPtr::new(ptr::null_mut()) }
    }

    /// Has the function called from now on; once for each fork, however often this is called. Lock-free, async-signal-safe.
    pub fn register(&'static self) {
        let this = ptr::from_ref(self).cast_mut();
        let mut end = &FIRST;
        // Ends, as there are only so many.
        while let Err(other) =
            end.compare_exchange(ptr::null_mut(), this, Ordering::AcqRel, Ordering::Acquire)
            && other != this
        {
            // SAFETY: what is linked is `'static`.
            end = unsafe { &(*other).next };
        }
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
    let mut at = FIRST.load(Ordering::Acquire);
    // SAFETY: what is linked is `'static`, and was complete when it was linked.
    while let Some(handler) = unsafe { at.as_ref() } {
        (handler.run)();
        at = handler.next.load(Ordering::Acquire);
    }
}

#[cfg(all(test, target_os = "linux", not(miri)))]
mod tests {
    use core::sync::atomic::AtomicU32;
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
