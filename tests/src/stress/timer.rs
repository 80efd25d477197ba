//! A timer whose signals interrupt one thread, with a handler that does what the thread does.

use std::cell::Cell;
use std::mem::zeroed;
use std::ptr::{null, null_mut};
use std::sync::Once;

use super::Run;

/// Between two signals, in nanoseconds: not a divisor of the time slice.
const INTERVAL: libc::c_long = 173_000;

thread_local! {
    /// The run that the calling thread works for, as its handler sees it.
    static RUN: Cell<*const Run<'static>> = const { Cell::new(null()) };
}

/// Interrupts the thread that started it until dropped.
pub(super) struct Timer(libc::timer_t);

impl Timer {
    /// For the calling thread, which works for `run`.
    pub(super) fn start(run: &Run<'_>) -> Self {
        install_handler();
        RUN.set((&raw const *run).cast());
        // SAFETY: zeros are a valid `sigevent`.
        let mut event: libc::sigevent = unsafe { zeroed() };
        event.sigev_notify = libc::SIGEV_THREAD_ID;
        event.sigev_signo = libc::SIGUSR1;
        event.sigev_notify_thread_id = rustix::thread::gettid().as_raw_nonzero().get();
        let mut timer = null_mut();
        let interval = libc::timespec { tv_sec: 0, tv_nsec: INTERVAL };
        let every = libc::itimerspec { it_interval: interval, it_value: interval };
        // SAFETY: both calls get valid places; the timer is deleted when this is dropped.
        let started = unsafe {
            libc::timer_create(libc::CLOCK_MONOTONIC, &raw mut event, &raw mut timer) == 0
                && libc::timer_settime(timer, 0, &raw const every, null_mut()) == 0
        };
        assert!(started, "no timer: {}", std::io::Error::last_os_error());
        Self(timer)
    }
}

impl Drop for Timer {
    fn drop(&mut self) {
        // SAFETY: ours, and deleted once.
        unsafe { libc::timer_delete(self.0) };
        // A signal that is still on its way finds nothing to do.
        RUN.set(null());
    }
}

fn install_handler() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        // SAFETY: zeros are a valid `sigaction`.
        let mut action: libc::sigaction = unsafe { zeroed() };
        action.sa_sigaction = on_signal as *const () as usize;
        action.sa_flags = libc::SA_RESTART;
        // SAFETY: the handler has the type of one without SA_SIGINFO.
        let failed = unsafe { libc::sigaction(libc::SIGUSR1, &raw const action, null_mut()) };
        assert_eq!(failed, 0, "SIGUSR1 can be handled");
    });
}

extern "C" fn on_signal(_signal: i32) {
    // SAFETY: null, or the run of this thread, which `Timer` borrows.
    if let Some(run) = unsafe { RUN.get().as_ref() } {
        run.change_all(1);
    }
}
