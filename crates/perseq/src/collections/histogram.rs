//! [`Histogram`]: how often values of each size occurred, split per CPU.
//!
//! Buckets are log-linear over all of `u64`: below 2^P each value has a bucket of its own, and from there on each power of two
//! is divided into 2^P buckets. So a bucket is at most 1/2^P as wide as the values in it are large.
//!
//! ```text
//! shift = max(⌊log2 value⌋, P) − P        how many low bits do not count
//! index = (shift << P) + (value >> shift)
//! record: count = slot.counts[index]; commit slot.counts[index] = count + 1
//!         sum = slot.sum; commit slot.sum = sum + value
//! ```
//!
//! Slots need no gate: as for a [`Counter`](crate::Counter), beside each word of the CPUs stands an atomic one, to which what no
//! section can add is added.
//!
//! Invariants: every value is counted in exactly one word, of the bucket it belongs to; words only grow (modulo 2^64).
//!
//! Ordering: relaxed. A snapshot reads words one after the other, and each is at least what it was when the snapshot began.

mod bucket;
#[cfg(feature = "hdrhistogram")]
mod hdr;
mod snapshot;

use alloc::vec;
use core::ptr::NonNull;
use core::sync::atomic::{AtomicU64, Ordering};

pub use bucket::{Bucket, buckets};
pub use snapshot::Snapshot;

use crate::model::hooks;
use crate::percpu::Ungated;
use crate::section::Word;
use crate::{AllocError, LazyPerCpu, sequence};

/// What one CPU has recorded.
#[repr(C)]
struct Words<const N: usize> {
    sum: u64,
    counts: [u64; N],
}

/// What was recorded by slow paths.
struct Beside<const N: usize> {
    sum: AtomicU64,
    counts: [AtomicU64; N],
}

/// Each CPU's words, made on the first record.
type Slots<const N: usize> = LazyPerCpu<Words<N>, Ungated>;

sequence! {
    /// Adds `n` to bucket `which` of the running CPU, or to the atomic word.
    #[slow_path(count_beside)]
    fn count<const N: usize>(slots: &Slots<N>, which: usize, n: u64, beside: &Beside<N>) {
        let value: u64 = slots.counts[which];
        commit slots.counts[which] = value + n;
    }

    /// Adds `n` to the sum of the running CPU, or to the atomic word.
    #[slow_path(add_up_beside)]
    fn add_up<const N: usize>(slots: &Slots<N>, n: u64, beside: &Beside<N>) {
        let sum: u64 = slots.sum;
        commit slots.sum = sum + n;
    }
}

/// The slow path of a count.
fn count_beside<const N: usize>(slots: &Slots<N>, which: usize, n: u64, beside: &Beside<N>) {
    if made(slots) {
        return count(slots, which, n, beside);
    }
    hooks::step("add to the atomic word");
    let before = beside.counts[which].fetch_add(n, Ordering::Relaxed);
    hooks::stored(beside.counts[which].as_ptr(), before.wrapping_add(n));
}

fn add_up_beside<const N: usize>(slots: &Slots<N>, n: u64, beside: &Beside<N>) {
    if made(slots) {
        return add_up(slots, n, beside);
    }
    hooks::step("add to the atomic word");
    let before = beside.sum.fetch_add(n, Ordering::Relaxed);
    hooks::stored(beside.sum.as_ptr(), before.wrapping_add(n));
}

/// Makes the slots, if that is all that was missing.
fn made<const N: usize>(slots: &Slots<N>) -> bool {
    slots.existing().is_none() && slots.try_get().is_ok()
}

/// A histogram of `u64` values that many threads record in often and somebody reads now and then.
///
/// Recording costs about two [`Counter::add`](crate::Counter::add)s, from any number of threads: one for the bucket, one for
/// the exact sum. Every value has a bucket, and nothing is configured but the precision, by the number of [`buckets`]: with 5 bits, as
/// it is if nothing is said, a bucket is at most 1/32 as wide as the values in it are large.
///
/// Memory is made on the first record: up to 5 bits, `8 * N + 8` bytes for each CPU (15 KiB with 5), packed with others; with more, a
/// mapping of its own, of that size rounded up to a power of two for each CPU, and 64 KiB at least. Those are addresses, of
/// which only those pages take memory on which something was recorded: with 5 bits, a page holds the buckets of 16 powers of
/// two. The histogram itself is as large as one CPU's part: it belongs in a `static`. In a box it is made on the stack
/// first, if the compiler does not optimise, and with 16 bits it has 24 MiB.
///
/// ```
/// use perseq::Histogram;
///
/// static LATENCY: Histogram = Histogram::new(); // in nanoseconds
///
/// for value in 1..=1000 {
///     LATENCY.record(value);
/// }
/// let seen = LATENCY.snapshot();
/// assert_eq!((seen.count(), seen.sum()), (1000, 500_500));
/// let median = seen.quantile(0.5).unwrap();
/// assert!((500..=500 + 500 / 32).contains(&median));
/// ```
///
/// A finer one, with an error of at most 1/128:
///
/// ```
/// use perseq::Histogram;
/// use perseq::collections::histogram::buckets;
///
/// static SIZES: Histogram<{ buckets(7) }> = Histogram::new();
/// SIZES.record(1_000_000);
/// let bucket = SIZES.snapshot().buckets().next().unwrap();
/// assert!(bucket.low <= 1_000_000 && 1_000_000 <= bucket.high);
/// assert!(bucket.high - bucket.low < 1_000_000 / 128);
/// ```
///
/// A number of buckets that belongs to no precision does not compile:
///
/// ```compile_fail
/// static WRONG: perseq::Histogram<1000> = perseq::Histogram::new();
/// ```
///
/// There is no reset, which would cost a word more for each bucket: the difference of two snapshots ([`Snapshot::since`]) tells what
/// was recorded between them, and any number of readers can have their own.
pub struct Histogram<const N: usize = { buckets(5) }> {
    slots: Slots<N>,
    beside: Beside<N>,
}

