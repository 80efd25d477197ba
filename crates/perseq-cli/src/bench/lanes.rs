//! Words for counting, with room between those that different CPUs or threads write to.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use super::hot::OBJECTS;

/// The distance between two lanes, as a power of two: two cache lines, because CPUs fetch lines in pairs.
pub const LANE_SHIFT: u32 = 7;

/// Eight words of one CPU or one thread.
#[derive(Default)]
#[repr(align(128))]
pub struct Lane(pub [AtomicU64; OBJECTS]);

const _: () = assert!(size_of::<Lane>() == 1 << LANE_SHIFT);

/// One word on lines of its own.
#[derive(Default)]
#[repr(align(128))]
pub struct Alone(pub AtomicU64);

/// A value of the given kind for as long as the command runs, as the counters of a program are.
pub fn forever<T: ?Sized>(value: impl Into<Box<T>>) -> &'static T {
    Box::leak(value.into())
}

/// Lanes for `n` threads.
pub fn lanes(n: usize) -> &'static [Lane] {
    forever((0..n).map(|_| Lane::default()).collect::<Vec<_>>())
}

/// A lane for every possible CPU, indexed by its number.
pub fn for_possible_cpus() -> &'static [Lane] {
    lanes(perseq::cpu::possible() as usize)
}

/// The sum of all words.
pub fn sum(lanes: &[Lane]) -> u64 {
    lanes.iter().flat_map(|lane| &lane.0).map(|word| word.load(Relaxed)).sum()
}

/// An ordinary addition, of which other threads may read the result but which they must not make as well.
#[inline(always)]
pub fn plain_add(word: &AtomicU64, n: u64) {
    word.store(word.load(Relaxed).wrapping_add(n), Relaxed);
}
