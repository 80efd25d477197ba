//! Names and labels as Prometheus allows them.
//!
//! Invariant: a [`Series`] has an allowed name, and labels with allowed names, in order, each once. So metrics that would be the
//! same when they are rendered are the same metric.

use std::string::{String, ToString};
use std::vec::Vec;

/// A name and labels.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Series {
    pub(super) name: String,
    pub(super) labels: Vec<(String, String)>,
}

impl Series {
    pub(super) fn of(key: &metrics::Key) -> Self {
        let mut labels: Vec<(String, String)> =
            key.labels().map(|label| (allowed(label.key(), false), label.value().to_string())).collect();
        labels.sort();
        labels.dedup_by(|a, b| a.0 == b.0);
        Self { name: metric(key.name()), labels }
    }
}

/// The name of a metric: `[a-zA-Z_:][a-zA-Z0-9_:]*`.
pub(super) fn metric(name: &str) -> String {
    allowed(name, true)
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
    fn the_order_of_labels_makes_no_difference_and_none_is_there_twice() {
        let key = |labels: &[(&'static str, &'static str)]| {
            metrics::Key::from_parts("n", labels.iter().map(metrics::Label::from).collect::<Vec<_>>())
        };
        let (one, other) = (key(&[("b", "2"), ("a", "1")]), key(&[("a", "1"), ("b", "2")]));
        assert_eq!(Series::of(&one), Series::of(&other));
        let twice = Series::of(&key(&[("a.b", "1"), ("a_b", "2")]));
        assert_eq!(twice.labels, [("a_b".to_string(), "1".to_string())]);
    }
}
