//! A sequence is written as a method.

use perseq::{PerCpu, sequence};

struct Item {
    value: u64,
}

struct Stats {
    items: PerCpu<Item>,
}

impl Stats {
    sequence! {
        fn add(&self, n: u64) {
            commit self.items.value = n;
        }
    }
}

fn main() {}
