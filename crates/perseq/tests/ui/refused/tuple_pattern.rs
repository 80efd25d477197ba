//! A pattern takes a pair apart.

use perseq::{PerCpu, sequence};

struct Item {
    value: u64,
    other: u64,
}

sequence! {
    fn add(item: &PerCpu<Item>, n: u64) {
        let (a, b): (u64, u64) = (item.value, item.other);
        commit item.value = a + b + n;
    }
}

fn main() {}
