//! A value is computed by a call.

use perseq::{PerCpu, sequence};

struct Item {
    value: u64,
    other: u64,
}

fn twice(n: u64) -> u64 {
    2 * n
}

sequence! {
    fn add(item: &PerCpu<Item>, n: u64) {
        let more: u64 = twice(n);
        commit item.value = more;
    }
}

fn main() {}
