//! What is put under stress: everything that is shipped, structures of every kind, and some that lack a protection.

mod collections;
mod locks;
mod metrics;
mod ops;
mod rcu;
mod shared;
mod sums;
#[cfg(not(miri))]
mod trace;
mod unprotected;
mod vectors;

use perseq::Counter;

use self::collections::{CountingList, CountingPool, CountingQueue, CountingRing, CountingStack};
use self::locks::{TriedLocks, TriedMutex, WaitedLocks, WaitedMutex};
use self::metrics::Recorded;
use self::ops::CountingOps;
#[cfg(not(miri))]
use self::trace::Traces;
use self::vectors::Vectors;
use super::Subject;
use crate::structures::{CidTally, Gauge, SlowTally, Tally};
pub use rcu::{Torture, Way};
pub use shared::{Readings, UnfencedReadings};
#[cfg(not(miri))]
pub use trace::TornTraces;
pub use unprotected::{Misplaced, Strayed, TornLocks, Trespassed, Unfenced, Unprotected};

/// Nodes, or items, of a collection. Few, so that it is empty now and then.
const NODES: usize = 8;

/// Everything whose sums must be exact.
#[must_use]
pub fn all() -> Vec<Box<dyn Subject>> {
    vec![
        Box::new(Counter::new()),
        Box::new(Gauge::new()),
        Box::new(Recorded::default()),
        Box::new(Tally::new()),
        Box::new(CidTally::new()),
        Box::new(SlowTally::new()),
        Box::new(CountingList::new()),
        Box::new(CountingStack::<usize>::new()),
        Box::new(CountingStack::<[u64; 2]>::new()),
        Box::new(CountingQueue::<usize>::new()),
        Box::new(CountingQueue::<[u64; 2]>::new()),
        Box::new(CountingRing::default()),
        Box::new(CountingPool::new()),
        Box::new(TriedLocks::default()),
        Box::new(TriedMutex::default()),
        Box::new(CountingOps::by_cpu()),
        Box::new(CountingOps::by_cid()),
        Box::new(Vectors::default()),
    ]
}

/// What waits: not for handlers, which must not wait for what the thread that they interrupt holds, nor for children of a fork, which
/// lack the thread that does.
#[must_use]
pub fn waiting() -> Vec<Box<dyn Subject>> {
    vec![Box::new(WaitedLocks::default()), Box::new(WaitedMutex::default()), Box::new(Readings::default())]
}

/// What lies in memory that the children of a fork share, who would change it behind the back of who counts.
#[must_use]
#[cfg(not(miri))]
pub fn shared() -> Vec<Box<dyn Subject>> {
    vec![Box::new(Traces::default())]
}
