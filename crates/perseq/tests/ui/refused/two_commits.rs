//! A second commit follows the first.

use perseq::{PerCpu, sequence};

struct Item {
    value: u64,
    other: u64,
}

sequence! {
    fn add(item: &PerCpu<Item>, n: u64) {
        commit item.value = n;
        commit item.other = n;
    }
}

fn main() {}
