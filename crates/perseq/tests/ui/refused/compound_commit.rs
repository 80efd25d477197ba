//! A commit loads, adds and stores at once.

use perseq::{PerCpu, sequence};

struct Item {
    value: u64,
    other: u64,
}

sequence! {
    fn add(item: &PerCpu<Item>, n: u64) {
        commit item.value += n;
    }
}

fn main() {}
