//! A loop stores, step by step.

use perseq::{PerCpu, sequence};

struct Item {
    value: u64,
    small: u32,
}

sequence! {
    fn fill(item: &PerCpu<Item>, n: u64) {
        for step in 0..n {
            stage item.small = step as u32;
        }
        commit item.value = n;
    }
}

fn main() {}
