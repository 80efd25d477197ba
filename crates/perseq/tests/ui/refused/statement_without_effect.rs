//! A statement computes something and keeps it nowhere.

use perseq::{PerCpu, sequence};

struct Item {
    value: u64,
    other: u64,
}

sequence! {
    fn add(item: &PerCpu<Item>, n: u64) {
        item.value + n;
        commit item.value = n;
    }
}

fn main() {}
