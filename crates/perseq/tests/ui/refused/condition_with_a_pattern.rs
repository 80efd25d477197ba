//! A condition takes an option apart.

use perseq::{PerCpu, sequence};

struct Item {
    value: u64,
    other: u64,
}

sequence! {
    fn raise(item: &PerCpu<Item>, n: u64) {
        let value: u64 = item.value;
        if let 0 = value { return; }
        commit item.value = n;
    }
}

fn main() {}
