//! [`Recorder`]: which metrics there are, and how they are described.
//!
//! A key that was seen before is found by its hash, which `metrics` has computed; else its name and labels are made those that
//! will be rendered, and looked up among the metrics.
//!
//! Invariant: keys that are rendered alike have one metric.

use std::collections::{BTreeMap, HashMap};
use std::hash::{BuildHasherDefault, Hasher};
use std::string::{String, ToString};
use std::sync::{Arc, PoisonError, RwLock};
use std::vec::Vec;

use metrics::{Key, KeyName, Metadata, SetRecorderError, SharedString, Unit};

use super::handles::{Counter, Gauge, Scaled};
use super::names::{self, Series};
use crate::collections::family::Family;
use crate::collections::histogram;

/// A recorder for the crate `metrics`. See the [module](super). Clones share what is recorded.
#[derive(Clone, Debug, Default)]
pub struct Recorder(pub(super) Arc<Registry>);

/// See [`Recorder`].
#[derive(Debug, Default)]
pub(super) struct Registry {
    pub(super) counters: Kind<Counter, metrics::Counter>,
    pub(super) gauges: Kind<Gauge, metrics::Gauge>,
    pub(super) histograms: Kind<Scaled, metrics::Histogram>,
    descriptions: RwLock<BTreeMap<String, Description>>,
}

/// What was said of a name.
#[derive(Clone, Debug, Default)]
pub(super) struct Description {
    pub(super) help: String,
    unit: Option<Unit>,
    scale: Option<f64>,
    bounds: Option<Vec<f64>>,
}

/// All metrics of one kind.
#[derive(Debug)]
pub(super) struct Kind<M, H> {
    pub(super) metrics: Family<Series, M>,
    /// The handles of keys as they were given.
    handles: RwLock<HashMap<Key, H, BuildHasherDefault<Hashed>>>,
}

impl<M, H> Default for Kind<M, H> {
    fn default() -> Self {
        Self { metrics: Family::new(), handles: RwLock::default() }
    }
}

impl<M, H: Clone + From<Arc<M>>> Kind<M, H> {
    fn handle(&self, key: &Key, own: Option<&str>, make: impl FnOnce(&Series) -> M) -> H {
        if let Some(handle) = self.handles.read().unwrap_or_else(PoisonError::into_inner).get(key) {
            return handle.clone();
        }
        let series = Series::of(key, own);
        let handle = H::from(self.metrics.get_or_insert_with(&series, || make(&series)));
        let mut handles = self.handles.write().unwrap_or_else(PoisonError::into_inner);
        handles.entry(key.to_retained()).or_insert(handle).clone()
    }
}

/// The hash that a key carries.
#[derive(Debug, Default)]
struct Hashed(u64);

impl Hasher for Hashed {
    fn write(&mut self, bytes: &[u8]) {
        // Keys write their hash as one `u64`; this is for the completeness of the trait.
        bytes.iter().for_each(|byte| self.0 = self.0.rotate_left(8) ^ u64::from(*byte));
    }

    fn write_u64(&mut self, hash: u64) {
        self.0 = hash;
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

/// What was recorded, for exporters. Names and labels are as Prometheus allows them, each kind in their order.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Snapshot {
    /// Every counter.
    pub counters: Vec<(Key, u64)>,
    /// Every gauge.
    pub gauges: Vec<(Key, f64)>,
    /// Every histogram, in units of which the number beside it makes 1.
    pub histograms: Vec<(Key, histogram::Snapshot, f64)>,
}

impl Recorder {
    /// A recorder that is not installed.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Makes a recorder and installs it as that of the process.
    ///
    /// # Errors
    /// If there is one already.
    pub fn install() -> Result<Self, SetRecorderError<Self>> {
        let recorder = Self::new();
        metrics::set_global_recorder(recorder.clone())?;
        Ok(recorder)
    }

    /// Sets how many units make 1 in the histograms of this name that are registered from now on: `scale` is positive and finite,
    /// or it is not taken.
    pub fn set_scale(&self, name: &str, scale: f64) {
        if scale > 0.0 && scale.is_finite() {
            self.0.describe(name, |description| description.scale = Some(scale));
        }
    }

    /// Sets the bounds of the buckets in which histograms of this name are rendered, the highest one, infinity, aside. Without,
    /// there are three for each power of ten from 10^-6 to 10^6, or for bytes one for each power of four.
    pub fn set_bounds(&self, name: &str, bounds: impl IntoIterator<Item = f64>) {
        let finite = bounds.into_iter().filter(|bound| bound.is_finite());
        // There is one zero, and it has no sign.
        let mut bounds: Vec<f64> = finite.map(|bound| bound + 0.0).collect();
        bounds.sort_by(f64::total_cmp);
        bounds.dedup();
        self.0.describe(name, |description| description.bounds = Some(bounds));
    }

