//! The depot of a pool: the memory of its objects, and a bit for each that says whether it is here.
//!
//! ```text
//! out    │1111 1111│1101 0000│0000 0000│…    a bit an object: with a CPU or a user
//! full   │1         0         0        …     a bit a word of `out`: nothing in it is here
//! ```
//!
//! Objects are given out lowest address first, so those that are used lie close together and the pages at the end are never touched.
//!
//! Invariant: an object whose bit is clear is here, and nobody uses it; bits of objects that do not exist are set. A bit of `full` is
//! set exactly if its word is all ones, or does not exist.

use core::ptr::NonNull;

use crate::model::hooks;
use crate::sys::{self, AllocError};

/// What memory is given back in: a multiple of every page size.
const BLOCK: usize = 64 << 10;

/// See the [module](self).
pub(super) struct Depot {
    /// The bitmaps, then the objects.
    memory: NonNull<u8>,
    len: usize,
    /// Words of `out`.
    words: usize,
    /// Bytes from one object to the next.
    stride: usize,
    /// Objects that are not here.
    gone: usize,
    /// Those from here on were never given out, so their memory was never touched.
    touched: usize,
}

impl Depot {
    pub(super) fn new(capacity: usize, size: usize, align: usize) -> Result<Self, AllocError> {
        let stride = size.max(1).next_multiple_of(align);
        let words = capacity.div_ceil(64);
        let maps = (words + words.div_ceil(64)) * 8;
        // Objects begin on a page, of whatever size.
        let start = maps.next_multiple_of(BLOCK);
        let len =
            capacity.checked_mul(stride).and_then(|bytes| bytes.checked_add(start)).ok_or(AllocError)?;
        let len = len.max(1);
        let memory = sys::reserve(len)?;
        // SAFETY: the reservation just made.
        if let Err(error) = unsafe { sys::make_writable(memory.as_ptr(), len) } {
            // SAFETY: nobody has seen it.
            unsafe { sys::release(memory, len) };
            return Err(error);
        }
        let mut depot = Self { memory, len, words, stride, gone: 0, touched: 0 };
        if !capacity.is_multiple_of(64) {
            *depot.out(words - 1) = u64::MAX << (capacity % 64);
        }
        if !words.is_multiple_of(64) {
            *depot.full(words / 64) = u64::MAX << (words % 64);
        }
        hooks::region(depot.objects(), capacity * stride);
        Ok(depot)
    }

    /// Takes at most `count` objects and passes each to `f`; returns how many.
    pub(super) fn take(&mut self, count: usize, mut f: impl FnMut(NonNull<u8>)) -> usize {
        let mut from = 0;
        for taken in 0..count {
            let Some(number) = self.first(from) else { return taken };
            let at = number / 64;
            from = at / 64;
            *self.out(at) |= 1 << (number % 64);
            if *self.out(at) == u64::MAX {
                *self.full(at / 64) |= 1 << (at % 64);
            }
            self.gone += 1;
            self.touched = self.touched.max(number + 1);
            self.tell(at);
            // SAFETY: inside the memory, which is not at 0.
            f(unsafe { NonNull::new_unchecked(self.objects().wrapping_add(number * self.stride)) });
        }
        count
    }

    /// Gives an object back.
    ///
    /// # Safety
    /// It must come from [`take`](Self::take), and nobody may use it any more.
    pub(super) unsafe fn put(&mut self, object: NonNull<u8>) {
        let number = (object.as_ptr().addr() - self.objects().addr()) / self.stride;
        let at = number / 64;
        debug_assert!(!self.is_here(number), "an object is given back twice");
        self.gone -= 1;
        *self.out(at) &= !(1 << (number % 64));
        *self.full(at / 64) &= !(1 << (at % 64));
        self.tell(at);
    }

    /// Tells a model what has changed.
    fn tell(&mut self, at: usize) {
        for word in [&self.gone, &self.touched] {
            hooks::stored(word, *word);
        }
        let out = self.out(at);
        hooks::stored(&raw const *out, *out);
    }

    /// The number of objects that are not here.
    pub(super) fn gone(&self) -> usize {
        self.gone
    }

