//! A value is shifted by all its bits.

use perseq::{PerCpu, sequence};

struct Item {
    value: u64,
    other: u64,
}

sequence! {
    fn high(item: &PerCpu<Item>) {
        let value: u64 = item.value;
        commit item.value = value << 64;
    }
}

fn main() {}
