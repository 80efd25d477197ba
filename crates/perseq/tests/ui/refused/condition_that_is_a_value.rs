//! A condition compares nothing.

use perseq::{PerCpu, sequence};

struct Item {
    value: u64,
    other: u64,
}

sequence! {
    fn raise(item: &PerCpu<Item>, ready: u8) {
        if ready { return; }
        commit item.value = 1;
    }
}

fn main() {}
