//! What the tests that cross crates share.
//!
//! - [`inject`] aborts every critical section of a test binary at every instruction.
//! - [`stress`] runs structures under preemption, signals, migration, forks and the like, and tells their exact sums.
//! - [`structures`] and [`words`] are the sequences that these and the model tests work on.
//! - [`slow_path`] runs a test again with every sequence on its slow path.
//! - [`forked`] is for memory that processes share.
//! - [`child`], [`cpus`], [`limit`] and [`skip`] are what a test needs around that: a process of its own, a CPU, a time
//!   limit, and a way to say that something it needs is missing.
#![cfg(target_os = "linux")]

pub mod babeltrace;
pub mod child;
pub mod cpus;
pub mod forked;
pub mod inject;
pub mod limit;
pub mod sample;
pub mod skip;
pub mod slow_path;
pub mod stress;
pub mod structures;
pub mod words;

#[cfg(doctest)]
mod documents;

/// How many random cases a test runs: `normally` so many, or what `PROPTEST_CASES` says, where everything takes longer.
#[must_use]
pub fn cases(normally: u32) -> u32 {
    std::env::var("PROPTEST_CASES").ok().and_then(|cases| cases.parse().ok()).unwrap_or(normally)
}
