//! A name is bound twice.

use perseq::{PerCpu, sequence};

struct Item {
    value: u64,
    other: u64,
}

sequence! {
    fn add(item: &PerCpu<Item>, n: u64) {
        let value: u64 = item.value;
        let value: u64 = value + n;
        commit item.value = value;
    }
}

fn main() {}
