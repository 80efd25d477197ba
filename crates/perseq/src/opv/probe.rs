//! Whether the operands of a vector can be accessed, asked before it runs.
//!
//! The kernel patch pinned every page first; here the kernel is asked once for each page, by a system call that touches a word of it on
//! the caller's behalf, with the caller's rights. That brings the page in and undoes copy-on-write, so that the vector itself does
//! not wait for it, and where an access would raise a signal it answers instead ([`sys::can_read`], [`sys::can_write`]). An
//! answer that says nothing about the page (no such call, or a filter forbids it) counts as yes.
//!
//! Pages are never smaller than [`BLOCK`], and an operand never longer. So its first byte and its last are on all pages that it
//! touches, whatever their size.
//!
//! Nothing holds the pages afterwards. Who unmaps them while the vector runs makes it fault, as any code would.

use core::ops::Range as Span;

use super::layout::{Range, Step};
use super::{MAX_DATA, OpvError};
use crate::sys;

const BLOCK: usize = MAX_DATA;

impl Range {
    /// The first byte and the last; `None` if there is no such address.
    fn ends(self) -> Option<[usize; 2]> {
        Some([self.start, self.start.checked_add(self.len - 1)?])
    }

    /// An address in each block it touches.
    fn places(self) -> impl Iterator<Item = usize> {
        let [first, last] = self.ends().unwrap_or_default();
        [Some(first), (first / BLOCK != last / BLOCK).then_some(last)].into_iter().flatten()
    }

    fn touches(self, block: usize) -> bool {
        self.places().any(|place| place / BLOCK == block)
    }

    fn within(self, span: &Span<usize>) -> bool {
        self.ends().is_some_and(|ends| ends.iter().all(|end| span.contains(end)))
    }

    /// Whether it can be accessed, asked for it alone.
    fn is_accessible(self) -> bool {
        self.ends().is_some() && self.places().all(|place| can_access(place, self.written))
    }
}

fn can_access(place: usize, write: bool) -> bool {
    if write { sys::can_write(place) } else { sys::can_read(place) }
}

/// Asks for all operands of `steps` but those within `known`, which can be read and written.
pub(super) fn check(steps: &[Step], known: &Span<usize>) -> Result<(), OpvError> {
    let ranges = || steps.iter().flat_map(Step::ranges).filter(|range| !range.within(known));
    let unseen = |at: usize, block| !ranges().take(at).any(|range| range.touches(block));
    let written = |block| ranges().any(|range| range.written && range.touches(block));
    let mut all = ranges().enumerate().flat_map(|(at, range)| {
        let there = range.ends().is_some();
        range.places().map(move |place| (at, place, there))
    });
    let accessible = all.all(|(at, place, there)| {
        let block = place / BLOCK;
        there && (!unseen(at, block) || can_access(place, written(block)))
    });
    if accessible { Ok(()) } else { blame(steps) }
}

/// Which operation it is, by asking for each operand on its own and in order. None, if the page was mapped meanwhile.
#[cold]
fn blame(steps: &[Step]) -> Result<(), OpvError> {
    let mut ranges =
        steps.iter().enumerate().flat_map(|(index, step)| step.ranges().map(move |range| (index, range)));
    ranges
        .find(|(_, range)| !range.is_accessible())
        .map_or(Ok(()), |(index, range)| Err(OpvError::Fault { index, expected: range.expect_fault }))
}

/// Whether `len` bytes at `start` can be read, which are at most [`BLOCK`].
pub(super) fn is_readable(start: usize, len: usize) -> bool {
    len == 0 || Range { start, len, written: false, expect_fault: false }.is_accessible()
}
