//! Read pairs, alone and in a crowd whose members replace the object now and then.

use std::sync::atomic::Ordering::Relaxed;

use super::scheme::{Replaces, Scheme};
use crate::bench::group::{Contestant, Threads};
use crate::bench::hot::READS;
use crate::bench::lanes::{Alone, forever, plain_add};

/// The read pairs between two quiescent states, where those have to be told of, and between two writes in a crowd.
pub const PAIRS: u64 = 1000;

/// How many threads a crowd has.
const CROWDS: [usize; 4] = [1, 4, 16, 64];

/// A number for each of so many threads.
pub fn counts(threads: usize) -> &'static [Alone] {
    forever((0..threads).map(|_| Alone::default()).collect::<Vec<_>>())
}

/// What was counted in all of them.
pub fn sum(counts: &[Alone]) -> u64 {
    counts.iter().map(|count| count.0.load(Relaxed)).sum()
}

/// One read pair. `seats` is the number of threads that may take part.
pub fn read(scheme: &'static dyn Scheme, threads: Threads, seats: usize) -> Contestant {
    let counts = counts(seats);
    Contestant::new(scheme.name(), "read", threads, READS, move |seat| {
        let count = &counts[seat.index].0;
        let mut reads = scheme.reads()?;
        Ok(Box::new(move |n| plain_add(count, reads(n))))
    })
    .counted_by(move || sum(counts))
}

/// One read pair in crowds, of which each member replaces the object after a thousand.
pub fn crowds(scheme: &'static dyn Replaces) -> impl Iterator<Item = Contestant> {
    CROWDS.into_iter().map(move |threads| {
        let counts = counts(threads);
        Contestant::new(scheme.name(), "crowd", Threads::Many(threads), PAIRS, move |seat| {
            let count = &counts[seat.index].0;
            let (mut reads, mut replace) = (scheme.reads()?, scheme.replaces()?);
            Ok(Box::new(move |n| {
                for _ in 0..n / PAIRS {
                    plain_add(count, reads(PAIRS));
                    replace();
                }
            }))
        })
        .amid(move || Settles(scheme))
        .counted_by(move || sum(counts))
    })
}

/// Frees what a run has deferred, behind it.
pub struct Settles<S: Scheme + ?Sized + 'static>(pub &'static S);

impl<S: Scheme + ?Sized> Drop for Settles<S> {
    fn drop(&mut self) {
        // SAFETY: it is dropped after a run, and the engine runs one contestant at a time, so no loop of any runs.
        unsafe { self.0.settle() }
    }
}
