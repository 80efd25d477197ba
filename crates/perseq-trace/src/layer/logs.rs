//! Records of crate `log`, by way of `tracing-log`: events of five callsites, one for each level, that say in fields what they are of.
//!
//! Targets are kept in a list, each with its sites, and never taken out. A program has few of them, unless it makes them up: there are
//! about [`MOST`] at most, and what is of another is of provider `log`.

use std::fmt::Debug;
use std::hash::{DefaultHasher, Hasher};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};

use tracing_core::field::Visit;
use tracing_core::{Event, Field, Metadata};

use super::chains::Chains;
use super::names;
use super::shapes::{Family, Shapes};
use crate::Level;

/// The fields of those callsites, in their order, and what they are in the trace. The target is its provider, and the module hardly ever
/// another.
const FIELDS: [&str; 5] = ["message", "log.target", "log.module_path", "log.file", "log.line"];
const NAMES: [&str; 5] = ["message", "target", "module", "file", "line"];
const TARGET: usize = 1;
const MODULE: usize = 2;

/// The most targets, at all levels together.
const MOST: usize = 4096;
static TARGETS: Chains<Target, 256> = Chains::new();
static COUNT: AtomicUsize = AtomicUsize::new(0);

/// A target at a level.
struct Target {
    level: Level,
    target: &'static str,
    shapes: Shapes,
}

/// Whether it is that of one of those callsites.
pub(super) fn is_of_log(metadata: &Metadata<'_>) -> bool {
    metadata.name() == "log event" && metadata.fields().iter().map(|field| field.name()).eq(FIELDS)
}

/// Records an event of such a callsite, if its target is on.
pub(super) fn record(level: Level, event: &Event<'_>) {
    let mut find = Find { level, shapes: None };
    event.record(&mut find);
    if let Some(shapes) = find.shapes {
        shapes.record(&[], |visitor| event.record(&mut Without(visitor)));
    }
}

/// Finds the target.
struct Find {
    level: Level,
    shapes: Option<&'static Shapes>,
}

impl Visit for Find {
    fn record_str(&mut self, field: &Field, value: &str) {
        if field.index() == TARGET {
            self.shapes = Some(Target::of(self.level, value));
        }
    }

    fn record_debug(&mut self, _: &Field, _: &dyn Debug) {}
}

/// Hands over what is recorded.
struct Without<'v>(&'v mut dyn Visit);

impl Visit for Without<'_> {
    fn record_u64(&mut self, field: &Field, value: u64) {
        self.0.record_u64(field, value);
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        if ![TARGET, MODULE].contains(&field.index()) {
            self.0.record_str(field, value);
        }
    }

    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.0.record_debug(field, value);
    }
}

fn shapes(level: Level, provider: &'static str) -> Shapes {
    Shapes::new(Family { provider, name: "event", level, ids: &[], fields: &NAMES, source: ("", 0) })
}

impl Target {
    /// The sites of a target.
    fn of(level: Level, target: &str) -> &'static Shapes {
        let mut hash = DefaultHasher::new();
        hash.write(target.as_bytes());
        let hash = hash.finish();
        let is_meant = |known: &Self| known.level == level && known.target == target;
        if let Some(known) = TARGETS.find(hash, is_meant) {
            return &known.shapes;
        }
        if COUNT.load(Ordering::Relaxed) >= MOST {
            static OTHERS: [OnceLock<Shapes>; Level::ALL.len()] =
                [const { OnceLock::new() }; Level::ALL.len()];
            return OTHERS[level as usize].get_or_init(|| shapes(level, "log"));
        }
        let new = TARGETS.get(hash, is_meant, || {
            COUNT.fetch_add(1, Ordering::Relaxed);
            let shapes = shapes(level, names::provider_of(target));
            Self { level, target: target.to_owned().leak(), shapes }
        });
        &new.shapes
    }
}
