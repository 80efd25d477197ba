//! [`Offset<T>`]: a pointer in shared memory, which each process maps elsewhere.

use std::fmt;
use std::marker::PhantomData;
use std::ptr::NonNull;
use std::sync::atomic::{AtomicU64, Ordering};

use super::SharedGuard;

/// Shared memory as this process has mapped it.
#[derive(Clone, Copy, Debug)]
pub struct Region {
    base: NonNull<u8>,
    len: usize,
}

// SAFETY: it is an address and a length; what may be done there is up to whoever follows offsets.
unsafe impl Send for Region {}
// SAFETY: as above.
unsafe impl Sync for Region {}

impl Region {
    /// `len` bytes that are mapped at `base`.
    ///
    /// # Safety
    /// They must be, for reading at least, as long as this and its copies are used.
    #[must_use]
    pub const unsafe fn new(base: NonNull<u8>, len: usize) -> Self {
        Self { base, len }
    }
}

/// An offset that does not lead to a whole, aligned `T` of the region.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OutOfRegion {
    offset: u64,
}

impl fmt::Display for OutOfRegion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "offset {} of shared memory leads out of its region, or is not aligned for what should be there",
            self.offset
        )
    }
}

impl std::error::Error for OutOfRegion {}

/// A pointer to a `T` in shared memory, by its distance from the beginning of the [`Region`]; 0 is null. All zero bytes are null, so it
/// can be in memory that nobody has written to.
///
/// Each process finds the `T` at the address that the region has there. It is followed under a [`SharedGuard`]; whoever replaces it frees the
/// old `T` after [`SharedDomain::synchronize`](super::SharedDomain::synchronize).
///
/// ```
/// use std::ptr::NonNull;
/// use perseq_rcu::shared::{Offset, Region, SharedDomain};
///
/// /// Stands for memory that several processes have mapped.
/// #[repr(C)]
/// struct Memory { limits: Offset<[u64; 2]>, old: [u64; 2], new: [u64; 2] }
///
/// let memory = Box::leak(Box::new(Memory { limits: Offset::null(), old: [1, 2], new: [3, 4] }));
/// // SAFETY: it lives for ever.
/// let region = unsafe { Region::new(NonNull::from(&*memory).cast(), size_of::<Memory>()) };
/// memory.limits.store(region, Some(NonNull::from(&memory.old)))?;
///
/// let domain = SharedDomain::memfd(4)?;
/// let reading = domain.read();
/// let limits = memory.limits.load(region, &reading)?.expect("there are limits");
/// // SAFETY: whoever replaces them waits for readers, of which this is one.
/// assert_eq!(unsafe { *limits.as_ref() }, [1, 2]);
/// drop(reading);
///
/// memory.limits.store(region, Some(NonNull::from(&memory.new)))?;
/// domain.synchronize()?; // from here on nobody reads the old ones
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[repr(transparent)]
pub struct Offset<T> {
    offset: AtomicU64,
    to: PhantomData<*mut T>,
}

// SAFETY: it is a number.
unsafe impl<T> Send for Offset<T> {}
// SAFETY: as above, and an atomic one.
unsafe impl<T> Sync for Offset<T> {}

impl<T> Offset<T> {
    /// A pointer to nothing.
    #[must_use]
    pub const fn null() -> Self {
        Self { offset: AtomicU64::new(0), to: PhantomData }
    }

    /// Where it leads in this process. What was written before it was stored can be read. Wait-free; async-signal-safe.
    ///
    /// # Errors
    /// [`OutOfRegion`]: there is no `T` in the region, whatever wrote the offset.
    pub fn load(&self, region: Region, _guard: &SharedGuard) -> Result<Option<NonNull<T>>, OutOfRegion> {
        region.at(self.offset.load(Ordering::Acquire))
    }

    /// Has it lead somewhere else in the region; what was written there before is seen by who loads it.
    ///
    /// # Errors
    /// [`OutOfRegion`]: that is outside; nothing is changed.
    pub fn store(&self, region: Region, to: Option<NonNull<T>>) -> Result<(), OutOfRegion> {
        self.offset.store(region.offset_of(to)?, Ordering::Release);
        Ok(())
    }

    /// [`store`](Self::store), and where it led before; which can be freed after a grace period.
    ///
    /// # Errors
    /// As [`store`](Self::store); or it led out of the region, and leads to `to` now.
    pub fn swap(&self, region: Region, to: Option<NonNull<T>>) -> Result<Option<NonNull<T>>, OutOfRegion> {
        region.at(self.offset.swap(region.offset_of(to)?, Ordering::AcqRel))
    }
}

impl<T> fmt::Debug for Offset<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Offset").field(&self.offset).finish()
    }
}

impl Region {
    /// The `T` at an offset.
    fn at<T>(self, offset: u64) -> Result<Option<NonNull<T>>, OutOfRegion> {
        if offset == 0 {
            return Ok(None);
        }
        let wrong = OutOfRegion { offset };
        let inside = usize::try_from(offset).map_err(|_| wrong)?;
        if inside.checked_add(size_of::<T>()).is_none_or(|end| end > self.len) {
            return Err(wrong);
        }
        // SAFETY: inside the region.
        let at: NonNull<T> = unsafe { self.base.add(inside) }.cast();
        if at.is_aligned() { Ok(Some(at)) } else { Err(wrong) }
    }

    /// The offset of a `T` that is in the region, and not at its beginning, which would be null.
    fn offset_of<T>(self, to: Option<NonNull<T>>) -> Result<u64, OutOfRegion> {
        let Some(to) = to else { return Ok(0) };
        let offset = to.addr().get().wrapping_sub(self.base.addr().get()) as u64;
        match self.at::<T>(offset)? {
            Some(_) => Ok(offset),
            None => Err(OutOfRegion { offset }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn offsets_stay_inside() {
        let memory = [0_u64; 4];
        // SAFETY: it outlives the region.
        let region = unsafe { Region::new(NonNull::from(&memory).cast(), size_of_val(&memory)) };
        assert_eq!(region.at::<u64>(0), Ok(None));
        assert_eq!(region.at::<u64>(24), Ok(Some(NonNull::from(&memory[3]))));
        for wrong in [3, 25, 32, u64::MAX, u64::MAX - 7] {
            assert_eq!(region.at::<u64>(wrong), Err(OutOfRegion { offset: wrong }));
        }
        assert_eq!(region.offset_of(Some(NonNull::from(&memory[1]))), Ok(8));
        assert!(region.offset_of(Some(NonNull::from(&memory[0]))).is_err());
        assert!(region.offset_of(Some(NonNull::from(&0_u64))).is_err());
    }
}
