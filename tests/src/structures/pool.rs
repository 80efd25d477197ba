//! The library's pool: what its magazines do between the sequences of a stack.

use perseq::collections::pool::{self, PoolBox};

/// [`pool::Pool`], with each of its sequences in one place.
#[derive(Debug)]
pub struct Pool<T>(pool::Pool<T>);

impl<T> Pool<T> {
    /// A pool of `capacity` objects.
    #[must_use]
    pub fn new(capacity: usize) -> Self {
        Self(pool::Pool::new(capacity))
    }

    /// Puts `value` into an object.
    #[inline(never)]
    pub fn insert(&self, value: T) -> Option<PoolBox<'_, T>> {
        self.0.insert(value).ok()
    }

    /// Gives an object back.
    #[inline(never)]
    pub fn give(&self, object: PoolBox<'_, T>) {
        drop(object);
    }

    /// The pool itself.
    pub fn inner(&self) -> &pool::Pool<T> {
        &self.0
    }
}
