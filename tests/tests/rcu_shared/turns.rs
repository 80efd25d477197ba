//! Writers of several processes, while readers never leave all at once: each gets its turn.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use perseq_rcu::shared::SharedDomain;
use perseq_tests::skip::say;

use perseq_tests::forked::{Forked, Signal};

use super::{LATER, alone, shared};

/// Takes the next guard before it gives the last one back.
fn overlap(domain: &'static SharedDomain) {
    let mut guard = domain.read();
    loop {
        std::thread::sleep(Duration::from_micros(100));
        let next = domain.read();
        drop(std::mem::replace(&mut guard, next));
    }
}

/// Runs a writer here and another elsewhere; says how long the longest of so many grace periods took here.
fn turns(what: &'static str, count: u32, wait: impl Fn(&'static SharedDomain)) {
    let _alone = alone(120, what);
    let domain = SharedDomain::memfd(5).unwrap();
    let readers = [Forked::new(|| overlap(domain)), Forked::new(|| overlap(domain))];
    let done: &AtomicBool = shared();
    let ready = Signal::new();
    let other = Forked::new(|| {
        ready.give();
        let mut turns = 0;
        while !done.load(Ordering::Relaxed) {
            wait(domain);
            turns += 1;
        }
        assert!(turns >= 5, "the other writer had {turns} turns only");
    });
    ready.wait();
    let longest = (0..count).map(|_| {
        let since = Instant::now();
        wait(domain);
        since.elapsed()
    });
    let longest = longest.max().unwrap_or_default();
    done.store(true, Ordering::Relaxed);
    assert_eq!(other.wait(), 0);
    drop(readers);
    say(format_args!("{what}: the longest of {count} grace periods took {longest:?}"));
}

#[test]
fn two_writers_get_through_while_readers_overlap() {
    turns("two writers that wait", 100, |domain| domain.synchronize_within(LATER).unwrap());
}

#[test]
fn two_pollers_get_through_while_readers_overlap() {
    turns("two writers that poll", 30, |domain| {
        let (state, since) = (domain.state(), Instant::now());
        while !domain.poll(state) {
            assert!(since.elapsed() < LATER, "polled in vain");
            std::thread::sleep(Duration::from_micros(50));
        }
    });
}
