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
    ///
    /// When it returns that holds, whoever has begun it: it is linked behind the last one, which can be done but once, so a thread that
    /// finds another in the middle of that does it in its place.
    pub fn register(&'static self) {
        if self.registered.load(Ordering::Acquire) {
            return;
        }
        let this = ptr::from_ref(self).cast_mut();
        let mut link = &FIRST;
        while let Err(linked) =
            link.compare_exchange(ptr::null_mut(), this, Ordering::AcqRel, Ordering::Acquire)
            && linked != this
        {
            // There are only so many.
            // SAFETY: what is linked is `'static`.
            link = unsafe { &(*linked).next };
        }
        self.registered.store(true, Ordering::Release);
    }
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
