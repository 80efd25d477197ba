//! The ring of each CPU: where an event is one sequence.
//!
//! ```text
//! emit:  leave for `boundary` if it does not end before limit; read the clock;
//!        stage the header and the payload beyond head; commit(release) head = end
//! pad:   leave if no sub-buffer has room for it, or this one after all; stage a mark; commit(release) head = limit         (the end of the sub-buffer)
//! open:  leave unless head is limit, or if the reader is a whole ring behind; commit limit = limit + sub-buffer
//! ```
//!
//! A ring consists of sub-buffers. An event lies in one, so each begins with an event. `limit` is the end of the one that is being written, and is
//! all that the fast path looks at: only at that boundary does a producer look at what the reader writes, and does anybody wake it.
//!
//! An event is its time, its id and its payload, rounded up to eight bytes: so the smallest are a time and one further word. The clock is
//! read in the section, so an event that comes first has the lower time, and times on one CPU do not go backwards: a handler that traces in the middle of
//! an event aborts that, and is simply first. (Where a processor may read the counter ahead of earlier instructions, by some nanoseconds, the reader takes such a
//! time for that of the event before.)
//!
//! Invariants: `head`, `limit` and `tail` count bytes, up. What is between `tail` and `head` is whole events and marks. `head <= limit`, and
//! `limit` is a multiple of the sub-buffer, and no more than a ring beyond `tail`, unless old events are overwritten. A process that is killed
//! anywhere leaves all of that true. The ring of whoever has none is closed: its `limit` is its `head`, and a sub-buffer has no bytes.
//!
//! # Ordering
//! - The commit releases what was staged to the reader, which acquires `head`.
//! - The reader's release of `tail` comes after it has copied what was there. A producer stores over that only below a `limit` that `open` has
//!   stored after a branch on the `tail` it loaded, on the same CPU: in the same thread no processor makes a store visible before the branches in front
//!   of it are decided, and between two threads of a CPU there is a context switch, which is a barrier. (The slow path's loads acquire, and so does its gate.)
//!   A `tail` that is old is a lower one, so room is only ever underrated.
//! - Where old events are overwritten, nothing orders a new `limit` before what is then stored below it, for a reader on another CPU: the `limit` it loads
//!   after it has copied may be older than what it has copied. So it goes
//!   to that CPU before it asks for `limit` again: once it has been there, every store that comes before one which it has seen is visible.

use std::cell::UnsafeCell;
use std::mem::offset_of;
use std::ptr;
use std::sync::atomic::{AtomicI32, AtomicU32, AtomicU64, Ordering};

use perseq::section::{Protected, Slots};
use perseq::sequence;
use perseq::shared::{Shareable, SharedError, SharedPerCpu};

use crate::emit::Mode;
use crate::plan::Shape;

/// Bytes of a ring, at most.
pub const MAX: usize = if cfg!(target_pointer_width = "64") { 16 << 20 } else { 256 << 10 };
/// Bytes of an event before its payload: the time, and 32 bits of id.
pub(crate) const HEADER: usize = 12;
/// The time of a mark: the rest of the sub-buffer is empty.
pub const MARK: u64 = u64::MAX;

/// One slot.
#[repr(C, align(128))]
pub struct Ring {
    pub head: u64,
    pub limit: u64,
    /// Events for which there was no room.
    pub lost: u64,
    /// From a count of bytes to their place.
    pub mask: u64,
    /// Bytes of a sub-buffer; 0 in a ring that is closed.
    pub sub: u64,
    /// The time of the last event, where the clock is not read in the section.
    pub last: u64,
    pub reader: Tail,
    pub data: Data,
}

/// What the reader writes.
#[repr(C, align(128))]
pub struct Tail {
    pub tail: u64,
}

#[repr(C, align(128))]
pub struct Data(pub [u64; MAX / 8]);

// SAFETY: numbers, of which zero is one.
unsafe impl Shareable for Ring {
    const LAYOUT: u64 = 0x7261_6365_0001;
}

