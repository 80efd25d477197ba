//! The ring of each CPU: where an event is one sequence.
//!
//! ```text
//! emit:  leave for `boundary` if it does not end before limit; read the clock;
//!        stage the header and the payload beyond head; commit(release) head = end
//! pad:   leave if it fits after all; stage a mark; commit(release) head = limit                    (the end of the sub-buffer)
//! open:  leave unless head is limit, or if the reader is a whole ring behind; commit limit = limit + sub-buffer
//! ```
//!
//! A ring consists of sub-buffers. An event lies in one, so each begins with an event. `limit` is the end of the one that is being written, and is
//! all that the fast path looks at: only at that boundary does a producer look at what the reader writes, and does anybody wake it.
//!
//! An event is its time, its id and its payload, rounded up to eight bytes: so the smallest are a time and one further word. The clock is
//! read in the section, so an event that comes first has the lower time, and times on one CPU never go backwards: a handler that traces in the middle of
//! an event aborts that, and is simply first.
//!
//! Invariants: `head`, `limit` and `tail` count bytes, up. What is between `tail` and `head` is whole events and marks. `head <= limit`, and
//! `limit` is a multiple of the sub-buffer, and no more than a ring beyond `tail`, unless old events are overwritten. A process that is killed
//! anywhere leaves all of that true.
//!
//! Ordering: the commit releases what was staged to the reader, which acquires `head`. The reader's release of `tail` comes after it has
//! copied what was there; a producer stores over that only after a branch on the `tail` that it has loaded.

use std::mem::offset_of;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

use perseq::sequence;
use perseq::shared::{Shareable, SharedError, SharedPerCpu};

use crate::plan::Shape;

/// Bytes of a ring, at most.
pub(crate) const MAX: usize = if cfg!(target_pointer_width = "64") { 16 << 20 } else { 256 << 10 };
/// Bytes of an event before its payload: the time, and 32 bits of id.
pub(crate) const HEADER: usize = 12;
/// The time of a mark: the rest of the sub-buffer is empty.
pub(crate) const MARK: u64 = u64::MAX;

/// One slot.
#[repr(C, align(128))]
pub(crate) struct Ring {
    pub(crate) head: u64,
    pub(crate) limit: u64,
    /// Events for which there was no room.
    pub(crate) lost: u64,
    /// From a count of bytes to their place.
    pub(crate) mask: u64,
    /// Bytes of a sub-buffer.
    pub(crate) sub: u64,
    /// The time of the last event, where the clock is not read in the section.
    pub(crate) last: u64,
    pub(crate) reader: Tail,
    pub(crate) data: Data,
}

/// What the reader writes.
#[repr(C, align(128))]
pub(crate) struct Tail {
    pub(crate) tail: u64,
}

#[repr(C, align(128))]
pub(crate) struct Data(pub(crate) [u64; MAX / 8]);

// SAFETY: numbers, of which zero is one.
unsafe impl Shareable for Ring {
    const LAYOUT: u64 = 0x7261_6365_0001;
}

/// What is common to the rings.
#[repr(C)]
pub(crate) struct Control {
    /// Counts sub-buffers that were completed, for the reader to sleep on.
    pub(crate) completed: AtomicU32,
    /// The reader sleeps.
    pub(crate) asleep: AtomicU32,
    /// Counts the turns of the reader, for producers that wait for room.
    pub(crate) turns: AtomicU32,
    /// One more than the turn of the reader for which somebody has waited in vain.
    pub(crate) missed: AtomicU32,
    /// Bytes of a ring; 0 when nothing is recorded any more.
    pub(crate) size: AtomicU64,
}

// SAFETY: as above.
unsafe impl Shareable for Control {
    const LAYOUT: u64 = 1;
}

/// The rings of all CPUs.
pub(crate) type Rings = SharedPerCpu<Ring, Control>;

/// Makes rings ready that nobody else has yet, with all the memory that they need.
pub(crate) fn prepare(rings: &Rings, shape: Shape) -> Result<(), SharedError> {
    for cpu in 0..rings.slots() {
        rings.allocate(cpu, offset_of!(Ring, data) + shape.size as usize)?;
        if let Some(mut ring) = rings.item(cpu) {
            // SAFETY: a slot of the mapping, which nobody else has.
            let ring = unsafe { ring.as_mut() };
            (ring.mask, ring.sub) = (shape.size - 1, shape.sub);
        }
    }
    rings.common().size.store(shape.size, Ordering::Release);
    Ok(())
}

