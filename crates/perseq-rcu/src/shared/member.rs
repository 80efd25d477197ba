//! Becoming a member: taking a row.

use std::process;
use std::ptr::NonNull;
use std::sync::atomic::{AtomicU32, Ordering};

use rustix::thread::{Timespec, nanosleep};

use super::SharedError;
use super::layout::{self, Map, Row, Shape};
use super::locks::Own;
use crate::counts::{Beside, Counts};

/// What a reader needs, in one place.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place {
    pub(super) map: Map,
    pub(super) member: u32,
    /// The row of this process.
    pub(super) row: &'static Row,
    /// Its counts of phase 0 on CPU 0, and which phase new readers take.
    pub(super) counts: NonNull<Counts>,
    pub(super) current: &'static AtomicU32,
}

// SAFETY: references, and an address of memory that sections of this process add to, and that stays.
unsafe impl Send for Place {}
// SAFETY: as above.
unsafe impl Sync for Place {}

/// How often a row is looked for while others are judged, and how long in between: they are locked for some microseconds, but for longer
/// if whoever judges is preempted.
const TURNS: u32 = 500;
const PAUSE: Timespec = Timespec { tv_sec: 0, tv_nsec: 100_000 };

/// Takes a row whose member is gone, if there is one, by a description that is mapped too: see [`locks`](super::locks). Async-signal-safe, but for
/// the errors.
pub(super) fn claim(own: &Own, shape: Shape) -> Result<Place, SharedError> {
    let map = layout::map(own.file(), shape)?;
    let claimed = take_row(own, map);
    if claimed.is_err() {
        map.unmap();
    }
    claimed
}

fn take_row(own: &Own, map: Map) -> Result<Place, SharedError> {
    let full = SharedError::Full(map.shape.members);
    for _ in 0..TURNS {
        let mut taken = 0;
        for member in 0..map.shape.members {
            if own.try_take(member)? {
                return place(map, member).ok_or(full);
            }
            taken += u32::from(own.is_taken(member));
        }
        if taken == map.shape.members {
            break;
        }
        let _ = nanosleep(&PAUSE);
    }
    Err(full)
}

/// The place of the member that has just taken a row.
fn place(map: Map, member: u32) -> Option<Place> {
    clear(map, member);
    let row = map.row(member)?;
    row.process.store(process::id(), Ordering::Relaxed);
    map.header().used.fetch_max(member + 1, Ordering::SeqCst);
    Some(Place {
        map,
        member,
        row,
        counts: NonNull::new(map.counts(member, 0, 0))?,
        current: &map.header().current.0,
    })
}

/// Clears the counts of a member. Either the caller has taken its row; or judges it: then others may do so at the same time, which does no harm.
pub(super) fn clear(map: Map, member: u32) {
    if let Some(row) = map.row(member) {
        row.beside.0.iter().for_each(Beside::clear);
    }
    for counts in (0..2).flat_map(|phase| map.each(member, phase)) {
        // SAFETY: in the mapping, and nobody counts there: the member is gone, or has no readers yet.
        unsafe { Counts::clear(counts) };
    }
}
