//! A sequence is to be suspended.

use perseq::{PerCpu, sequence};

struct Item {
    value: u64,
    other: u64,
}

sequence! {
    async fn add(item: &PerCpu<Item>, n: u64) {
        commit item.value = n;
    }
}

fn main() {}
