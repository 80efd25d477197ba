//! A gauge that is set meanwhile, and a histogram that is read meanwhile.

use std::sync::Mutex;

use super::Subject;
use crate::structures::{Gauge, Histogram};

impl Subject for Gauge {
    fn name(&self) -> &'static str {
        "a gauge"
    }
    fn change(&self) -> u64 {
        self.add(5);
        self.add(-2);
        3
    }
    fn take(&self) -> u64 {
        // Below 0 is as good as any other value; and what is set is not what was added.
        const TO: i64 = -1000;
        let was = self.set(TO);
        (was - TO).cast_unsigned()
    }
    fn sum(&self) -> u64 {
        self.value().cast_unsigned()
    }
}

/// Counts and sums of a histogram, of which readers take what is new to them.
#[derive(Default)]
pub struct Recorded {
    histogram: Histogram,
    /// What has been taken.
    taken: Mutex<u64>,
}

/// What is recorded each time: in buckets of their own, and of the same sum.
const RECORDED: [(u64, u64); 3] = [(12, 1), (4, 3), (1, 12)];

impl Subject for Recorded {
    fn name(&self) -> &'static str {
        "a histogram"
    }
    fn change(&self) -> u64 {
        RECORDED.iter().for_each(|&(value, times)| self.histogram.record_n(value, times));
        16
    }
    fn take(&self) -> u64 {
        let mut taken = self.taken.lock().expect("no panic with the lock");
        // A snapshot has at least what the one before it had.
        let new = self.histogram.snapshot().count() - *taken;
        *taken += new;
        new
    }
    fn sum(&self) -> u64 {
        let snapshot = self.histogram.snapshot();
        let counts: Vec<u64> = snapshot.buckets().map(|bucket| bucket.count).collect();
        let changes = counts[0] / 12;
        assert_eq!(counts, [12, 3, 1].map(|times| times * changes), "a bucket lost a count");
        assert_eq!(snapshot.sum(), 36 * changes, "the sum lost a value");
        snapshot.count() - *self.taken.lock().expect("no panic with the lock")
    }
}
