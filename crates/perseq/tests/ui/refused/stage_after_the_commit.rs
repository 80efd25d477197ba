//! A store is staged when it is too late.

use perseq::{PerCpu, sequence};

struct Item {
    value: u64,
    other: u64,
}

sequence! {
    fn add(item: &PerCpu<Item>, n: u64) {
        commit item.value = n;
        stage item.other = n;
    }
}

fn main() {}
