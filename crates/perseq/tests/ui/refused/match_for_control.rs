//! A `match` decides what happens.

use perseq::{PerCpu, sequence};

struct Item {
    value: u64,
    other: u64,
}

sequence! {
    fn add(item: &PerCpu<Item>, n: u64) {
        let value: u64 = item.value;
        match value {
            0 => return,
            _ => {}
        }
        commit item.value = value + n;
    }
}

fn main() {}
