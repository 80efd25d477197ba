//! [`Ring`]: a ring of bytes for each CPU, to which threads append records and which one [`Reader`] reads.
//!
//! ```text
//! append:  leave for `skip` if the record does not fit before the end of the buffer; leave if there is no room;
//!          stage its length and copy its bytes beyond head; commit(release) head = head + size
//! skip:    leave if it fits after all, or not there either; stage a mark; commit(release) head = the beginning of the next round
//! read:    head = acquire; read the records from tail to head; release tail
//! ```
//!
//! A record is its length, in eight bytes, and its bytes, rounded up to eight; it lies in one piece, so its reader needs no copy.
//! What would not fit before the end of the buffer goes to its beginning, and a mark is left in its place.
//!
//! Invariants: `head` and `tail` count bytes, up and modulo the width of a word, and `head − tail` is at most `N`, a power of
//! two; the bytes from `tail` to `head` (modulo `N`) are whole records and marks. Only sections write `head` and the bytes outside of
//! `tail` to `head`; only the reader writes `tail`.
//!
//! Ordering: a section's release of `head` makes the record visible to the reader that acquires it. The reader's release of `tail`
//! comes after its last look at a record; the section stores over it only after a branch on the `tail` that it loaded, and no
//! processor makes a store visible before the branches in front of it are decided. (The slow path's loads acquire, as Rust
//! knows no such order.) So nobody is fenced, and the reader may be on any CPU, and the ring's CPU offline.

use core::marker::PhantomData;
use core::sync::atomic::{AtomicBool, Ordering};

use crate::model::hooks;
use crate::percpu::or_panic;
use crate::section::Word;
use crate::{AllocError, PerCpu, sequence};

/// One slot: what is written on its CPU, then what the reader writes, on lines of their own.
#[repr(C, align(128))]
struct Buffer<const N: usize> {
    head: usize,
    reader: Tail,
    bytes: Bytes<N>,
}

#[repr(C, align(128))]
struct Tail {
    tail: usize,
}

#[repr(C, align(128))]
struct Bytes<const N: usize>([u8; N]);

/// What precedes the bytes of a record.
#[repr(C, align(8))]
struct Header {
    /// How many bytes follow, or [`MARK`].
    len: u64,
    bytes: [u8; 0],
}

const HEADER: usize = size_of::<Header>();

/// Instead of a length: the next record is at the beginning of the buffer.
const MARK: u64 = u64::MAX;

/// The bytes that a record of `len` bytes takes.
const fn size(len: usize) -> usize {
    (len + HEADER + 7) & !7
}

impl<const N: usize> Buffer<N> {
    /// From a count of bytes to their place.
    const MASK: usize = {
        assert!(N.is_power_of_two() && N >= 64, "the size of a ring is a power of two, and at least 64");
        N - 1
    };
}

/// What became of a record.
enum Appended {
    Done,
    Full,
    AtTheEnd,
}

sequence! {
    /// # Safety
    /// `record` must be valid for `len` bytes, which is at most `N`.
    unsafe fn append<const N: usize>(ring: &PerCpu<Buffer<N>>, record: *const u8, len: usize) -> Appended {
        let head: usize = ring.head;
        let size: usize = (len + 15) & const { !7_usize };
        let at: usize = head & Buffer::<N>::MASK;
        if at + size > N { return Appended::AtTheEnd; }
        let used: usize = head + size - ring.reader.tail;
        if used > N { return Appended::Full; }
        let start: *mut u8 = &raw mut ring.bytes.0[at];
        let header: *mut Header = start as *mut Header;
        stage (*header).len = len as u64;
        copy(&raw mut (*header).bytes, record, len);
        commit(release) ring.head = head + ((len + 15) & const { !7_usize });
        Appended::Done
    }

    /// Goes to the next round, unless so many bytes fit before the end; says whether they may fit now. They do not if they would not
    /// fit at the beginning either.
    ///
    /// # Safety
    /// Only the bytes of the ring are written: this is unsafe because it follows a pointer.
    unsafe fn skip<const N: usize>(ring: &PerCpu<Buffer<N>>, size: usize) -> bool {
        let head: usize = ring.head;
        let at: usize = head & Buffer::<N>::MASK;
        // Somebody else has gone there meanwhile.
        if at + size <= N { return true; }
        let next: usize = head - at + N;
        let used: usize = next + size - ring.reader.tail;
        if used > N { return false; }
        let start: *mut u8 = &raw mut ring.bytes.0[at];
        let header: *mut Header = start as *mut Header;
        stage (*header).len = MARK as u64;
        commit(release) ring.head = next;
        true
    }
}

