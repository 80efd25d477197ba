//! [`Float`]: a sum of `f64`, split per CPU as far as it consists of whole units.
//!
//! A section computes with integers, so whole units go to a [`Counter`], whose arithmetic is that of signed numbers too. What is
//! no whole number of units, or too many of them, goes to one atomic `f64` word, by compare-and-swap as everywhere. So do the units
//! themselves when somebody reads them and they have become many.
//!
//! Invariants: the value is the word plus the units over the scale, read while nobody sets it; and units do not overflow, unless
//! 2^63 of them come between two reads, which takes 2^23 of the largest additions.

use core::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::Counter;

/// See the [module](self).
#[derive(Debug)]
pub struct Float {
    units: Counter,
    /// How many units make 1.
    scale: f64,
    /// The bits of an `f64`.
    rest: AtomicU64,
    setting: Mutex<()>,
}

impl Float {
    /// 0, of units of which `scale` make 1.
    pub(crate) const fn new(scale: f64) -> Self {
        Self { units: Counter::new(), scale, rest: AtomicU64::new(0), setting: Mutex::new(()) }
    }

    /// Adds `value`: at a counter's cost if it is a whole number of units, else at that of a compare-and-swap.
    #[inline]
    pub(crate) fn add(&self, value: f64) {
        let units = (value * self.scale) as i64;
        if fits(units) && units as f64 == value * self.scale {
            self.units.add(units.cast_unsigned());
        } else {
            self.add_rest(value);
        }
    }

    /// Adds `value`, rounded to whole units if it is not too large for that.
    #[cfg(any(test, feature = "prometheus-client"))]
    #[inline]
    pub(crate) fn add_rounded(&self, value: f64) {
        let scaled = value * self.scale;
        // Half a unit towards where it lies; the cast cuts off what is left.
        let units = (scaled + 0.5_f64.copysign(scaled)) as i64;
        if fits(units) && !value.is_nan() {
            self.units.add(units.cast_unsigned());
        } else {
            self.add_rest(value);
        }
    }

    #[cold]
    fn add_rest(&self, value: f64) {
        let add = |bits| Some((f64::from_bits(bits) + value).to_bits());
        // Always some, so it cannot fail.
        let _ = self.rest.fetch_update(Ordering::Relaxed, Ordering::Relaxed, add);
    }

    /// Sets it to `value`. Each addition is either before or after it.
    pub(crate) fn set(&self, value: f64) {
        let _setting = self.lock();
        self.rest.store(value.to_bits(), Ordering::Relaxed);
        self.units.replace(0);
    }

    /// The value.
    pub(crate) fn value(&self) -> f64 {
        let _nobody_sets = self.lock();
        let mut units = self.units.sum().cast_signed();
        // With the lock held, so nobody else replaces them, and nobody reads them in neither place or in both.
        if units.unsigned_abs() > MANY {
            self.add_rest(self.units.replace(0).cast_signed() as f64 / self.scale);
            units = self.units.sum().cast_signed();
        }
        f64::from_bits(self.rest.load(Ordering::Relaxed)) + units as f64 / self.scale
    }

    fn lock(&self) -> MutexGuard<'_, ()> {
        self.setting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// So many units are moved to the word: more than `f64` holds exactly.
const MANY: u64 = 1 << 53;

/// Whether so many units are a number that `f64` holds exactly, and too few for their sum to overflow soon. A float that is larger
/// than any `i64` was cut to one that is not.
#[inline]
fn fits(units: i64) -> bool {
    units.unsigned_abs() <= 1 << 40
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_units_and_the_rest_add_up() {
        let float = Float::new(1.0);
        [3.0, -5.0, 0.25, 1e300, -1e300, -0.0].iter().for_each(|value| float.add(*value));
        assert_eq!(float.value(), -2.0, "1e300 swallows a quarter");
        float.set(0.5);
        float.add(2.0);
        assert_eq!((float.value(), float.units.sum()), (2.5, 2));
        float.add(f64::INFINITY);
        assert_eq!(float.value(), f64::INFINITY);
        float.add(f64::NAN);
        assert!(float.value().is_nan());
        float.set(-1.0);
        assert_eq!(float.value(), -1.0);
    }

    #[test]
    fn units_do_not_overflow_if_somebody_reads_them() {
        for sign in [1_i64, -1] {
            let (float, units) = (Float::new(1024.0), sign << 61);
            for round in 1..=20 {
                float.units.add(units.cast_unsigned());
                assert_eq!(float.value(), units as f64 / 1024.0 * f64::from(round));
            }
            float.set(0.5);
            assert_eq!(float.value(), 0.5);
        }
    }

    #[test]
    fn moving_units_loses_none_that_are_added_meanwhile() {
        const EACH: u32 = if cfg!(miri) { 200 } else { 20_000 };
        let (float, units) = (Float::new(1.0), 1_u64 << 46);
        std::thread::scope(|scope| {
            let adding = [(); 2].map(|()| scope.spawn(|| (0..EACH).for_each(|_| float.units.add(units))));
            let mut last = 0.0;
            while !adding.iter().all(std::thread::ScopedJoinHandle::is_finished) {
                let value = float.value();
                assert!(value >= last, "{value} after {last}");
                last = value;
            }
        });
        assert_eq!(float.value(), f64::from(2 * EACH) * units as f64);
        assert_ne!(float.rest.load(Ordering::Relaxed), 0, "some were moved");
    }

    #[test]
    fn what_is_rounded_is_rounded_to_the_nearest_unit() {
        let float = Float::new(1024.0);
        for value in [0.1, -0.1, 0.3, 7.0, -0.6 / 1024.0] {
            float.add_rounded(value);
        }
        assert_eq!(float.units.sum().cast_signed(), 307 + 7 * 1024 - 1);
        assert_eq!(float.rest.load(Ordering::Relaxed), 0);
        float.add_rounded(1e200);
        float.add_rounded(f64::NEG_INFINITY);
        assert_eq!(float.value(), f64::NEG_INFINITY);
    }
}
