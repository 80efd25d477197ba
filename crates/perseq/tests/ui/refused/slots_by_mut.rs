//! The slots are borrowed for one thread.

use perseq::{PerCpu, sequence};

struct Item {
    value: u64,
    other: u64,
}

sequence! {
    fn add(item: &mut PerCpu<Item>, n: u64) {
        commit item.value = n;
    }
}

fn main() {}
