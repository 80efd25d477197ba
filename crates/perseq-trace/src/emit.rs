//! From the fields of an event to the ring.
//!
//! What is small is put together on the stack, and copied by the section. At the end of a sub-buffer, where the fast path ends, somebody has
//! to begin the next: see [`ring`](crate::ring).

use std::mem::MaybeUninit;
use std::ptr::null_mut;
use std::sync::atomic::{AtomicPtr, Ordering, fence};
use std::time::{Duration, Instant};

use crate::context;
use crate::ring::{self, Emitted, HEADER, MAX, Producers, Rings, Turned};
use crate::site::Site;
use crate::sys::{self, ErrnoKept};

/// Set in an id: the clock is not read in the section.
pub const SLOW_CLOCK: u32 = 1 << 30;
/// Set in an id: the context is recorded.
pub(crate) const CONTEXT: u32 = 1 << 29;
/// Words on the stack of the fast path.
const SMALL: usize = 32;
/// Words of an event of some size, which still fits on the stack of a handler.
const MEDIUM: usize = 512;
/// The largest payload.
pub const LARGEST: usize = 64 * 1024 + 256;
/// How often a producer tries to find room without waiting, where others take it away meanwhile.
const ATTEMPTS: u32 = 64;
/// How long a producer waits for room at most, for a reader that does not come.
const PATIENCE: Duration = Duration::from_secs(10);

/// What is done where there is no room for an event.
#[repr(u8)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// It is counted, and lost.
    Discard,
    /// The thread waits for the reader; for ten seconds at most, then the event is lost, and so are those after it until the reader is back. The
    /// thread that reads never waits.
    Block,
    /// The oldest sub-buffer is overwritten; what is in the rings is written when a snapshot is taken.
    Overwrite,
}

impl Mode {
    pub(crate) fn from_number(number: u64) -> Option<Self> {
        [Self::Discard, Self::Block, Self::Overwrite].into_iter().find(|mode| *mode as u64 == number)
    }
}

/// The rings; null before the first session. They stay for ever.
static RINGS: AtomicPtr<Rings> = AtomicPtr::new(null_mut());

/// The rings, if there are any.
#[inline(always)]
pub(crate) fn rings() -> Option<&'static Rings> {
    // SAFETY: leaked.
    unsafe { RINGS.load(Ordering::Acquire).as_ref() }
}

/// Has events go to these rings from now on. All sites are off, and are on in no other session than that of the rings.
pub(crate) fn record_into(rings: &'static Rings) {
    RINGS.store(std::ptr::from_ref(rings).cast_mut(), Ordering::Release);
}

/// The rings in which events of the site have this id.
///
/// A session may end, and another begin, between any two instructions here. A site is off before there are other rings, and on after
/// that, by a release; so whoever acquires an id finds its rings or later ones, and whoever acquires rings finds the ids of these or later ones. An id that is there
/// before and after is that of rings that were found in between.
#[inline(always)]
fn rings_of(site: &Site, id: u32) -> Option<&'static Rings> {
    if !site.has(id) {
        return None;
    }
    rings().filter(|_| site.has(id))
}

/// Records an event of the site, which was [on](Site::enabled) with this id, whose fields take `size` bytes and are written by `put`. Async-signal-safe if `put` is.
#[doc(hidden)]
#[inline(always)]
pub fn record(site: &Site, id: u32, size: usize, put: impl FnOnce(*mut u8)) {
    let Some(rings) = rings_of(site, id) else { return };
    if id & CONTEXT != 0 {
        return with_context(rings, site, id, size, put);
    }
    record_in(rings, id, size, put);
}

/// Records the context before the fields.
#[cold]
#[inline(never)]
fn with_context(rings: &Rings, site: &Site, id: u32, size: usize, put: impl FnOnce(*mut u8)) {
    let context = context::here();
    // It is that of another session, if there is one by now.
    if !site.has(id) {
        return;
    }
    record_in(rings, id, context.len() + size, |at: *mut u8| {
        // SAFETY: there is room for both; the context is somewhere else.
        unsafe { at.copy_from_nonoverlapping(context.as_ptr(), context.len()) };
        put(at.wrapping_add(context.len()));
    });
}

/// As [`record`], in these rings and without a context.
#[doc(hidden)]
#[inline(always)]
pub fn record_in(rings: &Rings, id: u32, size: usize, put: impl FnOnce(*mut u8)) {
    let words = (size + (HEADER - 8)).div_ceil(8);
    if words == 1 {
        let mut rest = [0_u64; 1];
        fill(&mut rest[0], id, put);
        word(rings, id, rest[0]);
    } else if words <= SMALL {
        let mut rest = [MaybeUninit::<u64>::uninit(); SMALL];
        // What the fields do not fill.
        rest[words - 1].write(0);
        fill(rest.as_mut_ptr().cast(), id, put);
        bytes(rings, id, rest.as_ptr().cast(), words * 8);
    } else {
        large(rings, id, size, words, put);
    }
}

