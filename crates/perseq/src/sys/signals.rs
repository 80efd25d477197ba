//! Holding back signals, so that no handler runs on a thread that owns a slot.

use core::mem::MaybeUninit;
use core::ptr::null_mut;

/// Holds back every signal that can be held back, until dropped.
///
/// The signals of faults (SIGSEGV and the like) stay open: the kernel would kill the process instead of delivering one.
pub(crate) struct SignalsHeld {
    mask: libc::sigset_t,
    /// What is done meanwhile leaves `errno` alone.
    _errno: super::ErrnoKept,
}

impl SignalsHeld {
    pub(crate) fn new() -> Self {
        let mut all = MaybeUninit::<libc::sigset_t>::uninit();
        let mut old = MaybeUninit::<libc::sigset_t>::uninit();
        // SAFETY: `sigfillset` initialises `all`; `pthread_sigmask` with valid arguments does not fail and
        // initialises `old`. It reports errors by value, so `errno` is left alone.
        unsafe {
            libc::sigfillset(all.as_mut_ptr());
            for fault in
                [libc::SIGSEGV, libc::SIGBUS, libc::SIGILL, libc::SIGFPE, libc::SIGTRAP, libc::SIGSYS]
            {
                libc::sigdelset(all.as_mut_ptr(), fault);
            }
            libc::pthread_sigmask(libc::SIG_SETMASK, all.as_ptr(), old.as_mut_ptr());
            Self { mask: old.assume_init(), _errno: super::ErrnoKept::new() }
        }
    }
}

impl Drop for SignalsHeld {
    fn drop(&mut self) {
        // SAFETY: restores the mask that `new` found.
        unsafe { libc::pthread_sigmask(libc::SIG_SETMASK, &raw const self.mask, null_mut()) };
    }
}
