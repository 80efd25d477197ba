//! A sequence returns in its middle.

use perseq::{PerCpu, sequence};

struct Item {
    value: u64,
    other: u64,
}

sequence! {
    fn add(item: &PerCpu<Item>, n: u64) -> u64 {
        let value: u64 = item.value;
        return value;
    }
}

fn main() {}
