//! What is said about a list of samples. Medians and quartiles, because interruptions make the distribution
//! one-sided; the minimum, because it is what the code costs when nothing comes between.

/// A list of samples, put in order and summed up.
#[derive(Clone, Debug, PartialEq)]
pub struct Summary {
    /// The middle.
    pub median: f64,
    /// The smallest.
    pub min: f64,
    /// A quarter of the samples are smaller.
    pub p25: f64,
    /// A quarter of the samples are greater.
    pub p75: f64,
    /// The samples, in the order they were taken.
    pub samples: Vec<f64>,
}

impl Summary {
    /// Sums up `samples`, of which there must be at least one.
    pub fn of(samples: Vec<f64>) -> Self {
        let mut sorted = samples.clone();
        sorted.sort_by(f64::total_cmp);
        Self {
            median: quantile(&sorted, 0.5),
            min: sorted[0],
            p25: quantile(&sorted, 0.25),
            p75: quantile(&sorted, 0.75),
            samples,
        }
    }

    /// How far the samples spread: the distance between the quartiles, as a part of the median.
    pub fn spread(&self) -> f64 {
        if self.median > 0.0 { (self.p75 - self.p25) / self.median } else { 0.0 }
    }

    /// The part of the samples that took more than `factor` times the minimum.
    pub fn slower_than(&self, factor: f64) -> f64 {
        let slow = self.samples.iter().filter(|&&sample| sample > factor * self.min).count();
        slow as f64 / self.samples.len() as f64
    }
}

/// The value below which the given part of `sorted` lies, interpolated between neighbours.
fn quantile(sorted: &[f64], part: f64) -> f64 {
    let at = part * (sorted.len() - 1) as f64;
    let (below, above) = (at.floor() as usize, at.ceil() as usize);
    sorted[below] + (sorted[above] - sorted[below]) * (at - at.floor())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn odd_and_even_lists_have_their_median() {
        assert_eq!(Summary::of(vec![3.0, 1.0, 2.0]).median, 2.0);
        assert_eq!(Summary::of(vec![4.0, 1.0, 2.0, 3.0]).median, 2.5);
        assert_eq!(Summary::of(vec![7.0]).median, 7.0);
    }

    #[test]
    fn quartiles_give_the_spread() {
        let summary = Summary::of((1..=5).map(f64::from).collect());
        assert_eq!((summary.min, summary.p25, summary.p75), (1.0, 2.0, 4.0));
        assert_eq!(summary.spread(), 2.0 / 3.0);
        assert_eq!(Summary::of(vec![1.0; 9]).spread(), 0.0);
        assert_eq!(Summary::of(vec![0.0; 9]).spread(), 0.0);
    }

    #[test]
    fn an_outlier_moves_neither_median_nor_minimum() {
        let mut samples = vec![1.0; 99];
        samples.push(1000.0);
        let summary = Summary::of(samples);
        assert_eq!((summary.median, summary.min, summary.spread()), (1.0, 1.0, 0.0));
        assert_eq!(summary.slower_than(1.2), 0.01);
    }

    #[test]
    fn samples_keep_their_order() {
        assert_eq!(Summary::of(vec![3.0, 1.0, 2.0]).samples, [3.0, 1.0, 2.0]);
    }
}
