//! Freeing objects later, and what has piled up when a reader does not go.

use std::thread;
use std::time::{Duration, Instant};

use super::read::{Settles, counts, sum};
use super::scheme::{Defers, Freed, Holds};
use crate::bench::group::{Contestant, Threads};
use crate::bench::lanes::{forever, plain_add};
use crate::bench::memory::{self, Memory};

/// How long to wait for what has not been freed when all is done.
const PATIENCE: Duration = Duration::from_secs(10);

/// The objects of a batch at least: the first of a run may have to wake a thread.
const BATCH: u64 = 1000;

/// The objects that may pile up.
const HELD: u64 = 100_000;

/// One object, made and to be freed later. `seats` is the number of threads that may take part.
pub fn defer(scheme: &'static dyn Defers, threads: Threads, seats: usize) -> Contestant {
    let (deferred, freed): (_, &Freed) = (counts(seats), forever(Freed::default()));
    Contestant::new(scheme.name(), "defer", threads, BATCH, move |seat| {
        let deferred = &deferred[seat.index].0;
        let mut defers = scheme.defers(freed)?;
        Ok(Box::new(move |n| {
            defers(n);
            plain_add(deferred, n);
        }))
    })
    .amid(move || Settles(scheme))
    .counted_by(move || {
        let start = Instant::now();
        while freed.total() < sum(deferred) && start.elapsed() < PATIENCE {
            drop(Settles(scheme));
        }
        freed.total()
    })
}

/// What is resident of a hundred thousand objects that were to be freed, while a reader stays that was there before.
pub fn held(scheme: &'static dyn Holds, cpus: usize) -> Memory {
    let measure = || memory::growth(|| scheme.hold(HELD));
    Memory {
        name: scheme.name(),
        variant: "100000_deferred",
        about: "100,000 objects of 64 bytes that were to be freed, while a reader stays",
        cpus,
        // On a thread of its own, which ends its readings and its registrations.
        bytes: thread::scope(|scope| scope.spawn(measure).join().expect("nothing here panics")),
    }
}
