//! [`Recorder`]: a recorder for the crate `metrics` whose counters, gauges and histograms are split per CPU. Needs the feature
//! `metrics`.
//!
//! A program that uses `metrics` gets them by the line that installs its recorder:
//!
//! ```
//! use metrics::{counter, gauge, histogram};
//!
//! let recorder = perseq::metrics::Recorder::install()?;
//!
//! counter!("requests", "path" => "/index").increment(3);
//! gauge!("in_flight").increment(2);
//! histogram!("latency_seconds").record(0.003);
//!
//! let text = recorder.render(); // for whoever asks for /metrics
//! assert!(text.contains("requests{path=\"/index\"} 3\n"));
//! assert!(text.contains("in_flight 2\n"));
//! assert!(text.contains("latency_seconds_bucket{le=\"0.005\"} 1\n"));
//! # Ok::<(), metrics::SetRecorderError<perseq::metrics::Recorder>>(())
//! ```
//!
//! # What the numbers are
//! - **Counters** are [`Counter`](crate::Counter)s. `absolute` adds what is missing, one call after the other.
//! - **Gauges** hold `f64`. Whole numbers up to 2^40 are added per CPU; other numbers are added to one atomic word, by
//!   compare-and-swap, exactly as far as `f64` is exact. `set` takes a lock. One to which 2^63 is added between two reads wraps.
//! - **Histograms** are [`Histogram`](crate::Histogram)s of whole units: `f64` values are multiplied by a scale and rounded. The
//!   scale is chosen when the histogram is registered: what [`set_scale`](Recorder::set_scale) said; else by the unit that it
//!   was described with, or that its name ends with (`_seconds`, `_bytes` and so on): nanoseconds for times, and 1 for bytes,
//!   bits, counts and rates; else 10^6. What is lost are parts of a unit, values above `2^64 / scale`, which count as that
//!   much, and values below 0, which count as 0; what is not a number is not recorded. The sum is that of the rounded values,
//!   modulo `2^64 / scale`: to who reads it, that is a restart. In the rendered buckets (not in the sum) a value counts as the lowest one that its
//!   log-linear bucket holds, at most 1/32 below it.
//!
//! Handles may be used from any thread, and in signal handlers if they were used once before (but for `set`, `absolute` and
//! fractions of gauges). A macro that names a metric looks it up each time; a handle that is kept does not.
//!
//! # Memory
//! What was registered is kept as long as the recorder: every key as it was given, and every series. A histogram takes 15 KiB for
//! each series, and up to 15 KiB more for each CPU that records in it. Nothing bounds them, so labels should take few values.

mod handles;
mod names;
mod registry;
mod render;

pub use registry::{Recorder, Snapshot};
