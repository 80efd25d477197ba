//! A value has a type that no register holds.

use perseq::{PerCpu, sequence};

struct Item {
    value: u64,
    other: u64,
}

sequence! {
    fn add(item: &PerCpu<Item>) {
        let value: u128 = item.value;
        commit item.value = value;
    }
}

fn main() {}
