//! Names and labels as Prometheus allows them.
//!
//! Invariant: a [`Series`] has an allowed name, and labels with allowed names, in order, each once and with a value. So metrics
//! that would be the same when they are rendered are the same metric.

use std::string::{String, ToString};
use std::vec::Vec;

/// A name and labels.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Series {
    pub(super) name: String,
    pub(super) labels: Vec<(String, String)>,
}

impl Series {
    /// That of a key of a metric that has the label `own` itself.
    pub(super) fn of(key: &metrics::Key, own: Option<&str>) -> Self {
        // To Prometheus, a label without a value is none.
        let labels = key.labels().filter(|label| !label.value().is_empty());
        let mut labels: Vec<(String, String)> =
            labels.map(|given| (label(given.key(), own), given.value().to_string())).collect();
        labels.sort();
        labels.dedup_by(|a, b| a.0 == b.0);
        Self { name: metric(key.name()), labels }
    }
}

/// The name of a metric: `[a-zA-Z_:][a-zA-Z0-9_:]*`.
pub(super) fn metric(name: &str) -> String {
    allowed(name, true)
}

/// The name of a label: `[a-zA-Z_][a-zA-Z0-9_]*`, and neither `own` nor one of those that Prometheus keeps for itself, which begin
/// with `__`.
fn label(name: &str, own: Option<&str>) -> String {
    let mut label = allowed(name, false);
    if Some(&*label) == own {
        label.push('_');
    }
    if label.starts_with("__") {
        label.insert_str(0, "label");
    }
    label
}

/// Puts `_` for every character that is not allowed.
fn allowed(name: &str, colons: bool) -> String {
    let mut allowed = String::with_capacity(name.len());
    if name.chars().next().is_none_or(|first| first.is_ascii_digit()) {
        allowed.push('_');
    }
    let fits = |c: char| c.is_ascii_alphanumeric() || (colons && c == ':');
    allowed.extend(name.chars().map(|c| if fits(c) { c } else { '_' }));
    allowed
}

#[cfg(test)]
mod tests {
    use std::format;

    use super::*;

    #[test]
    fn names_become_allowed_ones() {
        for (name, expected) in
            [("a.b-c", "a_b_c"), ("9lives", "_9lives"), ("", "_"), ("ns:x", "ns:x"), ("größe", "gr__e")]
        {
            assert_eq!(metric(name), expected);
        }
        assert_eq!(allowed("ns:x", false), "ns_x");
    }

    #[test]
    fn labels_are_in_order_each_once_and_with_a_value() {
        let labels = |labels: &[(&'static str, &'static str)], own| {
            let labels = labels.iter().map(metrics::Label::from).collect::<Vec<_>>();
            let series = Series::of(&metrics::Key::from_parts("n", labels), own);
            series.labels.iter().map(|(label, value)| format!("{label}={value}")).collect::<Vec<_>>()
        };
        assert_eq!(labels(&[("b", "2"), ("a", "1")], None), ["a=1", "b=2"]);
        assert_eq!(labels(&[("a.b", "1"), ("a_b", "2")], None), ["a_b=1"]);
        assert_eq!(labels(&[("a.b", ""), ("a_b", "2"), ("c", "")], None), ["a_b=2"]);
        assert_eq!(labels(&[("le", "1"), ("le_", "2")], Some("le")), ["le_=1"]);
        assert_eq!(labels(&[("le", "1"), ("le_", "2")], None), ["le=1", "le_=2"]);
        assert_eq!(labels(&[("__name__", "1"), ("-.x", "2")], None), ["label__name__=1", "label__x=2"]);
    }
}
