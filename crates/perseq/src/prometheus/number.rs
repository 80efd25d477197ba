//! The numbers that counters and gauges are of, and what sums each of them up.

use core::fmt::Debug;

use prometheus_client::encoding::{EncodeCounterValue, EncodeGaugeValue};

use crate::float::Float;

mod sealed {
    /// A number.
    pub trait Number: Copy {
        const ONE: Self;
        fn negative(self) -> Self;
    }
    /// What sums numbers up.
    pub trait Sum<N>: core::fmt::Debug + Send + Sync {
        fn zero() -> Self;
        fn add(&self, value: N);
        fn get(&self) -> N;
    }
    /// One that can be set.
    pub trait Set<N>: Sum<N> {
        fn set(&self, value: N);
    }
}
pub(super) use sealed::{Number, Set, Sum};

/// What a [`Counter`](super::Counter) counts in: `u64`, `u32`, `f64` or `f32`.
pub trait Count: Number + EncodeCounterValue + Debug {
    #[doc(hidden)]
    type Sum: Sum<Self>;
}

/// What a [`Gauge`](super::Gauge) is measured in: `i64`, `i32`, `u64`, `u32`, `f64` or `f32`.
pub trait Level: Number + EncodeGaugeValue + Debug {
    #[doc(hidden)]
    type Sum: Set<Self>;
}

/// Integers are summed up modulo 2^64, which is right modulo any smaller power of two too.
macro_rules! integers {
    ($($number:ty),*) => {$(
        impl Number for $number {
            const ONE: Self = 1;
            #[inline]
            fn negative(self) -> Self {
                self.wrapping_neg()
            }
        }

        impl Sum<$number> for crate::Counter {
            fn zero() -> Self {
                Self::new()
            }
            #[inline]
            fn add(&self, value: $number) {
                self.add(value as u64);
            }
            fn get(&self) -> $number {
                self.sum() as $number
            }
        }

        impl Sum<$number> for crate::Gauge {
            fn zero() -> Self {
                Self::new()
            }
            #[inline]
            fn add(&self, value: $number) {
                self.add(value as i64);
            }
            fn get(&self) -> $number {
                self.value() as $number
            }
        }

        impl Set<$number> for crate::Gauge {
            fn set(&self, value: $number) {
                self.set(value as i64);
            }
        }
    )*};
}
integers!(u64, u32, i64, i32);

macro_rules! floats {
    ($($number:ty),*) => {$(
        impl Number for $number {
            const ONE: Self = 1.0;
            #[inline]
            fn negative(self) -> Self {
                -self
            }
        }

        impl Sum<$number> for Float {
            fn zero() -> Self {
                Self::new(1.0)
            }
            #[inline]
            fn add(&self, value: $number) {
                self.add(f64::from(value));
            }
            fn get(&self) -> $number {
                self.value() as $number
            }
        }

        impl Set<$number> for Float {
            fn set(&self, value: $number) {
                self.set(f64::from(value));
            }
        }
    )*};
}
floats!(f64, f32);

macro_rules! sums {
    ($($kind:ident of $($number:ty),*: $sum:ty;)*) => {
        $($(impl $kind for $number { type Sum = $sum; })*)*
    };
}
sums! {
    Count of u64, u32: crate::Counter;
    Count of f64, f32: Float;
    Level of i64, i32, u64, u32: crate::Gauge;
    Level of f64, f32: Float;
}