/// What is common to the rings.
#[repr(C)]
pub struct Control {
    /// Counts sub-buffers that were completed, for the reader to sleep on.
    pub completed: AtomicU32,
    /// The reader sleeps.
    pub asleep: AtomicU32,
    /// Counts the turns of the reader, for producers that wait for room.
    pub turns: AtomicU32,
    /// One more than the turn of the reader for which somebody has waited in vain.
    pub missed: AtomicU32,
    /// What is done where there is no room: a [`Mode`].
    pub mode: AtomicU32,
    /// The thread that reads the rings, which never waits for whoever does. Where it is, no other thread has that id; elsewhere one may, and loses what it cannot
    /// wait for.
    pub reader: AtomicI32,
    /// Bytes of a ring; 0 when nothing is recorded any more.
    pub size: AtomicU64,
    /// Events for which there was no ring, see [`Producers`]. They count beside those of the rings.
    pub lost: AtomicU64,
}

// SAFETY: as above.
unsafe impl Shareable for Control {
    const LAYOUT: u64 = 3;
}

impl Control {
    pub(crate) fn mode(&self) -> Mode {
        Mode::from_number(self.mode.load(Ordering::Relaxed).into()).unwrap_or(Mode::Discard)
    }
}

/// The rings of all CPUs.
pub type Rings = SharedPerCpu<Ring, Control>;

/// The rings, as producers see them: who cannot have a slot for its slow path (the child of a fork that is no member; where somebody was killed
/// who changed the slot) gets a ring that is closed instead. So no producer ever panics.
#[derive(Debug)]
#[repr(transparent)]
pub struct Producers(Rings);

impl Producers {
    #[inline]
    #[must_use]
    pub fn of(rings: &Rings) -> &Self {
        // SAFETY: it is the same, by another name.
        unsafe { &*ptr::from_ref(rings).cast::<Self>() }
    }
}

// SAFETY: those of the rings.
unsafe impl Slots for Producers {
    type Item = Ring;
    const SHIFT: u32 = <Rings as Slots>::SHIFT;
    const BY_CID: bool = <Rings as Slots>::BY_CID;
    const GATED: bool = <Rings as Slots>::GATED;
    const VALUE_OFFSET: usize = <Rings as Slots>::VALUE_OFFSET;

    #[inline]
    fn base(&self) -> *mut u8 {
        self.0.base()
    }
}

impl Protected for Producers {
    fn protected<R>(&self, f: impl FnOnce(*mut Ring, u32, u32) -> R) -> R {
        self.0.protected_or(NOBODYS.0.get().cast(), f)
    }
}

/// A closed ring, as far as its data, to which nobody ever stores.
#[repr(align(128))]
struct Nobodys(UnsafeCell<[u64; offset_of!(Ring, data) / 8]>);

// SAFETY: it does not change.
unsafe impl Sync for Nobodys {}

static NOBODYS: Nobodys = Nobodys(UnsafeCell::new([0; offset_of!(Ring, data) / 8]));

/// Makes rings ready that nobody else has yet, with all the memory that they need.
pub(crate) fn prepare(rings: &Rings, shape: Shape, mode: Mode) -> Result<(), SharedError> {
    // Memory is of the node it is first asked for on. A thread that was on a CPU stays near it for a while.
    let nodes = std::fs::read_to_string("/sys/devices/system/node/online").unwrap_or_default();
    let several = nodes.contains(['-', ',']);
    for cpu in 0..rings.slots() {
        if several {
            // Where this thread may not go, or nobody is, it does not matter.
            let _ = perseq::fence::be_on(cpu);
        }
        rings.allocate(cpu, offset_of!(Ring, data) + shape.size as usize)?;
        if let Some(mut ring) = rings.item(cpu) {
            // SAFETY: a slot of the mapping, which nobody else has.
            let ring = unsafe { ring.as_mut() };
            (ring.mask, ring.sub) = (shape.size - 1, shape.sub);
        }
    }
    rings.common().mode.store(mode as u32, Ordering::Relaxed);
    rings.common().size.store(shape.size, Ordering::Release);
    Ok(())
}

