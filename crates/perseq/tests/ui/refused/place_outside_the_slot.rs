//! A place begins at something else than the slots.

use perseq::{PerCpu, sequence};

struct Item {
    value: u64,
    other: u64,
}

static TOTAL: Item = Item { value: 0, other: 0 };

sequence! {
    fn add(item: &PerCpu<Item>, n: u64) {
        commit TOTAL.value = n;
    }
}

fn main() {}
