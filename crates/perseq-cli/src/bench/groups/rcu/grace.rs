//! Waiting until all readers have gone that were there: without readers, beside one that reads all the time, and with other threads
//! that have read before and sleep.

use std::sync::{Arc, Barrier};
use std::thread::{self, JoinHandle};

use super::read::{PAIRS, counts, sum};
use super::scheme::{Scheme, Waits};
use crate::bench::group::{Contestant, Threads};
use crate::bench::hot::READS;
use crate::bench::lanes::plain_add;

/// Who is there.
#[derive(Clone, Copy)]
struct Case {
    variant: &'static str,
    threads: Threads,
    /// Threads that sleep.
    idle: usize,
}

const CASES: [Case; 4] = [
    Case { variant: "grace_idle", threads: Threads::One, idle: 0 },
    Case { variant: "grace_busy", threads: Threads::Beside, idle: 0 },
    Case { variant: "grace_1", threads: Threads::One, idle: 1 },
    Case { variant: "grace_64", threads: Threads::One, idle: 64 },
];

/// One wait in each case.
pub fn graces(scheme: &'static dyn Waits) -> impl Iterator<Item = Contestant> {
    CASES.into_iter().map(move |case| {
        let counts = counts(2);
        let contestant = Contestant::new(scheme.name(), case.variant, case.threads, 1, move |seat| {
            let count = &counts[seat.index].0;
            if seat.index == 0 {
                let mut waits = scheme.waits()?;
                return Ok(Box::new(move |n| {
                    waits(n);
                    plain_add(count, n);
                }));
            }
            let mut reads = scheme.reads()?;
            // Batches are as short as a few waits; a reader goes on longer than that.
            Ok(Box::new(move |n| {
                if (0..n.div_ceil(PAIRS)).all(|_| reads(PAIRS) == PAIRS) {
                    plain_add(count, n);
                }
            }))
        })
        .counted_by(move || sum(counts));
        if case.idle == 0 { contestant } else { contestant.amid(move || Sleepers::new(scheme, case.idle)) }
    })
}

/// Threads that have read, so the scheme knows them, and sleep.
struct Sleepers {
    /// Where they meet when all have read, and when they may go home.
    gather: Arc<Barrier>,
    threads: Vec<JoinHandle<()>>,
}

impl Sleepers {
    fn new(scheme: &'static dyn Waits, threads: usize) -> Self {
        let gather = Arc::new(Barrier::new(threads + 1));
        let sleeper = |_| {
            let gather = Arc::clone(&gather);
            thread::spawn(move || sleep(scheme, &gather))
        };
        let threads = (0..threads).map(sleeper).collect();
        gather.wait();
        Self { gather, threads }
    }
}

fn sleep(scheme: &'static (impl Scheme + ?Sized), gather: &Barrier) {
    // It could be set up on the thread that measures.
    let reads = scheme.reads().map(|mut reads| {
        reads(READS);
        reads
    });
    gather.wait();
    gather.wait();
    drop(reads);
}

impl Drop for Sleepers {
    fn drop(&mut self) {
        self.gather.wait();
        for thread in self.threads.drain(..) {
            thread.join().expect("nothing there panics");
        }
    }
}
