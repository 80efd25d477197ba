//! A sequence works on two sets of slots.

use perseq::{PerCpu, sequence};

struct Item {
    value: u64,
    other: u64,
}

sequence! {
    fn transfer(from: &PerCpu<Item>, to: &PerCpu<Item>, n: u64) {
        let value: u64 = from.value;
        commit to.value = value + n;
    }
}

fn main() {}
