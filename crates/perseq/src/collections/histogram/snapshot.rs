//! [`Snapshot`]: what a histogram held at some time, to be asked, added up and compared.
//!
//! Invariant: `count` is the sum of `counts`, of which there are `N`.

use alloc::boxed::Box;

use super::bucket::{self, Bucket, buckets};

/// What a [`Histogram`](super::Histogram) held when [`snapshot`](super::Histogram::snapshot) was called.
///
/// ```
/// use perseq::Histogram;
///
/// static SIZES: Histogram = Histogram::new();
/// SIZES.record_n(10, 99);
/// let before = SIZES.snapshot();
/// SIZES.record(1_000_000);
/// let after = SIZES.snapshot();
///
/// assert_eq!(after.quantile(0.99), Some(10));
/// assert_eq!((after.min(), after.count()), (Some(10), 100));
/// assert_eq!(after.mean(), Some(10_009.9));
/// let between = after.since(&before);
/// assert_eq!((between.count(), between.sum()), (1, 1_000_000));
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct Snapshot<const N: usize = { buckets(5) }> {
    counts: Box<[u64]>,
    count: u64,
    sum: u64,
}

impl<const N: usize> Snapshot<N> {
    pub(super) const PRECISION: u32 = bucket::precision(N);

    pub(super) fn new(counts: Box<[u64]>, sum: u64) -> Self {
        let count = counts.iter().copied().fold(0, u64::wrapping_add);
        Self { counts, count, sum }
    }

    /// How many values were recorded.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.count
    }

    /// The exact sum of all values, modulo 2^64.
    #[must_use]
    pub fn sum(&self) -> u64 {
        self.sum
    }

    /// The mean of all values, unless there is none. Exact but for rounding, if the sum has not passed 2^64.
    #[must_use]
    pub fn mean(&self) -> Option<f64> {
        (self.count > 0).then(|| self.sum as f64 / self.count as f64)
    }

    /// The lower bound of the lowest bucket that holds anything: no value was below it.
    #[must_use]
    pub fn min(&self) -> Option<u64> {
        self.buckets().next().map(|bucket| bucket.low)
    }

    /// The upper bound of the highest bucket that holds anything: no value was above it.
    #[must_use]
    pub fn max(&self) -> Option<u64> {
        self.buckets().next_back().map(|bucket| bucket.high)
    }

    /// The value below or at which a part `q` of all values lie: of the values in ascending order, number `⌈q * count⌉`, or
    /// the first if that is 0. Given is the upper bound of its bucket, so it is at most that, and above by no more than the
    /// width of a bucket. `q` is taken to be 0 if it is below or no number, and 1 if it is above. `None` if there is no value.
    ///
    /// `q * count` counts as whole if it is but for the rounding of floats: the quantile 0.07 of 100 values is the 7th.
    #[must_use]
    pub fn quantile(&self, q: f64) -> Option<u64> {
        // Rounded in `q` and in the product, each by half of this at most, it may be above the whole number that is meant.
        let exact = q.clamp(0.0, 1.0) * self.count as f64 * (1.0 - f64::EPSILON);
        let below = exact as u64;
        let number = below + u64::from(exact > below as f64);
        // A large count may have been rounded up.
        let number = number.clamp(1, self.count.max(1));
        let mut seen = 0_u64;
        self.buckets().find_map(|bucket| {
            seen = seen.saturating_add(bucket.count);
            (seen >= number).then_some(bucket.high)
        })
    }

    /// How many values lie in buckets that begin at `value` or below: all that are at most `value`, and those above it that share
    /// its bucket.
    #[must_use]
    pub fn count_up_to(&self, value: u64) -> u64 {
        let last = bucket::index(Self::PRECISION, value);
        self.counts[..=last].iter().copied().fold(0, u64::wrapping_add)
    }

    /// The buckets that hold anything, from the lowest to the highest.
    pub fn buckets(&self) -> impl DoubleEndedIterator<Item = Bucket> + '_ {
        self.counts.iter().enumerate().filter(|(_, count)| **count > 0).map(|(at, &count)| {
            let (low, high) = bucket::bounds(Self::PRECISION, at);
            Bucket { low, high, count }
        })
    }

    /// Adds what another one holds: of another histogram, or another process.
    pub fn merge(&mut self, other: &Self) {
        for (count, other) in self.counts.iter_mut().zip(&other.counts) {
            *count = count.wrapping_add(*other);
        }
        self.count = self.count.wrapping_add(other.count);
        self.sum = self.sum.wrapping_add(other.sum);
    }

    /// What was recorded after `earlier`, a snapshot of the same histogram, and is in this one. What `earlier` holds more of,
    /// because it is not the earlier one, counts as 0.
    #[must_use]
    pub fn since(&self, earlier: &Self) -> Self {
        let counts = self.counts.iter().zip(&earlier.counts).map(|(now, then)| now.saturating_sub(*then));
        Self::new(counts.collect(), self.sum.wrapping_sub(earlier.sum))
    }
}