/// Writes the id and the fields.
#[inline(always)]
fn fill(at: *mut u64, id: u32, put: impl FnOnce(*mut u8)) {
    // SAFETY: there is room for a word at least.
    unsafe { at.cast::<u32>().write(id & !(SLOW_CLOCK | CONTEXT)) };
    put(at.cast::<u8>().wrapping_add(HEADER - 8));
}

#[cold]
#[inline(never)]
fn large(rings: &Rings, id: u32, size: usize, words: usize, put: impl FnOnce(*mut u8)) {
    if words <= MEDIUM {
        put_together::<MEDIUM>(rings, id, words, put);
    } else if size <= LARGEST {
        put_together::<{ LARGEST / 8 + 1 }>(rings, id, words, put);
    } else {
        ring::lose(Producers::of(rings));
    }
}

/// A function of its own, so that handlers on small stacks need no room for events that are larger than theirs.
#[inline(never)]
fn put_together<const WORDS: usize>(rings: &Rings, id: u32, words: usize, put: impl FnOnce(*mut u8)) {
    let mut rest = [MaybeUninit::<u64>::uninit(); WORDS];
    rest[words - 1].write(0);
    fill(rest.as_mut_ptr().cast(), id, put);
    bytes(rings, id, rest.as_ptr().cast(), words * 8);
}

#[inline(always)]
fn word(rings: &Rings, id: u32, rest: u64) {
    // SAFETY: the rings are mapped; it writes to them only.
    if id & SLOW_CLOCK == 0 && unsafe { ring::emit_word(Producers::of(rings), rest) } == Emitted::Done {
        return;
    }
    again(rings, id, &raw const rest, 8);
}

#[inline(always)]
fn bytes(rings: &Rings, id: u32, rest: *const u64, len: usize) {
    // SAFETY: the caller has so many bytes there.
    if id & SLOW_CLOCK == 0 && unsafe { ring::emit_bytes(Producers::of(rings), rest, len) } == Emitted::Done {
        return;
    }
    again(rings, id, rest, len);
}

/// At the end of a sub-buffer, or with another clock.
#[cold]
#[inline(never)]
fn again(rings: &Rings, id: u32, rest: *const u64, len: usize) {
    let _errno = ErrnoKept::new();
    let (producers, size) = (Producers::of(rings), len as u64 + 8);
    let (mut since, mut attempts) = (None, 0..ATTEMPTS);
    while attempts.next().is_some() {
        // SAFETY: the caller has so many bytes there.
        let emitted = unsafe {
            if id & SLOW_CLOCK == 0 {
                ring::emit_bytes(producers, rest, len)
            } else {
                ring::emit_at(producers, rest, len, sys::monotonic())
            }
        };
        match emitted {
            Emitted::Done => return,
            Emitted::Late => continue,
            Emitted::Boundary => {}
        }
        // SAFETY: the rings are mapped; it writes to them only.
        if unsafe { ring::pad(producers, size) } == Turned::Never {
            break;
        }
        let control = rings.common();
        let mode = control.mode();
        let room = match (mode, control.size.load(Ordering::Relaxed)) {
            // Nobody reads them any more.
            (_, 0) => break,
            (Mode::Overwrite, _) => u64::MAX,
            (Mode::Discard | Mode::Block, size) => size,
        };
        let turned = ring::open(producers, room);
        // Whoever opens one tells of the one before, even if events have filled that to the last byte.
        if matches!(turned, Turned::Done | Turned::Full) {
            completed(rings);
        }
        if turned == Turned::Full {
            if mode != Mode::Block || !wait_for_room(rings, &mut since) {
                break;
            }
            // Whoever waits is bounded by that.
            attempts = 0..ATTEMPTS;
        }
    }
    ring::lose(producers);
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
    let control = rings.common();
    // Its allocator may record, for instance.
    if sys::thread() == control.reader.load(Ordering::Relaxed) {
        return false;
    }
    let turns = control.turns.load(Ordering::Relaxed);
    if control.missed.load(Ordering::Relaxed) == turns.wrapping_add(1) {
        // Another has waited long enough for this one.
        return false;
    }
    sys::wait(&control.turns, turns, Duration::from_millis(10));
    if since.get_or_insert_with(Instant::now).elapsed() < PATIENCE {
        return true;
    }
    if control.turns.load(Ordering::Relaxed) == turns {
        control.missed.store(turns.wrapping_add(1), Ordering::Relaxed);
    }
    false
}

const _: () = assert!(LARGEST + 16 < MAX);
