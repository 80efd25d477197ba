//! [`Family`]: metrics that differ in their labels, each made when it is first asked for.
//!
//! A lookup takes a lock and searches; what it gives is a handle, which is kept and used without either.
//!
//! Invariant: labels have one metric, until it is removed.

use std::borrow::{Borrow, ToOwned};
use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock};
use std::vec::Vec;

/// A counter, gauge or histogram for each of many labels. Needs the feature `std`.
///
/// `L` is whatever tells them apart: a string, a tuple, a struct that derives `Ord`. Nobody forgets a label unless it is
/// [removed](Self::remove), so it should not come from outside unchecked. Not for signal handlers, which use the handles.
///
/// ```
/// use std::sync::Arc;
/// use perseq::{Counter, collections::family::Family};
///
/// static REQUESTS: Family<(String, u16), Counter> = Family::new();
///
/// let ok = REQUESTS.get(&("/index".to_owned(), 200)); // once
/// for _ in 0..10 {
///     ok.increment(); // often
/// }
/// for ((path, status), counter) in REQUESTS.all() {
///     assert_eq!((path.as_str(), status, counter.sum()), ("/index", 200, 10));
/// }
/// ```
#[derive(Debug)]
pub struct Family<L, M> {
    metrics: RwLock<BTreeMap<L, Arc<M>>>,
}

impl<L: Ord, M> Family<L, M> {
    /// Without metrics yet.
    #[must_use]
    pub const fn new() -> Self {
        Self { metrics: RwLock::new(BTreeMap::new()) }
    }

    /// The metric with these labels, which is made if there is none.
    pub fn get<Q>(&self, labels: &Q) -> Arc<M>
    where
        L: Borrow<Q>,
        Q: Ord + ToOwned<Owned = L> + ?Sized,
        M: Default,
    {
        self.get_or_insert_with(labels, M::default)
    }

    /// The metric with these labels, which `make` makes if there is none. `make` must not use this family.
    pub fn get_or_insert_with<Q>(&self, labels: &Q, make: impl FnOnce() -> M) -> Arc<M>
    where
        L: Borrow<Q>,
        Q: Ord + ToOwned<Owned = L> + ?Sized,
    {
        if let Some(metric) = self.existing(labels) {
            return metric;
        }
        let mut metrics = self.metrics.write().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(metrics.entry(labels.to_owned()).or_insert_with(|| Arc::new(make())))
    }

    /// The metric with these labels, if there is one.
    #[must_use]
    pub fn existing<Q>(&self, labels: &Q) -> Option<Arc<M>>
    where
        L: Borrow<Q>,
        Q: Ord + ?Sized,
    {
        self.metrics.read().unwrap_or_else(PoisonError::into_inner).get(labels).map(Arc::clone)
    }

    /// Takes out the metric with these labels. Handles of it go on to work, and are seen by nobody else; the labels get a new
    /// one when they are asked for again.
    pub fn remove<Q>(&self, labels: &Q) -> Option<Arc<M>>
    where
        L: Borrow<Q>,
        Q: Ord + ?Sized,
    {
        self.metrics.write().unwrap_or_else(PoisonError::into_inner).remove(labels)
    }

    /// All labels and metrics that there are now, in the order of the labels.
    #[must_use]
    pub fn all(&self) -> Vec<(L, Arc<M>)>
    where
        L: Clone,
    {
        let metrics = self.metrics.read().unwrap_or_else(PoisonError::into_inner);
        metrics.iter().map(|(labels, metric)| (labels.clone(), Arc::clone(metric))).collect()
    }
}

impl<L: Ord, M> Default for Family<L, M> {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use std::string::String;

    use super::*;
    use crate::Counter;

    #[test]
    fn labels_have_one_metric_until_it_is_removed() {
        let family: Family<String, Counter> = Family::new();
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| family.get("a").increment());
            }
        });
        assert_eq!(family.existing("a").unwrap().sum(), 4);
        let kept = family.remove("a").unwrap();
        family.get("b").add(2);
        family.get("a").add(1);
        kept.increment();
        let all: Vec<(String, u64)> =
            family.all().into_iter().map(|(label, counter)| (label, counter.sum())).collect();
        assert_eq!(all, [("a".into(), 1), ("b".into(), 2)]);
        assert!(family.remove("c").is_none());
    }

    #[test]
    fn a_metric_that_cannot_be_made_spoils_nothing() {
        let family: Family<u8, Counter> = Family::new();
        let panics = std::panic::catch_unwind(core::panic::AssertUnwindSafe(|| {
            family.get_or_insert_with(&1, || panic!("on purpose"))
        }));
        assert!(panics.is_err() && family.existing(&1).is_none());
        family.get(&1).increment();
        assert_eq!(family.all().len(), 1);
    }
}
