//! [`Iter`].

use std::fmt;

use super::reader::Reader;
use crate::flavor::{Flavor, Global};

/// The entries of a map. See [`HashMap::iter`](super::HashMap::iter).
#[must_use = "iterators do nothing unless they are used"]
pub struct Iter<'g, K: 'static, V: 'static, F: Flavor = Global> {
    entries: papaya::Iter<'g, K, V, Reader<F>>,
}

impl<'g, K, V, F: Flavor> Iter<'g, K, V, F> {
    pub(super) fn new(entries: papaya::Iter<'g, K, V, Reader<F>>) -> Self {
        Self { entries }
    }
}

impl<'g, K, V, F: Flavor> Iterator for Iter<'g, K, V, F> {
    type Item = (&'g K, &'g V);

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        self.entries.next()
    }
}

impl<K: fmt::Debug, V: fmt::Debug, F: Flavor> fmt::Debug for Iter<'_, K, V, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.entries.fmt(f)
    }
}
