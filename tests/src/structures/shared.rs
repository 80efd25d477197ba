//! A record that all CPUs share, behind one pointer, and a sequence that reads it there.
//!
//! Whoever replaces the record unpublishes the old one, *fences*, so that every section that may have loaded its address is
//! aborted, waits for those who read it on the slow path, which hold a lock, and then spoils it and gives it back. So no reader may
//! ever see a record that is spoilt.
//!
//! Invariant: the second word of a record that is not spoilt is the complement of the first.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicPtr, AtomicU32, Ordering};
use std::sync::{Mutex, PoisonError, RwLock};

use perseq::fence::quiesce_all;
use perseq::section::{Protected, Slots};
use perseq::{cpu, sequence};

/// Words between the two, which a reader may copy to take its time.
const BETWEEN: usize = 256;

#[derive(Debug)]
#[repr(align(8))]
struct Record {
    first: u64,
    between: [u64; BETWEEN],
    second: u64,
}

impl Record {
    fn new(first: u64) -> Self {
        Self { first, between: [first; BETWEEN], second: !first }
    }
}

/// What is shared: what a sequence over [`Shared`] sees.
#[derive(Debug)]
pub struct Published {
    pointer: *mut Record,
}

sequence! {
    /// Both words, and some of those between, copied to `to`; `None` if nothing is published.
    unsafe fn read(shared: &Shared, to: *mut u64, bytes: usize) -> Option<(u64, u64)> {
        let record: *mut Record = shared.pointer;
        if record.is_null() { return None; }
        let first: u64 = (*record).first;
        copy(to, &raw const (*record).between, bytes);
        let second: u64 = (*record).second;
        Some((first, second))
    }
}

/// Spoilt records that are kept for a while: memory that is given back might hold a record again at once.
const KEPT: usize = 8;

/// See the [module](self).
#[derive(Debug)]
pub struct Shared {
    pointer: AtomicPtr<Record>,
    /// Held by readers on the slow path.
    readers: RwLock<()>,
    /// Held by whoever replaces; the records that were spoilt last.
    spoilt: Mutex<VecDeque<Box<Record>>>,
    /// How often somebody read on the slow path.
    slow: AtomicU32,
    fenced: bool,
}

// SAFETY: the item is the pointer, at the beginning of it, which is always valid and only ever replaced by atomic operations.
unsafe impl Slots for Shared {
    type Item = Published;
    const PER_CPU: bool = false;
    const SHIFT: u32 = 0;
    const BY_CID: bool = false;
    const GATED: bool = false;
    const VALUE_OFFSET: usize = 0;
    #[inline]
    fn base(&self) -> *mut u8 {
        self.pointer.as_ptr().cast()
    }
}

impl Protected for Shared {
    fn protected<R>(&self, f: impl FnOnce(*mut Published, u32, u32) -> R) -> R {
        self.slow.fetch_add(1, Ordering::Relaxed);
        let _reading = self.readers.read().unwrap_or_else(PoisonError::into_inner);
        f(self.pointer.as_ptr().cast(), 0, cpu::current())
    }
}

impl Shared {
    /// Bytes between the two words.
    pub const BYTES: usize = 8 * BETWEEN;

    /// A record of this number and its complement.
    #[must_use]
    pub fn new(first: u64) -> Self {
        Self::published(first, true)
    }

    /// As [`new`](Self::new), but whoever replaces it does not fence: a mistake.
    #[must_use]
    pub fn unfenced(first: u64) -> Self {
        Self::published(first, false)
    }

    fn published(first: u64, fenced: bool) -> Self {
        Self {
            pointer: AtomicPtr::new(Box::into_raw(Box::new(Record::new(first)))),
            readers: RwLock::new(()),
            spoilt: Mutex::new(VecDeque::with_capacity(KEPT + 1)),
            slow: AtomicU32::new(0),
            fenced,
        }
    }

    /// Both words of the record, if there is one, by a section that copies so many bytes between.
    ///
    /// # Panics
    /// If there are not so many.
    #[must_use]
    #[inline(never)]
    pub fn read(&self, bytes: usize) -> Option<(u64, u64)> {
        assert!(bytes <= Self::BYTES);
        let mut words = [0; BETWEEN];
        // SAFETY: there is room for that much, and so much is in a record. Of one whose address this thread may have loaded, nothing
        // is given back before the section is aborted or the lock released.
        unsafe { read(self, words.as_mut_ptr(), bytes) }
    }

    /// How often somebody has read on the slow path.
    #[must_use]
    pub fn slow(&self) -> u32 {
        self.slow.load(Ordering::Relaxed)
    }

    /// Publishes another record, or none.
    ///
    /// # Panics
    /// If no fence can be had.
    pub fn replace(&self, first: Option<u64>) {
        let mut spoilt = self.spoilt.lock().unwrap_or_else(PoisonError::into_inner);
        let new = first.map_or(std::ptr::null_mut(), |first| Box::into_raw(Box::new(Record::new(first))));
        let old = self.pointer.swap(new, Ordering::AcqRel);
        if self.fenced {
            quiesce_all().expect("a fence");
        }
        // Those who have loaded the old address on the slow path are gone when this is ours.
        drop(self.readers.write().unwrap_or_else(PoisonError::into_inner));
        if old.is_null() {
            return;
        }
        // SAFETY: made by `Box::into_raw`, and nobody has its address any more, if there was a fence.
        let mut old = unsafe { Box::from_raw(old) };
        // Volatile, as nobody is going to read it who is known to the compiler.
        // SAFETY: words of a record that is ours.
        unsafe {
            (&raw mut old.first).write_volatile(SPOILT);
            (&raw mut old.second).write_volatile(SPOILT);
        }
        spoilt.push_back(old);
        if spoilt.len() > KEPT {
            spoilt.pop_front();
        }
    }
}

/// No word is its own complement.
const SPOILT: u64 = 0xdead;

impl Drop for Shared {
    fn drop(&mut self) {
        let record = *self.pointer.get_mut();
        if !record.is_null() {
            // SAFETY: made by `Box::into_raw`, and nobody reads it any more.
            drop(unsafe { Box::from_raw(record) });
        }
    }
}
