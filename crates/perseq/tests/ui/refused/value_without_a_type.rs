//! A value is bound without its type.

use perseq::{PerCpu, sequence};

struct Item {
    value: u64,
    other: u64,
}

sequence! {
    fn add(item: &PerCpu<Item>, n: u64) {
        let value = item.value;
        commit item.value = value + n;
    }
}

fn main() {}
