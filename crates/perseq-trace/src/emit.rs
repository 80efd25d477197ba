//! From the fields of an event to the ring.
//!
//! What is small is put together on the stack, and copied by the section. At the end of a sub-buffer, where the fast path ends, somebody has
//! to begin the next: see [`ring`](crate::ring).

use std::mem::MaybeUninit;
use std::ptr::null_mut;
use std::sync::atomic::{AtomicPtr, AtomicU32, Ordering, fence};
use std::time::{Duration, Instant};

#[doc(hidden)]
pub use perseq_ctf::{Enumeration, Kind, Text};
#[doc(hidden)]
pub use std::borrow::Cow;

#[doc(hidden)]
pub use crate::encode::Sealed;
use crate::ring::{self, Emitted, HEADER, MAX, Rings, Turned};
use crate::sys;

/// Set in an id: the clock is not read in the section.
pub(crate) const SLOW_CLOCK: u32 = 1 << 30;
/// Words on the stack of the fast path.
const SMALL: usize = 32;
/// The largest payload.
pub(crate) const LARGEST: usize = 64 * 1024 + 256;
/// How often a producer tries to find room, where others take it away meanwhile.
const ATTEMPTS: u32 = 64;
/// How long a producer waits for room at most, for a reader that does not come.
const PATIENCE: Duration = Duration::from_secs(10);

/// What is done where there is no room for an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// It is counted, and lost.
    Discard,
    /// The thread waits for the reader; for ten seconds at most, then the event is lost. Not in a signal handler that interrupts the reader.
    Block,
    /// The oldest sub-buffer is overwritten; what is in the rings is written when a snapshot is taken.
    Overwrite,
}

/// The rings; null before the first session. They stay for ever.
static RINGS: AtomicPtr<Rings> = AtomicPtr::new(null_mut());
static MODE: AtomicU32 = AtomicU32::new(0);

/// The rings, if there are any.
#[inline(always)]
pub(crate) fn rings() -> Option<&'static Rings> {
    // SAFETY: leaked.
    unsafe { RINGS.load(Ordering::Acquire).as_ref() }
}

/// Has events go to these rings from now on.
pub(crate) fn set_rings(rings: &'static Rings) {
    RINGS.store(std::ptr::from_ref(rings).cast_mut(), Ordering::Release);
}

pub(crate) fn set_mode(mode: Mode) {
    MODE.store(mode as u32, Ordering::Relaxed);
}

fn mode() -> Mode {
    match MODE.load(Ordering::Relaxed) {
        0 => Mode::Discard,
        1 => Mode::Block,
        _ => Mode::Overwrite,
    }
}

