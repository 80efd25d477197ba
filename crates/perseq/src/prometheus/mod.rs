//! Counters, gauges and histograms for the registry of the crate `prometheus-client`, split per CPU. Needs the feature
//! `prometheus-client`.
//!
//! They stand in the place of those of that crate: a program changes where it takes them from, and nothing else unless it needs what
//! differs.
//!
//! ```
//! use perseq::prometheus::{Counter, Gauge, Histogram}; // instead of prometheus_client::metrics::{counter::Counter, …}
//! use prometheus_client::encoding::text::encode;
//! use prometheus_client::metrics::family::Family;
//! use prometheus_client::registry::Registry;
//!
//! let mut registry = Registry::default();
//! let requests = Family::<Vec<(String, String)>, Counter>::default();
//! let in_flight: Gauge = Gauge::default();
//! let latency = Histogram::new([0.005, 0.05, 0.5]);
//! registry.register("requests", "Requests by path", requests.clone());
//! registry.register("in_flight", "Requests in flight", in_flight.clone());
//! registry.register("latency_seconds", "Time to answer", latency.clone());
//!
//! in_flight.inc();
//! requests.get_or_create(&vec![("path".to_owned(), "/".to_owned())]).inc_by(3);
//! latency.observe(0.003);
//!
//! let mut text = String::new();
//! encode(&mut text, &registry)?;
//! assert!(text.contains("requests_total{path=\"/\"} 3\n"));
//! assert!(text.contains("in_flight 1\n"));
//! assert!(text.contains("latency_seconds_bucket{le=\"0.005\"} 1\n"));
//! # Ok::<(), std::fmt::Error>(())
//! ```
//!
//! What differs:
//! - `inc`, `inc_by`, `dec`, `dec_by` and `set` do not return the value before, which would have to be summed up each time.
//! - There is no `inner`, as there is no atomic word.
//! - Floats are added up as `f64`, whatever they are of. [`Histogram`] says what it keeps of its sum.
//! - Histograms have the bounds that they are given, in order and each once; there are no native ones (`new_native`,
//!   `new_classic_and_native`).
//!
//! Clones share their value.

mod histogram;
mod number;

use core::marker::PhantomData;
use core::sync::atomic::{AtomicI64, AtomicU64};
use std::sync::Arc;

pub use histogram::Histogram;
pub use number::{Count, Level};
use number::{Set, Sum};
use prometheus_client::encoding::{EncodeMetric, MetricEncoder, NoLabelSet};
/// Bounds for [`Histogram::new`], as `prometheus-client` has them.
pub use prometheus_client::metrics::histogram::{
    exponential_buckets, exponential_buckets_range, linear_buckets,
};
use prometheus_client::metrics::{MetricType, TypedMetric};

/// A counter, of `u64`, `u32`, `f64` or `f32`. `A` stands where `prometheus-client` has the type of its atomic word, and means nothing here.
///
/// ```
/// use perseq::prometheus::Counter;
///
/// let counter: Counter = Counter::default();
/// counter.inc();
/// assert_eq!(counter.clone().get(), 1);
///
/// let seconds = Counter::<f64, std::sync::atomic::AtomicU64>::default();
/// seconds.inc_by(0.5);
/// assert_eq!(seconds.get(), 0.5);
/// ```
#[derive(Debug)]
pub struct Counter<N: Count = u64, A = AtomicU64> {
    sum: Arc<N::Sum>,
    word: PhantomData<fn() -> A>,
}

/// A gauge, of `i64`, `i32`, `u64`, `u32`, `f64` or `f32`. `A` stands where `prometheus-client` has the type of its atomic word, and means nothing here.
///
/// ```
/// use perseq::prometheus::Gauge;
///
/// let gauge: Gauge = Gauge::default();
/// gauge.set(40);
/// gauge.inc_by(3);
/// gauge.dec();
/// assert_eq!(gauge.get(), 42);
/// ```
#[derive(Debug)]
pub struct Gauge<N: Level = i64, A = AtomicI64> {
    level: Arc<N::Sum>,
    word: PhantomData<fn() -> A>,
}

impl<N: Count, A> Clone for Counter<N, A> {
    fn clone(&self) -> Self {
        Self { sum: Arc::clone(&self.sum), word: PhantomData }
    }
}

impl<N: Level, A> Clone for Gauge<N, A> {
    fn clone(&self) -> Self {
        Self { level: Arc::clone(&self.level), word: PhantomData }
    }
}

impl<N: Count, A> Default for Counter<N, A> {
    fn default() -> Self {
        Self { sum: Arc::new(Sum::zero()), word: PhantomData }
    }
}

impl<N: Level, A> Default for Gauge<N, A> {
    fn default() -> Self {
        Self { level: Arc::new(Sum::zero()), word: PhantomData }
    }
}

impl<N: Count, A> Counter<N, A> {
    /// Adds 1.
    #[inline]
    pub fn inc(&self) {
        self.inc_by(N::ONE);
    }

    /// Adds `v`: an integer, or a whole number up to 2^40, at the cost of [`perseq::Counter::add`](crate::Counter::add); another
    /// float by compare-and-swap. Integers wrap; so does a float to which 2^63 is added between two reads.
    #[inline]
    pub fn inc_by(&self, v: N) {
        self.sum.add(v);
    }

    /// The value.
    #[must_use]
    pub fn get(&self) -> N {
        self.sum.get()
    }
}

impl<N: Level, A> Gauge<N, A> {
    /// Adds 1.
    #[inline]
    pub fn inc(&self) {
        self.inc_by(N::ONE);
    }

    /// Adds `v`, as [`Counter::inc_by`].
    #[inline]
    pub fn inc_by(&self, v: N) {
        self.level.add(v);
    }

    /// Subtracts 1.
    #[inline]
    pub fn dec(&self) {
        self.dec_by(N::ONE);
    }

    /// Subtracts `v`, as [`inc_by`](Self::inc_by) adds it.
    #[inline]
    pub fn dec_by(&self, v: N) {
        self.level.add(v.negative());
    }

    /// Sets it to `v`. Each addition is either before or after it, and none is lost.
    pub fn set(&self, v: N) {
        self.level.set(v);
    }

    /// The value.
    #[must_use]
    pub fn get(&self) -> N {
        self.level.get()
    }
}

impl<N: Count, A> TypedMetric for Counter<N, A> {
    const TYPE: MetricType = MetricType::Counter;
}

impl<N: Level, A> TypedMetric for Gauge<N, A> {
    const TYPE: MetricType = MetricType::Gauge;
}

impl<N: Count, A> EncodeMetric for Counter<N, A> {
    fn encode(&self, mut encoder: MetricEncoder) -> Result<(), core::fmt::Error> {
        encoder.encode_counter::<NoLabelSet, _, u64>(&self.get(), None)
    }

    fn metric_type(&self) -> MetricType {
        Self::TYPE
    }
}

impl<N: Level, A> EncodeMetric for Gauge<N, A> {
    fn encode(&self, mut encoder: MetricEncoder) -> Result<(), core::fmt::Error> {
        encoder.encode_gauge(&self.get())
    }

    fn metric_type(&self) -> MetricType {
        Self::TYPE
    }
}
