//! perseq-rcu and what else there is in a process: forks, filters, signals, threads that end, panics, callbacks of callbacks.
#![cfg(target_os = "linux")]

#[path = "rcu_interplay/callbacks.rs"]
mod callbacks;
#[path = "../fixtures/deny/src/lib.rs"]
mod deny;
#[path = "rcu_interplay/forbidden.rs"]
mod forbidden;
#[path = "rcu_interplay/forks.rs"]
mod forks;
#[path = "rcu_interplay/moments.rs"]
mod moments;

use std::time::Duration;

use perseq_rcu::Domain;
use perseq_tests::limit::Limit;

/// A domain that nobody else uses.
fn domain() -> &'static Domain {
    Box::leak(Box::new(Domain::new()))
}

/// What is waited for here comes soon, or never.
fn soon() -> Limit {
    Limit::start(Duration::from_secs(60), "readers and writers")
}
