//! Neither side of a comparison says its type.

use perseq::{PerCpu, sequence};

struct Item {
    value: u64,
    other: u64,
}

sequence! {
    fn raise(item: &PerCpu<Item>) {
        if item.value == item.other { return; }
        commit item.value = 1;
    }
}

fn main() {}
