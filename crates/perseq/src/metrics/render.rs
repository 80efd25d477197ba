//! The text format of Prometheus.
//!
//! Invariant: a name has one `TYPE`, before all its samples, which follow each other and have names that no other metric has.

use std::collections::BTreeSet;
use std::fmt::{Display, Write};
use std::format;
use std::string::{String, ToString};
use std::sync::Arc;
use std::vec::Vec;

use super::handles::Scaled;
use super::names::Series;
use super::registry::{Description, Registry};

/// All that `registry` has.
pub(super) fn render(registry: &Registry) -> String {
    let mut text = Text { text: String::new(), taken: BTreeSet::new(), registry };
    text.kind("counter", registry.counters.metrics.all(), |text, name, series, counter, _| {
        sample(text, name, &series.labels, &[], counter.sum.sum());
    });
    text.kind("gauge", registry.gauges.metrics.all(), |text, name, series, gauge, _| {
        sample(text, name, &series.labels, &[], number(gauge.0.value()));
    });
    text.kind(
        "histogram",
        registry.histograms.metrics.all(),
        |text, name, series, histogram, description| {
            // What its own name says counts, not what that became.
            buckets(text, name, &series.labels, histogram, &description.bounds(&series.name));
        },
    );
    text.text
}

struct Text<'r> {
    text: String,
    /// Names that metrics and samples have.
    taken: BTreeSet<String>,
    registry: &'r Registry,
}

type Labels = [(String, String)];

impl Text<'_> {
    /// Renders the metrics of one kind, which are in order.
    fn kind<M>(
        &mut self,
        kind: &str,
        metrics: Vec<(Series, Arc<M>)>,
        samples: impl Fn(&mut String, &str, &Series, &M, &Description),
    ) {
        for family in metrics.chunk_by(|(a, _), (b, _)| a.name == b.name) {
            let mut name = family[0].0.name.clone();
            let description = self.registry.description(&name);
            let suffixes: &[&str] =
                if kind == "histogram" { &["", "_bucket", "_sum", "_count"] } else { &[""] };
            let names =
                |name: &str| suffixes.iter().map(|suffix| format!("{name}{suffix}")).collect::<Vec<_>>();
            while names(&name).iter().any(|name| self.taken.contains(name)) {
                name = format!("{name}_{kind}");
            }
            self.taken.extend(names(&name));
            if !description.help.is_empty() {
                self.line(format_args!("# HELP {name} {}", escape(&description.help, false)));
            }
            self.line(format_args!("# TYPE {name} {kind}"));
            for (series, metric) in family {
                samples(&mut self.text, &name, series, metric, &description);
            }
        }
    }

    fn line(&mut self, line: std::fmt::Arguments<'_>) {
        write(&mut self.text, line);
        self.text.push('\n');
    }
}

/// A histogram: cumulative buckets, sum and count.
fn buckets(text: &mut String, name: &str, labels: &Labels, histogram: &Scaled, bounds: &[f64]) {
    let units = histogram.units.snapshot();
    let bucket = format!("{name}_bucket");
    for bound in bounds {
        // Values are rounded to units, so a bound takes all that are rounded to it. No value is below 0.
        let upper = bound * histogram.scale + 0.5;
        let count = if *bound < 0.0 { 0 } else { units.count_up_to(upper as u64) };
        sample(text, &bucket, labels, &[("le", number(*bound))], count);
    }
    sample(text, &bucket, labels, &[("le", "+Inf".to_string())], units.count());
    sample(text, &format!("{name}_sum"), labels, &[], number(units.sum() as f64 / histogram.scale));
    sample(text, &format!("{name}_count"), labels, &[], units.count());
}

/// One line: `name{label="value"} value`.
fn sample(text: &mut String, name: &str, labels: &Labels, more: &[(&str, String)], value: impl Display) {
    text.push_str(name);
    let labels = labels.iter().map(|(label, value)| (label.as_str(), value));
    let mut separator = '{';
    for (label, value) in labels.chain(more.iter().map(|(label, value)| (*label, value))) {
        write(text, format_args!("{separator}{label}=\"{}\"", escape(value, true)));
        separator = ',';
    }
    if separator == ',' {
        text.push('}');
    }
    write(text, format_args!(" {value}\n"));
}

fn write(text: &mut String, what: std::fmt::Arguments<'_>) {
    // A string takes everything.
    let _ = text.write_fmt(what);
}

/// Escapes what the format needs escaped: in labels quotes too.
fn escape(text: &str, quotes: bool) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\\' => escaped.push_str("\\\\"),
            '\n' => escaped.push_str("\\n"),
            '"' if quotes => escaped.push_str("\\\""),
            c => escaped.push(c),
        }
    }
    escaped
}

/// A number in the format's notation.
fn number(value: f64) -> String {
    if value == f64::INFINITY {
        "+Inf".to_string()
    } else if value == f64::NEG_INFINITY {
        "-Inf".to_string()
    } else {
        value.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_format_means_otherwise_is_escaped() {
        assert_eq!(escape("a\\b\n\"c\"", true), "a\\\\b\\n\\\"c\\\"");
        assert_eq!(escape("a\\b\n\"c\"", false), "a\\\\b\\n\"c\"");
    }

    #[test]
    fn numbers_are_written_as_the_format_has_them() {
        let written = [0.25, -3.0, f64::INFINITY, f64::NEG_INFINITY, f64::NAN].map(number);
        assert_eq!(written, ["0.25", "-3", "+Inf", "-Inf", "NaN"]);
    }
}