    /// Gives the memory of objects that are here back to the system, where whole blocks are free; returns how many bytes.
    pub(super) fn discard(&mut self) -> usize {
        let (mut bytes, mut from) = (0, 0);
        for number in 0..=self.touched {
            if number < self.touched && self.is_here(number) {
                continue;
            }
            let start = self.objects().wrapping_add(from * self.stride);
            let end = self.objects().wrapping_add(number * self.stride);
            from = number + 1;
            let skipped = start.addr().next_multiple_of(BLOCK) - start.addr();
            let len = (end.addr() & !(BLOCK - 1)).saturating_sub(start.addr() + skipped);
            if len > 0 {
                // SAFETY: whole pages of our memory, in which lie only objects that are here.
                let given_back = unsafe { sys::discard(start.wrapping_add(skipped), len) };
                bytes += if given_back { len } else { 0 };
            }
        }
        while self.touched > 0 && self.is_here(self.touched - 1) {
            self.touched -= 1;
        }
        bytes
    }

    /// The first object that is here, as word `from` of `full` or a later one knows it.
    fn first(&mut self, from: usize) -> Option<usize> {
        let bit = |word: u64| Some(word.trailing_ones() as usize).filter(|bit| *bit < 64);
        let at = (from..self.words.div_ceil(64)).find_map(|at| Some(at * 64 + bit(*self.full(at))?))?;
        Some(at * 64 + bit(*self.out(at))?)
    }

    fn is_here(&mut self, number: usize) -> bool {
        *self.out(number / 64) >> (number % 64) & 1 == 0
    }

    fn out(&mut self, at: usize) -> &mut u64 {
        debug_assert!(at < self.words);
        // SAFETY: the first words of the memory, which is aligned to a page.
        unsafe { &mut *self.memory.as_ptr().cast::<u64>().add(at) }
    }

    fn full(&mut self, at: usize) -> &mut u64 {
        debug_assert!(at < self.words.div_ceil(64));
        // SAFETY: the words behind those of `out`.
        unsafe { &mut *self.memory.as_ptr().cast::<u64>().add(self.words + at) }
    }

    fn objects(&self) -> *mut u8 {
        let maps = (self.words + self.words.div_ceil(64)) * 8;
        self.memory.as_ptr().wrapping_add(maps.next_multiple_of(BLOCK))
    }
}

impl Drop for Depot {
    fn drop(&mut self) {
        // SAFETY: the whole reservation, of which nobody uses an object any more.
        unsafe { sys::release(self.memory, self.len) };
    }
}

#[cfg(test)]
mod tests {
    use std::vec::Vec;

    use super::*;

    fn take(depot: &mut Depot, count: usize) -> Vec<NonNull<u8>> {
        let mut objects = Vec::new();
        let taken = depot.take(count, |object| objects.push(object));
        assert_eq!(taken, objects.len());
        objects
    }

    #[test]
    fn every_object_is_given_out_once_and_the_lowest_first() {
        for capacity in [1, 63, 64, 65, 200, 64 * 64 + 3] {
            let mut depot = Depot::new(capacity, 24, 8).unwrap();
            let mut all = Vec::new();
            while all.len() < capacity {
                let some = take(&mut depot, 33);
                assert!(!some.is_empty());
                all.extend(some);
            }
            assert!(take(&mut depot, 1).is_empty());
            assert!(all.windows(2).all(|two| two[0].addr().get() + 24 == two[1].addr().get()));
            assert_eq!(depot.gone(), capacity);
            let (some, rest) = all.split_at(capacity / 2);
            // SAFETY: taken above, and not used.
            some.iter().for_each(|object| unsafe { depot.put(*object) });
            let mut again = Vec::new();
            while again.len() < some.len() {
                again.extend(take(&mut depot, 64));
            }
            assert_eq!(again, some);
            // SAFETY: as above.
            again.iter().chain(rest).for_each(|object| unsafe { depot.put(*object) });
            assert_eq!(depot.gone(), 0);
        }
    }

    #[test]
    fn memory_is_given_back_except_that_of_objects_in_use() {
        let mut depot = Depot::new(1000, 1024, 8).unwrap();
        let mut all = Vec::new();
        while all.len() < 1000 {
            all.extend(take(&mut depot, 64));
        }
        // SAFETY: taken above, of 1024 bytes.
        all.iter().for_each(|object| unsafe { object.write_bytes(7, 1024) });
        let kept = all.swap_remove(500);
        // SAFETY: taken above, and not used.
        all.iter().for_each(|object| unsafe { depot.put(*object) });
        let bytes = depot.discard();
        #[cfg(all(target_os = "linux", not(miri)))]
        assert!((13 * BLOCK..1000 * 1024).contains(&bytes), "{bytes}");
        // SAFETY: still ours.
        assert_eq!(unsafe { kept.add(1023).read() }, 7);
        assert_eq!(depot.gone(), 1);
    }
}
