//! A literal is not an integer.

use perseq::{PerCpu, sequence};

struct Item {
    value: u64,
    other: u64,
}

sequence! {
    fn add(item: &PerCpu<Item>) {
        commit item.value = 1.5;
    }
}

fn main() {}
