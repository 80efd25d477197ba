//! [`Histogram`]: counts between given bounds, and a sum.
//!
//! Whose bounds are given counts exactly between them, so these buckets are a counter for each bound, not those of
//! [`perseq::Histogram`](crate::Histogram), which would be off at the bounds by up to the width of one of its own. Counters come
//! in groups, each with one handle, so that any number of bounds has room.
//!
//! Invariant: a value is counted in the first bucket whose bound it does not exceed.

use core::iter::once;
use std::boxed::Box;
use std::sync::Arc;
use std::vec::Vec;

use prometheus_client::encoding::{EncodeMetric, MetricEncoder, NoLabelSet};
use prometheus_client::metrics::{MetricType, TypedMetric};

use crate::Counters;
use crate::float::Float;

/// Buckets in a group.
const GROUP: usize = 16;

/// Up to so many bounds it is faster to compare all than to search.
const FEW: usize = 32;

/// Units of the sum in the smallest bound: 2^20.
const FINENESS: f64 = 1_048_576.0;

/// A histogram with given bounds.
///
/// Observing a value searches its bucket and costs two [`Counter::add`](crate::Counter::add)s. Counts are exact. Each value goes
/// into the sum rounded to a millionth of the smallest bound other than 0 or finer; values that are too large for that (2^20 times
/// that bound, or more) exactly as far as `f64` is exact, by compare-and-swap.
///
/// A sum that nobody reads while the values that are rounded come to 2^42 times the smallest bound or more may wrap: with a bound
/// of 1 byte, 4 terabytes between two scrapes.
///
/// ```
/// use perseq::prometheus::{Histogram, exponential_buckets};
///
/// let histogram = Histogram::new(exponential_buckets(1.0, 2.0, 10));
/// histogram.observe(4.2);
/// assert_eq!(histogram.count(), 1);
/// assert!((histogram.sum() - 4.2).abs() < 1e-6);
/// ```
#[derive(Clone, Debug)]
pub struct Histogram(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    /// Ascending and finite; what exceeds the last one has one bucket more.
    bounds: Box<[f64]>,
    groups: Box<[Counters<GROUP>]>,
    sum: Float,
}

impl Histogram {
    /// An empty histogram whose buckets have these upper bounds, and one without. They are put in order, each once; those that are
    /// not finite are left out.
    pub fn new(buckets: impl IntoIterator<Item = f64>) -> Self {
        let finite = buckets.into_iter().filter(|bound| bound.is_finite());
        // There is one zero, and it has no sign.
        let mut bounds: Vec<f64> = finite.map(|bound| bound + 0.0).collect();
        bounds.sort_by(f64::total_cmp);
        bounds.dedup();
        let groups = (0..=bounds.len() / GROUP).map(|_| Counters::new()).collect();
        let sum = Float::new(scale(&bounds));
        Self(Arc::new(Inner { bounds: bounds.into(), groups, sum }))
    }

    /// Counts a value. Not a number counts as above every bound.
    #[inline]
    pub fn observe(&self, v: f64) {
        let Inner { bounds, groups, sum } = &*self.0;
        let bucket = if v.is_nan() { bounds.len() } else { below(bounds, v) };
        groups[bucket / GROUP].add(bucket % GROUP, 1);
        sum.add_rounded(v);
    }

    /// The sum of all values.
    #[must_use]
    pub fn sum(&self) -> f64 {
        self.0.sum.value()
    }

    /// How many values there were.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.counts().sum()
    }

    /// The count of each bucket.
    fn counts(&self) -> impl Iterator<Item = u64> + '_ {
        (0..=self.0.bounds.len()).map(|bucket| self.0.groups[bucket / GROUP].sum(bucket % GROUP))
    }
}

/// How many of the ascending `bounds` are below `v`.
#[inline]
fn below(bounds: &[f64], v: f64) -> usize {
    if bounds.len() <= FEW {
        // Several at once, and none waits for another.
        bounds.iter().map(|bound| usize::from(*bound < v)).sum()
    } else {
        bounds.partition_point(|bound| *bound < v)
    }
}

/// How many units make 1: a power of two, so that multiplying by it is exact.
fn scale(bounds: &[f64]) -> f64 {
    let sizes = bounds.iter().map(|bound| bound.abs()).filter(|size| *size > 0.0);
    let smallest = sizes.fold(f64::INFINITY, f64::min);
    if smallest.is_finite() {
        (FINENESS / smallest).log2().ceil().clamp(-500.0, 500.0).exp2()
    } else {
        FINENESS
    }
}

impl TypedMetric for Histogram {
    const TYPE: MetricType = MetricType::Histogram;
}

impl EncodeMetric for Histogram {
    fn encode(&self, mut encoder: MetricEncoder) -> Result<(), core::fmt::Error> {
        let bounds = self.0.bounds.iter().copied().chain(once(f64::INFINITY));
        let buckets: Vec<(f64, u64)> = bounds.zip(self.counts()).collect();
        let count = buckets.iter().map(|(_, count)| count).sum();
        encoder.encode_histogram::<NoLabelSet>(self.sum(), count, &buckets, None)
    }

    fn metric_type(&self) -> MetricType {
        Self::TYPE
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_counted_at_the_bound_they_do_not_exceed() {
        let histogram = Histogram::new([2.0, 1.0, f64::INFINITY]);
        for value in [-1.0, 1.0, 1.0000001, 2.0, 2.5, f64::INFINITY] {
            histogram.observe(value);
        }
        assert_eq!(histogram.counts().collect::<Vec<_>>(), [2, 2, 2]);
        assert_eq!((histogram.count(), histogram.sum()), (6, f64::INFINITY));
    }

    #[test]
    fn each_bound_has_one_bucket() {
        let histogram = Histogram::new([1.0, 0.0, -0.0, 1.0]);
        let bits: Vec<u64> = histogram.0.bounds.iter().map(|bound| bound.to_bits()).collect();
        assert_eq!(bits, [0.0_f64.to_bits(), 1.0_f64.to_bits()]);
        histogram.observe(1.0);
        assert_eq!(histogram.counts().collect::<Vec<_>>(), [0, 1, 0]);
    }

    #[test]
    fn large_values_do_not_make_the_sum_wrap() {
        // Fewer units than go to the word one by one, and more.
        for size in [19, 20, 32] {
            let (histogram, value) = (Histogram::new([1.0]), (1_u64 << size) as f64);
            (0..2000).for_each(|_| histogram.observe(value));
            assert_eq!(histogram.sum(), 2000.0 * value);
        }
    }

    #[test]
    fn any_number_of_bounds_has_room() {
        for number in [0, 1, 15, 16, 17, 100] {
            let histogram = Histogram::new((0..number).map(f64::from));
            (0..=number).for_each(|value| histogram.observe(f64::from(value)));
            assert!(histogram.counts().all(|count| count == 1), "{number} bounds");
            assert_eq!(histogram.counts().count(), number as usize + 1);
            assert_eq!(histogram.sum(), f64::from(number * (number + 1) / 2));
        }
    }

    #[test]
    fn the_sum_is_as_fine_as_the_bounds() {
        for size in [1e-9, 0.005, 1.0, 1e12] {
            let histogram = Histogram::new([0.0, size, size * 10.0]);
            (0..1000).for_each(|_| histogram.observe(size / 3.0));
            let exact = size / 3.0 * 1000.0;
            assert!((histogram.sum() - exact).abs() <= exact * 1e-5, "{} for {exact}", histogram.sum());
        }
    }
}
