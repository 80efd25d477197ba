//! A store does not say whether it is staged or commits.

use perseq::{PerCpu, sequence};

struct Item {
    value: u64,
    other: u64,
}

sequence! {
    fn add(item: &PerCpu<Item>, n: u64) {
        let value: u64 = item.value;
        item.value = value + n;
    }
}

fn main() {}
