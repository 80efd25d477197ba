//! Metrics for the registry of the crate `prometheus-client`: they are rendered as those of that crate are, whatever is done
//! to them.

use std::sync::atomic::{AtomicI32, AtomicI64, AtomicU32, AtomicU64};

use perseq::prometheus as ours;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::{counter, gauge, histogram};
use prometheus_client::registry::Registry;
use proptest::prelude::*;

type Labels = Vec<(String, String)>;

fn labels(value: u8) -> Labels {
    vec![("value".to_owned(), value.to_string())]
}

/// The same program, with the types of one crate or the other.
macro_rules! program {
    ($name:ident, $counter:ty, $seconds:ty, $gauge:ty, $level:ty, $histogram:ty) => {
        fn $name(operations: &[(u8, i16)]) -> String {
            let (counters, seconds) = (Family::<Labels, $counter>::default(), <$seconds>::default());
            let (gauge, level) = (<$gauge>::default(), <$level>::default());
            const BOUNDS: [f64; 3] = [1.0, 10.0, 100.0];
            let histogram = <$histogram>::new(BOUNDS);
            let histograms = Family::<Labels, $histogram>::new_with_constructor(|| <$histogram>::new(BOUNDS));
            let mut registry = Registry::default();
            registry.register("counters", "Counters", counters.clone());
            registry.register("seconds", "Seconds", seconds.clone());
            registry.register("gauge", "A gauge", gauge.clone());
            registry.register("level", "A level", level.clone());
            registry.register("histogram", "A histogram", histogram.clone());
            registry.register("histograms", "Histograms", histograms.clone());
            for &(what, value) in operations {
                let whole = i64::from(value);
                // Quarters, of which sums are exact.
                let part = f64::from(value) / 4.0;
                match what % 8 {
                    0 => drop(counters.get_or_create(&labels(0)).inc()),
                    1 => drop(counters.get_or_create(&labels(1)).inc_by(whole.unsigned_abs())),
                    2 => drop((seconds.inc(), seconds.inc_by(part.abs()))),
                    3 => drop((gauge.inc(), gauge.inc_by(whole), level.inc())),
                    4 => drop((gauge.dec(), gauge.dec_by(whole), level.inc_by(part), level.dec())),
                    5 => drop((gauge.set(whole), level.set(part))),
                    6 => histogram.observe(part),
                    _ => histograms.get_or_create(&labels(2)).observe(whole as f64),
                }
            }
            let mut text = String::new();
            encode(&mut text, &registry).expect("a string takes everything");
            // Families are in no order.
            let mut lines: Vec<&str> = text.lines().collect();
            lines.sort_unstable();
            lines.join("\n")
        }
    };
}

program!(
    with_ours,
    ours::Counter,
    ours::Counter<f64, AtomicU64>,
    ours::Gauge,
    ours::Gauge<f64, AtomicU64>,
    ours::Histogram
);
program!(
    with_theirs,
    counter::Counter,
    counter::Counter<f64, AtomicU64>,
    gauge::Gauge,
    gauge::Gauge<f64, AtomicU64>,
    histogram::Histogram
);

proptest! {
    #[test]
    fn what_is_rendered_is_the_same(operations in prop::collection::vec(any::<(u8, i16)>(), 0..100)) {
        prop_assert_eq!(with_ours(&operations), with_theirs(&operations));
    }
}

#[test]
fn clones_on_many_threads_count_together() {
    let (counter, gauge) = (ours::Counter::<u64>::default(), ours::Gauge::<i64>::default());
    let histogram = ours::Histogram::new(ours::linear_buckets(0.0, 1.0, 20));
    std::thread::scope(|scope| {
        for _ in 0..4 {
            let (counter, gauge, histogram) = (counter.clone(), gauge.clone(), histogram.clone());
            scope.spawn(move || {
                for round in 0..10_000 {
                    counter.inc();
                    gauge.inc_by(3);
                    gauge.dec();
                    histogram.observe(f64::from(round % 20));
                }
            });
        }
    });
    assert_eq!((counter.get(), gauge.get()), (40_000, 80_000));
    assert_eq!((histogram.count(), histogram.sum()), (40_000, 380_000.0));
}

#[test]
fn sums_of_large_numbers_do_not_wrap() {
    let large = (1_u64 << 53) as f64;
    let (counter, gauge) =
        (ours::Counter::<f64, AtomicU64>::default(), ours::Gauge::<f64, AtomicU64>::default());
    for _ in 0..4000 {
        counter.inc_by(large);
        gauge.dec_by(large);
    }
    assert_eq!((counter.get(), gauge.get()), (4000.0 * large, -4000.0 * large));
}

#[test]
fn every_number_behaves_as_theirs() {
    macro_rules! counters {
        ($($number:ty, $word:ty, $large:expr;)*) => {$({
            let (ours, theirs) =
                (ours::Counter::<$number, $word>::default(), counter::Counter::<$number, $word>::default());
            for value in [3 as $number, $large, $large] {
                ours.inc();
                theirs.inc();
                ours.inc_by(value);
                theirs.inc_by(value);
                assert_eq!(ours.get(), theirs.get(), "a counter of {}", stringify!($number));
            }
        })*};
    }
    macro_rules! gauges {
        ($($number:ty, $word:ty, $large:expr;)*) => {$({
            let (ours, theirs) =
                (ours::Gauge::<$number, $word>::default(), gauge::Gauge::<$number, $word>::default());
            for value in [3 as $number, $large, $large] {
                ours.dec();
                theirs.dec();
                assert_eq!(ours.get(), theirs.get(), "a gauge of {}", stringify!($number));
                ours.inc_by(value);
                theirs.inc_by(value);
                assert_eq!(ours.get(), theirs.get(), "a gauge of {}", stringify!($number));
                ours.set(value);
                theirs.set(value);
                ours.dec_by(2 as $number);
                theirs.dec_by(2 as $number);
                ours.inc();
                theirs.inc();
                assert_eq!(ours.get(), theirs.get(), "a gauge of {}", stringify!($number));
            }
        })*};
    }
    // Integers wrap; what a float cannot hold is rounded alike, in one step or two.
    counters! {
        u64, AtomicU64, u64::MAX - 1;
        u32, AtomicU32, u32::MAX - 1;
        f64, AtomicU64, 1e300;
        f32, AtomicU32, 1e30;
    }
    gauges! {
        i64, AtomicI64, i64::MIN;
        i32, AtomicI32, i32::MIN;
        u64, AtomicU64, u64::MAX - 1;
        u32, AtomicU32, u32::MAX - 1;
        f64, AtomicU64, 1e300;
        f32, AtomicU32, 1e30;
    }
}
