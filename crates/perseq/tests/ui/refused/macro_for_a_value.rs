//! A value is computed by a macro.

use perseq::{PerCpu, sequence};

struct Item {
    value: u64,
    other: u64,
}

sequence! {
    fn add(item: &PerCpu<Item>) {
        let value: u64 = line!();
        commit item.value = value;
    }
}

fn main() {}
