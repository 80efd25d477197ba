//! Values that notice when they are read after they were dropped, and are counted.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed};

/// How many values there are.
#[derive(Clone, Debug, Default)]
pub struct Census(Arc<AtomicUsize>);

impl Census {
    pub fn value(&self, number: u64) -> Value {
        self.0.fetch_add(1, Relaxed);
        Value { number: AtomicU64::new(number), inverse: AtomicU64::new(!number), census: self.clone() }
    }

    pub fn alive(&self) -> usize {
        self.0.load(Relaxed)
    }
}

/// A number, told twice; atomically, so that reading one that was dropped is a wrong figure here, and nothing worse.
#[derive(Debug)]
pub struct Value {
    number: AtomicU64,
    inverse: AtomicU64,
    census: Census,
}

impl Value {
    pub fn number(&self) -> u64 {
        let number = self.number.load(Relaxed);
        assert_eq!(number, !self.inverse.load(Relaxed), "a value was read that was dropped");
        number
    }
}

impl Drop for Value {
    fn drop(&mut self) {
        self.number();
        self.inverse.store(self.number.load(Relaxed), Relaxed);
        self.census.0.fetch_sub(1, Relaxed);
    }
}

/// `many`, or `few` under Miri, which is slow.
pub const fn many_or_few(many: usize, few: usize) -> usize {
    if cfg!(miri) { few } else { many }
}
