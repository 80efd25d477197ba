//! A built-in is part of a larger expression.

use perseq::{PerCpu, sequence};

struct Item {
    value: u64,
    other: u64,
}

sequence! {
    fn stamp(item: &PerCpu<Item>, start: u64) {
        commit item.value = tsc() - start;
    }
}

fn main() {}
