//! The section loops on a condition.

use perseq::{PerCpu, sequence};

struct Item {
    value: u64,
    other: u64,
}

sequence! {
    fn add(item: &PerCpu<Item>, n: u64) {
        while item.value < n {}
        commit item.value = n;
    }
}

fn main() {}
