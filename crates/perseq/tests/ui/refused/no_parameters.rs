//! A sequence has no parameter at all.

use perseq::{PerCpu, sequence};

struct Item {
    value: u64,
    other: u64,
}

sequence! {
    fn add() {
        commit item.value = 1;
    }
}

fn main() {}
