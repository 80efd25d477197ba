//! The section loops over a range.

use perseq::{PerCpu, sequence};

struct Item {
    value: u64,
    other: u64,
}

sequence! {
    fn add(item: &PerCpu<Item>, n: u64) {
        for _ in 0..n {
            item.value = 1;
        }
        commit item.value = n;
    }
}

fn main() {}
