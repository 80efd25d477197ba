//! Which values share a bucket. See the [module above](super) for the arithmetic.
//!
//! Invariant: buckets are in the order of their values, each value is in one, and `bounds(P, index(P, value))` holds `value`.

/// The finest precision that there is.
const MAX_PRECISION: u32 = 16;

/// Values that are counted together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Bucket {
    /// The lowest of them.
    pub low: u64,
    /// The highest of them.
    pub high: u64,
    /// How often one of them was recorded.
    pub count: u64,
}

/// The number of buckets of a [`Histogram`](super::Histogram) with `precision_bits` bits of precision, whose buckets are at most
/// `1 / 2^precision_bits` as wide as the values in them are large. From 0 (one bucket for each power of two) to 16 bits.
///
/// # Panics
/// If there is no such precision; in the type of a histogram, it does not compile.
#[must_use]
pub const fn buckets(precision_bits: u32) -> usize {
    assert!(precision_bits <= MAX_PRECISION, "a histogram has at most 16 bits of precision");
    (65 - precision_bits as usize) << precision_bits
}

/// The precision of a histogram with so many buckets.
pub(super) const fn precision(number: usize) -> u32 {
    let mut bits = 0;
    while buckets(bits) != number {
        assert!(bits < MAX_PRECISION, "a histogram has buckets(n) buckets, for n from 0 to 16");
        bits += 1;
    }
    bits
}

/// The bucket of a value.
#[inline]
pub(super) const fn index(precision: u32, value: u64) -> usize {
    let shift = (value | 1 << precision).ilog2() - precision;
    ((shift as usize) << precision) + (value >> shift) as usize
}

/// The lowest and the highest value of a bucket.
pub(super) const fn bounds(precision: u32, index: usize) -> (u64, u64) {
    let shift = (index >> precision).saturating_sub(1);
    let low = ((index - (shift << precision)) as u64) << shift;
    (low, low + ((1 << shift) - 1))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Values of all magnitudes alike.
    fn value() -> impl Strategy<Value = u64> {
        (any::<u64>(), 0..64_u32).prop_map(|(value, shift)| value >> shift)
    }

    proptest! {
        #[test]
        fn a_value_lies_in_its_bucket_whose_width_is_bounded(precision in 0..=MAX_PRECISION, value in value()) {
            let at = index(precision, value);
            prop_assert!(at < buckets(precision));
            let (low, high) = bounds(precision, at);
            prop_assert!(low <= value && value <= high, "{} to {}", low, high);
            prop_assert!(high - low <= value >> precision, "{} to {}", low, high);
        }

        #[test]
        fn larger_values_are_in_later_buckets(precision in 0..=MAX_PRECISION, a in value(), b in value()) {
            let (low, high) = (a.min(b), a.max(b));
            prop_assert!(index(precision, low) <= index(precision, high));
        }
    }

    #[test]
    fn buckets_follow_each_other_from_0_to_the_highest_value() {
        // The finest takes long where everything does.
        for precision in if cfg!(miri) { 0..=4 } else { 0..=12 } {
            let mut next = Some(0);
            for at in 0..buckets(precision) {
                let (low, high) = bounds(precision, at);
                assert_eq!(Some(low), next, "bucket {at} of precision {precision}");
                assert_eq!((index(precision, low), index(precision, high)), (at, at));
                next = high.checked_add(1);
            }
            assert_eq!(next, None, "the last bucket ends with the highest value");
        }
    }

    #[test]
    fn the_number_of_buckets_tells_the_precision() {
        for bits in 0..=MAX_PRECISION {
            assert_eq!(precision(buckets(bits)), bits);
        }
        assert_eq!(buckets(5), 1920);
    }
}