/// Whether nobody reads the rings any more: their memory may be gone.
pub(crate) fn is_closed(rings: &Rings) -> bool {
    rings.common().size.load(Ordering::Relaxed) == 0
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
pub enum Emitted {
    Done,
    /// The sub-buffer has no room for it.
    Boundary,
    /// Its time is before that of another event.
    Late,
}

/// What became of a sub-buffer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Turned {
    Done,
    /// There is nothing to do, or somebody else has done it.
    Not,
    /// The reader is a whole ring behind.
    Full,
    /// No sub-buffer has so much room: the ring is closed, for instance.
    Never,
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
    pub unsafe fn emit_word(rings: &Producers, rest: u64) -> Emitted {
        let head: u64 = rings.head;
        if head + 16 > rings.limit { return Emitted::Boundary; }
        let data: *mut u64 = &raw mut rings.data.0[0];
        let event: *mut Event = (data as usize + (head & rings.mask) as usize) as *mut Event;
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
    pub unsafe fn emit_bytes(rings: &Producers, rest: *const u64, len: usize) -> Emitted {
        let head: u64 = rings.head;
        if head + (len as u64) + 8 > rings.limit { return Emitted::Boundary; }
        let data: *mut u64 = &raw mut rings.data.0[0];
        let event: *mut Event = (data as usize + (head & rings.mask) as usize) as *mut Event;
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
    pub unsafe fn emit_at(rings: &Producers, rest: *const u64, len: usize, now: u64) -> Emitted {
        let head: u64 = rings.head;
        if head + (len as u64) + 8 > rings.limit { return Emitted::Boundary; }
        if now < rings.last { return Emitted::Late; }
        let data: *mut u64 = &raw mut rings.data.0[0];
        let event: *mut Event = (data as usize + (head & rings.mask) as usize) as *mut Event;
        stage (*event).time = now;
        let to: *mut u64 = &raw mut (*event).rest;
        copy(to, rest, len);
        stage rings.last = now;
        let end: u64 = rings.head + (len as u64) + 8;
        commit(release) rings.head = end;
        Emitted::Done
    }

    /// Leaves the rest of the sub-buffer empty, if so many bytes do not fit there.
    ///
    /// # Safety
    /// As [`emit_word`].
    pub unsafe fn pad(rings: &Producers, size: u64) -> Turned {
        if size > rings.sub { return Turned::Never; }
        let head: u64 = rings.head;
        let limit: u64 = rings.limit;
        if head + size <= limit || head == limit { return Turned::Not; }
        let data: *mut u64 = &raw mut rings.data.0[0];
        let event: *mut Event = (data as usize + (head & rings.mask) as usize) as *mut Event;
        stage (*event).time = MARK as u64;
        commit(release) rings.head = limit;
        Turned::Done
    }

    /// Begins the next sub-buffer, unless what is in use would be more than `room` bytes.
    pub fn open(rings: &Producers, room: u64) -> Turned {
        let head: u64 = rings.head;
        let limit: u64 = rings.limit;
        let sub: u64 = rings.sub;
        if head != limit || sub == 0 { return Turned::Not; }
        let next: u64 = limit + sub;
        let used: u64 = next - rings.reader.tail;
        if used > room { return Turned::Full; }
        commit rings.limit = next;
        Turned::Done
    }

    /// Counts an event that found no room.
    #[slow_path(lose_slowly)]
    pub fn lose(rings: &Producers) {
        let lost: u64 = rings.lost;
        commit rings.lost = lost + 1;
    }
}

/// As [`lose`], beside the rings: the reader adds both.
fn lose_slowly(rings: &Producers) {
    rings.0.common().lost.fetch_add(1, Ordering::Relaxed);
}