/// How often a record is tried again because others used up the beginning of the buffer meanwhile.
const ATTEMPTS: u32 = 8;

/// Why a record was not appended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum AppendError {
    /// The ring of this CPU has no room until it is read, or others took the room several times in a row.
    Full,
    /// The record is longer than a ring ever has room for: see [`Ring::MAX_RECORD`].
    TooLong,
}

impl core::fmt::Display for AppendError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(match self {
            Self::Full => "the ring of this CPU is full: read it, or drop the record",
            Self::TooLong => {
                "the record is longer than half of the ring: make the ring larger, or split the record"
            }
        })
    }
}

impl core::error::Error for AppendError {}

/// A ring of `N` bytes for each CPU. See the [module](self).
///
/// Any thread appends records of any length to the ring of the CPU that it runs on at that moment; one [`Reader`] takes the records of all
/// CPUs, in the order of each. Appending neither waits nor locks: where there is no room the record is refused, and the caller decides.
///
/// `N` is a power of two, and at least 64.
///
/// ```
/// use perseq::collections::ring::Ring;
///
/// let log = Ring::<4096>::new();
/// log.append(b"what happened")?;
/// log.append(b"and then")?;
///
/// let mut reader = log.reader().expect("nobody else reads");
/// let mut lines = Vec::new();
/// reader.read_all(|_cpu, record| lines.push(record.to_vec()));
/// assert_eq!(lines.len(), 2);
/// # Ok::<(), perseq::collections::ring::AppendError>(())
/// ```
pub struct Ring<const N: usize> {
    buffers: PerCpu<Buffer<N>>,
    /// Somebody is its reader.
    read: AtomicBool,
}

impl<const N: usize> Ring<N> {
    /// The longest record, in bytes. With its header it takes half of the ring, so that an empty ring has room for it wherever its end is.
    pub const MAX_RECORD: usize = (Buffer::<N>::MASK >> 1) + 1 - HEADER;

    /// Empty rings. Not for signal handlers.
    ///
    /// # Panics
    /// If there is no memory; see [`try_new`](Self::try_new).
    #[must_use]
    #[track_caller]
    pub fn new() -> Self {
        or_panic(Self::try_new())
    }

    /// [`new`](Self::new), for programs that go on without memory.
    ///
    /// # Errors
    /// [`AllocError`] if the system has none.
    pub fn try_new() -> Result<Self, AllocError> {
        const { _ = Buffer::<N>::MASK };
        // SAFETY: zeros are an empty ring.
        Ok(Self { buffers: unsafe { PerCpu::make_zeroed()? }, read: AtomicBool::new(false) })
    }

    /// The number of rings: one more than the highest possible CPU number.
    #[must_use]
    pub fn slots(&self) -> u32 {
        self.buffers.slots()
    }

    /// Appends a record to the ring of the running CPU. Async-signal-safe.
    ///
    /// # Errors
    /// [`AppendError::Full`] until the reader has made room, [`AppendError::TooLong`] if it never can.
    #[inline]
    pub fn append(&self, record: &[u8]) -> Result<(), AppendError> {
        if record.len() > Self::MAX_RECORD {
            return Err(AppendError::TooLong);
        }
        // SAFETY: so many bytes.
        match unsafe { append(&self.buffers, record.as_ptr(), record.len()) } {
            Appended::Done => Ok(()),
            Appended::Full => Err(AppendError::Full),
            Appended::AtTheEnd => self.append_after_skip(record),
        }
    }

