//! Snapshots as histograms of the crate `hdrhistogram`, for what understands those.

use hdrhistogram::RecordError;

use super::{Bucket, Snapshot};

impl<const N: usize> Snapshot<N> {
    /// Records the values in a histogram of the crate `hdrhistogram`, each as the middle of its bucket. Needs the feature
    /// `hdrhistogram`.
    ///
    /// # Errors
    /// [`RecordError`] if a value is out of its range and it does not resize itself; those before it are recorded then.
    pub fn add_to(&self, to: &mut hdrhistogram::Histogram<u64>) -> Result<(), RecordError> {
        self.buckets().try_for_each(|Bucket { low, high, count }| to.record_n(low + (high - low) / 2, count))
    }

    /// The values in a new histogram of the crate `hdrhistogram`, as precise as this one, each as the middle of its bucket. Needs the
    /// feature `hdrhistogram`.
    ///
    /// ```
    /// let histogram: perseq::Histogram = perseq::Histogram::new();
    /// (1..=1000).for_each(|value| histogram.record(value));
    /// let hdr = histogram.snapshot().to_hdrhistogram()?;
    /// assert_eq!(hdr.len(), 1000);
    /// assert!((490..=520).contains(&hdr.value_at_quantile(0.5)));
    /// # Ok::<(), hdrhistogram::RecordError>(())
    /// ```
    ///
    /// # Errors
    /// [`RecordError`] if the values are too large for that type on a machine of 32 bits.
    pub fn to_hdrhistogram(&self) -> Result<hdrhistogram::Histogram<u64>, RecordError> {
        // 2^10 is little more than 10^3.
        let digits = (Self::PRECISION * 3).div_ceil(10).min(5) as u8;
        let mut hdr = hdrhistogram::Histogram::new(digits).expect("0 to 5 digits are possible");
        self.add_to(&mut hdr)?;
        Ok(hdr)
    }
}

#[cfg(test)]
mod tests {
    use super::super::Histogram;

    #[test]
    fn a_histogram_is_as_precise_afterwards() {
        let histogram: Histogram = Histogram::new();
        let values = (0..62).map(|shift| 3_u64 << shift);
        values.clone().for_each(|value| histogram.record_n(value, 2));
        let hdr = histogram.snapshot().to_hdrhistogram().unwrap();
        assert_eq!(hdr.len(), 124);
        for (at, value) in values.enumerate() {
            let found = hdr.value_at_quantile((at as f64 + 0.5) / 62.0);
            assert!(found.abs_diff(value) <= value / 32, "{found} for {value}");
        }
    }

    #[test]
    fn one_that_is_too_small_says_so() {
        let histogram: Histogram = Histogram::new();
        histogram.record(1_000_000);
        let mut small = hdrhistogram::Histogram::new_with_max(1000, 2).unwrap();
        assert!(histogram.snapshot().add_to(&mut small).is_err());
    }
}
