//! The time slice extension: a thread that holds something others wait for asks not to be preempted for a moment.
//!
//! A thread that is preempted inside a short critical section makes everybody wait for a whole time slice. Linux 7.0 and later let
//! it finish first, if it has said so: [`extend`] says so, and gives the CPU back right after. Where the kernel has no such
//! thing it only runs the closure.
//!
//! Invariants: `request` is set only between the beginning and the end of the outermost `extend` of a thread, or of one in a
//! signal handler; `granted` is only ever read; what was granted is given back before `extend` returns or unwinds.
//!
//! Everything happens in the thread's own area, which the kernel looks at on this CPU only: compiler fences are all the order there
//! is to keep. The grant may end between the look at `granted` and the yield, which then does nothing.
//!
//! Source: `Documentation/userspace-api/rseq.rst` in the kernel.

use core::ptr::NonNull;
use core::sync::atomic::{Ordering, compiler_fence};

use perseq_abi::slice::SliceCtrl;

use crate::registration;

/// Runs `f` with the request not to preempt the thread meanwhile. The kernel may grant it once, for some microseconds (5 if
/// nobody chose otherwise), and takes the CPU back if they do not suffice.
///
/// `f` should be short and make no system call: that would end the extension at once. May be nested, which changes nothing.
/// Costs two stores and a load where the extension exists ([`Status::slice`](crate::Status::slice)), and next to nothing
/// elsewhere. Async-signal-safe if `f` is.
///
/// ```
/// use std::sync::Mutex;
///
/// static TOTAL: Mutex<u64> = Mutex::new(0);
///
/// // Whoever waits for the lock does not wait for a whole time slice.
/// perseq::slice::extend(|| *TOTAL.lock().unwrap() += 1);
/// ```
#[inline]
pub fn extend<R>(f: impl FnOnce() -> R) -> R {
    let _extension = Extension::request();
    f()
}

/// A request that stands until this is dropped.
#[derive(Debug)]
pub(crate) struct Extension(NonNull<SliceCtrl>);

impl Extension {
    /// `None` where there is nothing to ask for, and inside an extension that was asked for already.
    #[inline]
    pub(crate) fn request() -> Option<Self> {
        let ctrl = registration::slice_ctrl()?;
        let at = ctrl.as_ptr();
        // SAFETY: the calling thread's own area. Volatile, because the kernel writes it between any two instructions.
        unsafe {
            if (&raw const (*at).request).read_volatile() | (&raw const (*at).granted).read_volatile() != 0 {
                return None;
            }
            (&raw mut (*at).request).write_volatile(1);
        }
        compiler_fence(Ordering::SeqCst);
        Some(Self(ctrl))
    }
}

impl Drop for Extension {
    #[inline]
    fn drop(&mut self) {
        let at = self.0.as_ptr();
        compiler_fence(Ordering::SeqCst);
        // SAFETY: as in `request`; an extension stays on its thread, because a pointer does.
        let granted = unsafe {
            (&raw mut (*at).request).write_volatile(0);
            (&raw const (*at).granted).read_volatile()
        };
        if granted != 0 {
            give_back();
        }
    }
}

#[cold]
fn give_back() {
    #[cfg(target_os = "linux")]
    perseq_abi::slice::yield_granted();
}
