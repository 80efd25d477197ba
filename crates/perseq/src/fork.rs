//! What crates on top of this one do in the child of a fork, where only the forking thread is left.
//!
//! libc's `pthread_atfork` allocates, so nothing can be registered with it in a signal handler. This crate does so once, at load
//! time; what comes later is linked here without a lock. Not part of the API.

use core::ptr;
use core::sync::atomic::{AtomicBool, AtomicPtr, Ordering};

/// A function that is called in the child of every fork, once it is registered.
#[derive(Debug)]
pub struct InChild {
    run: fn(),
    next: AtomicPtr<InChild>,
    registered: AtomicBool,
}

/// Linked by `next`; what is in it stays.
static FIRST: AtomicPtr<InChild> = AtomicPtr::new(ptr::null_mut());

impl InChild {
    /// A function for [`register`](Self::register). It may only do what a signal handler may.
    #[must_use]
    pub const fn new(run: fn()) -> Self {
        Self { run, next: AtomicPtr::new(ptr::null_mut()), registered: AtomicBool::new(false) }
    }

    /// Has the function called from now on; the first call counts. Lock-free, async-signal-safe.
    pub fn register(&'static self) {
        if self.registered.swap(true, Ordering::Relaxed) {
            return;
        }
        let this = ptr::from_ref(self).cast_mut();
        let mut first = FIRST.load(Ordering::Relaxed);
        loop {
            self.next.store(first, Ordering::Relaxed);
            match FIRST.compare_exchange(first, this, Ordering::Release, Ordering::Relaxed) {
                Ok(_) => return,
                // Another one came in between; there are only so many.
                Err(newer) => first = newer,
            }
        }
    }
}

/// Calls what was registered.
#[cfg_attr(not(all(target_os = "linux", not(miri))), allow(dead_code, reason = "no handlers there"))]
pub(crate) fn run_in_child() {
    let mut at = FIRST.load(Ordering::Acquire);
    // SAFETY: what is linked is `'static`, and was complete when it was linked.
    while let Some(handler) = unsafe { at.as_ref() } {
        (handler.run)();
        at = handler.next.load(Ordering::Relaxed);
    }
}
