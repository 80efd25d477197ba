//! The library's histogram and gauge: counts in words that an index finds, and a sum that goes down and is set.

use perseq::collections::histogram::{Snapshot, buckets};

/// Few buckets: one for each power of two.
const BUCKETS: usize = buckets(0);

/// [`perseq::Histogram`], with each of its sequences in one place.
#[derive(Debug, Default)]
pub struct Histogram(perseq::Histogram<BUCKETS>);

impl Histogram {
    /// An empty histogram.
    #[must_use]
    pub const fn new() -> Self {
        Self(perseq::Histogram::new())
    }

    /// Makes its memory.
    ///
    /// # Panics
    /// If there is none.
    pub fn prepare(&self) {
        self.0.prepare().expect("memory");
    }

    /// Records a value `n` times.
    #[inline(never)]
    pub fn record_n(&self, value: u64, n: u64) {
        self.0.record_n(value, n);
    }

    /// What was recorded.
    #[must_use]
    pub fn snapshot(&self) -> Snapshot<BUCKETS> {
        self.0.snapshot()
    }
}

/// [`perseq::Gauge`], with its sequence in one place.
#[derive(Debug, Default)]
pub struct Gauge(perseq::Gauge);

impl Gauge {
    /// A gauge at 0.
    #[must_use]
    pub const fn new() -> Self {
        Self(perseq::Gauge::new())
    }

    /// Makes its memory.
    ///
    /// # Panics
    /// If there is none.
    pub fn prepare(&self) {
        self.0.prepare().expect("memory");
    }

    /// Adds `n`.
    #[inline(never)]
    pub fn add(&self, n: i64) {
        self.0.add(n);
    }

    /// Sets it to `value` and returns what it was.
    pub fn set(&self, value: i64) -> i64 {
        self.0.set(value)
    }

    /// The value.
    #[must_use]
    pub fn value(&self) -> i64 {
        self.0.value()
    }
}
