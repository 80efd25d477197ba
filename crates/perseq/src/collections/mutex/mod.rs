//! [`Mutex`]: a mutual exclusion lock that knows on which CPU its owner is.
//!
//! A thread that finds a mutex locked can spin or sleep. Spinning is right if the owner runs on another CPU and will be done in
//! a moment, and wrong if it was preempted. Ordinary mutexes cannot tell. This one has the owner write down the CPU it is on, which its
//! rseq area holds ready for the price of a load, so a waiter on that CPU knows that it should sleep. And it wakes as few as possible: while
//! somebody is awake who will take the mutex, a sleeper or a spinner, an unlock makes no system call.
//!
//! Where there are several NUMA nodes, sleepers of the node that unlocks are woken first; where the kernel has the time slice
//! extension ([`slice`](crate::slice)), an owner that others wait for asks not to be preempted.
//!
//! The protocol, why no wake-up is lost and why nobody starves: see `raw`.

mod raw;

use core::cell::UnsafeCell;
use core::fmt;
use core::ops::{Deref, DerefMut};

use crate::slice::Extension;
use raw::RawMutex;

/// A mutual exclusion lock. See the [module](self).
///
/// It is not poisoned: a panic while it is locked unlocks it, and the data are as the panic left them. It is not reentrant: a thread
/// that locks it twice waits for ever. In the child of a fork it is as it was at the fork, for ever locked if another thread had it; threads of the parent that
/// waited for it are forgotten there. (Not so after a fork past the handlers of `pthread_atfork`, by `_Fork` or a bare system call: then
/// unlocks may call the system for waiters that do not exist, and `try_lock` may fail until somebody has called `lock`.)
///
/// ```
/// use perseq::collections::mutex::Mutex;
///
/// static WORDS: Mutex<Vec<&str>> = Mutex::new(Vec::new());
///
/// std::thread::scope(|scope| {
///     for word in ["one", "two"] {
///         scope.spawn(move || WORDS.lock().push(word));
///     }
/// });
/// assert_eq!(WORDS.lock().len(), 2);
/// ```
#[derive(Default)]
pub struct Mutex<T: ?Sized> {
    raw: RawMutex,
    value: UnsafeCell<T>,
}

// SAFETY: whoever has the mutex has the value.
unsafe impl<T: ?Sized + Send> Send for Mutex<T> {}
// SAFETY: it hands the value to one thread at a time, and never shares it.
unsafe impl<T: ?Sized + Send> Sync for Mutex<T> {}

impl<T> Mutex<T> {
    /// An unlocked mutex.
    #[must_use]
    pub const fn new(value: T) -> Self {
        Self { raw: RawMutex::new(), value: UnsafeCell::new(value) }
    }

    /// The value.
    #[must_use]
    pub fn into_inner(self) -> T {
        self.value.into_inner()
    }
}

impl<T: ?Sized> Mutex<T> {
    /// Waits until nobody else has the mutex, and takes it. Not for signal handlers: one may have interrupted the owner.
    #[inline]
    pub fn lock(&self) -> Guard<'_, T> {
        let extension = self.raw.lock();
        Guard { mutex: self, _extension: extension }
    }

    /// Takes the mutex unless somebody has it, or has been waiting for long. Wait-free, but for the first time in the child of a
    /// fork that had waiters. Async-signal-safe, and so is dropping the
    /// guard.
    #[inline]
    pub fn try_lock(&self) -> Option<Guard<'_, T>> {
        self.raw.try_lock().then(|| Guard { mutex: self, _extension: None })
    }

    /// The value, without locking, as nobody else has the mutex.
    pub fn get_mut(&mut self) -> &mut T {
        self.value.get_mut()
    }
}

impl Default for RawMutex {
    fn default() -> Self {
        Self::new()
    }
}

impl<T> From<T> for Mutex<T> {
    fn from(value: T) -> Self {
        Self::new(value)
    }
}

impl<T: ?Sized + fmt::Debug> fmt::Debug for Mutex<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut fields = f.debug_struct("Mutex");
        match self.try_lock() {
            Some(guard) => fields.field("value", &&*guard),
            None => fields.field("locked", &self.raw.is_locked()),
        };
        fields.finish_non_exhaustive()
    }
}

/// The right to use the value, until it is dropped. It stays on its thread, whose area the time slice extension is asked for in.
///
/// If it is forgotten ([`core::mem::forget`]), the mutex stays locked for ever; and if others were waiting when it was taken, the thread's request
/// for a time slice extension ([`slice`](crate::slice)) may stand until the kernel has granted it.
#[must_use = "the mutex is unlocked when this is dropped"]
pub struct Guard<'m, T: ?Sized> {
    mutex: &'m Mutex<T>,
    /// Dropped after the mutex was unlocked: giving back the CPU is what it may do.
    _extension: Option<Extension>,
}

// SAFETY: a shared guard gives shared references to the value only.
unsafe impl<T: ?Sized + Sync> Sync for Guard<'_, T> {}

impl<T: ?Sized> Deref for Guard<'_, T> {
    type Target = T;

    #[inline]
    fn deref(&self) -> &T {
        // SAFETY: the mutex is ours until the guard is dropped.
        unsafe { &*self.mutex.value.get() }
    }
}

impl<T: ?Sized> DerefMut for Guard<'_, T> {
    #[inline]
    fn deref_mut(&mut self) -> &mut T {
        // SAFETY: the mutex is ours until the guard is dropped, and the guard is borrowed exclusively.
        unsafe { &mut *self.mutex.value.get() }
    }
}

impl<T: ?Sized> Drop for Guard<'_, T> {
    #[inline]
    fn drop(&mut self) {
        self.mutex.raw.unlock();
    }
}

impl<T: ?Sized + fmt::Debug> fmt::Debug for Guard<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}
