//! A field that is no array is indexed.

use perseq::{PerCpu, sequence};

struct Item {
    value: u64,
    other: u64,
}

sequence! {
    fn add(item: &PerCpu<Item>, at: usize) {
        let value: u64 = item.value[at];
        commit item.value = value;
    }
}

fn main() {}
