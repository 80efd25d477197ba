//! [`Rcu<T>`]: a value that is replaced as a whole, and read without waiting.
//!
//! The value is [boxed], so that replacing it allocates nothing but the new one. The cell holds the address of the value.
//!
//! Invariant: the address is that of a boxed value, which nobody frees but after it was replaced and a grace period has passed, or with the
//! cell. Ordering: it is stored with release after the value was written. A reader loads it with
//! acquire; what the load gives is whole until the reader leaves (see [`grace`](crate::grace)).

use std::fmt;
use std::marker::PhantomData;
use std::mem::ManuallyDrop;
use std::ops::Deref;
use std::ptr::NonNull;
use std::sync::atomic::{AtomicPtr, Ordering};

use crate::boxed::{self, Owned, make, unmake};
use crate::flavor::{Flavor, Global, Guard};

/// A value that many read and somebody replaces now and then.
///
/// Reading costs two restartable sequences and a load, and never waits. A value that was replaced is dropped after a grace period, on
/// another thread perhaps; see [`Domain::defer`](crate::Domain::defer).
///
/// ```
/// use perseq_rcu::Rcu;
///
/// struct Config { workers: usize, name: String }
///
/// let config = Rcu::new(Config { workers: 2, name: "first".to_owned() });
///
/// assert_eq!(config.read().workers, 2);
///
/// config.store(Config { workers: 3, name: "second".to_owned() });
/// config.update(|old| Config { workers: old.workers + 1, name: old.name.clone() });
///
/// let reading = perseq_rcu::read(); // one guard for many loads
/// let now: &Config = config.load(&reading);
/// assert_eq!((now.workers, now.name.as_str()), (4, "second"));
/// ```
#[repr(C)]
pub struct Rcu<T: 'static, F: Flavor = Global> {
    /// First, for [restartable reads](crate::restartable).
    value: AtomicPtr<T>,
    owns: PhantomData<Owned<T, F>>,
}

// SAFETY: it owns its value, and may leave it to another thread to drop. Whoever has it may read it.
unsafe impl<T: Send + Sync, F: Flavor> Send for Rcu<T, F> {}
// SAFETY: readers share the value, and a thread that replaces it drops what another has made.
unsafe impl<T: Send + Sync, F: Flavor> Sync for Rcu<T, F> {}

impl<T: 'static, F: Flavor> Rcu<T, F> {
    /// Where the address of the value is.
    #[inline]
    pub(crate) fn address(&self) -> *mut *mut T {
        self.value.as_ptr()
    }
}

impl<T: Send + Sync + 'static> Rcu<T> {
    /// A cell with a value.
    #[must_use]
    pub fn new(value: T) -> Self {
        Self::with_flavor(value, Global)
    }
}

impl<T: Send + Sync + 'static, F: Flavor> Rcu<T, F> {
    /// A cell with a value, that readers of `flavor` read.
    #[must_use]
    pub fn with_flavor(value: T, _flavor: F) -> Self {
        Self { value: AtomicPtr::new(make(value).as_ptr()), owns: PhantomData }
    }

    /// The value as it is now, for as long as the guard is held. Wait-free; async-signal-safe.
    #[inline]
    pub fn load<'g>(&'g self, _guard: &'g Guard<F>) -> &'g T {
        // SAFETY: the invariant of the module: it is freed after readers of this flavor have left, or with the cell, which is borrowed.
        unsafe { &*self.value.load(Ordering::Acquire) }
    }

    /// The value as it is now, with a guard of its own. Wait-free; async-signal-safe.
    #[inline]
    pub fn read(&self) -> Ref<'_, T, F> {
        let guard = F::read();
        let value = self.value.load(Ordering::Acquire);
        Ref { value, cell: PhantomData, _guard: guard }
    }

    /// Replaces the value; the old one is dropped after a grace period. Readers may call it.
    pub fn store(&self, value: T) {
        drop(self.swap(value));
    }

    /// Replaces the value and returns the old one, which others may still read. Readers may call it.
    pub fn swap(&self, value: T) -> Old<T, F> {
        // Acquire: what is returned can be read.
        let old = self.value.swap(make(value).as_ptr(), Ordering::AcqRel);
        // SAFETY: the cell had it, and has another now.
        unsafe { Old::new(old) }
    }

    /// Replaces the value if it is still `current`, which was [loaded](Self::load) under `guard`: the very one, not an equal one. The guard is
    /// why no other value can have come to its place in memory.
    ///
    /// # Errors
    /// `new`, if it is another one by now.
    pub fn compare_and_swap(&self, current: &T, new: T, _guard: &Guard<F>) -> Result<Old<T, F>, T> {
        let new = make(new);
        let current = std::ptr::from_ref(current).cast_mut();
        match self.value.compare_exchange(current, new.as_ptr(), Ordering::AcqRel, Ordering::Relaxed) {
            // SAFETY: as in `swap`.
            Ok(old) => Ok(unsafe { Old::new(old) }),
            // SAFETY: nobody has seen it.
            Err(_) => Err(unsafe { unmake(new) }),
        }
    }

    /// Replaces the value by what `f` makes of it, and returns the old one. If another thread was faster `f` is called again, with what that
    /// thread has made: whenever one thread has to, another has got on. Readers may call it.
    pub fn update(&self, mut f: impl FnMut(&T) -> T) -> Old<T, F> {
        let guard = F::read();
        loop {
            let current = self.load(&guard);
            if let Ok(old) = self.compare_and_swap(current, f(current), &guard) {
                return old;
            }
        }
    }

    /// The value, which nobody else can read.
    pub fn get_mut(&mut self) -> &mut T {
        // SAFETY: whoever reads it borrows the cell.
        unsafe { &mut **self.value.get_mut() }
    }

    /// The value.
    #[must_use]
    pub fn into_inner(self) -> T {
        let mut this = ManuallyDrop::new(self);
        // SAFETY: nobody else has the cell, and it is not dropped.
        unsafe { unmake(NonNull::new_unchecked(*this.value.get_mut())) }
    }
}

