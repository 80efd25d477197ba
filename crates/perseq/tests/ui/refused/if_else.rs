//! An exit has another branch.

use perseq::{PerCpu, sequence};

struct Item {
    value: u64,
    other: u64,
}

sequence! {
    fn add(item: &PerCpu<Item>, n: u64) -> u64 {
        let value: u64 = item.value;
        if value == 0 { return 0; } else { return 1; }
        commit item.value = value + n;
        2
    }
}

fn main() {}
