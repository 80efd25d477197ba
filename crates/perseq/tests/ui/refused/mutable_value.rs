//! A value is bound to be changed later.

use perseq::{PerCpu, sequence};

struct Item {
    value: u64,
    other: u64,
}

sequence! {
    fn add(item: &PerCpu<Item>, n: u64) {
        let mut value: u64 = item.value;
        commit item.value = value + n;
    }
}

fn main() {}