/// Gives back the memory of rings that nobody reads any more. Others may still write to them.
pub(crate) fn close(rings: &Rings) {
    rings.common().size.store(0, Ordering::Relaxed);
    for cpu in 0..rings.slots() {
        // SAFETY: nobody reads what is there. Where it does not work, the memory is there until all members have ended.
        let _ = unsafe { rings.discard(cpu, offset_of!(Ring, data)) };
    }
}

/// What became of an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Emitted {
    Done,
    /// The sub-buffer has no room for it.
    Boundary,
    /// Its time is before that of another event.
    Late,
}

/// What became of a sub-buffer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Turned {
    Done,
    /// There is nothing to do, or somebody else has done it.
    Not,
    /// The reader is a whole ring behind.
    Full,
}

/// An event in a ring.
#[repr(C, align(8))]
struct Event {
    time: u64,
    /// The id, in the first half in memory, and what follows.
    rest: u64,
}

sequence! {
    /// An event of an id and four bytes of payload.
    ///
    /// # Safety
    /// Only the bytes of the ring are written: this is unsafe because it follows a pointer.
    pub(crate) unsafe fn emit_word(rings: &Rings, rest: u64) -> Emitted {
        let head: u64 = rings.head;
        if head + 16 > rings.limit { return Emitted::Boundary; }
        let at: usize = ((head & rings.mask) >> 3) as usize;
        let place: *mut u64 = &raw mut rings.data.0[at];
        let event: *mut Event = place as *mut Event;
        stage (*event).rest = rest;
        let now: u64 = tsc();
        stage (*event).time = now;
        commit(release) rings.head = head + 16;
        Emitted::Done
    }

    /// An event of an id and a payload, of so many bytes in all, a multiple of eight.
    ///
    /// # Safety
    /// There must be so many bytes.
    pub(crate) unsafe fn emit_bytes(rings: &Rings, rest: *const u64, len: usize) -> Emitted {
        let head: u64 = rings.head;
        if head + (len as u64) + 8 > rings.limit { return Emitted::Boundary; }
        let at: usize = ((head & rings.mask) >> 3) as usize;
        let place: *mut u64 = &raw mut rings.data.0[at];
        let event: *mut Event = place as *mut Event;
        let now: u64 = tsc();
        stage (*event).time = now;
        let to: *mut u64 = &raw mut (*event).rest;
        copy(to, rest, len);
        // Again, so that no register holds it meanwhile.
        let end: u64 = rings.head + (len as u64) + 8;
        commit(release) rings.head = end;
        Emitted::Done
    }

    /// As [`emit_bytes`], with a time that was read before; not if another event came in between with a later one. (A time that
    /// is stored and then not used, because the section was aborted, only has others look at the clock again.)
    ///
    /// # Safety
    /// As there.
    pub(crate) unsafe fn emit_at(rings: &Rings, rest: *const u64, len: usize, now: u64) -> Emitted {
        let head: u64 = rings.head;
        if head + (len as u64) + 8 > rings.limit { return Emitted::Boundary; }
        if now < rings.last { return Emitted::Late; }
        let at: usize = ((head & rings.mask) >> 3) as usize;
        let place: *mut u64 = &raw mut rings.data.0[at];
        let event: *mut Event = place as *mut Event;
        stage (*event).time = now;
        let to: *mut u64 = &raw mut (*event).rest;
        copy(to, rest, len);
        stage rings.last = now;
        let end: u64 = rings.head + (len as u64) + 8;
        commit(release) rings.head = end;
        Emitted::Done
    }

    /// Leaves the rest of the sub-buffer empty, if so many bytes do not fit there.
    pub(crate) fn pad(rings: &Rings, size: u64) -> Turned {
        let head: u64 = rings.head;
        let limit: u64 = rings.limit;
        if head + size <= limit || head == limit { return Turned::Not; }
        let mask: u64 = rings.mask;
        let at: usize = ((head & mask) >> 3) as usize;
        stage rings.data.0[at] = MARK as u64;
        commit(release) rings.head = limit;
        Turned::Done
    }

    /// Begins the next sub-buffer, unless what is in use would be more than `room` bytes.
    pub(crate) fn open(rings: &Rings, room: u64) -> Turned {
        let head: u64 = rings.head;
        let limit: u64 = rings.limit;
        if head != limit { return Turned::Not; }
        let next: u64 = limit + rings.sub;
        let used: u64 = next - rings.reader.tail;
        if used > room { return Turned::Full; }
        commit rings.limit = limit + rings.sub;
        Turned::Done
    }

    /// Counts an event that found no room.
    pub(crate) fn lose(rings: &Rings) {
        let lost: u64 = rings.lost;
        commit rings.lost = lost + 1;
    }
}