impl<const N: usize> core::fmt::Debug for Snapshot<N> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Snapshot")
            .field("count", &self.count)
            .field("sum", &self.sum)
            .field("min", &self.min())
            .field("max", &self.max())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::vec::Vec;

    use proptest::prelude::*;

    use super::super::Histogram;
    use super::*;

    fn recorded(values: &[u64]) -> Snapshot {
        let histogram = Histogram::new();
        values.iter().for_each(|value| histogram.record(*value));
        histogram.snapshot()
    }

    fn values() -> impl Strategy<Value = Vec<u64>> {
        prop::collection::vec((any::<u64>(), 0..64_u32).prop_map(|(value, shift)| value >> shift), 0..50)
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(if cfg!(miri) { 2 } else { 200 }))]
        #[test]
        fn quantiles_are_those_of_the_sorted_values(mut values in values(), part in 0..=1000_usize) {
            let snapshot = recorded(&values);
            values.sort_unstable();
            let at = (part * values.len()).div_ceil(1000).max(1) - 1;
            let q = part as f64 / 1000.0;
            match values.get(at) {
                Some(&exact) => {
                    let found = snapshot.quantile(q).unwrap();
                    prop_assert!(exact <= found && found - exact <= exact / 32, "{} for {}", found, exact);
                }
                None => prop_assert_eq!(snapshot.quantile(q), None),
            }
        }

        #[test]
        fn counts_and_sums_are_exact(values in values(), bound in any::<u64>()) {
            let snapshot = recorded(&values);
            prop_assert_eq!(snapshot.count(), values.len() as u64);
            prop_assert_eq!(snapshot.sum(), values.iter().copied().fold(0, u64::wrapping_add));
            let up_to = |bound: u64| values.iter().filter(|value| **value <= bound).count() as u64;
            let found = snapshot.count_up_to(bound);
            prop_assert!(up_to(bound) <= found && found <= up_to(bound.saturating_add(bound / 32)));
            let min = values.iter().min().copied();
            let max = values.iter().max().copied();
            prop_assert!(snapshot.min() <= min && max <= snapshot.max());
        }

        #[test]
        fn what_is_merged_and_taken_off_again_is_as_before(one in values(), other in values()) {
            let (one, other) = (recorded(&one), recorded(&other));
            let mut both = one.clone();
            both.merge(&other);
            prop_assert_eq!(both.count(), one.count() + other.count());
            prop_assert_eq!(&both.since(&one), &other);
            prop_assert_eq!(&both.since(&other), &one);
        }
    }

    #[test]
    fn quantiles_are_exact_where_buckets_are() {
        let times = |times| {
            // Up to 127, each value has a bucket of its own.
            let mut counts = alloc::vec![0; buckets(7)];
            counts[1..=100].fill(times);
            Snapshot::<{ buckets(7) }>::new(counts.into(), 0)
        };
        for each in [1, 3, 1000, 1_000_003, 1 << 40] {
            let snapshot = times(each);
            for number in 1..=100_u32 {
                let q = f64::from(number) / 100.0;
                assert_eq!(snapshot.quantile(q), Some(number.into()), "{q} of {each} each");
            }
        }
        // What is above by more than rounding is the next one.
        assert_eq!((times(1).quantile(0.070_001), times(1).quantile(0.069_999)), (Some(8), Some(7)));
    }

    #[test]
    fn quantiles_take_any_number() {
        let snapshot = recorded(&[3, 5, 9]);
        let quantiles = [f64::NAN, -1.0, 0.0, 0.34, 1.0, 7.0].map(|q| snapshot.quantile(q).unwrap());
        assert_eq!(quantiles, [3, 3, 3, 5, 9, 9]);
        assert_eq!((recorded(&[]).quantile(0.5), recorded(&[]).mean()), (None, None));
    }
}
