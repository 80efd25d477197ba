//! The numbers that counters and gauges are of, and what sums each of them up.

use core::fmt::Debug;

use prometheus_client::encoding::{EncodeCounterValue, EncodeGaugeValue};

use crate::float::Float;

mod sealed {
    /// A number and what sums it up.
    pub trait Number: Copy {
        type Sum: core::fmt::Debug + Send + Sync;
        const ONE: Self;
        fn zero() -> Self::Sum;
        fn add(sum: &Self::Sum, value: Self);
        fn get(sum: &Self::Sum) -> Self;
    }
    /// One that can be set, and has a negative.
    pub trait Signed: Number {
        fn negative(self) -> Self;
        fn set(sum: &Self::Sum, value: Self);
    }
}
pub(super) use sealed::{Number, Signed};

/// What a [`Counter`](super::Counter) counts in: `u64` or `f64`.
pub trait Count: Number + EncodeCounterValue + Debug {}

/// What a [`Gauge`](super::Gauge) is measured in: `i64` or `f64`.
pub trait Level: Signed + EncodeGaugeValue + Debug {}

impl Number for u64 {
    type Sum = crate::Counter;
    const ONE: Self = 1;
    fn zero() -> Self::Sum {
        crate::Counter::new()
    }
    #[inline]
    fn add(sum: &Self::Sum, value: Self) {
        sum.add(value);
    }
    fn get(sum: &Self::Sum) -> Self {
        sum.sum()
    }
}

impl Number for i64 {
    type Sum = crate::Gauge;
    const ONE: Self = 1;
    fn zero() -> Self::Sum {
        crate::Gauge::new()
    }
    #[inline]
    fn add(sum: &Self::Sum, value: Self) {
        sum.add(value);
    }
    fn get(sum: &Self::Sum) -> Self {
        sum.value()
    }
}

impl Signed for i64 {
    fn negative(self) -> Self {
        self.wrapping_neg()
    }
    fn set(sum: &Self::Sum, value: Self) {
        sum.set(value);
    }
}

impl Number for f64 {
    type Sum = Float;
    const ONE: Self = 1.0;
    fn zero() -> Self::Sum {
        Float::new(1.0)
    }
    #[inline]
    fn add(sum: &Self::Sum, value: Self) {
        sum.add(value);
    }
    fn get(sum: &Self::Sum) -> Self {
        sum.value()
    }
}

impl Signed for f64 {
    fn negative(self) -> Self {
        -self
    }
    fn set(sum: &Self::Sum, value: Self) {
        sum.set(value);
    }
}

impl Count for u64 {}
impl Count for f64 {}
impl Level for i64 {}
impl Level for f64 {}
