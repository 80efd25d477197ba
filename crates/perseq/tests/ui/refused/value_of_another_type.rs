//! A value has another type than the place it is stored in.

use perseq::{PerCpu, sequence};

struct Item {
    value: u64,
    other: u64,
}

sequence! {
    fn add(item: &PerCpu<Item>, n: u32) {
        commit item.value = n;
    }
}

fn main() {}
