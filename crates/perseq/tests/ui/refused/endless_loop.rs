//! The section loops until it breaks.

use perseq::{PerCpu, sequence};

struct Item {
    value: u64,
    other: u64,
}

sequence! {
    fn add(item: &PerCpu<Item>, n: u64) {
        loop {
            break;
        }
        commit item.value = n;
    }
}

fn main() {}
