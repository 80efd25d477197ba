//! A value is multiplied.

use perseq::{PerCpu, sequence};

struct Item {
    value: u64,
    other: u64,
}

sequence! {
    fn scale(item: &PerCpu<Item>, n: u64) {
        let value: u64 = item.value;
        commit item.value = value * n;
    }
}

fn main() {}
