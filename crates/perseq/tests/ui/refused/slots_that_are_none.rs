//! The first parameter is a reference to something else.

use perseq::{PerCpu, sequence};

struct Item {
    value: u64,
    other: u64,
}

sequence! {
    fn add(item: &Item, n: u64) {
        commit item.value = n;
    }
}

fn main() {}
