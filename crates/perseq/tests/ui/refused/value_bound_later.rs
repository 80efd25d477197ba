//! A value is declared in one place and computed in another.

use perseq::{PerCpu, sequence};

struct Item {
    value: u64,
    other: u64,
}

sequence! {
    fn add(item: &PerCpu<Item>) {
        let value: u64;
        commit item.value = 1;
    }
}

fn main() {}