impl<T: 'static, F: Flavor> Drop for Rcu<T, F> {
    fn drop(&mut self) {
        // SAFETY: nobody else has the cell, and whoever reads its value borrows it.
        drop(unsafe { unmake(NonNull::new_unchecked(*self.value.get_mut())) });
    }
}

impl<T: Send + Sync + Default> Default for Rcu<T> {
    fn default() -> Self {
        Self::new(T::default())
    }
}

impl<T: Send + Sync> From<T> for Rcu<T> {
    fn from(value: T) -> Self {
        Self::new(value)
    }
}

impl<T: fmt::Debug + Send + Sync, F: Flavor> fmt::Debug for Rcu<T, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Rcu").field(&&*self.read()).finish()
    }
}

/// A value that is being read. See [`Rcu::read`].
#[must_use = "a reader is one until this is dropped"]
pub struct Ref<'c, T, F: Flavor = Global> {
    value: *const T,
    cell: PhantomData<&'c T>,
    _guard: Guard<F>,
}

// SAFETY: it is a shared reference and a guard.
unsafe impl<T: Sync, F: Flavor> Send for Ref<'_, T, F> {}
// SAFETY: as above.
unsafe impl<T: Sync, F: Flavor> Sync for Ref<'_, T, F> {}

impl<T, F: Flavor> Deref for Ref<'_, T, F> {
    type Target = T;

    #[inline]
    fn deref(&self) -> &T {
        // SAFETY: loaded under the guard that is here, from a cell that is borrowed.
        unsafe { &*self.value }
    }
}

impl<T: fmt::Debug, F: Flavor> fmt::Debug for Ref<'_, T, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}

/// A value that was replaced. Others may still read it; so dropped, it is freed after a grace period.
pub struct Old<T: 'static, F: Flavor = Global> {
    value: NonNull<T>,
    owns: PhantomData<Owned<T, F>>,
}

// SAFETY: as `Rcu`.
unsafe impl<T: Send + Sync, F: Flavor> Send for Old<T, F> {}
// SAFETY: it is read only.
unsafe impl<T: Send + Sync, F: Flavor> Sync for Old<T, F> {}

impl<T: 'static, F: Flavor> Old<T, F> {
    /// # Safety
    /// `value` must have been in a cell of this flavor, and is no more.
    unsafe fn new(value: *mut T) -> Self {
        // SAFETY: cells hold no null.
        Self { value: unsafe { NonNull::new_unchecked(value) }, owns: PhantomData }
    }

    /// Waits for a grace period and returns the value, which is nobody else's then. Not to be called by a reader.
    ///
    /// # Panics
    /// As [`Domain::synchronize`](crate::Domain::synchronize); the value is leaked then.
    #[must_use = "or drop it, which does not wait"]
    pub fn wait(self) -> T {
        let this = ManuallyDrop::new(self);
        F::domain().synchronize();
        // SAFETY: it is in no cell, and who has loaded it before has left.
        unsafe { unmake(this.value) }
    }
}

impl<T: 'static, F: Flavor> Deref for Old<T, F> {
    type Target = T;

    fn deref(&self) -> &T {
        // SAFETY: it is freed later than this.
        unsafe { self.value.as_ref() }
    }
}

impl<T: 'static, F: Flavor> Drop for Old<T, F> {
    fn drop(&mut self) {
        // SAFETY: it is in no cell, and nobody has it but this; cells are made of what may be sent and shared.
        unsafe { boxed::retire(F::domain(), self.value) };
    }
}

impl<T: fmt::Debug, F: Flavor> fmt::Debug for Old<T, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}
