//! A place names a field that the item has not.

use perseq::{PerCpu, sequence};

struct Item {
    value: u64,
    other: u64,
}

sequence! {
    fn add(item: &PerCpu<Item>, n: u64) {
        let value: u64 = item.valeu;
        commit item.value = value + n;
    }
}

fn main() {}
