//! A value names something unknown.

use perseq::{PerCpu, sequence};

struct Item {
    value: u64,
    other: u64,
}

sequence! {
    fn add(item: &PerCpu<Item>) {
        commit item.value = amount;
    }
}

fn main() {}
