//! Data that all CPUs share: the sum counts the readings that are whole.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use super::super::Subject;
use crate::structures::Shared;

/// A record that is read at length, and replaced now and then.
pub struct Readings {
    shared: Shared,
    whole: AtomicU64,
}

impl Default for Readings {
    fn default() -> Self {
        Self::of(Shared::new(0))
    }
}

impl Readings {
    fn of(shared: Shared) -> Self {
        Self { shared, whole: AtomicU64::new(0) }
    }

    /// Reads, and counts that if what was read belongs together.
    fn read(&self) -> u64 {
        let whole = self.shared.read(Shared::BYTES).is_none_or(|(first, second)| first == !second);
        self.whole.fetch_add(u64::from(whole), Relaxed);
        1
    }
}

impl Subject for Readings {
    fn name(&self) -> &'static str {
        "a record that all CPUs share"
    }
    fn change(&self) -> u64 {
        self.read()
    }
    fn change_on(&self, cpu: u32) -> u64 {
        self.shared.replace((cpu > 0).then_some(cpu.into()));
        self.shared.replace(Some(cpu.into()));
        0
    }
    fn sum(&self) -> u64 {
        self.whole.load(Relaxed)
    }
}

/// A record that is replaced without a fence.
pub struct UnfencedReadings(Readings);

impl Default for UnfencedReadings {
    fn default() -> Self {
        Self(Readings::of(Shared::unfenced(0)))
    }
}

impl Subject for UnfencedReadings {
    fn name(&self) -> &'static str {
        "a record that all CPUs share and that is replaced without a fence"
    }
    fn change(&self) -> u64 {
        self.0.change()
    }
    fn change_on(&self, cpu: u32) -> u64 {
        self.0.change_on(cpu)
    }
    fn sum(&self) -> u64 {
        self.0.sum()
    }
}
