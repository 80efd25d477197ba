//! A sequence is to be run by the compiler.

use perseq::{PerCpu, sequence};

struct Item {
    value: u64,
    other: u64,
}

sequence! {
    const fn add(item: &PerCpu<Item>, n: u64) {
        commit item.value = n;
    }
}

fn main() {}
