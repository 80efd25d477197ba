//! A value is computed by a method.

use perseq::{PerCpu, sequence};

struct Item {
    value: u64,
    other: u64,
}

sequence! {
    fn add(item: &PerCpu<Item>, n: u64) {
        let value: u64 = item.value;
        let more: u64 = value.saturating_add(n);
        commit item.value = more;
    }
}

fn main() {}
