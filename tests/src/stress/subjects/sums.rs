//! Counters and tallies, which are sums.

use perseq::Counter;

use super::Subject;
use crate::structures::{CidTally, SlowTally, Tally};

impl Subject for Counter {
    fn name(&self) -> &'static str {
        "Counter"
    }
    fn change(&self) -> u64 {
        self.add(3);
        3
    }
    fn take(&self) -> u64 {
        self.reset()
    }
    fn sum(&self) -> u64 {
        Counter::sum(self)
    }
}

macro_rules! tally {
    ($tally:ident: $name:literal) => {
        impl Subject for $tally {
            fn name(&self) -> &'static str {
                $name
            }
            fn change(&self) -> u64 {
                self.add(1);
                1
            }
            fn change_on(&self, index: u32) -> u64 {
                self.add_to(index, 7);
                7
            }
            fn take(&self) -> u64 {
                (0..self.slots()).map(|index| $tally::take(self, index)).sum()
            }
            fn sum(&self) -> u64 {
                $tally::sum(self)
            }
        }
    };
}

tally!(Tally: "a tally by CPU");
tally!(CidTally: "a tally by concurrency id");
tally!(SlowTally: "a tally whose sections take a while");
