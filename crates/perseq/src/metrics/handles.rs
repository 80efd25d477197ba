//! What handles of the crate `metrics` lead to.

use std::sync::{Mutex, PoisonError};

use metrics::{CounterFn, GaugeFn, HistogramFn};

use crate::Histogram;
use crate::float::Float;

/// A counter.
#[derive(Debug, Default)]
pub(super) struct Counter {
    pub(super) sum: crate::Counter,
    raising: Mutex<()>,
}

impl CounterFn for Counter {
    #[inline]
    fn increment(&self, value: u64) {
        self.sum.add(value);
    }

    fn absolute(&self, value: u64) {
        let _one_at_a_time = self.raising.lock().unwrap_or_else(PoisonError::into_inner);
        // What is added meanwhile comes on top.
        if let Some(missing) = value.checked_sub(self.sum.sum()) {
            self.sum.add(missing);
        }
    }
}

/// A gauge.
#[derive(Debug)]
pub(super) struct Gauge(pub(super) Float);

impl Default for Gauge {
    fn default() -> Self {
        Self(Float::new(1.0))
    }
}

impl GaugeFn for Gauge {
    #[inline]
    fn increment(&self, value: f64) {
        self.0.add(value);
    }

    #[inline]
    fn decrement(&self, value: f64) {
        self.0.add(-value);
    }

    fn set(&self, value: f64) {
        self.0.set(value);
    }
}

/// A histogram of values that are multiplied by a scale.
#[derive(Debug)]
pub(super) struct Scaled {
    pub(super) units: Histogram,
    pub(super) scale: f64,
}

impl HistogramFn for Scaled {
    #[inline]
    fn record(&self, value: f64) {
        self.record_many(value, 1);
    }

    #[inline]
    fn record_many(&self, value: f64, count: usize) {
        if !value.is_nan() {
            // Below 0 it is cut to 0, and above the highest to that.
            self.units.record_n((value * self.scale + 0.5) as u64, count as u64);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn absolute_raises_and_never_lowers() {
        let counter = Counter::default();
        for (value, expected) in [(5, 5), (3, 5), (7, 7)] {
            counter.absolute(value);
            assert_eq!(counter.sum.sum(), expected);
        }
        counter.increment(1);
        counter.absolute(8);
        assert_eq!(counter.sum.sum(), 8);
    }

    #[test]
    fn values_are_rounded_to_units_and_cut_to_their_range() {
        let histogram = Scaled { units: Histogram::new(), scale: 1000.0 };
        for value in [0.0104, 0.0106, -3.0, f64::NAN, f64::INFINITY] {
            histogram.record(value);
        }
        histogram.record_many(0.001, 3);
        let buckets = histogram.units.snapshot();
        let buckets: std::vec::Vec<_> = buckets.buckets().map(|bucket| (bucket.low, bucket.count)).collect();
        assert_eq!(buckets[..4], [(0, 1), (1, 3), (10, 1), (11, 1)]);
        assert_eq!(buckets.len(), 5, "infinity is in the last one");
    }
}
