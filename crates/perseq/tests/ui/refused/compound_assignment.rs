//! An addition in place does not say whether it commits.

use perseq::{PerCpu, sequence};

struct Item {
    value: u64,
    other: u64,
}

sequence! {
    fn add(item: &PerCpu<Item>, n: u64) {
        item.value += n;
    }
}

fn main() {}
