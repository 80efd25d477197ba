//! An unsigned value is negated.

use perseq::{PerCpu, sequence};

struct Item {
    value: u64,
    other: u64,
}

sequence! {
    fn flip(item: &PerCpu<Item>) {
        let value: u64 = item.value;
        commit item.value = -value;
    }
}

fn main() {}
