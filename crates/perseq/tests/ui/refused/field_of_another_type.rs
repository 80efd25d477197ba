//! A value has another type than the field it is loaded from.

use perseq::{PerCpu, sequence};

struct Item {
    value: u64,
    other: u64,
}

sequence! {
    fn add(item: &PerCpu<Item>, n: u64) {
        let value: u32 = item.value;
        commit item.other = n;
    }
}

fn main() {}
