//! The least that an event with a time can cost: reading a clock.

use std::hint::black_box;
use std::time::Instant;

use super::peer::Event;
use crate::bench::group::{Contestant, Threads};
use crate::bench::hot::{Same, UPDATES, updates};

/// The counter of the processor, and the clock of the system.
pub fn clocks(threads: Threads) -> [Contestant; 2] {
    [
        Contestant::new("clock", Event::U32.name(), threads, UPDATES, |_| {
            Ok(updates!(Same, |_i| black_box(perseq::section::tsc())))
        }),
        Contestant::new("clock_gettime", Event::U32.name(), threads, UPDATES, |_| {
            Ok(updates!(Same, |_i| black_box(Instant::now())))
        }),
    ]
}