/// The name that an identifier is, without what makes it one.
#[doc(hidden)]
#[must_use]
pub const fn unraw(identifier: &'static str) -> &'static str {
    match identifier.as_bytes() {
        [b'r', b'#', ..] => identifier.split_at(2).1,
        _ => identifier,
    }
}

/// The name of a field.
///
/// # Panics
/// At compile time, if no trace can have it.
#[doc(hidden)]
#[must_use]
pub const fn field_name(identifier: &'static str) -> &'static str {
    let name = unraw(identifier);
    assert!(name.is_ascii() && name.len() < 256, "the name of a field is ASCII, of at most 255 characters");
    name
}

/// Has the compiler take a value for one of the type.
#[doc(hidden)]
#[inline(always)]
pub fn typed<T>(value: T) -> T {
    value
}

/// Records an event of this id, whose fields take `size` bytes and are written by `put`. Async-signal-safe if `put` is.
#[doc(hidden)]
#[inline(always)]
pub fn record(id: u32, size: usize, put: impl FnOnce(*mut u8)) {
    let words = (size + (HEADER - 8)).div_ceil(8);
    if words == 1 {
        let mut rest = [0_u64; 1];
        fill(&mut rest[0], id, put);
        word(id, rest[0]);
    } else if words <= SMALL {
        let mut rest = [MaybeUninit::<u64>::uninit(); SMALL];
        // What the fields do not fill.
        rest[words - 1].write(0);
        fill(rest.as_mut_ptr().cast(), id, put);
        bytes(id, rest.as_ptr().cast(), words * 8);
    } else {
        large(id, size, words, put);
    }
}

/// Writes the id and the fields.
#[inline(always)]
fn fill(at: *mut u64, id: u32, put: impl FnOnce(*mut u8)) {
    // SAFETY: there is room for a word at least.
    unsafe { at.cast::<u32>().write(id & !SLOW_CLOCK) };
    put(at.cast::<u8>().wrapping_add(HEADER - 8));
}

#[cold]
#[inline(never)]
fn large(id: u32, size: usize, words: usize, put: impl FnOnce(*mut u8)) {
    if size > LARGEST {
        if let Some(rings) = rings() {
            ring::lose(rings);
        }
        return;
    }
    let mut rest = [MaybeUninit::<u64>::uninit(); LARGEST / 8 + 1];
    rest[words - 1].write(0);
    fill(rest.as_mut_ptr().cast(), id, put);
    bytes(id, rest.as_ptr().cast(), words * 8);
}

#[inline(always)]
fn word(id: u32, rest: u64) {
    let Some(rings) = rings() else { return };
    // SAFETY: the rings are mapped; it writes to them only.
    if id & SLOW_CLOCK == 0 && unsafe { ring::emit_word(rings, rest) } == Emitted::Done {
        return;
    }
    again(rings, id, &raw const rest, 8);
}

#[inline(always)]
fn bytes(id: u32, rest: *const u64, len: usize) {
    let Some(rings) = rings() else { return };
    // SAFETY: the caller has so many bytes there.
    if id & SLOW_CLOCK == 0 && unsafe { ring::emit_bytes(rings, rest, len) } == Emitted::Done {
        return;
    }
    again(rings, id, rest, len);
}

/// At the end of a sub-buffer, or with another clock.
#[cold]
#[inline(never)]
fn again(rings: &Rings, id: u32, rest: *const u64, len: usize) {
    let mut since = None;
    for _ in 0..ATTEMPTS {
        // SAFETY: the caller has so many bytes there.
        let emitted = unsafe {
            if id & SLOW_CLOCK == 0 {
                ring::emit_bytes(rings, rest, len)
            } else {
                ring::emit_at(rings, rest, len, sys::monotonic())
            }
        };
        match emitted {
            Emitted::Done => return,
            Emitted::Late => continue,
            Emitted::Boundary => {}
        }
        if ring::pad(rings, len as u64 + 8) == Turned::Done {
            completed(rings);
        }
        let room =
            if mode() == Mode::Overwrite { u64::MAX } else { rings.common().size.load(Ordering::Relaxed) };
        if ring::open(rings, room) != Turned::Full {
            continue;
        }
        completed(rings);
        if mode() != Mode::Block || !wait_for_room(rings, &mut since) {
            break;
        }
    }
    ring::lose(rings);
}

/// A sub-buffer is complete.
fn completed(rings: &Rings) {
    let control = rings.common();
    control.completed.fetch_add(1, Ordering::Relaxed);
    // With the reader's: one of the two sees what the other has stored.
    fence(Ordering::SeqCst);
    if control.asleep.load(Ordering::Relaxed) != 0 {
        sys::wake(&control.completed);
    }
}

/// Waits for a turn of the reader; says whether it is worth to try again.
fn wait_for_room(rings: &Rings, since: &mut Option<Instant>) -> bool {
    let turns = rings.common().turns.load(Ordering::Relaxed);
    sys::wait(&rings.common().turns, turns, Duration::from_millis(10));
    since.get_or_insert_with(Instant::now).elapsed() < PATIENCE
}

const _: () = assert!(LARGEST + 16 < MAX);