impl<const N: usize> Histogram<N> {
    const PRECISION: u32 = bucket::precision(N);

    /// An empty histogram.
    #[must_use]
    pub const fn new() -> Self {
        const { assert!(buckets(Self::PRECISION) == N) };
        Self {
            // SAFETY: words are integers.
            slots: unsafe { LazyPerCpu::zeroed() },
            beside: Beside { sum: AtomicU64::new(0), counts: [const { AtomicU64::new(0) }; N] },
        }
    }

    /// Makes the memory now, so that the first record in a signal handler finds it.
    ///
    /// # Errors
    /// [`AllocError`] if the system has none; records then go to the atomic words.
    pub fn prepare(&self) -> Result<(), AllocError> {
        self.slots.try_get().map(|_| ())
    }

    /// Records a value. Wait-free. Async-signal-safe, except for the first record ever ([`prepare`](Self::prepare)).
    ///
    /// It is counted and added to the sum by two additions, between which the thread may be moved or a snapshot taken.
    #[inline]
    pub fn record(&self, value: u64) {
        self.record_n(value, 1);
    }

    /// Records a value `n` times, for the cost of one. As [`record`](Self::record).
    #[inline]
    pub fn record_n(&self, value: u64, n: u64) {
        count(&self.slots, bucket::index(Self::PRECISION, value), n, &self.beside);
        add_up(&self.slots, value.wrapping_mul(n), &self.beside);
    }

    /// What was recorded so far: every record that happened before the call is in it, those that happen meanwhile may be, or be
    /// counted but not in the sum, or the reverse. Reads every bucket of every CPU, and allocates the result.
    #[must_use]
    pub fn snapshot(&self) -> Snapshot<N> {
        let mut counts: alloc::vec::Vec<u64> = vec![0; N];
        hooks::step("read the atomic words");
        hooks::look();
        let mut sum = self.beside.sum.load(Ordering::Relaxed);
        for (count, beside) in counts.iter_mut().zip(&self.beside.counts) {
            *count = beside.load(Ordering::Relaxed);
        }
        for item in self.items() {
            let words = item.as_ptr();
            hooks::step("read the words of a CPU");
            hooks::look();
            // SAFETY: the item lives as long as `self`; sections write each word with single aligned stores, and we read it with
            // single aligned loads.
            unsafe {
                sum = sum.wrapping_add(Word::load(&raw const (*words).sum));
                let first = (&raw const (*words).counts).cast::<u64>();
                for (which, count) in counts.iter_mut().enumerate() {
                    *count = count.wrapping_add(Word::load(first.add(which)));
                }
            }
        }
        Snapshot::new(counts.into_boxed_slice(), sum)
    }

    /// Each CPU's words.
    fn items(&self) -> impl Iterator<Item = NonNull<Words<N>>> + '_ {
        let slots = self.slots.existing().into_iter();
        slots.flat_map(|slots| (0..slots.slots()).filter_map(|cpu| slots.item(cpu)))
    }
}

impl<const N: usize> Default for Histogram<N> {
    fn default() -> Self {
        Self::new()
    }
}

impl<const N: usize> core::fmt::Debug for Histogram<N> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        let made = self.slots.existing().is_some();
        f.debug_struct("Histogram").field("buckets", &N).field("made", &made).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::vec::Vec;

    use super::*;

    #[test]
    fn what_is_recorded_is_in_the_snapshot() {
        let histogram: Histogram = Histogram::new();
        assert_eq!(histogram.snapshot().count(), 0);
        histogram.record(7);
        histogram.record_n(1000, 3);
        histogram.record(u64::MAX);
        let snapshot = histogram.snapshot();
        let buckets: Vec<_> =
            snapshot.buckets().map(|bucket| (bucket.low, bucket.high, bucket.count)).collect();
        assert_eq!(buckets, [(7, 7, 1), (992, 1007, 3), (u64::MAX - (1 << 58) + 1, u64::MAX, 1)]);
        assert_eq!((snapshot.count(), snapshot.sum()), (5, 3006));
    }

    #[test]
    fn memory_that_is_given_back_is_empty_when_it_is_used_again() {
        for value in 0..20 {
            let histogram = Histogram::<{ buckets(2) }>::new();
            histogram.record(value);
            assert_eq!((histogram.snapshot().count(), histogram.snapshot().sum()), (1, value));
        }
    }

    #[test]
    fn what_cannot_be_counted_by_a_section_is_counted_beside() {
        let histogram = Histogram::<{ buckets(0) }>::new();
        count_beside(&histogram.slots, 3, 2, &histogram.beside);
        add_up_beside(&histogram.slots, 14, &histogram.beside);
        histogram.prepare().expect("memory");
        count_beside(&histogram.slots, 3, 2, &histogram.beside);
        add_up_beside(&histogram.slots, 14, &histogram.beside);
        assert_eq!(
            histogram.beside.counts[3].load(Ordering::Relaxed),
            2 + if crate::status().is_active() { 0 } else { 2 }
        );
        let snapshot = histogram.snapshot();
        assert_eq!((snapshot.count(), snapshot.sum()), (4, 28));
    }
}
