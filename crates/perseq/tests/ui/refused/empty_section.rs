//! A sequence does nothing to its slot.

use perseq::{PerCpu, sequence};

struct Item {
    value: u64,
    other: u64,
}

sequence! {
    fn add(item: &PerCpu<Item>, n: u64) -> u64 {
        n + 1
    }
}

fn main() {}
