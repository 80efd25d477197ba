//! Becoming a member: taking a row.

use std::process;
use std::ptr::NonNull;
use std::sync::atomic::{AtomicU32, Ordering};

use perseq::shared::locks::Own;

use super::SharedError;
use super::layout::{self, Map, Row, Shape};
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

/// Takes a row whose member is gone, if there is one, by a description that is mapped too: see [`locks`](perseq::shared::locks).
/// Async-signal-safe, but for the errors.
pub(super) fn claim(own: &Own, shape: Shape) -> Result<Place, SharedError> {
    let map = layout::map(own.file(), shape)?;
    let claimed = own.take_one(shape.members).map_err(SharedError::from);
    let claimed = claimed.and_then(|member| {
        member.and_then(|member| place(map, member)).ok_or(SharedError::Full(shape.members))
    });
    if claimed.is_err() {
        map.unmap();
    }
    claimed
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
