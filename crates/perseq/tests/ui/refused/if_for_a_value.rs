//! A value is chosen by `if`.

use perseq::{PerCpu, sequence};

struct Item {
    value: u64,
    other: u64,
}

sequence! {
    fn add(item: &PerCpu<Item>, n: u64) {
        let step: u64 = if n == 0 { 1 } else { n };
        commit item.value = step;
    }
}

fn main() {}
