//! The slots are used as if they were a value.

use perseq::{PerCpu, sequence};

struct Item {
    value: u64,
    other: u64,
}

sequence! {
    fn add(item: &PerCpu<Item>) {
        let value: u64 = item;
        commit item.value = value;
    }
}

fn main() {}