    #[cold]
    fn append_after_skip(&self, record: &[u8]) -> Result<(), AppendError> {
        for _ in 0..ATTEMPTS {
            // SAFETY: as in `append`; the other has nothing to promise.
            unsafe {
                if !skip(&self.buffers, size(record.len())) {
                    return Err(AppendError::Full);
                }
                match append(&self.buffers, record.as_ptr(), record.len()) {
                    Appended::Done => return Ok(()),
                    Appended::Full => return Err(AppendError::Full),
                    Appended::AtTheEnd => {}
                }
            }
        }
        Err(AppendError::Full)
    }

    /// The reader, unless there is one already. The child of a fork has none if another thread of its parent was reading.
    #[must_use]
    pub fn reader(&self) -> Option<Reader<'_, N>> {
        // Acquire: the last reader's tails.
        hooks::step("become the reader");
        let taken = self.read.swap(true, Ordering::Acquire);
        hooks::seen(u8::from(taken));
        hooks::stored(self.read.as_ptr().cast::<u8>(), 1);
        (!taken).then(|| Reader { ring: self, alone: PhantomData })
    }
}

impl<const N: usize> Default for Ring<N> {
    fn default() -> Self {
        Self::new()
    }
}

impl<const N: usize> core::fmt::Debug for Ring<N> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Ring").field("slots", &self.slots()).field("bytes", &N).finish_non_exhaustive()
    }
}

/// The one who reads a [`Ring`]. Another can be had when this is dropped.
#[derive(Debug)]
pub struct Reader<'r, const N: usize> {
    ring: &'r Ring<N>,
    /// It may be sent, and is used by one thread at a time.
    alone: PhantomData<core::cell::Cell<()>>,
}

impl<const N: usize> Reader<'_, N> {
    /// Passes to `f` the records of the ring of `cpu` that were there when this was called, the oldest first, and returns how many:
    /// from any thread, whether that CPU is online or not. A record's bytes begin at a multiple of eight. Its room is free
    /// when `f` returns; if `f` panics, the record is read again next time.
    ///
    /// No CPU is fenced and no sequence is disturbed. Async-signal-safe if `f` is.
    pub fn read(&mut self, cpu: u32, mut f: impl FnMut(&[u8])) -> usize {
        let Some(buffer) = self.ring.buffers.item(cpu) else { return 0 };
        let buffer = buffer.as_ptr();
        let mut count = 0;
        // SAFETY: words of a slot that lives, which are written by single stores; the bytes from `tail` to `head` are whole records,
        // which nobody writes before `tail` has passed them, and every length is one that `append` has checked.
        unsafe {
            hooks::step("read the ends of a ring");
            let mut tail = hooks::seen(usize::load(&raw const (*buffer).reader.tail));
            let head = hooks::seen(usize::load_acquire(&raw const (*buffer).head));
            let bytes = (&raw mut (*buffer).bytes).cast::<u8>();
            while tail != head {
                let at = tail & Buffer::<N>::MASK;
                let header = bytes.add(at).cast::<Header>();
                hooks::seen((*header).len);
                match (*header).len {
                    MARK => tail = tail.wrapping_add(N - at),
                    len => {
                        let len = len as usize;
                        hooks::seen_bytes((&raw const (*header).bytes).cast(), len);
                        f(core::slice::from_raw_parts((&raw const (*header).bytes).cast(), len));
                        tail = tail.wrapping_add(size(len));
                        count += 1;
                    }
                }
                hooks::step("free the room of a record");
                usize::store(&raw mut (*buffer).reader.tail, tail, Ordering::Release);
            }
        }
        count
    }

    /// [`read`](Self::read) for each CPU in turn; `f` gets its number too.
    pub fn read_all(&mut self, mut f: impl FnMut(u32, &[u8])) -> usize {
        (0..self.ring.slots()).map(|cpu| self.read(cpu, |record| f(cpu, record))).sum()
    }
}

impl<const N: usize> Drop for Reader<'_, N> {
    fn drop(&mut self) {
        hooks::step("stop reading");
        self.ring.read.store(false, Ordering::Release);
        hooks::stored(self.ring.read.as_ptr().cast::<u8>(), 0);
    }
}
