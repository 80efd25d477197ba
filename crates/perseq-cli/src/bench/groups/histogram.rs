//! Recording a value in a histogram.
//!
//! Latencies and sizes are recorded at every request and read now and then. Each contestant records values of eight magnitudes in
//! turn, or one again and again; at the end it must have as many as were recorded.

use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::histogram::{Histogram as Bounds, exponential_buckets};
use prometheus_client::registry::Registry;

use crate::bench::arch::opaque;
use crate::bench::group::{Contestant, Field, Group, Setup, Threads};
use crate::bench::hot::{Eight, OBJECTS, Same, Turn, UPDATES, updates};
use crate::bench::lanes::forever;

/// Recording values.
pub const GROUP: Group =
    Group { name: "histogram", about: "Recording a value in a histogram", reference: "perseq", build };

/// What is recorded: nanoseconds that something took.
const VALUES: [u64; OBJECTS] = [850, 1_300_000, 42, 15_250, 3_700, 130_000, 1_100, 52_000];

/// The same in seconds.
pub const SECONDS: [f64; OBJECTS] = {
    let mut seconds = [0.0; OBJECTS];
    let mut at = 0;
    while at < OBJECTS {
        seconds[at] = VALUES[at] as f64 / 1e9;
        at += 1;
    }
    seconds
};

/// A value that the compiler cannot know, so that its bucket is searched each time.
#[inline(always)]
fn value(i: usize) -> u64 {
    VALUES[opaque(i) % OBJECTS]
}

/// The same in seconds.
#[inline(always)]
pub fn seconds(i: usize) -> f64 {
    SECONDS[opaque(i) % OBJECTS]
}

fn build(_setup: &Setup) -> Field {
    let contestants = [Threads::One, Threads::All]
        .into_iter()
        .flat_map(|threads| rows::<Eight>(threads).into_iter().chain(rows::<Same>(threads)))
        .collect();
    let notes = vec![
        "`eight` records values of eight magnitudes in turn, `same` one again and again. `thread_local_hdr` has a histogram for \
         each thread, which nobody else can read; the others have one for all threads."
            .to_owned(),
    ];
    Field { contestants, notes, memory: Vec::new() }
}

fn rows<T: Turn>(threads: Threads) -> Vec<Contestant> {
    vec![
        perseq::<T>(threads),
        thread_local_hdr::<T>(threads),
        mutex_hdr::<T>(threads),
        parking_lot_hdr::<T>(threads),
        prometheus_client::<T>(threads),
    ]
}

fn perseq<T: Turn>(threads: Threads) -> Contestant {
    let histogram: &perseq::Histogram = forever(perseq::Histogram::new());
    Contestant::new("perseq", T::NAME, threads, UPDATES, move |_| {
        Ok(updates!(T, |i| histogram.record(value(i))))
    })
    .counted_by(move || histogram.snapshot().count())
}

/// As precise as the 5 bits of `perseq`, or little more, and large enough for all that is recorded: it need not grow.
fn hdr() -> hdrhistogram::Histogram<u64> {
    hdrhistogram::Histogram::new_with_max(1 << 40, 2).expect("bounds that are possible")
}

fn thread_local_hdr<T: Turn>(threads: Threads) -> Contestant {
    Contestant::new("thread_local_hdr", T::NAME, threads, UPDATES, move |_| {
        let mut histogram = hdr();
        Ok(updates!(T, |i| histogram.record(value(i))))
    })
}

fn mutex_hdr<T: Turn>(threads: Threads) -> Contestant {
    let histogram: &std::sync::Mutex<_> = forever(std::sync::Mutex::new(hdr()));
    let lock = || histogram.lock().expect("nobody panics with it");
    Contestant::new("mutex_hdr", T::NAME, threads, UPDATES, move |_| {
        Ok(updates!(T, |i| lock().record(value(i))))
    })
    .counted_by(move || lock().len())
}

fn parking_lot_hdr<T: Turn>(threads: Threads) -> Contestant {
    let histogram: &parking_lot::Mutex<_> = forever(parking_lot::Mutex::new(hdr()));
    Contestant::new("parking_lot_hdr", T::NAME, threads, UPDATES, move |_| {
        Ok(updates!(T, |i| histogram.lock().record(value(i))))
    })
    .counted_by(move || histogram.lock().len())
}

fn prometheus_client<T: Turn>(threads: Threads) -> Contestant {
    let histogram: &Bounds = forever(Bounds::new(exponential_buckets(1e-7, 4.0, 14)));
    Contestant::new("prometheus-client", T::NAME, threads, UPDATES, move |_| {
        Ok(updates!(T, |i| histogram.observe(seconds(i))))
    })
    .counted_by(move || observed(histogram))
}

/// How many values a histogram of `prometheus-client` has, which it tells in its text only.
pub fn observed(histogram: &Bounds) -> u64 {
    let (mut registry, mut text) = (Registry::default(), String::new());
    registry.register("h", "A histogram", histogram.clone());
    encode(&mut text, &registry).expect("a string takes everything");
    let count = text.lines().find_map(|line| line.strip_prefix("h_count ")).expect("its count");
    count.parse().expect("a number")
}
