//! A sequence has a calling convention.

use perseq::{PerCpu, sequence};

struct Item {
    value: u64,
    other: u64,
}

sequence! {
    extern "C" fn add(item: &PerCpu<Item>, n: u64) {
        commit item.value = n;
    }
}

fn main() {}
