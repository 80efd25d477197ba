//! Counting and recording through what programs use already: handles of the crate `metrics`, and the types of
//! `prometheus-client`.
//!
//! The same program, with one line changed. At the end everything must have been counted.

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use metrics::{Key, Label, Level, Metadata, Recorder as _};
use metrics_util::registry::{AtomicStorage, Registry};
use metrics_util::storage::AtomicBucket;
use perseq::metrics::Recorder;
use perseq::prometheus as ours;
use prometheus_client::metrics::{counter, histogram};

use super::histogram::{observed, seconds};
use crate::bench::group::{Contestant, Field, Group, Op, Setup, Threads};
use crate::bench::hot::{Eight, OBJECTS, Same, Turn, UPDATES, updates};
use crate::bench::lanes::forever;

/// Counting through other crates' interfaces.
pub const GROUP: Group = Group {
    name: "metrics",
    about: "Counting and recording through the interfaces of metrics and prometheus-client",
    reference: "perseq",
    build,
};

fn build(_setup: &Setup) -> Field {
    let mut contestants = Vec::new();
    for threads in [Threads::One, Threads::All] {
        contestants.extend(counters::<Eight>("counter_eight", threads));
        contestants.extend(counters::<Same>("counter_same", threads));
        contestants.extend(lookups(threads));
        contestants.extend(histograms(threads));
    }
    let notes = vec![
        "`perseq` and `metrics-util` are handles of the crate `metrics`, the former on Perseq's recorder, the latter on the \
         registry and storage that other recorders are built on; `perseq_prometheus` and `prometheus-client` are the types of \
         the latter's interface. `lookup` names the metric each time, as a macro without a kept handle does."
            .to_owned(),
        "In `histogram`, `metrics-util` keeps every value until somebody collects them, which one of the threads does here \
         after each batch (and is not checked, as what is recorded meanwhile can be missing); Perseq has log-linear buckets behind `metrics`, and as many bounds as `prometheus-client` behind that."
            .to_owned(),
    ];
    Field { contestants, notes, memory: Vec::new() }
}

/// Eight keys.
fn keys() -> [Key; OBJECTS] {
    std::array::from_fn(|at| Key::from_parts("requests", vec![Label::new("class", at.to_string())]))
}

const METADATA: Metadata<'static> = Metadata::new(module_path!(), Level::INFO, None);

fn row(
    name: &'static str,
    variant: &'static str,
    threads: Threads,
    op: impl Fn() -> Op + Send + Sync + 'static,
    total: impl Fn() -> u64 + Send + Sync + 'static,
) -> Contestant {
    Contestant::new(name, variant, threads, UPDATES, move |_| Ok(op())).counted_by(total)
}

/// The sum of all counters.
fn sum(recorder: &Recorder) -> u64 {
    recorder.snapshot().counters.iter().map(|(_, count)| count).sum()
}

type Stock = Registry<Key, AtomicStorage>;

fn stock_sum(registry: &Stock) -> u64 {
    registry.get_counter_handles().values().map(|count| count.load(Relaxed)).sum()
}

fn stock_counter(registry: &Stock, key: &Key) -> metrics::Counter {
    registry.get_or_create_counter(key, |counter| metrics::Counter::from_arc(Arc::clone(counter)))
}

fn counters<T: Turn>(variant: &'static str, threads: Threads) -> Vec<Contestant> {
    let recorder: &Recorder = forever(Recorder::new());
    let handles: &[_; OBJECTS] = forever(keys().map(|key| recorder.register_counter(&key, &METADATA)));
    let registry: &Stock = forever(Registry::atomic());
    let stock: &[_; OBJECTS] = forever(keys().map(|key| stock_counter(registry, &key)));
    let mine: &[ours::Counter; OBJECTS] = forever(std::array::from_fn(|_| ours::Counter::default()));
    let theirs: &[counter::Counter; OBJECTS] = forever(std::array::from_fn(|_| counter::Counter::default()));
    vec![
        row(
            "perseq",
            variant,
            threads,
            move || updates!(T, |i| handles[i].increment(1)),
            move || sum(recorder),
        ),
        row(
            "metrics-util",
            variant,
            threads,
            move || updates!(T, |i| stock[i].increment(1)),
            move || stock_sum(registry),
        ),
        row(
            "perseq_prometheus",
            variant,
            threads,
            move || updates!(T, |i| mine[i].inc()),
            move || mine.iter().map(|counter| counter.get()).sum(),
        ),
        row(
            "prometheus-client",
            variant,
            threads,
            move || updates!(T, |i| theirs[i].inc()),
            move || theirs.iter().map(|counter| counter.get()).sum(),
        ),
    ]
}

fn lookups(threads: Threads) -> Vec<Contestant> {
    let keys: &[Key; OBJECTS] = forever(keys());
    let recorder: &Recorder = forever(Recorder::new());
    let registry: &Stock = forever(Registry::atomic());
    vec![
        row(
            "perseq",
            "lookup",
            threads,
            move || updates!(Eight, |i| recorder.register_counter(&keys[i], &METADATA).increment(1)),
            move || sum(recorder),
        ),
        row(
            "metrics-util",
            "lookup",
            threads,
            move || updates!(Eight, |i| stock_counter(registry, &keys[i]).increment(1)),
            move || stock_sum(registry),
        ),
    ]
}

fn histograms(threads: Threads) -> Vec<Contestant> {
    let key = Key::from_name("latency_seconds");
    let recorder: &Recorder = forever(Recorder::new());
    let handle: &metrics::Histogram = forever(recorder.register_histogram(&key, &METADATA));
    let registry: &Stock = forever(Registry::atomic());
    let bucket: &Arc<AtomicBucket<f64>> = forever(registry.get_or_create_histogram(&key, Arc::clone));
    let stock: &metrics::Histogram = forever(metrics::Histogram::from_arc(Arc::clone(bucket)));
    let bounds = || histogram::exponential_buckets(1e-7, 4.0, 14);
    let mine: &ours::Histogram = forever(ours::Histogram::new(bounds()));
    let theirs: &histogram::Histogram = forever(histogram::Histogram::new(bounds()));
    vec![
        row(
            "perseq",
            "histogram",
            threads,
            move || updates!(Eight, |i| handle.record(seconds(i))),
            move || recorder.snapshot().histograms.iter().map(|(_, histogram, _)| histogram.count()).sum(),
        ),
        // Not checked: what is recorded while somebody collects can be missing from what is collected.
        Contestant::new("metrics-util", "histogram", threads, UPDATES, move |seat| {
            let mut record = updates!(Eight, |i| stock.record(seconds(i)));
            let first = seat.index == 0;
            Ok(Box::new(move |n| {
                record(n);
                if first {
                    bucket.clear_with(|values| {
                        std::hint::black_box(values);
                    });
                }
            }))
        }),
        row(
            "perseq_prometheus",
            "histogram",
            threads,
            move || updates!(Eight, |i| mine.observe(seconds(i))),
            move || mine.count(),
        ),
        row(
            "prometheus-client",
            "histogram",
            threads,
            move || updates!(Eight, |i| theirs.observe(seconds(i))),
            move || observed(theirs),
        ),
    ]
}