    /// What was recorded so far.
    #[must_use]
    pub fn snapshot(&self) -> Snapshot {
        let key = |series: Series| Key::from_parts(series.name, &series.labels);
        let registry = &self.0;
        let counters = registry.counters.metrics.all().into_iter();
        let gauges = registry.gauges.metrics.all().into_iter();
        let histograms = registry.histograms.metrics.all().into_iter();
        Snapshot {
            counters: counters.map(|(series, counter)| (key(series), counter.sum.sum())).collect(),
            gauges: gauges.map(|(series, gauge)| (key(series), gauge.0.value())).collect(),
            histograms: histograms
                .map(|(series, scaled)| (key(series), scaled.units.snapshot(), scaled.scale))
                .collect(),
        }
    }

    /// What was recorded so far, in the text format of Prometheus (version 0.0.4, to be served as
    /// `text/plain; version=0.0.4`). Characters that it does not allow in names become `_`; a label that begins with `__` gets
    /// `label` before it, a histogram's label `le` gets `_` behind it, and one without a value is left out. A name that several kinds of
    /// metrics have (or a histogram's sum or count) is kept by the first of counters, gauges and histograms; the others get
    /// their kind behind it.
    #[must_use]
    pub fn render(&self) -> String {
        super::render::render(&self.0)
    }
}

impl Registry {
    fn describe(&self, name: &str, change: impl FnOnce(&mut Description)) {
        let mut descriptions = self.descriptions.write().unwrap_or_else(PoisonError::into_inner);
        change(descriptions.entry(names::metric(name)).or_default());
    }

    fn describe_as(&self, name: &KeyName, unit: Option<Unit>, help: &SharedString) {
        self.describe(name.as_str(), |description| {
            description.help = help.to_string();
            description.unit = unit.or(description.unit);
        });
    }

    /// What was said of a name that is allowed.
    pub(super) fn description(&self, name: &str) -> Description {
        let descriptions = self.descriptions.read().unwrap_or_else(PoisonError::into_inner);
        descriptions.get(name).cloned().unwrap_or_default()
    }
}

impl Description {
    /// The unit of a metric of this name, as far as it matters.
    fn unit(&self, name: &str) -> Option<Unit> {
        let by_name = [
            ("_seconds", Unit::Seconds),
            ("_milliseconds", Unit::Milliseconds),
            ("_microseconds", Unit::Microseconds),
            ("_nanoseconds", Unit::Nanoseconds),
            ("_bytes", Unit::Bytes),
        ];
        self.unit.or_else(|| by_name.into_iter().find(|(end, _)| name.ends_with(end)).map(|(_, unit)| unit))
    }

    fn scale(&self, name: &str) -> f64 {
        self.scale.unwrap_or(match self.unit(name) {
            Some(Unit::Seconds) => 1e9,
            Some(Unit::Milliseconds) | None => 1e6,
            Some(Unit::Microseconds) => 1e3,
            // Parts of them are common: a fill level, a throughput.
            Some(Unit::Percent) => 1e6,
            Some(_) => 1.0,
        })
    }

    /// The bounds of the buckets to render.
    pub(super) fn bounds(&self, name: &str) -> Vec<f64> {
        if let Some(bounds) = &self.bounds {
            return bounds.clone();
        }
        if self.unit(name) == Some(Unit::Bytes) {
            return (3..=20).map(|power| (1_u64 << (2 * power)) as f64).collect();
        }
        // Divided where that makes the nearest number, so that it is printed as a short one.
        let power = |exponent: i32| 10_u64.pow(exponent.unsigned_abs()) as f64;
        let times = |factor: f64, exponent| {
            if exponent < 0 { factor / power(exponent) } else { factor * power(exponent) }
        };
        let exponents = (-6..6).flat_map(|exponent| [1.0, 2.5, 5.0].map(|factor| times(factor, exponent)));
        exponents.chain([1e6]).collect()
    }
}

impl metrics::Recorder for Recorder {
    fn describe_counter(&self, key: KeyName, unit: Option<Unit>, description: SharedString) {
        self.0.describe_as(&key, unit, &description);
    }

    fn describe_gauge(&self, key: KeyName, unit: Option<Unit>, description: SharedString) {
        self.0.describe_as(&key, unit, &description);
    }

    fn describe_histogram(&self, key: KeyName, unit: Option<Unit>, description: SharedString) {
        self.0.describe_as(&key, unit, &description);
    }

    fn register_counter(&self, key: &Key, _metadata: &Metadata<'_>) -> metrics::Counter {
        self.0.counters.handle(key, None, |_| Counter::default())
    }

    fn register_gauge(&self, key: &Key, _metadata: &Metadata<'_>) -> metrics::Gauge {
        self.0.gauges.handle(key, None, |_| Gauge::default())
    }

    fn register_histogram(&self, key: &Key, _metadata: &Metadata<'_>) -> metrics::Histogram {
        self.0.histograms.handle(key, Some("le"), |series| {
            let scale = self.0.description(&series.name).scale(&series.name);
            Scaled { units: histogram::Histogram::new(), scale }
        })
    }
}
