//! [`LazyPerCpu<T>`]: a [`PerCpu<T>`] for a `static`, made on first use.
//!
//! Invariant: `base` is `I::UNMADE` or the base of a complete `PerCpu`; it changes once.

use core::marker::PhantomData;
use core::mem::ManuallyDrop;
use core::mem::offset_of;
use core::ptr::{NonNull, without_provenance_mut};
use core::sync::atomic::{AtomicPtr, Ordering};

use super::{ByCpu, Index, PerCpu, Slot, Ungated, or_panic};
use crate::model::hooks;
use crate::section::Slots;
use crate::sys::AllocError;

/// A [`PerCpu`] that is made on first use, so that it can be a `static`.
///
/// ```
/// use perseq::LazyPerCpu;
///
/// struct Seen { requests: u64 }
/// static SEEN: LazyPerCpu<Seen> = LazyPerCpu::new(|_cpu| Seen { requests: 0 });
///
/// SEEN.get().exclusive(0, |seen| seen.requests += 1)?;
/// # Ok::<(), perseq::ExclusiveError>(())
/// ```
pub struct LazyPerCpu<T, I: Index = ByCpu> {
    base: AtomicPtr<u8>,
    /// Without one, items are zero, as their memory is anyway.
    init: Option<fn(u32) -> T>,
    owns: PhantomData<PerCpu<T, I>>,
}

impl<T, I: Index> LazyPerCpu<T, I> {
    /// Slots that will be initialised by `init`, with each slot's number.
    #[must_use]
    pub const fn new(init: fn(u32) -> T) -> Self {
        Self { base: AtomicPtr::new(without_provenance_mut(I::UNMADE)), init: Some(init), owns: PhantomData }
    }

    /// Slots whose items are zero. Making them touches no memory, so an item takes the pages that are used of it.
    ///
    /// # Safety
    /// All bytes zero must be a `T`.
    pub(crate) const unsafe fn zeroed() -> Self {
        Self { base: AtomicPtr::new(without_provenance_mut(I::UNMADE)), init: None, owns: PhantomData }
    }

    /// The slots; the first call makes them, which a signal handler may not do.
    ///
    /// # Panics
    /// If there is no memory for them; see [`try_get`](Self::try_get).
    #[inline]
    #[must_use]
    #[track_caller]
    pub fn get(&self) -> &PerCpu<T, I> {
        or_panic(self.try_get())
    }

    /// [`get`](Self::get), for programs that go on without memory.
    ///
    /// # Errors
    /// [`AllocError`] if the system has none; the next call tries again.
    #[inline]
    pub fn try_get(&self) -> Result<&PerCpu<T, I>, AllocError> {
        match self.existing() {
            Some(slots) => Ok(slots),
            None => self.make(),
        }
    }

    /// The slots if they exist. Async-signal-safe.
    #[inline]
    #[must_use]
    pub fn existing(&self) -> Option<&PerCpu<T, I>> {
        hooks::step("look for the slots");
        let made = self.base.load(Ordering::Acquire).addr() != I::UNMADE;
        hooks::seen(u8::from(made));
        if !made {
            return None;
        }
        // SAFETY: made, so it holds the base of a complete `PerCpu`, never changes again, and was loaded with acquire. `PerCpu`
        // is a transparent wrapper of that pointer.
        Some(unsafe { &*(&raw const self.base).cast::<PerCpu<T, I>>() })
    }

    /// Apart, as it has a `T` on the stack.
    #[inline(never)]
    fn initialised(init: fn(u32) -> T) -> Result<PerCpu<T, I>, AllocError> {
        PerCpu::make(init)
    }

    #[cold]
    fn make(&self) -> Result<&PerCpu<T, I>, AllocError> {
        let slots = ManuallyDrop::new(match self.init {
            Some(init) => Self::initialised(init)?,
            // SAFETY: promised where there is no `init`.
            None => unsafe { PerCpu::<T, I>::make_zeroed()? },
        });
        let base = slots.base.as_ptr();
        let unmade = without_provenance_mut(I::UNMADE);
        hooks::step("publish the slots");
        if self.base.compare_exchange(unmade, base, Ordering::AcqRel, Ordering::Acquire).is_err() {
            // Another thread was first: ours is dropped.
            drop(ManuallyDrop::into_inner(slots));
        } else {
            hooks::stored(self.base.as_ptr(), base);
        }
        self.existing().ok_or(AllocError)
    }
}

// SAFETY: as `PerCpu`, once it is made; until then the base says so.
unsafe impl<T> Slots for LazyPerCpu<T, Ungated> {
    type Item = T;
    const SHIFT: u32 = PerCpu::<T, Ungated>::SHIFT;
    const BY_CID: bool = false;
    const GATED: bool = false;
    const VALUE_OFFSET: usize = offset_of!(Slot<T, Ungated>, value);

    /// Relaxed suffices: a section forms every address in the slots from this one, and a processor does not load through an
    /// address before it has the address.
    #[inline]
    fn base(&self) -> *mut u8 {
        self.base.load(Ordering::Relaxed)
    }
}

impl<T, I: Index> Drop for LazyPerCpu<T, I> {
    fn drop(&mut self) {
        let base = *self.base.get_mut();
        if base.addr() != I::UNMADE
            && let Some(base) = NonNull::new(base)
        {
            drop(PerCpu::<T, I> { base, owns: PhantomData });
        }
    }
}

impl<T, I: Index> core::fmt::Debug for LazyPerCpu<T, I> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("LazyPerCpu").field("made", &self.existing().is_some()).finish_non_exhaustive()
    }
}
